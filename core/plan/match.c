#include "plan/match.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "util/suggest.h"

/* The text behind "type:", or NULL. */
static const char *type_of(const yaml_node *n) {
    if (n->kind == YAML_MAP) {
        const yaml_node *type = n->n == 1 ? yaml_get(n, "type") : NULL;
        return type != NULL && type->kind == YAML_SCALAR ? type->text : NULL;
    }
    if (strncmp(n->text, "type:", 5) != 0) return NULL;
    return n->text + 5 + strspn(n->text + 5, " ");
}

/* The C library's compiler copies what is counted and recurses into parentheses: both are
 * bounded before it sees the text. */
enum { REGEX_DEPTH = 32, REGEX_ATOMS = 2048 };

/* The set that begins at p, '[': its last byte. */
static const char *regex_set_end(const char *p) {
    const char *first = p + (p[1] == '^' ? 2 : 1), *end = first;
    while (*end != '\0' && (*end != ']' || end == first)) {
        const char *kind = *end == '[' && end[1] != '\0' ? strchr(".:=", end[1]) : NULL;
        if (kind != NULL) /* [:alpha:] */
            for (end += 2; *end != '\0' && (*end != *kind || end[1] != ']');) end++;
        if (*end != '\0') end += kind != NULL ? 2 : 1;
    }
    return *end != '\0' ? end : end - 1;
}

/* The counter at *p ("*", "{2,5}"): copies that are made of what stands before it, 0 if there is
 * no counter. *p: its last byte. */
static int64_t regex_copies(const char **p) {
    char *end;
    if (**p == '*' || **p == '?') return 1;
    if (**p == '+') return 2;
    if (**p != '{') return 0;
    int64_t least = strtol(*p + 1, &end, 10), most = *end == ',' ? strtol(end + 1, &end, 10) : 0;
    if (*end != '}') return 0;
    *p = end;
    most = most > least ? most : least;
    return most < 1 ? 1 : most <= REGEX_ATOMS ? most : REGEX_ATOMS + 1;
}

/* Why the text would cost too much, or NULL. atoms[i]: inside of i parentheses, written out. */
static const char *regex_costs(const char *p) {
    int64_t atoms[REGEX_DEPTH + 1] = {0}, last = 0, copies;
    for (int depth = 0; *p != '\0'; p++) {
        if (*p == '(') {
            if (depth == REGEX_DEPTH) return "more than 32 parentheses inside of one another";
            atoms[++depth] = last = 0;
        } else if (*p == ')' && depth > 0) {
            last = atoms[depth--] + 1, atoms[depth] += last;
        } else if ((copies = regex_copies(&p)) > 0) {
            atoms[depth] += last * (copies - 1), last *= copies;
        } else {
            if (*p == '[') p = regex_set_end(p);
            if (*p == '\\' && p[1] != '\0') p++;
            last = 1, atoms[depth]++;
        }
        if (atoms[depth] > REGEX_ATOMS) return "written out it has more than 2048 characters";
    }
    return NULL;
}

static int match_regex(const yaml_node *n, const layer_desc *layers, int n_layers, diags *d,
                       bool *hit) {
    const char *costs = regex_costs(n->text + 3);
    if (costs != NULL) {
        diag_error_at(d, ERR_SPEC, &n->at, "the regular expression '%.40s' is too large: %s",
                      n->text + 3, costs);
        diag_hint(d, "shorten it, or list the layers");
        return 0;
    }
    regex_t re;
    int code = regcomp(&re, n->text + 3, REG_EXTENDED | REG_NOSUB), hits = 0;
    if (code != 0) {
        char why[128];
        regerror(code, &re, why, sizeof why);
        diag_error_at(d, ERR_SPEC, &n->at, "bad regular expression '%s': %s", n->text + 3, why);
        diag_hint(d, "what stands behind re: is a POSIX extended regular expression");
        return 0;
    }
    for (int i = 0; i < n_layers; i++)
        if (regexec(&re, layers[i].name, 0, NULL, 0) == 0) hit[i] = true, hits++;
    regfree(&re);
    return hits;
}

static int match_one(const yaml_node *n, const layer_desc *layers, int n_layers, diags *d,
                     bool *hit) {
    const char *type = n->kind == YAML_LIST ? NULL : type_of(n);
    if (n->kind != YAML_SCALAR && type == NULL) {
        diag_error_at(d, ERR_SPEC, &n->at, "a pattern must be text or {type: NAME}, got %s",
                      yaml_kind_name(n->kind));
        diag_hint(d, "a pattern is a layer's name, a glob, first, last, {type: NAME} or re:REGEX");
        return 0;
    }
    if (type == NULL && strncmp(n->text, "re:", 3) == 0)
        return match_regex(n, layers, n_layers, d, hit);
    const char *why = type == NULL ? str_glob_check(n->text) : NULL;
    if (why != NULL) {
        diag_error_at(d, ERR_SPEC, &n->at, "bad pattern '%s': %s", n->text, why);
        diag_hint(d, "patterns with braces or brackets need quotes");
        return 0;
    }
    int hits = 0;
    for (int i = 0; i < n_layers; i++) {
        bool yes = type != NULL                    ? strcmp(layers[i].type, type) == 0
                   : strcmp(n->text, "first") == 0 ? i == 0
                   : strcmp(n->text, "last") == 0  ? i == n_layers - 1
                                                   : str_glob(n->text, layers[i].name);
        if (yes) hit[i] = true, hits++;
    }
    return hits;
}

const char *match_text(arena *a, const yaml_node *n) {
    if (n->kind == YAML_SCALAR) return n->text;
    if (n->kind == YAML_MAP)
        return arena_format(a, "type: %s", type_of(n) != NULL ? type_of(n) : "?");
    const char *all = "";
    for (int i = 0; i < n->n; i++)
        all = arena_format(a, "%s%s%s", all, i > 0 ? ", " : "", match_text(a, n->items[i]));
    return all;
}

/* Reports that n matches nothing, with the nearest names. */
static void match_none(arena *a, const yaml_node *n, const layer_desc *layers, int n_layers,
                       const char *what, diags *d) {
    const char *text = match_text(a, n), *names[MODEL_MAX_LAYERS + 2];
    strbuf list = {0};
    for (int i = 0; i < n_layers; i++) names[i] = layers[i].name;
    names[n_layers] = "first", names[n_layers + 1] = "last";
    strbuf_join(&list, names, n_layers < 6 ? n_layers : 6);
    if (n_layers > 6) strbuf_addf(&list, ", ... (%d)", n_layers);
    diag_error_at(d, ERR_SPEC, &n->at, "%s matches no layer: '%s'", what, text);
    const char *near = suggest_nearest(text, names, n_layers + 2);
    const char *allow = strcmp(what, "rule") == 0 ? "; `optional: true` allows it" : "";
    if (near != NULL)
        diag_hint(d, "did you mean '%s'? (layers: %s)%s", near, list.s, allow);
    else
        diag_hint(d, "layers: %s%s", list.s, allow);
    strbuf_fini(&list);
}

int match_layers(arena *a, const yaml_node *n, const layer_desc *layers, int n_layers,
                 const char *what, diags *d, bool hit[MODEL_MAX_LAYERS]) {
    bool own[MODEL_MAX_LAYERS] = {false}; /* a layer counts once, however many patterns mean it */
    bool list = n->kind == YAML_LIST;
    if (list && n->n == 0 && what != NULL) match_none(a, n, layers, n_layers, what, d);
    for (int i = 0; i < (list ? n->n : 1); i++) {
        const yaml_node *one = list ? n->items[i] : n;
        int errors = d->errors;
        if (match_one(one, layers, n_layers, d, own) == 0 && d->errors == errors && what != NULL)
            match_none(a, one, layers, n_layers, what, d);
    }
    int hits = 0;
    for (int i = 0; i < n_layers; i++) hit[i] |= own[i], hits += own[i];
    return hits;
}
