/*
 * tests/kernels/check.h - a kernel of one level against that of scalar.c, bit for bit.
 *
 * Buffers lie between unmapped pages. Outputs are poisoned, and what lies around them must
 * still be poison afterwards. A case is a function of (kernel, variant, n, at, data, seed),
 * so the line that a failure prints repeats it.
 */
#ifndef TESTS_KERNELS_CHECK_H
#define TESTS_KERNELS_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "simd/kernels.h"

typedef enum check_data {
    DATA_UNIFORM, /* -1..1                                         */
    DATA_DYADIC,  /* eighths: sums are exact                       */
    DATA_TIES,    /* halves of integers                            */
    DATA_EXTREME, /* both signs, exponents from -30 to 30          */
    DATA_ZEROS,   /* zeros of both signs, few other numbers        */
    DATA_EQUAL,   /* one number                                    */
    DATA_KINDS
} check_data;

/* Where a buffer lies: behind an unmapped page and `at` elements, or, AT_END, so that it
 * ends where an unmapped page begins. */
enum { AT_END = -1, AT_LAST = 15 };

typedef struct check_case {
    int variant; /* of the kernel: a width, a way to round ... */
    int64_t n;
    int at;
    check_data data;
    uint64_t seed;
} check_case;

enum { CHECK_BUFFERS = 12 };

typedef struct check_buffer {
    uint8_t *map, *begin; /* begin: of the case */
    int64_t bytes;        /* of the case        */
} check_buffer;

/* What a generator uses. It takes its buffers in a fixed order, fills the inputs, calls the
 * kernel of k with them and the outputs. */
typedef struct check_call {
    const check_case *c;
    const kernels *k;
    check_buffer *buffers; /* CHECK_BUFFERS inputs, then as many outputs, then the room */
    int n_in, n_out;
    uint64_t drawn; /* random numbers taken so far */
} check_call;

typedef struct check_generator {
    void (*run)(check_call *c);
    int variants;
    bool may_be_empty; /* n may be 0 */
    bool blocks;       /* works by blocks of KERNEL_BLOCK: longer vectors too */
} check_generator;

typedef struct check_kernel {
    const char *name;
    const check_generator *inputs;
} check_kernel;

extern const check_kernel check_kernels[];
extern const int check_n_kernels;

void *check_in(check_call *c, int64_t count, int64_t size);
void *check_out(check_call *c, int64_t count, int64_t size);
/* What a level keeps for itself between two calls: guarded, but not compared. At most one. */
void *check_room(check_call *c, int64_t count, int64_t size);
uint32_t check_draw(check_call *c); /* 32 random bits */
const char *check_data_name(check_data d);

/* True if kernel `which` of the level k has the results of scalar.c in this case; else
 * `why` says what differs. */
bool check_one(int which, const kernels *k, const check_case *c, char *why, size_t size);

/* The text of amx.c on tiles in plain C; only what it defines. */
extern const kernels check_amx_model;

typedef struct check_plan {
    int64_t n_small, n_random; /* every n up to n_small; random vectors of 1 to 5,000 */
    int at_step;               /* of the offsets */
    bool few_large;            /* one size each around 4096 and the blocks, not 5 and 4 */
    bool report;               /* print the first failure of each kernel */
    const char *again;         /* what to type before the words that repeat it */
} check_plan;

typedef struct check_count {
    int64_t cases, failures;
} check_count;

/* All cases of one kernel at one level; stops at the first failure. */
check_count check_all(int which, const kernels *k, const check_plan *plan);

/* Memory around the buffers can be read, though not written: for an emulator whose masked
 * loads touch what they mask. Before the first case. */
void check_free_reads(void);

/* Kernels that are wrong on purpose. */
typedef struct broken_kernel {
    const char *what, *kernel;
    void (*put)(kernels *k); /* replaces the kernel */
} broken_kernel;
extern const broken_kernel broken_kernels[];
extern const int n_broken_kernels;
/* Are they found? */
bool check_catches(const broken_kernel *b, const check_plan *plan);

#endif
