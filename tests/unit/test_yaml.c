#include "support/support.h"

#include "spec/tree.h"
#include "util/str.h"

/* Parses n bytes; returns the first error as "LINE:COL MESSAGE | SOURCE" or NULL. */
static char *error_of_bytes(const char *bytes, size_t n) {
    static char message[512];
    arena a = {0};
    diags d;
    yaml_node *root;
    diags_init(&d);
    status bad = yaml_parse(&a, "t.yaml", bytes, n, &d, &root);
    if (bad) {
        const diag *g = &d.list[0];
        cr_assert(g->hint != NULL, "no hint: %s", g->message);
        snprintf(message, sizeof message, "%d:%d %s | %s", g->at.line, g->at.col, g->message,
                 g->at.source != NULL ? g->at.source : "");
    }
    diags_fini(&d);
    arena_fini(&a);
    return bad ? message : NULL;
}

static char *error_of(const char *text) { return error_of_bytes(text, strlen(text)); }

static void expect_error(const char *text, const char *begins) {
    const char *found = error_of(text);
    cr_assert(found != NULL && strncmp(found, begins, strlen(begins)) == 0, "%s", found);
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

Test(yaml, every_line_break_of_libyaml_begins_a_line_of_ours) {
    const char *breaks[] = {"\n", "\r\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        char *text = str_format("a: 1%s# two%s%s\xc3\xa9: [1, *x]%sb: 2", breaks[i], breaks[i],
                                breaks[i], breaks[i]);
        cr_assert_str_eq(error_of(text), "4:8 undefined alias 'x' | \xc3\xa9: [1, *x]");
        free(text);
    }
    expect_error("a: 1\r\rb: [1,\r\nc: 2", "3:"); /* noticed at the end, opens in line 3 */
    expect_error("\xc2\x85\xe2\x80", "2:1 not valid UTF-8 text: byte 0xe2 at offset 2 | \xe2\x80");
}

Test(yaml, characters_that_yaml_has_not_are_refused_at_their_place) {
    expect_error("a: 1\nb: \xc3\xa9\x1b[31m\n",
                 "2:5 a control character is not allowed here | b: ");
    expect_error("a: 1\rb: \x7f", "2:4 a control character");
    expect_error("a: \xc2\x80\n", "1:4 a control character");
    expect_error("a:\n  - \xef\xbf\xbe\n", "2:5 a control character");
    expect_error("a: 1\nbc: \xff\n", "2:5 not valid UTF-8 text: byte 0xff at offset 9 | bc: \xff");
    cr_assert(strncmp(error_of_bytes("a: 1\nb: \0x\n", 11),
                      "2:4 a NUL character is not allowed here | b: ", 45) == 0);
    cr_assert(strncmp(error_of_bytes("\0", 1), "1:1 a NUL character", 19) == 0);
    cr_assert(error_of("a: \xef\xbf\xbd\xf0\x9f\x99\x82\t\n") == NULL);
}

Test(yaml, the_caret_stands_under_its_character_behind_an_escaped_one) {
    diags d;
    diags_init(&d);
    diag_error_at(
        &d, ERR_SPEC,
        &(place){.file = "f", .line = 1, .col = 4, .width = 1, .source = "\xe2\x80\x8f: x"},
        "wrong");
    FILE *f = tmpfile();
    diags_print(&d, f);
    rewind(f);
    char text[256] = "";
    cr_assert(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    cr_assert(strstr(text, "    1 | \\xe2\\x80\\x8f: x\n"
                           "      |               ^\n") != NULL,
              "%s", text);
    diags_fini(&d);
}

Test(yaml, a_tag_behind_letters_of_two_bytes_is_marked_whole) {
    arena a = {0};
    diags d;
    yaml_node *root;
    const char *text = "\xc3\xa9\xc3\xa9: !foo x\n";
    diags_init(&d);
    cr_assert(yaml_parse(&a, "t", text, strlen(text), &d, &root) == ERR_SPEC);
    cr_assert(d.list[0].at.col == 5 && d.list[0].at.width == 4);
    diags_fini(&d);
    arena_fini(&a);
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
    cr_assert(yaml_parse_setting(&a, "--set", "y.b.c={d: [1, 2]}", &d, &path, &value) == OK);
    cr_assert(tree_set(&a, root, path, &value->at, value) == 0);
    cr_assert(yaml_get(yaml_get(yaml_get(root, "y"), "b"), "c")->kind == YAML_MAP);
    cr_assert(yaml_get(yaml_get(root, "x"), "b") == NULL,
              "an alias must not change what it was made from");
    cr_assert(yaml_parse_setting(&a, "--set", "x.a.z=1", &d, &path, &value) == OK);
    cr_assert(tree_set(&a, root, path, &value->at, value) == 3, "x.a is no map");
    cr_assert(value->at.col == 7 && strcmp(value->at.source, "x.a.z=1") == 0);
    diags_fini(&d);
    arena_fini(&a);
}

/* The place of an empty value is the last byte, here in the middle of a line break. */
Test(yaml, a_setting_of_wide_line_breaks_alone_is_empty) {
    arena a = {0};
    yaml_node *value;
    const char *path;
    diags d;
    diags_init(&d);
    cr_assert(yaml_parse_setting(&a, "--set", "a.b=\xe2\x80\xa9\xe2\x80\xa9", &d, &path, &value) ==
              OK);
    cr_assert(value->kind == YAML_SCALAR && *value->text == '\0' && value->at.line == 2);
    cr_assert(value->at.col >= 1 && value->at.col <= 3);
    diags_fini(&d);
    arena_fini(&a);
}

Test(yaml, places_in_a_setting_count_characters_and_lines) {
    arena a = {0};
    diags d;
    yaml_node *value;
    const char *path;
    diags_init(&d);
    cr_assert(yaml_parse_setting(&a, "--set", "\xc3\xa9=\xc3\xa9", &d, &path, &value) == OK);
    cr_assert(value->at.col == 3);
    cr_assert(yaml_parse_setting(&a, "--set", "\xc3\xa9\xc3\xa9=", &d, &path, &value) == OK);
    cr_assert(value->at.col == 3 && strcmp(value->at.source, "\xc3\xa9\xc3\xa9=") == 0);
    cr_assert(yaml_parse_setting(&a, "--set", "a=\n  *x", &d, &path, &value) == ERR_SPEC);
    cr_assert(d.list[0].at.line == 2 && d.list[0].at.col == 3 &&
              strcmp(d.list[0].at.source, "  *x") == 0);
    cr_assert(yaml_parse_setting(&a, "--set", "a=\x1b", &d, &path, &value) == ERR_SPEC);
    cr_assert(d.list[1].at.line == 1 && d.list[1].at.col == 3);
    diags_fini(&d);
    arena_fini(&a);
}
