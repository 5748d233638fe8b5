/*
 * What the checks of packed files cost: throughput of CRC32C, of writing and comparing
 * an area, of a repair, and the bytes that they add. Medians; nothing depends on them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/integrity.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/summary.h"

enum { TURNS = 11 };

typedef struct work {
    integrity g;
    uint8_t *file;
} work;

static void take_crc(work *w) {
    volatile uint32_t crc = crc32c(w->file, w->g.payload);
    (void)crc;
}
static void write_area(work *w) { integrity_write(&w->g, w->file); }
static void compare(work *w) {
    integrity_report r;
    integrity_check(w->file, w->g.total, &r);
    if (!integrity_fine(&r)) abort();
    integrity_report_fini(&r);
}
static void repair(work *w) {
    integrity_report r;
    w->file[w->g.payload / 2] ^= 1;
    integrity_check(w->file, w->g.total, &r);
    uint8_t *image = integrity_restore(w->file, &r);
    if (image == NULL) abort();
    w->file[w->g.payload / 2] ^= 1;
    free(image);
    integrity_report_fini(&r);
}

/* Median seconds; small files are done many times over. */
static double measure(void (*f)(work *w), work *w) {
    double t[TURNS];
    int64_t times = 1 + ((int64_t)8 << 20) / w->g.payload;
    for (int i = 0; i < TURNS; i++) {
        double start = clock_seconds();
        for (int64_t k = 0; k < times; k++) f(w);
        t[i] = (clock_seconds() - start) / (double)times;
    }
    return summary_median(t, TURNS);
}

static void line(int64_t payload, int parity) {
    work w = {.g = integrity_of(payload, parity)};
    w.file = mem_aligned((size_t)w.g.total);
    for (int64_t i = 0; i < payload; i++) w.file[i] = (uint8_t)(i * 2654435761u >> 13);
    integrity_write(&w.g, w.file);
    double gb = (double)payload / 1e9, check = measure(compare, &w);
    double crc = measure(take_crc, &w), area = measure(write_area, &w);
    printf("%9" PRId64 " %6d %8.2f %9.1f %9.1f %9.1f %10.2f", payload, parity,
           100 * (double)(w.g.total - payload) / (double)payload, gb / crc, gb / area, gb / check,
           1e6 * check);
    if (parity > 0) printf(" %10.1f", 1e6 * measure(repair, &w));
    printf("\n");
    free(w.file);
}

int main(void) {
    const int64_t sizes[] = {11490, 131072, 1 << 20, 256 << 20};
    const int parities[] = {0, 2, 4};
    printf("%9s %6s %8s %9s %9s %9s %10s %10s\n", "payload", "parity", "added %", "CRC GB/s",
           "area GB/s", "vrfy GB/s", "verify us", "repair us");
    for (int i = 0; i < 12; i++) line(sizes[i / 3], parities[i % 3]);
    return 0;
}
