/*
 * run/export_metadata.h - what stands beside the tensors, from GGUF to safetensors and back.
 *
 * GGUF has typed values, safetensors has texts. A string is its text; another value is its text
 * as JSON, and one text more, `gguf.types`, is a JSON object that has the type of each of these:
 * "u32", "bool", "array of string"; of an array of arrays the list of their types.
 */
#ifndef RUN_EXPORT_METADATA_H
#define RUN_EXPORT_METADATA_H

#include "io/gguf.h"

#define METADATA_TYPES "gguf.types"

/* For a GGUF file: the values of one, or the texts of another file as values. `retyped`: the
 * tensors get a type of their own, so general.file_type does not go along. A text that does not
 * fit its type goes along as a string, with a warning. */
gguf_value *metadata_values(const tensor_file *f, bool retyped, diags *d, int *n);
void metadata_values_free(const tensor_file *f, gguf_value *values, int n);

/* For a safetensors file of these tensors. A value that does not come back from its text, and the
 * largest ones where the header could not be read again with them, are left out, with a
 * warning that names them. */
named_text *metadata_texts(const tensor_file *f, bool retyped, const named_tensor *tensors,
                           int n_tensors, diags *d, int *n);
void metadata_texts_free(named_text *texts, int n);

#endif
