#include "spec/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/suggest.h"

/* ---- names ---- */

int field_count_choices(const char *const *choices) {
    int n = 0;
    while (choices[n] != NULL) n++;
    return n;
}

int field_find_choice(const char *const *choices, const char *text) {
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0) return i;
    return -1;
}

const char *field_path(const schema_context *c, const char *where, const char *key) {
    return *where == '\0' ? key : arena_format(c->a, "%s.%s", where, key);
}

bool field_is_legal(const schema_context *c, const field *f) {
    return f->kinds == 0 || c->kind == 0 || (f->kinds & c->kind) != 0;
}

/* ---- what may stand there ---- */

void field_print_set(const char *const *names, unsigned set, strbuf *out) {
    bool first = true;
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        if (!(set & 1u << i)) continue;
        strbuf_addf(out, "%s%s", first ? "" : ", ", names[i]);
        first = false;
    }
}

static bool in_range(const field *f, double v) {
    const char *ends = f->ends != NULL ? f->ends : "[]";
    return (ends[0] == '(' ? v > f->min : v >= f->min) &&
           (ends[1] == ')' ? v < f->max : v <= f->max);
}

static void print_range(const field *f, strbuf *out) {
    char lo[32], hi[32];
    str_real(lo, f->min);
    str_real(hi, f->max);
    const char *ends = f->ends != NULL ? f->ends : "[]";
    if (f->max > 1e15)
        strbuf_addf(out, "%c%s, ...)", ends[0], lo);
    else
        strbuf_addf(out, "%c%s, %s%c", ends[0], lo, hi, ends[1]);
}

static void print_choices(const char *const *choices, strbuf *out) {
    strbuf_join(out, choices, field_count_choices(choices));
}

void field_print_domain(const field *f, strbuf *out) {
    switch (f->type) {
    case FIELD_INT:
        strbuf_add(out, "an integer in ");
        print_range(f, out);
        break;
    case FIELD_SEED: strbuf_add(out, "an integer in [0, 2^64-1]"); break;
    case FIELD_REAL:
        strbuf_add(out, "a number in ");
        print_range(f, out);
        break;
    case FIELD_TEXT: strbuf_add(out, "text"); break;
    case FIELD_NAME: strbuf_add(out, "1 to 64 letters of A-Z a-z 0-9 . _ -"); break;
    case FIELD_PATH: strbuf_add(out, "a path"); break;
    case FIELD_ENUM:
        strbuf_add(out, "one of ");
        print_choices(f->choices, out);
        break;
    case FIELD_ENUMS:
        strbuf_add(out, "a list of ");
        print_choices(f->choices, out);
        break;
    case FIELD_POINT:
        strbuf_add(out, "steps (1500), epochs (15ep) or a fraction of the training (0.5)");
        break;
    case FIELD_INTS:
        strbuf_add(out, "a list of integers in ");
        print_range(f, out);
        break;
    case FIELD_REALS:
        strbuf_add(out, "a list of two numbers in ");
        print_range(f, out);
        break;
    case FIELD_VARIANT:
        strbuf_addf(out, "a mapping with %s: ", f->tag);
        print_choices(f->choices, out);
        break;
    case FIELD_NODE: strbuf_add(out, f->ends); break;
    default: strbuf_add(out, "a mapping"); break;
    }
}

void field_wrong(const schema_context *c, const field *f, const yaml_node *n, const char *where) {
    strbuf domain = {0};
    field_print_domain(f, &domain);
    const char *path = field_path(c, where, f->key);
    if (n->kind == YAML_SCALAR)
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be %s, got '%s'", path, domain.s, n->text);
    else
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be %s, got %s", path, domain.s,
                      yaml_kind_name(n->kind));
    diag_hint(c->d, "%s: %s", f->key, f->doc);
    bool number = f->type == FIELD_INT || f->type == FIELD_SEED || f->type == FIELD_INTS ||
                  f->type == FIELD_REAL || f->type == FIELD_REALS || f->type == FIELD_POINT;
    if (number && n->kind == YAML_SCALAR) field_suggest_decimal(c, n->text);
    strbuf_fini(&domain);
}

/* The digits of a number that begins with 0, in its base; false if they are none. */
static bool read_digits(const char *digits, int base, unsigned long long *v) {
    char *end;
    errno = 0;
    *v = strtoull(digits, &end, base);
    return errno == 0 && end != digits && *end == '\0' && *digits != '-' && *digits != '+' &&
           *digits != ' ';
}

/* 1:30 is 90 to some readers of YAML. */
static bool read_sixties(const char *text, unsigned long long *v) {
    unsigned a, b;
    int used = 0;
    bool is = sscanf(text, "%5u:%2u%n", &a, &b, &used) == 2 && text[used] == '\0' && b < 60;
    *v = is ? 60ull * a + b : 0;
    return is;
}

void field_suggest_decimal(const schema_context *c, const char *text) {
    unsigned long long v, octal;
    bool zero = text[0] == '0';
    if ((zero && text[1] == 'x' && read_digits(text + 2, 16, &v)) ||
        (zero && text[1] == 'o' && read_digits(text + 2, 8, &v)) || read_sixties(text, &v))
        diag_hint(c->d, "numbers are decimal: write %llu", v);
    else if (zero && text[1] != '\0' && read_digits(text, 10, &v) && read_digits(text, 8, &octal) &&
             octal != v)
        diag_hint(c->d, "numbers are decimal: write %llu or %llu", octal, v);
    else if (zero && text[1] != '\0' && read_digits(text, 10, &v))
        diag_hint(c->d, "numbers are decimal: write %llu", v);
}

void field_suggest(const schema_context *c, const field *f, const yaml_node *n) {
    if (f->choices == NULL || n->kind != YAML_SCALAR) return;
    const char *near = suggest_nearest(n->text, f->choices, field_count_choices(f->choices));
    if (near != NULL) diag_hint(c->d, "did you mean '%s'?", near);
}

/* ---- scalars ---- */

/* Beyond these no training goes, and no product of them leaves the integers. */
#define MOST_EPOCHS 1e6
#define MOST_STEPS 9e15

static bool parse_point(const char *text, schedule_point *p) {
    int64_t steps;
    size_t n = strlen(text);
    if (n > 2 && strcmp(text + n - 2, "ep") == 0) {
        char *number = mem_strndup(text, n - 2);
        bool fine = str_to_real(number, &p->value) && p->value > 0 && p->value <= MOST_EPOCHS;
        free(number);
        p->unit = POINT_EPOCHS;
        return fine;
    }
    if (str_to_int(text, &steps)) {
        p->unit = POINT_STEPS, p->value = (double)steps;
        return steps >= 0 && p->value <= MOST_STEPS;
    }
    p->unit = POINT_FRACTION;
    return str_to_real(text, &p->value) && p->value >= 0 && p->value <= 1;
}

static bool is_name(const char *s) {
    size_t n = strlen(s);
    if (n < 1 || n > 64 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0) return false;
    return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool has_control(const char *s) {
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') return true;
    return false;
}

/* Sets the field from a scalar; false if the text is not of its type. */
static bool parse_scalar(const field *f, const yaml_node *n, void *to) {
    int64_t i;
    double r;
    switch (f->type) {
    case FIELD_INT:
        if (!str_to_int(n->text, &i) || !in_range(f, (double)i)) return false;
        memcpy(to, &i, sizeof i);
        return true;
    case FIELD_SEED: return str_to_uint(n->text, to);
    case FIELD_REAL:
        if (!str_to_real(n->text, &r) || !in_range(f, r)) return false;
        memcpy(to, &r, sizeof r);
        return true;
    case FIELD_NAME:
    case FIELD_TEXT:
        if (f->type == FIELD_NAME ? !is_name(n->text) : has_control(n->text)) return false;
        memcpy(to, &n->text, sizeof n->text);
        return true;
    case FIELD_ENUM: {
        int k = field_find_choice(f->choices, n->text);
        if (k >= 0) memcpy(to, &k, sizeof k);
        return k >= 0;
    }
    case FIELD_POINT: return parse_point(n->text, to);
    default: return false;
    }
}

/* ---- lists ---- */

static void parse_ints(const schema_context *c, const field *f, const yaml_node *n,
                       const char *where, int_list *to) {
    if (n->kind != YAML_LIST) {
        field_wrong(c, f, n, where);
        diag_hint(c->d, "write [512, 512], or [] for none");
        return;
    }
    to->n = 0;
    if (n->n > f->list_max) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s has %d entries, at most %d are allowed",
                      field_path(c, where, f->key), n->n, f->list_max);
        diag_hint(c->d, "%s: %s", f->key, f->doc);
        return;
    }
    for (int i = 0; i < n->n; i++) {
        const yaml_node *item = n->items[i];
        int64_t v;
        if (item->kind == YAML_SCALAR && str_to_int(item->text, &v) && in_range(f, (double)v))
            to->v[to->n++] = v;
        else
            field_wrong(c, f, item, where);
    }
}

static void parse_reals(const schema_context *c, const field *f, const yaml_node *n,
                        const char *where, real_pair *to) {
    if (n->kind != YAML_LIST || n->n != 2) {
        field_wrong(c, f, n, where);
        return;
    }
    for (int i = 0; i < 2; i++) {
        double v;
        const yaml_node *item = n->items[i];
        if (item->kind == YAML_SCALAR && str_to_real(item->text, &v) && in_range(f, v))
            to->v[i] = v;
        else
            field_wrong(c, f, item, where);
    }
}

static void parse_enums(const schema_context *c, const field *f, const yaml_node *n,
                        const char *where, unsigned *to) {
    if (n->kind != YAML_LIST || n->n == 0) {
        field_wrong(c, f, n, where);
        if (n->kind == YAML_SCALAR) diag_hint(c->d, "write [%s]", n->text);
        return;
    }
    *to = 0;
    for (int i = 0; i < n->n; i++) {
        const yaml_node *item = n->items[i];
        int k = item->kind == YAML_SCALAR ? field_find_choice(f->choices, item->text) : -1;
        if (k >= 0) {
            *to |= 1u << k;
        } else {
            field_wrong(c, f, item, where);
            field_suggest(c, f, item);
        }
    }
}

void field_parse(const schema_context *c, const field *f, const yaml_node *n, const char *where,
                 void *to) {
    switch (f->type) {
    case FIELD_INTS: parse_ints(c, f, n, where, to); return;
    case FIELD_REALS: parse_reals(c, f, n, where, to); return;
    case FIELD_ENUMS: parse_enums(c, f, n, where, to); return;
    default:
        if (n->kind == YAML_SCALAR && parse_scalar(f, n, to)) return;
        field_wrong(c, f, n, where);
        field_suggest(c, f, n);
    }
}

/* ---- printing ---- */

static void print_point(const schedule_point *p, strbuf *out) {
    char number[32];
    str_real(number, p->value);
    strbuf_addf(out, "%s%s", number, p->unit == POINT_EPOCHS ? "ep" : "");
    if (p->unit == POINT_FRACTION && strpbrk(number, ".e") == NULL) strbuf_add(out, ".0");
}

/* What stands between the brackets of a list. */
static void print_items(const field *f, const void *at, strbuf *out) {
    const int_list *l = at;
    const real_pair *p = at;
    char number[32];
    unsigned set;
    switch (f->type) {
    case FIELD_ENUMS:
        memcpy(&set, at, sizeof set);
        field_print_set(f->choices, set, out);
        break;
    case FIELD_INTS:
        for (int k = 0; k < l->n; k++) strbuf_addf(out, "%s%" PRId64, k > 0 ? ", " : "", l->v[k]);
        break;
    default:
        for (int k = 0; k < 2; k++) {
            str_real(number, p->v[k]);
            strbuf_addf(out, "%s%s", k == 0 ? "" : ", ", number);
        }
    }
}

void field_print(const field *f, const void *at, strbuf *out) {
    char number[32];
    int64_t i;
    uint64_t u;
    double r;
    const char *text;
    int k;
    switch (f->type) {
    case FIELD_INT:
        memcpy(&i, at, sizeof i);
        strbuf_addf(out, "%" PRId64, i);
        break;
    case FIELD_SEED:
        memcpy(&u, at, sizeof u);
        strbuf_addf(out, "%" PRIu64, u);
        break;
    case FIELD_REAL:
        memcpy(&r, at, sizeof r);
        str_real(number, r);
        strbuf_add(out, number);
        break;
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_PATH:
        memcpy(&text, at, sizeof text);
        strbuf_add(out, text != NULL ? text : "");
        break;
    case FIELD_ENUM:
        memcpy(&k, at, sizeof k);
        strbuf_add(out, f->choices[k]);
        break;
    case FIELD_POINT: print_point(at, out); break;
    case FIELD_ENUMS:
    case FIELD_INTS:
    case FIELD_REALS:
        strbuf_add(out, "[");
        print_items(f, at, out);
        strbuf_add(out, "]");
        break;
    default: break;
    }
}
