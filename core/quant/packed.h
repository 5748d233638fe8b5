/*
 * quant/packed.h - reading packed files: quantized tensors as codes and metadata,
 * with what is needed to decode them (writing: packed_writer.h). The format is
 * described in quant/README.md.
 *
 * Opening checks everything that needs no plugin: sizes against the bytes that are
 * there, with checked arithmetic. Decoding goes through the scheme's own quantizer
 * with the stored metadata, so it gives the bits that fake quantization gives.
 * Errors: ERR_INPUT names file and tensor; ERR_PLUGIN a scheme or packer that is
 * missing or of another major version.
 */
#ifndef QUANT_PACKED_H
#define QUANT_PACKED_H

#include "host/registry.h"
#include "io/tensor_file.h"
#include "quant/quantizer.h"
#include "util/json.h"

enum { PACKED_VERSION = 1 };
#define PACKED_FORMAT "quantbench.packed"
#define PACKED_TENSOR "tensor:"       /* key of a quantized tensor: tensor:fc1.weight */
#define PACKED_QUANTIZER "quantizer:" /* key of an activation: quantizer:fc1.input */

/* Names in files, NULL-terminated, by their enums. */
extern const char *const *const packed_granularities,
    *const *const packed_roundings, *const *const packed_scale_dtypes, *const *const packed_raggeds;

/* Strings and JSON of what follows are the file's. */
typedef struct packed_plugin {
    const char *name, *version; /* of the plugin that wrote */
    const json_t *params;       /* name: value, as a user would write it */
} packed_plugin;

typedef struct packed_quantizer {
    packed_plugin scheme;
    granularity granularity; /* as resolved */
    int64_t group_size;
    bool ragged_short;
    scale_dtype scale_dtype;
    rounding round;
    int n_levels, zero_code;
} packed_quantizer;

/* One tensor as a user sees it. */
typedef struct packed_tensor {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t n, rows, cols;
    int64_t bytes;             /* stored: codes and metadata, or the floats */
    const tensor_entry *plain; /* not quantized; the rest is then absent */
    packed_quantizer how;
    packed_plugin packer;
    const tensor_entry *codes;
    const json_t *meta; /* name: stored form, in the order of the scheme */
    int64_t n_groups;
} packed_tensor;

typedef struct packed_site {
    const char *name; /* "fc1.input" */
    packed_quantizer how;
} packed_site;

typedef struct packed_file {
    tensor_file f;
    packed_tensor *tensors; /* by name */
    int n;
    packed_site *sites; /* by name */
    int n_sites;
    json_t **descriptions; /* bookkeeping */
    int n_descriptions;
} packed_file;

/* Is an open safetensors file a packed one? */
bool packed_is(const tensor_file *f);

/* Reads what an open file has, and takes the file. */
status packed_read(packed_file *p, tensor_file *f, diags *d);
void packed_close(packed_file *p);

/* NULL if there is none. */
const packed_tensor *packed_find(const packed_file *p, const char *name);
const packed_site *packed_find_site(const packed_file *p, const char *name);

/* The quantizer's configuration, of installed plugins; it borrows from the file. */
status packed_config(const packed_file *p, const char *name, const packed_quantizer *how,
                     const registry *r, diags *d, quant_config *config);
/* Has the opened quantizer the levels that the file speaks of? */
status packed_check_levels(const packed_file *p, const packed_quantizer *how, const quantizer *q,
                           diags *d);

/* A quantized tensor as its file has it. */
typedef struct packed_codes {
    quantizer q;
    uint8_t *code; /* (rows, cols) */
    float *meta;   /* (groups, n_meta); what is not stored is 0 */
} packed_codes;

/* t->plain is NULL. The quantizer borrows from the file. */
status packed_read_codes(const packed_file *p, const packed_tensor *t, const registry *r, diags *d,
                         packed_codes *c);
void packed_codes_close(packed_codes *c);

/* The tensor's values, decoded; free(*x), which is not set or NULL after an error. */
status packed_floats(const packed_file *p, const packed_tensor *t, const registry *r, diags *d,
                     float **x);

/* "bits=4 symmetric=true"; append to b. */
void packed_print_params(const packed_plugin *g, strbuf *b);

#endif
