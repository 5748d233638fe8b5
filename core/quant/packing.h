/*
 * quant/packing.h - codes of a matrix through a packer plugin.
 *
 * A chunk is what one pack() call gets: a row, unless the packer prefers another
 * length; then chunks follow one another through the rows. A packer of variable
 * rate costs 4 more bytes a chunk for its length. Chunks are packed and unpacked on all
 * threads; the bytes do not depend on their number.
 */
#ifndef QUANT_PACKING_H
#define QUANT_PACKING_H

#include "host/instance.h"
#include "host/registry.h"

typedef struct packing {
    instance in;
    qb_packer_info info;
    const qb_packer *table;
    int32_t n_levels;
} packing;

/* The default packer where none was chosen: base3 for three levels, else bits. */
status packing_choose(const registry *r, int32_t n_levels, plugin_choice *packer, diags *d);

/* What is wrong with what init() filled in, or NULL. */
const char *packing_check_info(const qb_packer_info *i);

status packing_open(packing *p, const plugin_choice *c, int32_t n_levels, int32_t zero_code,
                    const place *at, diags *d);
void packing_close(packing *p);

/* The most bytes that the codes of a (rows, cols) matrix need; exact for a packer
 * of fixed rate. */
int64_t packing_bound(const packing *p, int64_t rows, int64_t cols);

/* Where codes come from, chunk by chunk: read() writes the codes [at, at + n), whole
 * chunks, to code[n] and is called on any thread, once for each code; false if there are
 * none, which ends the packing. */
typedef struct code_source {
    bool (*read)(void *arg, int64_t at, int64_t n, uint8_t *code);
    void *arg;
} code_source;

/* Packs the codes as a file has them into out[packing_bound()]: the chunks one after the
 * other, each filled up with zeros to a multiple of the packer's `align`; after the last
 * one, for a packer of variable rate, the lengths of the chunks as uint32 little endian.
 * *bytes: what was written; -1 if the source ended it, then no packer is blamed. With `check` each
 * chunk is unpacked again and compared. A packer that loses a code, or does not write as many bytes
 * as it promised, is an ERR_PLUGIN that names tensor and element. */
status packing_pack_from(const packing *p, const char *tensor, code_source from, int64_t rows,
                         int64_t cols, bool check, diags *d, uint8_t *out, int64_t *bytes);

/* The same of codes in memory, checked; free(*out). */
status packing_pack(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                    int64_t cols, diags *d, uint8_t **out, int64_t *bytes);
/* Only what they would take. */
status packing_measure(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                       int64_t cols, diags *d, int64_t *bytes);

/* What is wrong with `n_bytes` as the packed size of these codes, or NULL: to be
 * asked before memory for the codes is allocated. */
const char *packing_check_size(const packing *p, int64_t rows, int64_t cols, int64_t n_bytes);

/* Where codes go: write() gets the codes [at, at + n), whole chunks, on any thread, once
 * each code. */
typedef struct code_sink {
    void (*write)(void *arg, int64_t at, int64_t n, const uint8_t *code);
    void *arg;
} code_sink;

/* Back from bytes that may be damaged; packing_check_size() has passed. NULL, or what
 * is wrong; then *at is the first code of the chunk or the code. */
const char *packing_unpack_to(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                              int64_t cols, code_sink to, int64_t *at);
/* The same to memory. */
const char *packing_unpack(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                           int64_t cols, uint8_t *code, int64_t *at);

#endif
