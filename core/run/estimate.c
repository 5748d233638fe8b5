#include "run/estimate.h"

#include <math.h>

#include "util/parallel.h"

static double one_number(store_rows *r) {
    double v = store_next(r) ? store_real(r, 0) : (double)NAN;
    store_rows_end(r);
    return v;
}

double estimate_seconds(store *s, const plan *p) {
    double own = one_number(
        store_select(s, "SELECT avg(seconds) FROM run WHERE config_key = ? AND status = 'done'",
                     "t", p->config_key));
    if (isfinite(own)) return own;
    double rate = one_number(store_select(
        s,
        "SELECT avg(m.value * (SELECT sum(macs) FROM layer l WHERE l.run = m.run)) FROM metric m"
        " WHERE m.name = 'samples_per_second' AND m.run IN"
        " (SELECT r.id FROM run r JOIN environment e ON e.id = r.environment"
        "  WHERE r.status = 'done' AND e.threads = ? ORDER BY r.id DESC LIMIT 20)",
        "i", (int64_t)parallel_threads()));
    return (double)p->steps * (double)p->spec->data.batch * (double)p->macs / rate;
}
