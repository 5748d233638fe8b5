#include "run/bench_row.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "simd/kernels.h"
#include "util/parallel.h"
#include "util/suggest.h"

bench_place bench_place_of(int i) {
    enum { MIB = 1 << 20 };
    if (i == BENCH_DRAM) return (bench_place){"DRAM", 4 * MIB, 256 * MIB};
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE); /* 0 where the system does not know */
    int64_t bytes = cache >= 2 * MIB || cache < MIB / 2 ? MIB : cache / 2 / 4096 * 4096;
    return (bench_place){"L2", bytes, bytes};
}

bool bench_stays(const bench_place *p) { return p->set_bytes == p->call_bytes; }

int64_t bench_part(const bench_place *p, int64_t turn) {
    return turn % (p->set_bytes / p->call_bytes);
}

bench_row bench_row_of(const char *op, const char *shape, const char *where, const char *unit) {
    return (bench_row){.op = op,
                       .shape = shape,
                       .isa = simd_kernels()->level,
                       .place = where,
                       .unit = unit,
                       .threads = parallel_threads(),
                       .median = NAN,
                       .mad = NAN,
                       .ratio_scalar = NAN,
                       .ratio_plain = NAN,
                       .ratio_sgemm = NAN,
                       .ceiling = NAN,
                       .bits = NAN};
}

void bench_row_rate(bench_row *row, const bench_time *t, const bench_time *scalar, double amount) {
    row->median = amount / t->median;
    row->mad = row->median * (t->mad / t->median); /* to first order */
    row->clean = t->clean, row->total = t->total;
    if (scalar != NULL) row->ratio_scalar = scalar->median / t->median;
}

status bench_check_plugin(const bench_options *o, qb_kind kind, diags *d) {
    int n;
    if (o->only == NULL || registry_find(o->plugins, kind, o->only) != NULL) return OK;
    const char **names = registry_names(o->plugins, kind, &n);
    const char *near = suggest_nearest(o->only, names, n);
    diag_error(d, ERR_USAGE, "there is no %s '%s'", plugin_kind_name(kind), o->only);
    diag_hint(d, near != NULL ? "did you mean '%s'?" : "`quantbench plugins list` has them", near);
    free(names);
    return ERR_USAGE;
}

status bench_no_memory(int64_t bytes, diags *d) {
    diag_error(d, ERR_RESOURCE, "no memory for the %.1f GB that are measured out of cache",
               (double)bytes * 1e-9);
    diag_hint(d, "`--place L2` needs little");
    return ERR_RESOURCE;
}
