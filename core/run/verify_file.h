/*
 * run/verify_file.h - is a packed file as it was written, and making it so again.
 */
#ifndef RUN_VERIFY_FILE_H
#define RUN_VERIFY_FILE_H

#include "io/integrity.h"
#include "util/err.h"

/* A damaged block. */
typedef struct verify_block {
    const char *kind; /* "data" (what the file is there for), "parity" or "record"; "missing": all
                       * bytes behind the end of a file that is cut off, its checks too */
    int64_t offset, bytes;
    int64_t stripe;      /* -1: a record, which is in none */
    int64_t first, last; /* offsets of damaged bytes; -1: only restoring could tell */
    char **names; /* "header", "unknown tensors" (it cannot be read) and tensors that the block has
                   * bytes of; of those between first and last where they are known */
    int n_names;
} verify_block;

typedef struct verify_result {
    integrity g;     /* zeros: no checks were found */
    int64_t present; /* bytes that there are; g.total is what there should be */
    bool fine, repaired;
    bool whole; /* header and data are; what is damaged is parity or checks */
    verify_block *blocks;
    int n_blocks;
    int64_t beyond; /* stripes beyond repair; the records count as one */
} verify_result;

/* Compares the file with its checks. Not as it was written, or without checks: ERR_INPUT; a
 * warning where only parity or checks are damaged.
 * repair: restores it, atomically and with its mode; where that cannot be done, not a
 * byte is changed. verify_result_fini() always. */
status verify_file(const char *path, bool repair, verify_result *out, diags *d);
void verify_result_fini(verify_result *r);

#endif
