#include "host/params.h"

#include <inttypes.h>
#include <string.h>

#include "util/str.h"

const char *const params_reserved[] = {
    "scheme", "type",     "granularity", "group_size", "block",   "axis",  "ragged", "scale_dtype",
    "round",  "observer", "clip",        "normalize",  "dynamic", "learn", "match",
};
const int params_n_reserved = sizeof params_reserved / sizeof *params_reserved;

static bool is_auto_default(const qb_param *p) { return p->type != QB_STR && isnan(p->dflt); }

static size_t field_bytes(qb_param_type type) {
    switch (type) {
    case QB_INT: return sizeof(int64_t);
    case QB_REAL: return sizeof(double);
    case QB_BOOL: return sizeof(bool);
    case QB_ENUM: return sizeof(int32_t);
    case QB_STR: return sizeof(const char *);
    default: return 0;
    }
}

static int n_choices(const qb_param *p) {
    int n = 0;
    while (p->choices != NULL && p->choices[n] != NULL) n++;
    return n;
}

/* Is v inside the declared range? Brackets are "[]" unless the plugin says. */
static bool in_range(const qb_param *p, double v) {
    const char *ends = p->ends != NULL ? p->ends : "[]";
    bool above = ends[0] == '(' ? v > p->min : v >= p->min;
    bool below = ends[1] == ')' ? v < p->max : v <= p->max;
    return above && below;
}

static const char *check_default(const qb_param *p) {
    if (is_auto_default(p)) return NULL;
    if (p->type == QB_INT && p->dflt != floor(p->dflt)) return "its default is not an integer";
    if ((p->type == QB_INT || p->type == QB_REAL) && !in_range(p, p->dflt))
        return "its default is out of its range";
    if ((p->flags & QB_LIVE) && !in_range(p, p->dflt_end)) return "its end is out of its range";
    if ((p->flags & QB_GEOMETRIC) && !(p->dflt > 0 && p->dflt_end > 0))
        return "a geometric course needs positive ends";
    if (p->type == QB_ENUM && !(p->dflt >= 0 && p->dflt < n_choices(p)))
        return "its default is not one of its choices";
    return NULL;
}

static const char *check(const plugin *owner, const qb_param *p) {
    bool number = p->type == QB_INT || p->type == QB_REAL;
    if (p->doc == NULL || *p->doc == '\0') return "it has no doc";
    if (!params_is_text(p->doc) || !params_is_text(p->unit))
        return "its doc or unit is not UTF-8 without control characters";
    if (field_bytes(p->type) == 0) return "unknown type";
    if (p->field_size != field_bytes(p->type)) return "its field has the wrong size";
    if ((uint64_t)p->offset + p->field_size > owner->entry.instance_size ||
        p->offset % p->field_size != 0)
        return "its field lies outside the instance";
    if (number && !(p->min <= p->max)) return "its range is empty";
    if (p->ends != NULL && (strlen(p->ends) != 2 || strchr("[(", p->ends[0]) == NULL ||
                            strchr("])", p->ends[1]) == NULL))
        return "its ends are not one of [] [) (] ()";
    if (p->type == QB_ENUM && n_choices(p) < 1) return "it has no choices";
    for (int i = 0; p->type == QB_ENUM && i < n_choices(p); i++)
        if (!params_is_name(p->choices[i])) return "a choice is not [a-z][a-z0-9_]*";
    if ((p->flags & QB_LIVE) && p->type != QB_REAL) return "only a REAL can be live";
    if ((p->flags & QB_LIVE) && is_auto_default(p)) return "a live parameter has no auto";
    if (p->type == QB_BOOL && is_auto_default(p))
        return "a BOOL has no auto: make it an ENUM, whose auto is -1";
    return check_default(p);
}

bool params_is_name(const char *s) {
    return s != NULL && *s >= 'a' && *s <= 'z' &&
           strnlen(s, PLUGIN_MAX_NAME + 1) <= PLUGIN_MAX_NAME &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

/* UTF-8 for people: no control characters but ends of lines and tabs. */
bool params_is_text(const char *s) {
    if (s == NULL) return true;
    for (const char *c = s; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f ||
            ((unsigned char)*c == 0xc2 && (unsigned char)c[1] < 0xa0))
            return false;
    return str_find_bad_utf8(s, strlen(s)) < 0;
}

char *params_check_declaration(const plugin *p, int i) {
    const qb_param *q = &p->params[i];
    const char *name = q->name;
    if (!params_is_name(name))
        return str_format("parameter %d: its name is not [a-z][a-z0-9_]* of at most 32 letters", i);
    for (int k = 0; k < params_n_reserved; k++)
        if (strcmp(name, params_reserved[k]) == 0)
            return str_format("parameter '%s': the spec keeps this name for itself", name);
    for (int k = 0; k < i; k++)
        if (strcmp(name, p->params[k].name) == 0)
            return str_format("parameter '%s' is declared twice", name);
    const char *why = check(p, q);
    return why != NULL ? str_format("parameter '%s': %s", name, why) : NULL;
}

plugin_choice params_defaults(const plugin *p) {
    plugin_choice c = {.plugin = p};
    for (int i = 0; i < p->n_params; i++) {
        const qb_param *q = &p->params[i];
        param_value *v = &c.values[i];
        v->is_auto = is_auto_default(q);
        if (q->type == QB_STR)
            v->s = q->dflt_str;
        else if (v->is_auto)
            v->i = 0;
        else if (q->type == QB_INT)
            v->i = (int64_t)q->dflt;
        else if (q->type == QB_REAL)
            v->r = q->dflt;
        else if (q->type == QB_BOOL)
            v->b = q->dflt != 0;
        else
            v->e = (int32_t)q->dflt;
    }
    return c;
}

int params_find(const plugin *p, const char *name) {
    for (int i = 0; i < p->n_params; i++)
        if (strcmp(p->params[i].name, name) == 0) return i;
    return -1;
}

static bool parse(const qb_param *p, const char *text, param_value *v) {
    switch (p->type) {
    case QB_INT: return str_to_int(text, &v->i) && in_range(p, (double)v->i);
    case QB_REAL: return str_to_real(text, &v->r) && in_range(p, v->r);
    case QB_BOOL: v->b = strcmp(text, "true") == 0; return v->b || strcmp(text, "false") == 0;
    case QB_ENUM:
        for (v->e = 0; v->e < n_choices(p); v->e++)
            if (strcmp(text, p->choices[v->e]) == 0) return true;
        return false;
    default: v->s = text; return true;
    }
}

char *params_set(plugin_choice *c, int i, const char *text) {
    const qb_param *p = &c->plugin->params[i];
    param_value v = {.given = true};
    if (is_auto_default(p) && strcmp(text, "auto") == 0) {
        v.is_auto = true;
    } else if (!parse(p, text, &v)) {
        strbuf domain = {0};
        params_print_domain(p, &domain);
        char *why = str_format("%s must be %s, got '%s'", p->name, domain.s, text);
        strbuf_fini(&domain);
        return why;
    }
    c->values[i] = v;
    return NULL;
}

void params_print(const plugin_choice *c, int i, strbuf *b) {
    const qb_param *p = &c->plugin->params[i];
    const param_value *v = &c->values[i];
    char number[32];
    if (v->is_auto) {
        strbuf_add(b, "auto");
        return;
    }
    switch (p->type) {
    case QB_INT: strbuf_addf(b, "%" PRId64, v->i); break;
    case QB_REAL:
        str_real(number, v->r);
        strbuf_add(b, number);
        if ((p->flags & QB_LIVE) && !v->given) {
            str_real(number, p->dflt_end);
            strbuf_addf(b, "->%s", number);
        }
        break;
    case QB_BOOL: strbuf_add(b, v->b ? "true" : "false"); break;
    case QB_ENUM: strbuf_add(b, p->choices[v->e]); break;
    default: strbuf_add(b, v->s != NULL ? v->s : ""); break;
    }
}

void params_print_domain(const qb_param *p, strbuf *b) {
    char lo[32], hi[32];
    str_real(lo, p->min);
    str_real(hi, p->max);
    switch (p->type) {
    case QB_INT: strbuf_addf(b, "an integer %s..%s", lo, hi); break;
    case QB_REAL:
        strbuf_addf(b, "a number in %c%s, %s%c", p->ends != NULL ? p->ends[0] : '[', lo, hi,
                    p->ends != NULL ? p->ends[1] : ']');
        break;
    case QB_BOOL: strbuf_add(b, "true or false"); break;
    case QB_ENUM:
        strbuf_add(b, "one of ");
        strbuf_join(b, p->choices, n_choices(p));
        break;
    default: strbuf_add(b, "text"); break;
    }
    if (is_auto_default(p)) strbuf_add(b, " or auto");
}

static void *field(const qb_param *p, void *self) { return (char *)self + p->offset; }

void params_fill(const plugin_choice *c, void *self) {
    for (int i = 0; i < c->plugin->n_params; i++) {
        const qb_param *p = &c->plugin->params[i];
        const param_value *v = &c->values[i];
        switch (p->type) {
        case QB_INT: *(int64_t *)field(p, self) = v->is_auto ? INT64_MIN : v->i; break;
        case QB_REAL: *(double *)field(p, self) = v->is_auto ? (double)NAN : v->r; break;
        case QB_BOOL: *(bool *)field(p, self) = v->b; break;
        case QB_ENUM: *(int32_t *)field(p, self) = v->is_auto ? -1 : v->e; break;
        default: *(const char **)field(p, self) = v->s; break;
        }
    }
}

void params_read_back(plugin_choice *c, const void *self) {
    for (int i = 0; i < c->plugin->n_params; i++) {
        const qb_param *p = &c->plugin->params[i];
        param_value *v = &c->values[i];
        const char *from = (const char *)self + p->offset;
        if (!v->is_auto) continue;
        if (p->type == QB_INT)
            memcpy(&v->i, from, sizeof v->i);
        else if (p->type == QB_REAL)
            memcpy(&v->r, from, sizeof v->r);
        else if (p->type == QB_ENUM)
            memcpy(&v->e, from, sizeof v->e);
        bool set = p->type == QB_INT    ? v->i != INT64_MIN
                   : p->type == QB_REAL ? isfinite(v->r)
                                        : v->e >= 0 && v->e < n_choices(p);
        v->is_auto = !set; /* a plugin that left it alone has no value to show */
    }
}

void params_set_live(const plugin_choice *c, void *self, double progress) {
    for (int i = 0; i < c->plugin->n_params; i++) {
        const qb_param *p = &c->plugin->params[i];
        if (!(p->flags & QB_LIVE) || c->values[i].given) continue;
        double from = p->dflt, to = p->dflt_end;
        double now = p->flags & QB_GEOMETRIC ? from * pow(to / from, progress)
                                             : from + (to - from) * progress;
        *(double *)field(p, self) = progress >= 1 ? to : now;
    }
}
