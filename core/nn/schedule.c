#include "nn/schedule.h"

#include <math.h>

double schedule_value(const schedule *s, double base, int64_t step, int64_t steps) {
    if (step < s->warmup) return base * (double)step / (double)s->warmup;
    if (s->type == SCHEDULE_CONSTANT) return base;
    double left = (double)(steps - s->warmup), at = (double)(step - s->warmup);
    double t = left > 0 && at < left ? at / left : 1;
    return s->final + 0.5 * (base - s->final) * (1 + cos(3.14159265358979323846 * t));
}
