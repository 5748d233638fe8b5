/*
 * The tiles of AMX in plain C, and on them the text of amx.c: so all of it but the
 * instructions themselves is checked on any CPU.
 */
#include "kernels/check.h"

#include <stdlib.h>
#include <string.h>

static uint8_t tiles[8][16][64];
static int configured;

static void tile_load(int t, const void *from, int64_t stride) {
    if (!configured) abort();
    for (int r = 0; r < 16; r++) memcpy(tiles[t][r], (const uint8_t *)from + r * stride, 64);
}

static void tile_store(int t, void *to, int64_t stride) {
    if (!configured) abort();
    for (int r = 0; r < 16; r++) memcpy((uint8_t *)to + r * stride, tiles[t][r], 64);
}

/* The manual's TDPBUSD, Intel SDM volume 2. */
static void tile_dot(int c, int a, int b) {
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            uint32_t sum;
            memcpy(&sum, &tiles[c][m][4 * n], sizeof sum);
            for (int k = 0; k < 16; k++)
                for (int i = 0; i < 4; i++)
                    sum += (uint32_t)(tiles[a][m][4 * k + i] * (int8_t)tiles[b][k][4 * n + i]);
            memcpy(&tiles[c][m][4 * n], &sum, sizeof sum);
        }
}

/* 64 bytes: palette, first row, 14 reserved; bytes of a row of 16 tiles; rows of 16 tiles. */
static void tile_configure(const void *config) {
    const uint8_t *p = config;
    bool fine = !configured && p[0] == 1;
    for (int i = 1; i < 16; i++) fine &= p[i] == 0;
    for (int t = 0; t < 16; t++) {
        int row_bytes = p[16 + 2 * t] | p[17 + 2 * t] << 8, rows = p[48 + t];
        fine &= t < 8 ? row_bytes == 64 && rows == 16 : row_bytes == 0 && rows == 0;
    }
    if (!fine) abort();
    configured = 1;
    memset(tiles, 0, sizeof tiles);
}

static void tile_release(void) {
    if (!configured) abort();
    configured = 0;
}

#define TILE_CONFIGURE tile_configure
#define TILE_RELEASE tile_release
#define TILE_LOAD tile_load
#define TILE_STORE tile_store
#define TILE_DOT tile_dot
#define AMX_FN(name) model_##name
#define AMX_BELOW kernels_scalar
#define AMX_CODES kernels_scalar

#include "simd/amx.inc"

_Static_assert(sizeof(tile_config) == 64, "ldtilecfg reads 64 bytes");

const kernels check_amx_model = {.level = "amx",
                                 .linear_arrange = model_linear_arrange,
                                 .linear_sums = model_linear_sums,
                                 .linear_product = model_linear_product};
