/*
 * quant/packed_writer.h - writing packed files (reading, and the idea: packed.h; the
 * format: quant/README.md). Equal content gives equal bytes.
 */
#ifndef QUANT_PACKED_WRITER_H
#define QUANT_PACKED_WRITER_H

#include "io/safetensors.h"
#include "quant/pipeline.h"
#include "util/arena.h"

typedef struct packed_writer {
    arena a;
    named_tensor *tensors;
    named_text *texts;
    int n_tensors, n_texts;
    void **owned; /* packed codes */
    int n_owned;
} packed_writer; /* zeroed is empty */

void packed_writer_fini(packed_writer *w);

/* A quantized tensor, as quant_pack() makes it, checked: its metadata in their stored form
 * and its bytes, which are taken (packed->bytes becomes NULL). */
void packed_add_tensor(packed_writer *w, const char *name, const int64_t *shape, int n_dims,
                       const quantizer *q, const packing *k, quant_packed *packed);
/* A tensor that stays float; x is borrowed until packed_write(). */
void packed_add_floats(packed_writer *w, const char *name, const int64_t *shape, int n_dims,
                       const float *x);
/* How an activation is quantized. */
void packed_add_site(packed_writer *w, const quantizer *q);
void packed_add_text(packed_writer *w, const char *key, const char *value);

/* parity: blocks of parity a stripe, 0 .. INTEGRITY_MAX_PARITY (io/integrity.h), or
 * PACKED_UNCHECKED for a file without checks. sha256: of the file. */
enum { PACKED_UNCHECKED = -1 };
status packed_write(packed_writer *w, const char *path, int parity, diags *d, char sha256[65],
                    int64_t *bytes);

#endif
