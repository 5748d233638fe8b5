#include "data/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/tensor_file.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/suggest.h"

/* Rows [lo, hi) of a tensor under the name that they have in the network. */
typedef struct piece {
    int tensor;
    int64_t lo, hi;
    bool sliced;
    char *name;
    place at;
    int slot; /* -1: none of this name */
} piece;

typedef struct work {
    const weight_source *s;
    const weight_slot *slots;
    int n;
    tensor_file f;
    piece *pieces;
    int n_pieces;
    int *filled; /* of each slot: its piece, -1 */
    diags *d;
} work;

/* ---- what the tensors are called ---- */

/* `to` with its references filled in. */
static char *expand(const char *to, const str_span spans[STR_GLOB_CAPTURES]) {
    strbuf b = {0};
    strbuf_add(&b, "");
    while (*to != '\0') {
        size_t plain = strcspn(to, "$");
        strbuf_addn(&b, to, plain);
        to += plain;
        if (*to == '\0') break;
        int k = atoi(to + 2); /* the spec has checked that it is ${1} to ${16} */
        strbuf_addn(&b, spans[k - 1].s, spans[k - 1].n);
        to = strchr(to, '}') + 1;
    }
    return b.s;
}

static void add_piece(work *w, piece p) {
    w->pieces = mem_realloc(w->pieces, (size_t)(w->n_pieces + 1) * sizeof *w->pieces);
    w->pieces[w->n_pieces++] = p;
}

static int64_t first_dimension(const tensor_entry *t) { return t->n_dims > 0 ? t->shape[0] : 1; }

/* The pieces that the renames make of tensor i; used[r]: rename r matched something. */
static void name_tensor(work *w, int i, bool *used) {
    const tensor_entry *t = &w->f.tensors[i];
    int64_t rows = first_dimension(t);
    bool cut = false;
    for (int r = 0; r < w->s->n_renames; r++) {
        const weight_rename *n = &w->s->renames[r];
        str_span spans[STR_GLOB_CAPTURES];
        if ((cut && !n->sliced) || !str_glob_captures(n->from, t->name, spans)) continue;
        int64_t hi = n->hi >= 0 ? n->hi : rows;
        used[r] = true;
        if (hi > rows || n->lo >= rows)
            diag_error_at(w->d, ERR_SPEC, &n->at,
                          "the slice ends at row %" PRId64 ", tensor '%s' has %" PRId64 " rows",
                          hi > n->lo ? hi : n->lo + 1, t->name, rows);
        add_piece(w, (piece){.tensor = i,
                             .lo = n->sliced ? n->lo : 0,
                             .hi = n->sliced ? hi : rows,
                             .sliced = n->sliced,
                             .name = expand(n->to, spans),
                             .at = n->at});
        if (!n->sliced) return;
        cut = true;
    }
    if (!cut)
        add_piece(w, (piece){.tensor = i, .hi = rows, .name = mem_strdup(t->name), .at = w->s->at});
}

static const char *nearest_tensor(const work *w, const char *name) {
    const char **names = mem_calloc((size_t)w->f.n + 1, sizeof *names);
    for (int i = 0; i < w->f.n; i++) names[i] = w->f.tensors[i].name;
    const char *near = suggest_nearest(name, names, w->f.n);
    free(names);
    return near;
}

static void list_tensors(const work *w, strbuf *b) {
    for (int i = 0; i < w->f.n && i < 6; i++)
        strbuf_addf(b, "%s%s", i > 0 ? ", " : "", w->f.tensors[i].name);
    if (w->f.n > 6) strbuf_addf(b, ", ... (%d)", w->f.n);
}

static void unused_rename(work *w, const weight_rename *r) {
    strbuf list = {0};
    strbuf_add(&list, "");
    list_tensors(w, &list);
    const char *near = nearest_tensor(w, r->from);
    diag_error_at(w->d, ERR_SPEC, &r->at, "rename matches no tensor: '%s'", r->from);
    if (near != NULL)
        diag_hint(w->d, "did you mean '%s'? (tensors of the file: %s)", near, list.s);
    else
        diag_hint(w->d, "tensors of the file: %s", list.s);
    strbuf_fini(&list);
}

static void name_tensors(work *w) {
    bool *used = mem_calloc((size_t)w->s->n_renames + 1, sizeof *used);
    for (int i = 0; i < w->f.n; i++) name_tensor(w, i, used);
    for (int r = 0; r < w->s->n_renames; r++)
        if (!used[r]) unused_rename(w, &w->s->renames[r]);
    free(used);
}

/* ---- where they land ---- */

static char *tensor_text(const work *w, const piece *p) {
    const tensor_entry *t = &w->f.tensors[p->tensor];
    char *shape = tensor_shape_text(t->shape, t->n_dims);
    char *text = p->sliced
                     ? str_format("'%s' %s [%" PRId64 ":%" PRId64 "]", t->name, shape, p->lo, p->hi)
                     : str_format("'%s' %s", t->name, shape);
    free(shape);
    return text;
}

/* (10, 512); a vector as (512) */
static char *slot_shape(const weight_slot *s) {
    const int64_t shape[] = {s->rows, s->cols};
    return s->rows == 1 ? tensor_shape_text(shape + 1, 1) : tensor_shape_text(shape, 2);
}

/* Does the piece have the slot's shape, dimensions of 1 apart? */
static bool fits(const work *w, const piece *p, const weight_slot *s) {
    const tensor_entry *t = &w->f.tensors[p->tensor];
    const int64_t want[] = {s->rows, s->cols};
    int k = 0;
    for (int i = 0; i < t->n_dims; i++) {
        int64_t dim = i == 0 ? p->hi - p->lo : t->shape[i];
        if (dim == 1) continue;
        while (k < 2 && want[k] == 1) k++;
        if (k == 2 || want[k++] != dim) return false;
    }
    while (k < 2 && want[k] == 1) k++;
    return k == 2;
}

static void land(work *w, int i) {
    piece *p = &w->pieces[i];
    p->slot = -1;
    for (int k = 0; k < w->n; k++)
        if (strcmp(w->slots[k].name, p->name) == 0) p->slot = k;
    if (p->slot < 0) return;
    const weight_slot *s = &w->slots[p->slot];
    char *text = tensor_text(w, p), *shape = slot_shape(s);
    if (!fits(w, p, s)) {
        diag_error_at(w->d, ERR_INPUT, &p->at, "tensor %s does not fit %s %s", text, s->name,
                      shape);
        diag_hint(w->d,
                  "rows are outputs, columns are inputs; `quantbench inspect %s` lists the "
                  "tensors",
                  w->s->path);
    } else if (w->filled[p->slot] >= 0) {
        char *other = tensor_text(w, &w->pieces[w->filled[p->slot]]);
        diag_error_at(w->d, ERR_INPUT, &p->at, "both %s and %s land on %s", other, text, s->name);
        free(other);
    }
    w->filled[p->slot] = i;
    free(text);
    free(shape);
}

/* ---- strict ---- */

/* A slot that waits for this piece: by its name, else by its shape; -1. */
static int wanted_slot(const work *w, const piece *p) {
    const char *names[256];
    int n = 0;
    for (int k = 0; k < w->n && n < 256; k++)
        if (w->filled[k] < 0) names[n++] = w->slots[k].name;
    const char *near = suggest_nearest(p->name, names, n);
    for (int k = 0; k < w->n; k++)
        if (w->filled[k] < 0 &&
            (near != NULL ? strcmp(near, w->slots[k].name) == 0 : fits(w, p, &w->slots[k])))
            return k;
    return -1;
}

static void check_all_land(work *w) {
    strbuf list = {0};
    int lost = 0, slot = -1, first = -1;
    strbuf_add(&list, "");
    for (int i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].slot >= 0) continue;
        char *text = tensor_text(w, &w->pieces[i]);
        if (lost < 4) strbuf_addf(&list, "%s%s", lost > 0 ? ", " : "", text);
        free(text);
        if (slot < 0) slot = wanted_slot(w, &w->pieces[i]), first = i;
        lost++;
    }
    if (lost > 4) strbuf_add(&list, ", ...");
    if (lost > 0)
        diag_error_at(w->d, ERR_INPUT, &w->s->at, "%d tensor%s of the file land%s nowhere: %s",
                      lost, lost == 1 ? "" : "s", lost == 1 ? "s" : "", list.s);
    if (lost > 0 && slot >= 0)
        diag_hint(w->d,
                  "rename them, as in `rename: {\"%s\": %s}`; `strict: false` leaves them out",
                  w->f.tensors[w->pieces[first].tensor].name, w->slots[slot].name);
    else if (lost > 0)
        diag_hint(w->d, "`strict: false` leaves them out");
    strbuf_fini(&list);
}

static bool is_bias(const weight_slot *s) {
    size_t n = strlen(s->name);
    return n > 5 && strcmp(s->name + n - 5, ".bias") == 0;
}

static void check_all_filled(work *w) {
    strbuf list = {0};
    int empty = 0, biases = 0, all_biases = 0;
    strbuf_add(&list, "");
    for (int k = 0; k < w->n; k++) {
        all_biases += is_bias(&w->slots[k]);
        if (w->filled[k] >= 0) continue;
        char *shape = slot_shape(&w->slots[k]);
        if (empty < 4)
            strbuf_addf(&list, "%s%s %s", empty > 0 ? ", " : "", w->slots[k].name, shape);
        free(shape);
        biases += is_bias(&w->slots[k]);
        empty++;
    }
    if (empty > 4) strbuf_add(&list, ", ...");
    if (empty > 0) {
        diag_error_at(w->d, ERR_INPUT, &w->s->at,
                      "%d parameter%s of the model %s not in the file: %s", empty,
                      empty == 1 ? "" : "s", empty == 1 ? "is" : "are", list.s);
        strbuf_fini(&list);
        strbuf_add(&list, "");
        list_tensors(w, &list);
        if (biases == empty && biases == all_biases)
            diag_hint(w->d, "a network without biases: `model.bias: false`");
        else
            diag_hint(w->d, "tensors of the file: %s; `strict: false` draws what is missing",
                      list.s);
    }
    strbuf_fini(&list);
}

/* Rows of a sliced tensor that no slice takes. */
static void check_slices(work *w) {
    for (int i = 0; i < w->n_pieces; i++) {
        const piece *p = &w->pieces[i];
        if (!p->sliced || (i > 0 && w->pieces[i - 1].tensor == p->tensor)) continue;
        int64_t reached = 0, rows = first_dimension(&w->f.tensors[p->tensor]);
        for (bool moved = true; moved;) {
            moved = false;
            for (int k = i; k < w->n_pieces && w->pieces[k].tensor == p->tensor; k++)
                if (w->pieces[k].lo <= reached && w->pieces[k].hi > reached)
                    reached = w->pieces[k].hi, moved = true;
        }
        if (reached >= rows) continue;
        diag_error_at(w->d, ERR_SPEC, &p->at, "row %" PRId64 " of tensor '%s' is in no slice",
                      reached, w->f.tensors[p->tensor].name);
        diag_hint(w->d, "it has %" PRId64 " rows; `strict: false` leaves the others out", rows);
    }
}

/* ---- values ---- */

static status copy_values(const work *w, float *const *data) {
    status bad = OK;
    for (int k = 0; k < w->n && !bad; k++) {
        if (w->filled[k] < 0) continue;
        const piece *p = &w->pieces[w->filled[k]];
        const tensor_entry *t = &w->f.tensors[p->tensor];
        int64_t row = t->n / first_dimension(t);
        float *x;
        bool rounded = false;
        bad = tensor_entry_floats(&w->f, t, w->d, &x, &rounded);
        if (bad) break;
        if (rounded)
            log_info("tensor '%s': %s values rounded to float32", t->name, dtype_name(t->type));
        memcpy(data[k], x + p->lo * row, (size_t)((p->hi - p->lo) * row) * sizeof *x);
        free(x);
    }
    return bad;
}

static status match(work *w) {
    int before = w->d->errors;
    for (int k = 0; k < w->n; k++) w->filled[k] = -1;
    name_tensors(w);
    if (w->d->errors == before)
        for (int i = 0; i < w->n_pieces; i++) land(w, i);
    if (w->d->errors == before && w->s->strict) {
        check_slices(w);
        check_all_land(w);
        check_all_filled(w);
    }
    return w->d->errors == before ? OK : diags_status(w->d);
}

/* data NULL: checks alone. */
static status load(const weight_source *s, const weight_slot *slots, int n, float *const *data,
                   diags *d) {
    work w = {.s = s, .slots = slots, .n = n, .d = d};
    status bad = tensor_file_open(&w.f, s->path, d);
    if (bad) return bad;
    w.filled = mem_calloc((size_t)n + 1, sizeof *w.filled);
    bad = match(&w);
    if (!bad && data != NULL) bad = copy_values(&w, data);
    for (int i = 0; i < w.n_pieces; i++) free(w.pieces[i].name);
    free(w.pieces);
    free(w.filled);
    tensor_file_close(&w.f);
    return bad;
}

status weights_check(const weight_source *s, const weight_slot *slots, int n, diags *d) {
    return load(s, slots, n, NULL, d);
}

status weights_load(const weight_source *s, const weight_slot *slots, int n, float *const *data,
                    diags *d) {
    return load(s, slots, n, data, d);
}
