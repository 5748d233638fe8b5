/*
 * io/integrity.h - finding and repairing damage of a file: a CRC32C of each block and
 * Reed-Solomon parity, in an area behind the file's own bytes (the payload). What the
 * area looks like is described in core/quant/README.md; safetensors files have it as
 * their last tensor. The area is found from the file's end or any record that is left,
 * never through the payload's header.
 */
#ifndef IO_INTEGRITY_H
#define IO_INTEGRITY_H

#include <stdbool.h>
#include <stdint.h>

#include "io/erasure.h"

enum {
    INTEGRITY_BLOCK = 4096,
    INTEGRITY_STRIPE = ERASURE_DATA, /* blocks of the payload in a stripe, at most */
    INTEGRITY_MAX_PARITY = ERASURE_PARITY,
    INTEGRITY_PARITY = 2 /* of files that are written, unless told otherwise */
};
#define INTEGRITY_TENSOR "__integrity__"

/* Everything follows from the first two. */
typedef struct integrity {
    int64_t payload; /* bytes */
    int parity;      /* blocks of parity of a stripe, and of records */
    int64_t blocks;  /* of the payload; the last may be short */
    int64_t stripes; /* block i is in stripe i mod stripes */
    int records;     /* with pieces of the table of CRCs, then `parity` more */
    int64_t piece;   /* bytes of a piece */
    int64_t total;   /* bytes of the file */
} integrity;

integrity integrity_of(int64_t payload, int parity);

/* Fills the area: bytes holds g->total, of which the payload is there. */
void integrity_write(const integrity *g, uint8_t *bytes);

typedef enum block_kind { BLOCK_PAYLOAD, BLOCK_PARITY, BLOCK_RECORD } block_kind;

typedef struct damaged_block {
    block_kind kind;
    int64_t index;  /* among those of its kind */
    int64_t stripe; /* -1: of a record */
    int64_t offset, bytes;
} damaged_block;

typedef struct integrity_report {
    bool found; /* there is an area; else the rest is empty */
    integrity g;
    int64_t present;     /* bytes that there are; g.total is what there should be */
    damaged_block *list; /* by kind, then by position */
    int64_t n;
    int64_t beyond;     /* stripes that lost more blocks than they have parity; the
                         * records count as one */
    int64_t worst;      /* the first of them; -1: the records */
    int64_t worst_lost; /* how many blocks it lost */
    uint32_t *crc;      /* of the payload's blocks, then of the parity blocks */
    int64_t unknown;    /* of them, those that were lost with their records */
} integrity_report;

/* Compares all of a file with its area. integrity_report_fini() always. */
void integrity_check(const uint8_t *bytes, int64_t n, integrity_report *r);
void integrity_report_fini(integrity_report *r);
bool integrity_fine(const integrity_report *r); /* found, and nothing is damaged */
/* Is the payload proven to be as it was written, whatever the area lost? Only while the records
 * that are left give the whole table, and no byte is missing or too many. */
bool integrity_payload_fine(const integrity_report *r);

/* The file as it was written, r->g.total bytes, free(); NULL if that cannot be had. */
uint8_t *integrity_restore(const uint8_t *bytes, const integrity_report *r);

#endif
