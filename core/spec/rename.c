#include "spec/rename.h"

#include <inttypes.h>
#include <string.h>

/* "[a:b]" at the end of a pattern, a and b digits or nothing; NULL if there is none.
 * Sets of a glob have no ':' between nothing but digits. */
static const char *find_slice(const char *from) {
    const char *open = strrchr(from, '[');
    if (open == NULL) return NULL;
    const char *p = open + 1;
    p += strspn(p, "0123456789");
    if (*p != ':') return NULL;
    p++;
    p += strspn(p, "0123456789");
    return strcmp(p, "]") == 0 ? open : NULL;
}

static bool read_number(arena *a, const char *digits, int64_t *out) {
    size_t n = strspn(digits, "0123456789");
    if (n == 0) return true; /* what stands there stays */
    return str_to_int(arena_strndup(a, digits, n), out);
}

static void read_slice(const schema_context *c, const yaml_node *key, spec_rename *r) {
    const char *slice = find_slice(key->text);
    r->from = key->text, r->hi = -1;
    if (slice == NULL) return;
    r->sliced = true;
    r->from = arena_strndup(c->a, key->text, (size_t)(slice - key->text));
    bool fine =
        read_number(c->a, slice + 1, &r->lo) && read_number(c->a, strchr(slice, ':') + 1, &r->hi);
    if (fine && (r->hi < 0 || r->hi > r->lo)) return;
    diag_error_at(c->d, ERR_SPEC, &key->at, "model.rename: the slice %s has no rows", slice);
    diag_hint(c->d, "[a:b] are the rows a to b - 1 of the first dimension, counted from 0");
}

/* References of `to` against the captures that `from` has. */
static void check_references(const schema_context *c, const yaml_node *value, const char *from) {
    int captures = str_glob_captures_count(from);
    for (const char *p = strchr(value->text, '$'); p != NULL; p = strchr(p + 1, '$')) {
        int64_t k = 0;
        size_t digits = p[1] == '{' ? strspn(p + 2, "0123456789") : 0;
        bool formed = digits > 0 && p[2 + digits] == '}' && read_number(c->a, p + 2, &k);
        if (formed && k >= 1 && k <= captures) continue;
        if (formed)
            diag_error_at(c->d, ERR_SPEC, &value->at,
                          "model.rename: ${%" PRId64 "} names nothing: '%s' has %d of * and {}", k,
                          from, captures);
        else
            diag_error_at(c->d, ERR_SPEC, &value->at, "model.rename: bad reference in '%s'",
                          value->text);
        diag_hint(c->d, "${1} is what the first * or {} of the pattern matched");
        return;
    }
}

static bool read_entry(const schema_context *c, const yaml_node *key, const yaml_node *value,
                       spec_rename *r) {
    *r = (spec_rename){.at = key->at};
    read_slice(c, key, r);
    const char *why = str_glob_check(r->from);
    if (why == NULL && str_glob_captures_count(r->from) > STR_GLOB_CAPTURES)
        why = "more than 16 of * and {}";
    if (why != NULL) {
        diag_error_at(c->d, ERR_SPEC, &key->at, "bad pattern '%s': %s", r->from, why);
        diag_hint(c->d, "patterns with braces or brackets need quotes");
        return false;
    }
    if (value->kind != YAML_SCALAR || *value->text == '\0') {
        diag_error_at(c->d, ERR_SPEC, &value->at, "model.rename: a name is wanted for '%s', got %s",
                      key->text,
                      value->kind == YAML_SCALAR ? "nothing" : yaml_kind_name(value->kind));
        diag_hint(c->d, "write \"FROM\": \"TO\"");
        return false;
    }
    r->to = value->text;
    check_references(c, value, r->from);
    return true;
}

int rename_read(const schema_context *c, const yaml_node *n, spec_rename **out) {
    *out = NULL;
    if (n == NULL) return 0;
    if (n->kind != YAML_MAP) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "model.rename must be a mapping of FROM: TO, got %s",
                      yaml_kind_name(n->kind));
        diag_hint(c->d, "write {\"layers.*.weight\": \"fc${1}.weight\"}");
        return 0;
    }
    *out = arena_alloc(c->a, (size_t)(n->n + 1) * sizeof **out);
    int count = 0;
    for (int i = 0; i < n->n; i++) count += read_entry(c, n->keys[i], n->items[i], &(*out)[count]);
    return count;
}
