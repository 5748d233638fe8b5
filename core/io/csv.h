/*
 * io/csv.h - numbers separated by commas: tables that are read, tensors that are written.
 */
#ifndef IO_CSV_H
#define IO_CSV_H

#include "io/tensor_file.h"

/* One line for each row of tensor_entry_matrix(); the shortest decimals that read back as
 * the same float32, or float64 if the tensor has them, and integers with all their digits. */
status csv_write(const char *path, const named_tensor *t, diags *d);

/* A table of numbers. */
typedef struct csv_table {
    int64_t rows, cols;
    char **names; /* (cols) of the columns; NULL: the file has none */
    float *x;     /* (rows, cols) */
} csv_table;

/* Lines of numbers separated by commas, all of the same number of columns, the first one may
 * name them: it does if one of its fields is no number. Numbers are decimal and finite
 * (str_to_real(), whatever the locale), rounded to float32; blanks around them and quotes are
 * fine. Lines end with LF, CR LF or CR; empty ones may stand at the end alone. A UTF-8 byte order
 * mark is skipped. Errors are ERR_INPUT and name file, line and column. csv_free() */
status csv_read(const char *path, diags *d, csv_table *t);
/* The same of n bytes in memory, behind which is a NUL; `path` is for messages. */
status csv_parse(const char *path, const char *bytes, int64_t n, diags *d, csv_table *t);
void csv_free(csv_table *t);

#endif
