#include "io/erasure.h"

#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

uint32_t crc32c(const void *data, int64_t n) {
    const int most = 1 << 30; /* ISA-L counts in int */
    unsigned char *p = (unsigned char *)(uintptr_t)data;
    uint32_t crc = 0xFFFFFFFF;
    for (int64_t left = n; left > 0; left -= most, p += most)
        crc = crc32_iscsi(p, left < most ? (int)left : most, crc);
    return ~crc;
}

/* Of all blocks: row i < n is that of data block i, row n + r of parity block r. */
static uint8_t *make_matrix(int n, int parity) {
    uint8_t *a = mem_calloc((size_t)((n + parity) * n), 1);
    gf_gen_cauchy1_matrix(a, n + parity, n);
    return a;
}

/* out = matrix (rows, n) times the blocks `from`. */
static void multiply(const uint8_t *matrix, int rows, uint8_t *const *from, int n,
                     uint8_t *const *out, int bytes) {
    uint8_t *tables = mem_aligned((size_t)(32 * n * rows));
    ec_init_tables(n, rows, (uint8_t *)(uintptr_t)matrix, tables);
    ec_encode_data(bytes, n, rows, tables, (uint8_t **)(uintptr_t)from, (uint8_t **)(uintptr_t)out);
    free(tables);
}

void erasure_encode(uint8_t *const *data, int n, uint8_t *const *out, int parity, int bytes) {
    if (parity == 0) return;
    uint8_t *a = make_matrix(n, parity);
    multiply(a + n * n, parity, data, n, out, bytes);
    free(a);
}

typedef struct losses {
    int data[ERASURE_PARITY], rows[ERASURE_PARITY]; /* lost blocks; parity to make them of */
    int n;
} losses;

/* False if there is too little parity. */
static bool find_losses(const bool *lost, int n, int parity, losses *l) {
    int all = 0, usable = 0;
    *l = (losses){0};
    for (int i = 0; i < n + parity; i++) all += lost[i];
    if (all > parity) return false;
    for (int i = 0; i < n; i++)
        if (lost[i]) l->data[l->n++] = i;
    for (int r = 0; r < parity && usable < l->n; r++)
        if (!lost[n + r]) l->rows[usable++] = r;
    return true;
}

/* The equations that the lost blocks fulfil, solved: (l->n, l->n). */
static void invert(const uint8_t *matrix, int n, const losses *l, uint8_t *inverse) {
    uint8_t square[ERASURE_PARITY * ERASURE_PARITY];
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < l->n; k++)
            square[i * l->n + k] = matrix[(n + l->rows[i]) * n + l->data[k]];
    gf_invert_matrix(square, inverse, l->n);
}

bool erasure_restore(uint8_t *const *block, const bool *lost, int n, int parity, int bytes) {
    losses l;
    if (!find_losses(lost, n, parity, &l)) return false;
    if (l.n == 0) return true;
    uint8_t *a = make_matrix(n, parity), *sums = mem_aligned((size_t)(l.n * bytes)),
            inverse[ERASURE_PARITY * ERASURE_PARITY];
    uint8_t *sum[ERASURE_PARITY], *to[ERASURE_PARITY], *rows = mem_calloc((size_t)(l.n * n), 1);
    for (int i = 0; i < l.n; i++) {
        memset(block[l.data[i]], 0, (size_t)bytes);
        memcpy(rows + i * n, a + (n + l.rows[i]) * n, (size_t)n);
        sum[i] = sums + i * bytes, to[i] = block[l.data[i]];
    }
    multiply(rows, l.n, block, n, sum, bytes); /* what the other data blocks come to */
    for (int i = 0; i < l.n; i++)
        for (int k = 0; k < bytes; k++) sum[i][k] ^= block[n + l.rows[i]][k];
    invert(a, n, &l, inverse);
    multiply(inverse, l.n, sum, l.n, to, bytes);
    free(a);
    free(sums);
    free(rows);
    return true;
}
