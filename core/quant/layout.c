#include "quant/layout.h"

const char *granularity_name(granularity g) {
    static const char *const name[] = {"own", "tensor", "channel", "group", "token"};
    return name[g];
}

layout layout_of(granularity g, int64_t group_size, int64_t rows, int64_t cols) {
    layout l = {.rows = rows, .cols = cols, .full = 1};
    switch (g) {
    case GRANULARITY_GROUP:
        l.group = group_size < cols ? group_size : cols;
        l.full = cols / l.group;
        l.tail = cols % l.group;
        break;
    case GRANULARITY_CHANNEL:
    case GRANULARITY_TOKEN: l.group = cols; break;
    default: /* the whole tensor: as if it were one row */
        l.rows = 1;
        l.cols = l.group = rows * cols;
    }
    return l;
}

static int64_t groups_of_row(const layout *l) { return l->full + (l->tail > 0); }

int64_t layout_groups(const layout *l) { return l->rows * groups_of_row(l); }

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Full groups in a tile. */
static int64_t tile_groups(const layout *l) {
    return l->group < PIECE_MAX ? PIECE_MAX / l->group : 1;
}

/* Without a tail all groups follow one another and a tile may cross rows; with
 * one, each row has its own tiles and a last one that is the tail. */
static int64_t tiles_of_row(const layout *l) { return ceil_div(l->full, tile_groups(l)) + 1; }

int64_t layout_tiles(const layout *l) {
    if (l->tail > 0) return l->rows * tiles_of_row(l);
    return ceil_div(layout_groups(l), tile_groups(l));
}

static tile full_groups(const layout *l, int64_t i, int64_t available) {
    int64_t first = i * tile_groups(l), left = available - first;
    return (tile){.at = first * l->group,
                  .groups = left < tile_groups(l) ? left : tile_groups(l),
                  .n = l->group,
                  .group = first};
}

tile layout_tile(const layout *l, int64_t i) {
    if (l->tail == 0) return full_groups(l, i, layout_groups(l));
    int64_t per_row = tiles_of_row(l), row = i / per_row, k = i % per_row;
    tile t = {.at = l->full * l->group, .groups = 1, .n = l->tail, .group = l->full};
    if (k < per_row - 1) t = full_groups(l, k, l->full);
    t.at += row * l->cols;
    t.group += row * groups_of_row(l);
    return t;
}

int64_t tile_pieces(const tile *t) {
    return t->groups > 1 || t->n <= PIECE_MAX ? 1 : ceil_div(t->n, PIECE_MAX);
}

tile tile_piece(const tile *t, int64_t i) {
    if (tile_pieces(t) == 1) return *t;
    int64_t from = i * PIECE_MAX, left = t->n - from;
    return (tile){.at = t->at + from,
                  .groups = 1,
                  .n = left < PIECE_MAX ? left : PIECE_MAX,
                  .group = t->group};
}

tile layout_next(const layout *l, int64_t at, int64_t end) {
    int64_t row = at / l->cols, in_row = at % l->cols, full = l->full * l->group;
    int64_t of_row = row * groups_of_row(l), left;
    if (in_row >= full) {
        left = l->cols - in_row;
        return (tile){at, 1, left < end - at ? left : end - at, of_row + l->full};
    }
    tile t = {.at = at, .groups = 1, .group = of_row + in_row / l->group};
    left = l->group - in_row % l->group;
    t.n = left < end - at ? left : end - at;
    if (t.n < l->group) return t;
    int64_t last = l->tail > 0 && end > at - in_row + full ? at - in_row + full : end;
    t.groups = (last - at) / l->group;
    if (t.groups > tile_groups(l)) t.groups = tile_groups(l);
    return t;
}
