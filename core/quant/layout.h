/*
 * quant/layout.h - how a matrix is cut: into groups that share metadata, and into
 * tiles that stay in L1.
 *
 * Groups never cross rows (one that is the whole tensor apart) and follow one
 * another in memory, so group i of a layout has metadata row i.
 */
#ifndef QUANT_LAYOUT_H
#define QUANT_LAYOUT_H

#include <stdint.h>

typedef enum granularity {
    GRANULARITY_OWN = 0, /* the scheme's own */
    GRANULARITY_TENSOR,
    GRANULARITY_CHANNEL, /* one group for each row                          */
    GRANULARITY_GROUP,   /* group_size columns of a row, the last one shorter */
    GRANULARITY_TOKEN,   /* as channel; the row is a token                  */
} granularity;

const char *granularity_name(granularity g);

typedef struct layout {
    int64_t rows, cols;
    int64_t group; /* elements of a full group                       */
    int64_t full;  /* full groups of a row; 1 for the whole tensor   */
    int64_t tail;  /* elements of the row's last, shorter group or 0 */
} layout;

/* `groups` groups of n elements from element `at` on, whose metadata begins at
 * row `group`. */
typedef struct tile {
    int64_t at, groups, n, group;
} tile;

layout layout_of(granularity g, int64_t group_size, int64_t rows, int64_t cols);
int64_t layout_groups(const layout *l);

/* Tiles of whole groups, about 4096 elements or one group. */
int64_t layout_tiles(const layout *l);
tile layout_tile(const layout *l, int64_t i);

/* Pieces of a tile for elementwise work: at most 4096 elements. A piece is the
 * whole groups of a small tile or a part of one large group. */
enum { PIECE_MAX = 4096 };
int64_t tile_pieces(const tile *t);
tile tile_piece(const tile *t, int64_t i);

/* What comes first of the elements [at, end): whole groups that follow one another, as many
 * as a piece has, or a longer group as a whole; where `at` or `end` is within a group, that
 * part of it. */
tile layout_next(const layout *l, int64_t at, int64_t end);

#endif
