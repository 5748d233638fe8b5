/*
 * tests/support/formats.h - valid files of every kind that the program reads, drawn by a seed,
 * and small changes that make hostile ones of them. Not of Criterion: the fuzzers use it too.
 */
#ifndef TESTS_SUPPORT_FORMATS_H
#define TESTS_SUPPORT_FORMATS_H

#include <stdint.h>

#include "util/str.h"

/* A random sequence that a seed decides (SplitMix64). */
typedef struct dice {
    uint64_t state;
} dice;
uint64_t dice_bits(dice *r);
/* One of 0 .. n - 1. */
uint32_t dice_roll(dice *r, uint32_t n);

/* Appends a valid file. */
void make_npy(dice *r, strbuf *out);
void make_npz(dice *r, strbuf *out);
void make_idx(dice *r, strbuf *out);
void make_csv(dice *r, strbuf *out);
void make_safetensors(dice *r, strbuf *out);
void make_gguf(dice *r, strbuf *out);
void make_yaml(dice *r, strbuf *out);
void make_elf(dice *r, strbuf *out);

/* Changes an integer (of any width, of either order, in digits), a bit, or where something stands
 * and ends. */
void change_bytes(dice *r, strbuf *b);

/* The header of an NPY file, a literal. */
#define NPY_DICT(descr, shape)                                                                     \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }\n"

/* A file of that format with this in it, right or wrong. */
void npy_file(strbuf *out, const char *header, const void *data, size_t n);
void safetensors_file(strbuf *out, const char *header, const void *data, size_t n);

/* An archive, member by member: what is wrong with one is said here. */
typedef struct zip_member {
    const char *name;
    size_t name_bytes; /* 0: strlen */
    const void *data;
    size_t n;
    int method;            /* 0 stored, 8 deflated; others: stored, but said to be that */
    unsigned flags;        /* 1: encrypted, it says */
    const uint32_t *size;  /* it says, if not NULL; in both headers */
    const uint32_t *local; /* size in the local header alone */
    const uint32_t *crc;
    const uint32_t *offset;
} zip_member;
void zip_file(strbuf *out, const zip_member *members, int n);
/* Appends data as a gzip member. */
void gzip_bytes(strbuf *out, const void *data, size_t n);

void put_le(strbuf *b, uint64_t v, int bytes);
void put_be(strbuf *b, uint64_t v, int bytes);

#endif
