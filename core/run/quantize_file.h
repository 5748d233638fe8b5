/*
 * run/quantize_file.h - post-training quantization of the tensors of a file.
 */
#ifndef RUN_QUANTIZE_FILE_H
#define RUN_QUANTIZE_FILE_H

#include "io/integrity.h"
#include "quant/metrics.h"
#include "spec/spec.h"

typedef struct quantize_job {
    const char *path;
    const char *tensors;         /* glob; NULL: all */
    const char *scheme, *packer; /* packer NULL: base3 for three levels, else bits */
    const char *const *settings; /* "bits=4": keys of a spec's `weights:` map */
    int n_settings;
    const char *const *packer_settings; /* "alignment=64": parameters of `packer` */
    int n_packer_settings;
    const char *codes_path, *meta_path, *dequant_path; /* .npy to write, NULL: not */
    const char *packed_path; /* packed file of the tensors to write, NULL: not */
    int parity;              /* of the packed file: io/integrity.h */
} quantize_job;

/* What came of one tensor. Borrowed during the call. */
typedef struct quantize_result {
    const char *tensor;
    const int64_t *shape;
    int n_dims;
    const quantizer *q;
    const char *packer;
    int64_t n_groups;
    const tensor_metrics *m;
    const char *codes_sha256;
} quantize_result;

typedef void (*quantize_visit_fn)(const quantize_result *r, void *arg);

/* Quantizes the tensors that match, one after the other. Errors in scheme and
 * settings are ERR_USAGE, in the file ERR_INPUT. */
status quantize_file(const quantize_job *j, const registry *r, quantize_visit_fn visit, void *arg,
                     diags *d);

#endif
