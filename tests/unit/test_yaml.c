#include "support/support.h"

#include "spec/tree.h"

/* Parses text; returns the message of the first error or NULL. */
static char *error_of(const char *text) {
    static char message[512];
    arena a = {0};
    diags d;
    yaml_node *root;
    diags_init(&d);
    status bad = yaml_parse(&a, "t.yaml", text, strlen(text), &d, &root);
    if (bad)
        snprintf(message, sizeof message, "%d:%d %s", d.list[0].at.line, d.list[0].at.col,
                 d.list[0].message);
    diags_fini(&d);
    arena_fini(&a);
    return bad ? message : NULL;
}

Test(yaml, a_tree_knows_text_and_places) {
    arena a = {0};
    diags d;
    yaml_node *root;
    diags_init(&d);
    const char *text = "a: 1\n\xc3\xa9: {b: [x, 'y z']}\n";
    cr_assert(yaml_parse(&a, "t", text, strlen(text), &d, &root) == OK);
    const yaml_node *list = yaml_get(yaml_get(root, "\xc3\xa9"), "b");
    cr_assert(list->kind == YAML_LIST && list->n == 2);
    cr_assert_str_eq(list->items[1]->text, "y z");
    cr_assert(list->items[1]->quoted && !list->items[0]->quoted);
    cr_assert(list->items[0]->at.line == 2 &&
              list->items[0]->at.col == 9); /* columns are characters */
    cr_assert(list->items[1]->at.width == 5);
    diags_fini(&d);
    arena_fini(&a);
}

Test(yaml, what_libyaml_accepts_in_silence_is_refused) {
    cr_assert(strstr(error_of("a: 1\na: 2\n"), "2:1 duplicate key 'a'"));
    cr_assert(strstr(error_of("a: 1\n---\nb: 2\n"), "2:1 a second document"));
    cr_assert(strstr(error_of("a: &x [*x]\n"), "alias 'x' stands inside"));
    cr_assert(strstr(error_of("a: *nope\n"), "1:4 undefined alias 'nope'"));
    cr_assert(strstr(error_of("a: &x 1\nb: &x 2\n"), "anchor 'x' is already defined in line 1"));
    cr_assert(strstr(error_of("a: !foo x\n"), "tags are not supported"));
    cr_assert(strstr(error_of("a: \"x\\0y\"\n"), "NUL"));
    cr_assert(strstr(error_of("? [a]\n: 1\n"), "a key must be text"));
    cr_assert(strstr(error_of("\xff\xfe"
                              "a\0"),
                     "UTF-16"));
    cr_assert(strstr(error_of("a: \xff\n"), "not valid UTF-8"));
}

Test(yaml, deep_nesting_ends_at_once, .timeout = 2) {
    enum { N = 100000 };
    char *text = malloc(N + 1);
    memset(text, '[', N);
    text[N] = '\0';
    cr_assert(strstr(error_of(text), "nesting deeper than 64"));
    free(text);
}

Test(yaml, many_anchors_end_at_once, .timeout = 2) {
    char *text = malloc(40 * 2000), *at = text;
    for (int i = 0; i < 2000; i++) at += sprintf(at, "- &a%d x\n", i);
    cr_assert(strstr(error_of(text), "more than 1000 anchors"));
    free(text);
}

Test(yaml, a_byte_order_mark_and_carriage_returns_are_fine) {
    cr_assert(error_of("\xef\xbb\xbf"
                       "a: 1\r\nb: 2\r\n") == NULL);
}

Test(yaml, an_open_quote_is_reported_where_it_opens) {
    cr_assert(strncmp(error_of("a: 1\nb: \"open\nc: 2\n"), "2:4 ", 4) == 0);
    cr_assert(strncmp(error_of("a: 1\nb: [1, 2\nc: 2\n"), "3:2 ", 4) == 0 ||
              strncmp(error_of("a: 1\nb: [1, 2\nc: 2\n"), "2:4 ", 4) == 0);
}

Test(yaml, a_setting_replaces_or_makes_the_maps_on_its_way) {
    arena a = {0};
    diags d;
    yaml_node *root, *value;
    const char *path, *text = "x: &m {a: 1}\ny: *m\n";
    diags_init(&d);
    cr_assert(yaml_parse(&a, "t", text, strlen(text), &d, &root) == OK);
    cr_assert(yaml_parse_setting(&a, "y.b.c={d: [1, 2]}", &d, &path, &value) == OK);
    cr_assert(tree_set(&a, root, path, &value->at, value) == 0);
    cr_assert(yaml_get(yaml_get(yaml_get(root, "y"), "b"), "c")->kind == YAML_MAP);
    cr_assert(yaml_get(yaml_get(root, "x"), "b") == NULL,
              "an alias must not change what it was made from");
    cr_assert(yaml_parse_setting(&a, "x.a.z=1", &d, &path, &value) == OK);
    cr_assert(tree_set(&a, root, path, &value->at, value) == 3, "x.a is no map");
    cr_assert(value->at.col == 7 && strcmp(value->at.source, "x.a.z=1") == 0);
    diags_fini(&d);
    arena_fini(&a);
}
