#include "spec/candidates.h"

#include <string.h>

static int values_of(const yaml_node *n) { return n->kind == YAML_LIST ? n->n : 1; }

/* Point k of the product of the lists in s. */
static site_spec pick(arena *a, const site_spec *s, int k) {
    site_spec one = {.keys = s->keys,
                     .values = arena_alloc(a, (size_t)(s->n + 1) * sizeof *one.values),
                     .n = s->n,
                     .given = s->given,
                     .at = s->at};
    for (int i = s->n - 1; i >= 0; i--) {
        const yaml_node *v = s->values[i];
        one.values[i] = v->kind == YAML_LIST ? v->items[k % v->n] : v;
        k /= values_of(v);
    }
    return one;
}

/* How many sites the lists of s make; 0 after an error. */
static int count_points(const schema_context *c, const site_spec *s) {
    int points = 1;
    for (int i = 0; i < s->n; i++) {
        int n = values_of(s->values[i]);
        if (n == 0) {
            diag_error_at(c->d, ERR_SPEC, &s->values[i]->at, "an empty list for '%s'",
                          s->keys[i]->text);
            diag_hint(c->d, "a list has the values to try; leave the key out for its default");
            return 0;
        }
        if (points <= CANDIDATES_MAX) points *= n;
    }
    return points;
}

static int add_points(const schema_context *c, const yaml_node *item, site_spec *out, int have) {
    site_spec s = site_keys(c, item, "sensitivity.candidates");
    int points = count_points(c, &s);
    if (s.n == 0) return have;
    if (have + points > CANDIDATES_MAX) {
        diag_error_at(c->d, ERR_SPEC, &item->at, "more than %d candidates", CANDIDATES_MAX);
        return have;
    }
    for (int k = 0; k < points; k++) out[have++] = pick(c->a, &s, k);
    return have;
}

int candidates_read(const schema_context *c, const yaml_node *n, site_spec **out) {
    *out = NULL;
    if (n == NULL) return 0;
    if (n->kind != YAML_LIST || n->n == 0) {
        diag_error_at(c->d, ERR_SPEC, &n->at,
                      "sensitivity.candidates must be a list of sites, got %s",
                      n->kind == YAML_LIST ? "an empty one" : yaml_kind_name(n->kind));
        diag_hint(c->d, "write [{scheme: int, bits: [2, 4, 8]}]");
        return 0;
    }
    *out = arena_alloc(c->a, CANDIDATES_MAX * sizeof **out);
    int count = 0;
    for (int i = 0; i < n->n; i++) count = add_points(c, n->items[i], *out, count);
    return count;
}

const char *candidate_label(arena *a, const site_spec *s) {
    const char *label = "";
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->keys[i]->text, "scheme") == 0) label = s->values[i]->text;
    for (int i = 0; i < s->n; i++) {
        const char *key = s->keys[i]->text, *value = s->values[i]->text;
        if (strcmp(key, "scheme") == 0) continue;
        bool plain = strcmp(key, "granularity") == 0 || strcmp(key, "group_size") == 0;
        label = plain ? arena_format(a, "%s %s", label, value)
                      : arena_format(a, "%s %s=%s", label, key, value);
    }
    return label;
}
