/*
 * run/pack_model.h - a network as a packed file, and back: quantized weights as codes
 * and metadata, the others and the biases as floats, and in the texts what the file
 * alone needs to be evaluated (core/quant/README.md). Latent weights are another file.
 */
#ifndef RUN_PACK_MODEL_H
#define RUN_PACK_MODEL_H

#include "plan/plan.h"
#include "quant/packed.h"

/* Writes the network of a plan as evaluation sees it. sha256, bytes: of the file. */
status pack_model(model *m, const plan *p, const char *path, diags *d, char sha256[HASH_HEX],
                  int64_t *bytes);

typedef struct packed_model {
    packed_file file; /* the model borrows from it */
    model_config config;
    double mean, std; /* of the input: x = (pixel - mean) / std */
    model m;          /* weights decoded; cannot be trained */
    int64_t weights, weight_bytes;
} packed_model;

/* Builds the network of an open packed file (taken, also on failure). batch: the
 * most rows of a pass. */
status packed_model_open(packed_model *o, packed_file *file, const registry *r, int64_t batch,
                         diags *d);
void packed_model_close(packed_model *o);

/* What the file says of its network, as a line for people: "mlp 784-256-10, rmsnorm,
 * no biases"; NULL: a file of tensors alone. free() */
char *packed_model_describe(const packed_file *file);

#endif
