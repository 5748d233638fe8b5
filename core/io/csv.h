/*
 * io/csv.h - writing a tensor as numbers separated by commas.
 */
#ifndef IO_CSV_H
#define IO_CSV_H

#include "io/tensor_file.h"

/* One line for each row of tensor_entry_matrix(); the shortest decimals that read back as
 * the same float32, or float64 and integers if the tensor has them. */
status csv_write(const char *path, const named_tensor *t, diags *d);

#endif
