#include "data/tensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "io/tensor_file.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"
#include "util/str.h"

const char *const tensor_dist_name[DISTS] = {"gauss", "laplace", "uniform", "student"};

struct tensor_set {
    tensor_source s;
    tensor_file f;
    int *chosen; /* of the file's tensors */
    int n;
};

/* ---- random numbers ---- */

/* In (0, 1), never an end: number i of the key. */
static double open_uniform(uint64_t key, uint64_t i) {
    return ((double)rng_u32(key, i) + 0.5) * 0x1p-32;
}

/* Box and Muller 1958, from numbers 2 i and 2 i + 1. */
static double gauss(uint64_t key, uint64_t i) {
    double r = sqrt(-2 * log(open_uniform(key, 2 * i)));
    return r * cos(6.283185307179586 * open_uniform(key, 2 * i + 1));
}

/* z / sqrt(chi^2 / dof), chi^2 the sum of dof squares. */
static double student(uint64_t key, int64_t dof) {
    double chi = 0;
    for (int64_t k = 0; k < dof; k++) {
        double z = gauss(key, (uint64_t)k + 1);
        chi += z * z;
    }
    return gauss(key, 0) / sqrt(chi / (double)dof);
}

static double draw(const tensor_source *s, uint64_t key) {
    double u;
    switch (s->dist) {
    case DIST_GAUSS: return gauss(key, 0);
    case DIST_LAPLACE: u = open_uniform(key, 0); return u < 0.5 ? log(2 * u) : -log(2 * (1 - u));
    case DIST_UNIFORM: return 2 * open_uniform(key, 0) - 1;
    default: return student(key, s->dof);
    }
}

typedef struct draw_job {
    const tensor_source *s;
    uint64_t seed;
    float *x;
    int64_t n;
} draw_job;

enum { DRAW_TASK = 4096 };

static void draw_part(int64_t task, void *arg) {
    const draw_job *j = arg;
    for (int64_t i = task * DRAW_TASK; i < (task + 1) * DRAW_TASK && i < j->n; i++) {
        double x = draw(j->s, rng_key(j->seed, RNG_TENSOR, (uint64_t)i, 0));
        uint64_t outlier = rng_key(j->seed, RNG_TENSOR, (uint64_t)i, 1);
        if (j->s->outliers > 0 && open_uniform(outlier, 0) < j->s->outliers)
            x *= j->s->outlier_factor;
        j->x[i] = (float)x;
    }
}

/* ---- the set ---- */

static status choose(tensor_set *t, diags *d) {
    t->chosen = mem_calloc((size_t)t->f.n + 1, sizeof *t->chosen);
    for (int i = 0; i < t->f.n; i++) {
        if (!str_glob(t->s.match, t->f.tensors[i].name)) continue;
        if (t->f.tensors[i].n > 0)
            t->chosen[t->n++] = i;
        else
            log_info("tensor '%s' has no elements, left out", t->f.tensors[i].name);
    }
    if (t->n > 0) return OK;
    diag_error(d, ERR_INPUT, "%s: no tensor matches '%s'", t->s.path, t->s.match);
    diag_hint(d, "`quantbench inspect %s` lists them", t->s.path);
    return ERR_INPUT;
}

status tensor_set_open(const tensor_source *s, diags *d, tensor_set **out) {
    *out = NULL;
    tensor_set *t = mem_calloc(1, sizeof *t);
    t->s = *s, t->n = 1;
    status bad = OK;
    if (s->path != NULL) {
        t->n = 0;
        bad = tensor_file_open(&t->f, s->path, d);
        if (!bad) bad = choose(t, d);
    }
    if (bad)
        tensor_set_close(t);
    else
        *out = t;
    return bad;
}

void tensor_set_close(tensor_set *t) {
    if (t == NULL) return;
    tensor_file_close(&t->f);
    free(t->chosen);
    free(t);
}

int tensor_set_count(const tensor_set *t) { return t->n; }

const char *tensor_set_format(const tensor_set *t) {
    return t->s.path != NULL ? t->f.format : "random";
}

const char *tensor_set_shape(const tensor_set *t, int i, int64_t *rows, int64_t *cols) {
    if (t->s.path == NULL) {
        *rows = t->s.rows, *cols = t->s.cols;
        return tensor_dist_name[t->s.dist];
    }
    const tensor_entry *e = &t->f.tensors[t->chosen[i]];
    tensor_entry_matrix(e, rows, cols);
    return e->name;
}

status tensor_set_floats(const tensor_set *t, int i, uint64_t seed, diags *d, float **x) {
    *x = NULL;
    if (t->s.path != NULL) {
        bool rounded = false;
        const tensor_entry *e = &t->f.tensors[t->chosen[i]];
        status bad = tensor_entry_floats(&t->f, e, d, x, &rounded);
        if (rounded)
            log_info("tensor '%s': %s values rounded to float32", e->name, dtype_name(e->type));
        return bad;
    }
    draw_job j = {.s = &t->s, .seed = seed};
    bool fits = size_mul(t->s.rows, t->s.cols, &j.n) && j.n < INT64_MAX / 8;
    if (fits) *x = mem_try_aligned((size_t)j.n * sizeof **x);
    if (*x == NULL)
        return diag_error(d, ERR_RESOURCE, "no memory for a tensor of %" PRId64 " x %" PRId64,
                          t->s.rows, t->s.cols);
    j.x = *x;
    parallel_for((j.n + DRAW_TASK - 1) / DRAW_TASK, draw_part, &j);
    return OK;
}
