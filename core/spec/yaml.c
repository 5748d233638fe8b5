#include "spec/yaml.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "util/files.h"
#include "util/str.h"

typedef struct anchor {
    const char *name;
    uint32_t hash;   /* of the name */
    yaml_node *node; /* NULL while it is being built */
    int nodes;       /* of the subtree */
    place at;
} anchor;

typedef struct parse {
    arena *a;
    diags *d;
    yaml_text text;
    size_t skipped; /* bytes of the file before it */
    yaml_parser_t parser;
    anchor *anchors;
    int n_anchors, n_nodes, depth;
} parse;

/* ---- places ---- */

/* Bytes of the line break at s, 0 if there is none. Those of YAML 1.1, as libyaml
 * counts them: LF, CR, CR LF, NEL, LS, PS. */
static size_t break_bytes(const char *s, const char *end) {
    size_t left = (size_t)(end - s);
    if (left >= 2 && memcmp(s, "\r\n", 2) == 0) return 2;
    if (left >= 1 && (*s == '\n' || *s == '\r')) return 1;
    if (left >= 2 && memcmp(s, "\xc2\x85", 2) == 0) return 2;
    bool wide =
        left >= 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0);
    return wide ? 3 : 0;
}

/* The end of the line that begins at s. */
static const char *line_end(const char *s, const char *end) {
    while (s < end && break_bytes(s, end) == 0) s++;
    return s;
}

static void split_lines(arena *a, yaml_text *t) {
    const char *end = t->bytes + t->n;
    int n = 1;
    for (const char *s = line_end(t->bytes, end); s < end; n++)
        s = line_end(s + break_bytes(s, end), end);
    const char **lines = arena_alloc(a, (size_t)n * sizeof *lines), *from = t->bytes;
    for (int i = 0; i < n; i++) {
        const char *to = line_end(from, end);
        lines[i] = arena_strndup(a, from, (size_t)(to - from));
        from = to + break_bytes(to, end);
    }
    t->lines = lines;
    t->n_lines = n;
}

/* The place of byte `at` of the text. */
static place place_of_byte(const yaml_text *t, size_t at) {
    place p = {.file = t->name, .line = 1, .width = 1};
    const char *from = t->bytes, *end = t->bytes + t->n, *to;
    while ((to = line_end(from, end)) < t->bytes + at && to + break_bytes(to, end) <= t->bytes + at)
        from = to + break_bytes(to, end), p.line++;
    p.col = str_chars(from, (size_t)(t->bytes + at - from)) + 1;
    p.source = t->lines[p.line - 1];
    return p;
}

/* libyaml counts lines and columns from 0; a text that begins with a byte order
 * mark has it counted in neither. */
static place place_of(const yaml_text *t, yaml_mark_t from, yaml_mark_t to) {
    place p = {.file = t->name,
               .line = (int)from.line + 1,
               .col = (int)from.column + 1,
               .width = 1};
    if (p.line > t->n_lines) p.line = t->n_lines; /* the end of the file */
    p.source = t->lines[p.line - 1];
    if (to.line == from.line && to.column > from.column) p.width = (int)(to.column - from.column);
    bool past = (int)from.line + 1 > p.line;
    if (!past && to.line == from.line) return p; /* most are: lines can be long */
    int chars = str_chars(p.source, strlen(p.source));
    if (past) p.col = chars + 1;
    if (to.line > from.line && chars >= p.col) p.width = chars - p.col + 1;
    return p;
}

/* ---- errors ---- */

__attribute__((format(printf, 4, 5))) static status refuse(parse *p, const place *at,
                                                           const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *message = str_vformat(fmt, ap);
    va_end(ap);
    diag_error_at(p->d, ERR_SPEC, at, "%s", message);
    diag_hint(p->d, "%s", hint);
    free(message);
    return ERR_SPEC;
}

/* Those of libyaml, in its words with our advice. */

static bool says(const char *problem, const char *part) {
    return problem != NULL && strstr(problem, part) != NULL;
}

static void add_advice(parse *p, const char *problem, const char *context) {
    if (says(problem, "mapping values are not allowed"))
        diag_hint(p->d, "check the indentation of this line; a value with ': ' in it needs quotes");
    else if (says(context, "quoted scalar"))
        diag_hint(p->d, "the quote that opens here is never closed");
    else if (says(context, "flow"))
        diag_hint(p->d, "a '{' or '[' is not closed, or a ',' is missing; patterns with braces or "
                        "brackets need quotes");
    else if (says(problem, "expected key") || says(problem, "block end") ||
             says(problem, "block entry"))
        diag_hint(p->d, "check the indentation: keys of one mapping begin in one column");
    else if (says(problem, "could not find expected ':'"))
        diag_hint(p->d, "a key needs ': ' behind it");
    else
        diag_hint(p->d, "a value with other characters than letters, digits, '.', '-' and '_' "
                        "may need quotes");
}

/* The byte that a place stands on; 0 at the end of its line. */
static char char_at(const place *at) {
    const char *s = at->source;
    for (int i = 1; i < at->col && *s != '\0'; i++) s += str_char_bytes(s);
    return *s;
}

static status syntax_error(parse *p) {
    const yaml_parser_t *y = &p->parser;
    yaml_mark_t mark = y->problem_mark;
    /* An open quote or bracket is noticed at the end; where it opens is of use. */
    bool opens = says(y->context, "quoted scalar") || says(y->context, "flow");
    if (opens && y->context_mark.line < mark.line) mark = y->context_mark;
    place at = place_of(&p->text, mark, mark);
    if (says(y->problem, "cannot start any token") && char_at(&at) == '\t')
        diag_error_at(p->d, ERR_SPEC, &at,
                      "not valid YAML: found a tab character that violates indentation");
    else if (y->context != NULL && !opens)
        diag_error_at(p->d, ERR_SPEC, &at, "not valid YAML: %s (%s that begins in line %d)",
                      y->problem, y->context, (int)y->context_mark.line + 1);
    else
        diag_error_at(p->d, ERR_SPEC, &at, "not valid YAML: %s",
                      y->problem != NULL ? y->problem : "?");
    if (char_at(&at) == '\t')
        diag_hint(p->d, "indent with spaces, YAML allows no tabs");
    else
        add_advice(p, y->problem, y->context);
    return ERR_SPEC;
}

static status next(parse *p, yaml_event_t *e) {
    if (yaml_parser_parse(&p->parser, e)) return OK;
    return p->parser.error == YAML_MEMORY_ERROR ? diag_error(p->d, ERR_RESOURCE, "out of memory")
                                                : syntax_error(p);
}

/* ---- anchors ---- */

/* FNV-1a: names and keys are compared where their hashes are equal, for there can be many. */
static uint32_t hash_text(const char *s) {
    uint32_t h = 2166136261u;
    for (; *s != '\0'; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static anchor *find_anchor(parse *p, const char *name) {
    uint32_t hash = hash_text(name);
    for (int i = 0; i < p->n_anchors; i++)
        if (p->anchors[i].hash == hash && strcmp(p->anchors[i].name, name) == 0)
            return &p->anchors[i];
    return NULL;
}

/* Index of the new anchor, -1 for none. */
static status add_anchor(parse *p, const char *name, const place *at, int *index) {
    *index = -1;
    if (name == NULL) return OK;
    const anchor *before = find_anchor(p, name);
    if (before != NULL)
        return refuse(p, at, "give one of the two another name",
                      "anchor '%s' is already defined in line %d", name, before->at.line);
    if (p->n_anchors == YAML_MAX_ANCHORS)
        return refuse(p, at, "a value with '&' at its beginning needs quotes",
                      "more than %d anchors", YAML_MAX_ANCHORS);
    *index = p->n_anchors++;
    if ((*index & (*index - 1)) == 0) { /* full at powers of two; most texts have none */
        anchor *room = arena_alloc(p->a, (*index > 0 ? 2 * (size_t)*index : 1) * sizeof *room);
        for (int i = 0; i < *index; i++) room[i] = p->anchors[i];
        p->anchors = room;
    }
    p->anchors[*index] =
        (anchor){.name = arena_strdup(p->a, name), .hash = hash_text(name), .at = *at};
    return OK;
}

static status count_nodes(parse *p, int nodes, const place *at) {
    p->n_nodes += nodes;
    if (p->n_nodes <= YAML_MAX_NODES) return OK;
    return refuse(p, at, "an alias that holds aliases grows with every level",
                  "more than %d values after aliases are expanded", YAML_MAX_NODES);
}

static status use_alias(parse *p, const yaml_event_t *e, yaml_node **out) {
    const char *name = (const char *)e->data.alias.anchor;
    place at = place_of(&p->text, e->start_mark, e->end_mark);
    const anchor *found = find_anchor(p, name);
    if (found == NULL)
        return refuse(p, &at, "a value with '*' at its beginning needs quotes",
                      "undefined alias '%s'", name);
    if (found->node == NULL)
        return refuse(p, &at, "a value cannot hold itself",
                      "alias '%s' stands inside the value it names", name);
    *out = found->node;
    return count_nodes(p, found->nodes, &at);
}

/* ---- nodes ---- */

static status build(parse *p, yaml_event_t *e, yaml_node **out);

static void append(parse *p, yaml_node *n, yaml_node *key, yaml_node *item) {
    if ((n->n & (n->n - 1)) == 0) { /* full at powers of two */
        size_t room = n->n > 0 ? 2 * (size_t)n->n : 1;
        yaml_node **items = arena_alloc(p->a, room * sizeof *items);
        yaml_node **keys = arena_alloc(p->a, room * sizeof *keys);
        for (int i = 0; i < n->n; i++) items[i] = n->items[i], keys[i] = n->keys[i];
        n->items = items, n->keys = keys;
    }
    n->items[n->n] = item;
    n->keys[n->n++] = key;
}

static status check_tag(parse *p, const unsigned char *tag, const place *at) {
    if (tag == NULL) return OK;
    place only = *at; /* the tag, not what it is put on */
    const char *from = at->source;
    for (int i = 1; i < at->col; i++) from += str_char_bytes(from);
    only.width = str_chars(from, strcspn(from, " "));
    return refuse(p, &only, "write the value alone; the spec decides its type",
                  "tags are not supported: '%s'", (const char *)tag);
}

static status build_scalar(parse *p, const yaml_event_t *e, yaml_node *n) {
    n->kind = YAML_SCALAR;
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
        return refuse(p, &n->at, "remove the \\0 or \\x00 of the quoted text",
                      "a NUL character in a value");
    n->text = arena_strndup(p->a, (const char *)e->data.scalar.value, e->data.scalar.length);
    n->hash = hash_text(n->text);
    return OK;
}

static status check_key(parse *p, const yaml_node *map, const yaml_node *key) {
    if (key->kind != YAML_SCALAR)
        return refuse(p, &key->at, "a key with braces or brackets needs quotes",
                      "a key must be text, got %s", yaml_kind_name(key->kind));
    if (!key->quoted && strcmp(key->text, "<<") == 0)
        return refuse(p, &key->at,
                      "write the keys here, or put them into a file that `extends` names",
                      "merge keys are not supported");
    for (int i = 0; i < map->n; i++) {
        if (map->keys[i]->hash != key->hash || strcmp(map->keys[i]->text, key->text) != 0) continue;
        diag_error_at(p->d, ERR_SPEC, &key->at, "duplicate key '%s'", key->text);
        diag_hint(p->d, "it already stands in line %d; keep one of the two", map->keys[i]->at.line);
        return ERR_SPEC;
    }
    return OK;
}

/* Children up to the end event; a duplicate key is reported and left out, so that
 * the errors behind it are found too. */
static status build_children(parse *p, yaml_node *n, yaml_event_type_t end) {
    if (++p->depth > YAML_MAX_DEPTH)
        return refuse(p, &n->at, "a value with '[' or '{' in it needs quotes",
                      "nesting deeper than %d", YAML_MAX_DEPTH);
    for (;;) {
        yaml_event_t e;
        yaml_node *key = NULL, *item;
        status bad = next(p, &e);
        if (bad) return bad;
        if (e.type == end) {
            yaml_event_delete(&e);
            p->depth--;
            return OK;
        }
        bad = build(p, &e, &item);
        if (bad) return bad;
        if (n->kind == YAML_MAP) {
            key = item;
            bad = next(p, &e);
            if (!bad) bad = build(p, &e, &item);
            if (bad) return bad;
            if (check_key(p, n, key) != OK) continue;
        }
        append(p, n, key, item);
    }
}

static status build_node(parse *p, const yaml_event_t *e, yaml_node *n) {
    switch (e->type) {
    case YAML_SCALAR_EVENT: return build_scalar(p, e, n);
    case YAML_MAPPING_START_EVENT:
        n->kind = YAML_MAP;
        return build_children(p, n, YAML_MAPPING_END_EVENT);
    default: n->kind = YAML_LIST; return build_children(p, n, YAML_SEQUENCE_END_EVENT);
    }
}

static const unsigned char *anchor_of(const yaml_event_t *e, const unsigned char **tag) {
    switch (e->type) {
    case YAML_SCALAR_EVENT: *tag = e->data.scalar.tag; return e->data.scalar.anchor;
    case YAML_MAPPING_START_EVENT:
        *tag = e->data.mapping_start.tag;
        return e->data.mapping_start.anchor;
    default: *tag = e->data.sequence_start.tag; return e->data.sequence_start.anchor;
    }
}

/* Builds the node that begins with *e, which it frees. */
static status build(parse *p, yaml_event_t *e, yaml_node **out) {
    status bad;
    if (e->type == YAML_ALIAS_EVENT) {
        bad = use_alias(p, e, out);
        yaml_event_delete(e);
        return bad;
    }
    yaml_node *n = arena_alloc(p->a, sizeof *n);
    const unsigned char *tag, *name = anchor_of(e, &tag);
    int before = p->n_nodes, index = -1;
    n->at = place_of(&p->text, e->start_mark, e->end_mark);
    bad = check_tag(p, tag, &n->at);
    if (!bad) bad = add_anchor(p, (const char *)name, &n->at, &index);
    if (!bad) bad = count_nodes(p, 1, &n->at);
    if (!bad) bad = build_node(p, e, n);
    yaml_event_delete(e);
    if (index >= 0) p->anchors[index].node = n, p->anchors[index].nodes = p->n_nodes - before;
    *out = n;
    return bad;
}

/* ---- documents ---- */

static status build_document(parse *p, yaml_node **root) {
    yaml_event_t e;
    *root = NULL;
    for (;;) {
        status bad = next(p, &e);
        if (bad) return bad;
        yaml_event_type_t type = e.type;
        place at = place_of(&p->text, e.start_mark, e.start_mark);
        if (type == YAML_DOCUMENT_START_EVENT && *root != NULL) {
            yaml_event_delete(&e);
            *root = NULL; /* what is missing may stand in the other */
            return refuse(p, &at, "a spec is one document: remove the '---'",
                          "a second document begins here");
        }
        if (type == YAML_SCALAR_EVENT || type == YAML_MAPPING_START_EVENT ||
            type == YAML_SEQUENCE_START_EVENT || type == YAML_ALIAS_EVENT) {
            bad = build(p, &e, root);
            if (!bad) continue;
            *root = NULL;
            return bad;
        }
        yaml_event_delete(&e);
        if (type == YAML_STREAM_END_EVENT) return OK;
    }
}

/* Control characters and what is no character, which libyaml refuses without a place. */
static bool is_refused(const char *s) {
    unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];
    if (c == 0xc2) return next < 0xa0 && next != 0x85;
    if (c == 0xef) return next == 0xbf && (unsigned char)s[2] >= 0xbe;
    return c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
}

/* p->text is NUL-terminated. */
static status check_characters(parse *p) {
    const yaml_text *t = &p->text;
    if (t->n >= 2 &&
        (memcmp(t->bytes, "\xff\xfe", 2) == 0 || memcmp(t->bytes, "\xfe\xff", 2) == 0)) {
        diag_error_at(p->d, ERR_SPEC, &(place){.file = t->name}, "UTF-16 is not supported");
        diag_hint(p->d, "save the file as UTF-8");
        return ERR_SPEC;
    }
    int64_t no_utf8 = str_find_bad_utf8(t->bytes, t->n);
    size_t at = 0;
    if (no_utf8 >= 0) { /* first of all: then it is no text, whatever else is in it */
        place there = place_of_byte(t, (size_t)no_utf8);
        return refuse(p, &there, "save the file as UTF-8",
                      "not valid UTF-8 text: byte 0x%02x at offset %zu",
                      (unsigned char)t->bytes[no_utf8], (size_t)no_utf8 + p->skipped);
    }
    while (at < t->n && !is_refused(t->bytes + at)) at++;
    if (at == t->n) return OK;
    place where = place_of_byte(t, at);
    return refuse(p, &where, "remove it; \"\\t\" and \"\\n\" can be written in quotes",
                  "a %s is not allowed here",
                  t->bytes[at] == '\0' ? "NUL character" : "control character");
}

/* Parses p->text, whose lines are set: they may be what the user wrote around it. */
static status parse_text(parse *p, yaml_node **root) {
    *root = NULL;
    if (!yaml_parser_initialize(&p->parser)) return diag_error(p->d, ERR_RESOURCE, "out of memory");
    yaml_parser_set_encoding(&p->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->parser, (const unsigned char *)p->text.bytes, p->text.n);
    int errors = p->d->errors;
    status bad = build_document(p, root);
    yaml_parser_delete(&p->parser);
    return !bad && p->d->errors > errors ? ERR_SPEC : bad;
}

status yaml_parse(arena *a, const char *name, const char *bytes, size_t n, diags *d,
                  yaml_node **root) {
    *root = NULL;
    size_t mark = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* of byte order */
    bytes += mark, n -= mark;
    parse p = {.a = a, .d = d, .skipped = mark};
    p.text =
        (yaml_text){.name = arena_strdup(a, name), .bytes = arena_strndup(a, bytes, n), .n = n};
    split_lines(a, &p.text);
    status bad = check_characters(&p);
    return bad ? bad : parse_text(&p, root);
}

/* The setting with a blank for each character before `value` but for line breaks: places
 * are those in what the user wrote. */
static const char *blank_key(arena *a, const char *setting, const char *value) {
    strbuf b = {0};
    for (const char *s = setting; s < value;) {
        size_t n = break_bytes(s, value);
        if (n > 0)
            strbuf_addn(&b, s, n);
        else
            strbuf_add(&b, " ");
        s += n > 0 ? n : (size_t)str_char_bytes(s);
    }
    strbuf_add(&b, value);
    const char *blanked = arena_strdup(a, b.s);
    strbuf_fini(&b);
    return blanked;
}

status yaml_parse_setting(arena *a, const char *option, const char *setting, diags *d,
                          const char **path, yaml_node **value) {
    const char *equals = strchr(setting, '=');
    *value = NULL;
    if (equals == NULL || equals == setting) {
        diag_error(d, ERR_USAGE, "%s %s: a key, '=' and a value are wanted", option, setting);
        diag_hint(d, "for example %s %s", option,
                  strcmp(option, "--set") == 0 ? "train.epochs=3" : "alignment=64");
        return ERR_USAGE;
    }
    parse p = {.a = a, .d = d};
    p.text = (yaml_text){.name = option, .bytes = setting, .n = strlen(setting)};
    split_lines(a, &p.text);
    status bad = check_characters(&p);
    if (bad) return bad;
    *path = arena_strndup(a, setting, (size_t)(equals - setting));
    p.text.bytes = blank_key(a, setting, equals + 1);
    p.text.n = strlen(p.text.bytes);
    bad = parse_text(&p, value);
    if (*value == NULL && !bad) { /* nothing behind '=': an empty value */
        *value = arena_alloc(a, sizeof **value);
        **value = (yaml_node){.kind = YAML_SCALAR, .text = ""};
        (*value)->at = place_of_byte(&p.text, (size_t)(strlen(p.text.bytes) - 1));
    }
    return bad;
}

status yaml_read(arena *a, const char *path, diags *d, yaml_node **root, const char **source) {
    char *bytes;
    size_t n;
    *root = NULL;
    status bad = file_read(path, YAML_MAX_BYTES, ERR_SPEC, d, &bytes, &n);
    if (bad) return bad;
    *source = arena_strndup(a, bytes, n);
    bad = yaml_parse(a, path, bytes, n, d, root);
    free(bytes);
    return bad;
}

yaml_node *yaml_get(const yaml_node *map, const char *key) {
    for (int i = 0; map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0) return map->items[i];
    return NULL;
}

bool yaml_is_null(const yaml_node *n) {
    return n->kind == YAML_SCALAR && !n->quoted &&
           (*n->text == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

const char *yaml_kind_name(yaml_kind k) {
    static const char *const name[] = {"a value", "a mapping", "a list"};
    return name[k];
}
