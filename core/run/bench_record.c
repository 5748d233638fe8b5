#include "run/bench_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/environment.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

bench_record bench_record_begin(void) { return (bench_record){.started = clock_seconds()}; }

/* The texts of a row. */
enum { TEXTS = 6 };
static void texts_of(bench_row *row, const char **texts[TEXTS]) {
    const char **all[TEXTS] = {&row->op,    &row->shape, &row->isa,
                               &row->place, &row->unit,  &row->why};
    memcpy(texts, all, sizeof all);
}

void bench_record_add(bench_record *r, const bench_row *row) {
    const char **text[TEXTS];
    r->rows = mem_realloc(r->rows, (size_t)(r->n + 1) * sizeof *r->rows);
    bench_row *own = &r->rows[r->n++];
    *own = *row;
    texts_of(own, text);
    for (int i = 0; i < TEXTS; i++)
        if (*text[i] != NULL) *text[i] = mem_strdup(*text[i]);
}

void bench_record_free(bench_record *r) {
    for (int i = 0; i < r->n; i++) {
        const char **text[TEXTS];
        texts_of(&r->rows[i], text);
        for (int k = 0; k < TEXTS; k++) free((void *)(uintptr_t)*text[k]);
    }
    free(r->rows);
    *r = (bench_record){0};
}

static int64_t begin_run(store *s, const char *part, const char *settings) {
    environment e;
    char sha256[HASH_HEX], uid[STORE_UID];
    environment_read(&e);
    store_environment se = {e.version, e.git_commit, e.cpu, e.simd, e.blas, e.threads};
    char *name = str_format("bench %s", part);
    hasher h;
    hash_init(&h);
    hash_add(&h, name, strlen(name) + 1);
    hash_add(&h, settings, strlen(settings));
    hash_end(&h, sha256);
    store_run new = {.experiment = name,
                     .kind = "bench",
                     .spec_source = settings,
                     .spec_resolved = settings,
                     .spec_sha256 = sha256,
                     .config_key = sha256,
                     .cache_key = sha256,
                     .command = environment_command(),
                     .environment = &se};
    int64_t run = store_run_begin(s, &new, uid);
    free(name);
    return run;
}

status bench_record_store(const bench_record *r, store *s, const char *part, const char *settings,
                          diags *d) {
    store_begin(s);
    int64_t run = begin_run(s, part, settings);
    for (int i = 0; i < r->n; i++) {
        const bench_row *b = &r->rows[i];
        if (isfinite(b->median))
            store_bench(s, run,
                        &(store_bench_row){b->op, b->shape, b->isa, b->place, b->unit, b->threads,
                                           b->clean, b->median, b->mad, b->ratio_scalar,
                                           b->ceiling});
    }
    store_run_end(s, run, "done", clock_seconds() - r->started, clock_cpu_seconds(),
                  environment_peak_bytes(), NULL);
    return store_commit(s, d);
}
