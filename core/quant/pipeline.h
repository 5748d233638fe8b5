/*
 * quant/pipeline.h - a tensor through scheme and packer: floats to metadata and packed
 * bytes, and back.
 *
 * Tile by tile: what the scheme makes of a tile is packed while it is in the cache, and what
 * was unpacked is decoded there. The codes of the whole tensor are never needed; who wants
 * them gets them on the way. Results do not depend on tiles or threads.
 */
#ifndef QUANT_PIPELINE_H
#define QUANT_PIPELINE_H

#include "quant/packing.h"
#include "quant/quantizer.h"

/* What becomes of a tensor (rows, q->cols). */
typedef struct quant_packed {
    float *meta;    /* (groups, n_meta)                       */
    uint8_t *bytes; /* packing_bound(), as a file has them    */
    int64_t n_bytes;
    uint8_t *code; /* (rows, cols), if wanted; else NULL      */
} quant_packed;

/* Memory for it: ERR_RESOURCE names the site. */
status quant_packed_open(quant_packed *o, const quantizer *q, const packing *p, int64_t rows,
                         bool with_codes, diags *d);
void quant_packed_close(quant_packed *o);

/* Fits, encodes and packs. key 0: evaluation. check: what the packer wrote is unpacked again
 * and compared, as for everything that goes into a file. Errors: those of quantizer_fit()
 * and packing_pack(). */
status quant_pack(const quantizer *q, const packing *p, const float *x, int64_t rows, uint64_t key,
                  bool check, diags *d, quant_packed *o);

/* Unpacks and decodes bytes that may be damaged; packing_check_size() has passed. NULL, or
 * what is wrong; then *at is the code, -1 for the tensor as a whole. */
const char *quant_unpack(const quantizer *q, const packing *p, const uint8_t *bytes,
                         int64_t n_bytes, int64_t rows, const float *meta, float *y, int64_t *at);

#endif
