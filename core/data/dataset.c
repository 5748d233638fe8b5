#include "data/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/arrays.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/str.h"

static status allocate(dataset *a, const char *what, diags *d) {
    int64_t floats;
    if (size_mul(a->n, a->features, &floats) && floats < INT64_MAX / 8) {
        a->x = mem_try_aligned((size_t)floats * sizeof *a->x);
        a->y = mem_try_aligned((size_t)a->n * sizeof *a->y);
    }
    if (a->x != NULL && a->y != NULL) return OK;
    dataset_free(a);
    return diag_error(d, ERR_RESOURCE, "%s: no memory for %" PRId64 " samples", what, a->n);
}

static int64_t limited(int64_t n, int64_t limit) { return limit > 0 && limit < n ? limit : n; }

/* ---- glyphs ---- */

typedef struct draw_job {
    const data_source *s;
    dataset *a;
} draw_job;

static void draw(int64_t i, void *arg) {
    const draw_job *j = arg;
    float *x = j->a->x + i * GLYPH_PIXELS;
    j->a->y[i] = glyph_draw(j->s->seed, j->s->split, i, x);
    for (int k = 0; k < GLYPH_PIXELS; k++) x[k] = (float)(((double)x[k] - j->s->mean) / j->s->std);
}

static status load_glyphs(const data_source *s, diags *d, dataset *a) {
    *a =
        (dataset){.n = limited(s->n, s->limit), .features = GLYPH_PIXELS, .classes = GLYPH_CLASSES};
    status bad = allocate(a, "glyphs", d);
    if (bad) return bad;
    draw_job j = {s, a};
    parallel_for(a->n, draw, &j);
    return OK;
}

/* ---- files ---- */

static status fill_from_arrays(const data_source *s, const arrays *from, diags *d, dataset *a) {
    *a = (dataset){.n = limited(from->x->shape[0], s->limit),
                   .features = from->x->n / from->x->shape[0]};
    status bad = arrays_check(s, from, d, &a->classes);
    if (!bad) bad = allocate(a, s->images, d);
    if (!bad) bad = arrays_fill(s, from, d, a);
    if (bad) dataset_free(a);
    return bad;
}

static status load_arrays(const data_source *s, diags *d, dataset *a) {
    arrays from;
    status bad = arrays_open(s, d, &from);
    if (bad) return bad;
    bad = fill_from_arrays(s, &from, d, a);
    arrays_close(&from);
    return bad;
}

/* ---- the interface ---- */

status dataset_load(const data_source *s, diags *d, dataset *out) {
    *out = (dataset){0};
    if (s->format == DATA_GLYPHS) return load_glyphs(s, d, out);
    return s->format == DATA_CSV ? arrays_load_csv(s, d, out) : load_arrays(s, d, out);
}

void dataset_free(dataset *a) {
    free(a->x);
    free(a->y);
    a->x = NULL, a->y = NULL;
}

enum { GATHER_ROWS = 16 };

typedef struct gather_job {
    const dataset *a;
    const int64_t *order;
    int64_t n;
    float *x;
    int32_t *y;
} gather_job;

static void gather(int64_t task, void *arg) {
    const gather_job *j = arg;
    int64_t features = j->a->features, end = (task + 1) * GATHER_ROWS;
    for (int64_t i = task * GATHER_ROWS; i < end && i < j->n; i++) {
        const float *from = j->a->x + j->order[i] * features;
        memcpy(j->x + i * features, from, (size_t)features * sizeof *from);
        j->y[i] = j->a->y[j->order[i]];
    }
}

void dataset_gather(const dataset *a, const int64_t *order, int64_t n, float *x, int32_t *y) {
    gather_job j = {.a = a, .order = order, .n = n, .x = x, .y = y};
    parallel_for((n + GATHER_ROWS - 1) / GATHER_ROWS, gather, &j);
}

static status size_of_csv(const data_source *s, diags *d, dataset_size *size) {
    dataset a;
    status bad = arrays_load_csv(s, d, &a);
    if (bad) return bad;
    *size = (dataset_size){a.n, a.features, a.classes};
    dataset_free(&a);
    return OK;
}

static status read_size(const data_source *s, diags *d, dataset_size *size) {
    if (s->format == DATA_GLYPHS) {
        *size = (dataset_size){limited(s->n, s->limit), GLYPH_PIXELS, GLYPH_CLASSES};
        return OK;
    }
    if (s->format == DATA_CSV) return size_of_csv(s, d, size);
    arrays a;
    status bad = arrays_open(s, d, &a);
    if (bad) return bad;
    *size = (dataset_size){limited(a.x->shape[0], s->limit), a.x->n / a.x->shape[0], 0};
    bad = arrays_check(s, &a, d, &size->classes);
    arrays_close(&a);
    return bad;
}

static status hash_source(const data_source *s, diags *d, char hex[65]) {
    if (s->format == DATA_GLYPHS) {
        char *text = str_format("glyphs 1 seed %" PRIu64 " split %d n %" PRId64, s->seed,
                                (int)s->split, s->n);
        hash_bytes(text, strlen(text), hex);
        free(text);
        return OK;
    }
    if (s->labels == NULL) return file_hash(s->images, ERR_INPUT, d, hex);
    char both[130];
    status bad = file_hash(s->images, ERR_INPUT, d, both);
    if (!bad) bad = file_hash(s->labels, ERR_INPUT, d, both + 64);
    if (!bad) hash_bytes(both, 128, hex);
    return bad;
}

/* ---- the catalog ---- */

typedef struct dataset_facts {
    data_source source; /* its paths are copies */
    dataset_size size;
    char hash[65];
} dataset_facts;

typedef struct file_facts {
    char *path, hash[65];
} file_facts;

static bool same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool data_source_equal(const data_source *a, const data_source *b) {
    return a->format == b->format && a->split == b->split && a->seed == b->seed && a->n == b->n &&
           a->limit == b->limit && a->mean == b->mean && a->std == b->std &&
           same_text(a->images, b->images) && same_text(a->labels, b->labels) &&
           same_text(a->x, b->x) && same_text(a->y, b->y);
}

static char *copy_text(const char *s) { return s != NULL ? mem_strdup(s) : NULL; }

static status learn(dataset_catalog *c, const data_source *s, diags *d) {
    dataset_facts f = {.source = *s};
    status bad = read_size(s, d, &f.size);
    if (!bad) bad = hash_source(s, d, f.hash);
    if (bad) return bad;
    f.source.images = copy_text(s->images), f.source.labels = copy_text(s->labels);
    f.source.x = copy_text(s->x), f.source.y = copy_text(s->y);
    c->known = mem_realloc(c->known, (size_t)(c->n + 1) * sizeof *c->known);
    c->known[c->n++] = f;
    return OK;
}

status dataset_describe(dataset_catalog *c, const data_source *s, diags *d, dataset_size *size,
                        char hash[65]) {
    int i = 0;
    while (i < c->n && !data_source_equal(&c->known[i].source, s)) i++;
    status bad = i < c->n ? OK : learn(c, s, d);
    if (bad) return bad;
    *size = c->known[i].size;
    memcpy(hash, c->known[i].hash, 65);
    return OK;
}

status dataset_file_hash(dataset_catalog *c, const char *path, diags *d, char hash[65]) {
    int i = 0;
    while (i < c->n_files && strcmp(c->files[i].path, path) != 0) i++;
    if (i == c->n_files) {
        status bad = file_hash(path, ERR_INPUT, d, hash);
        if (bad) return bad;
        c->files = mem_realloc(c->files, (size_t)(i + 1) * sizeof *c->files);
        c->files[c->n_files++].path = mem_strdup(path);
        memcpy(c->files[i].hash, hash, 65);
    }
    memcpy(hash, c->files[i].hash, 65);
    return OK;
}

void dataset_catalog_fini(dataset_catalog *c) {
    for (int i = 0; i < c->n; i++) {
        free((char *)(uintptr_t)c->known[i].source.images);
        free((char *)(uintptr_t)c->known[i].source.labels);
        free((char *)(uintptr_t)c->known[i].source.x);
        free((char *)(uintptr_t)c->known[i].source.y);
    }
    for (int i = 0; i < c->n_files; i++) free(c->files[i].path);
    free(c->files);
    free(c->known);
    *c = (dataset_catalog){0};
}
