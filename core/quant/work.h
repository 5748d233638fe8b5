/*
 * quant/work.h - one tensor at work: what quantizer.c and pipeline.c do with a tile on any
 * thread, and what they say when something is wrong with it.
 */
#ifndef QUANT_WORK_H
#define QUANT_WORK_H

#include "quant/quantizer.h"

typedef struct quant_work {
    const quantizer *q;
    layout l;
    const float *x; /* of the whole tensor, as what follows */
    float *meta;
    uint64_t key;
    /* the first trouble in tensor order, so that the message is the same for any
     * number of threads: element of a NaN; metadata entry that cannot be kept; group
     * whose levels are not finite */
    _Atomic int64_t bad_element, bad_meta, bad_group;
} quant_work;

void work_open(quant_work *w, const quantizer *q, const float *x, int64_t rows, const float *meta,
               uint64_t key);

/* NaN and infinity never enter a plugin that has not said QB_SHOWS_NONFINITE, nor a kernel
 * that has no use for them: false if there are some. */
bool work_is_finite(quant_work *w, int64_t at, int64_t n);
/* Metadata of the tile's groups in their stored form, from numbers that are finite as far as
 * the scheme needs it; false if there is trouble. */
bool work_fit(quant_work *w, const tile *t);
/* The same with a look at the numbers before, if the scheme needs it. */
bool work_check_and_fit(quant_work *w, const tile *t);
/* A tile of small groups or a piece of one group, at most PIECE_MAX elements: its codes,
 * and back. */
void work_encode(const quant_work *w, const tile *p, uint8_t *code);
void work_decode(const quant_work *w, const tile *p, const uint8_t *code, float *y);
/* What the codes are decoded to. */
void work_fake(const quant_work *w, const tile *p, float *y);

/* The first trouble in words; none: OK. */
status work_verdict(const quant_work *w, diags *d);

/* Keeps the smaller of *first and i. */
void note_first(_Atomic int64_t *first, int64_t i);

#endif
