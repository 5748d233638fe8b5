/*
 * conformance/checker.h - in the child: the plugin under check, the check that runs, the
 * case that it is at, and what is said of it.
 */
#ifndef CONFORMANCE_CHECKER_H
#define CONFORMANCE_CHECKER_H

#include "conformance/guard.h"
#include "host/params.h"
#include "quant/levels.h"
#include "quant/quantizer.h"

typedef struct checker checker;

typedef struct check_entry {
    const char *name; /* of --case */
    const char *what; /* what it proves, for people */
    void (*run)(checker *k);
} check_entry;

/* What a check of this kind goes through, in order; NULL name ends. */
const check_entry *check_entries(qb_kind kind);

/* One way to set a plugin up. */
typedef struct setting {
    plugin_choice choice;
    rounding round;    /* schemes */
    bool activation;   /* schemes, estimators */
    int32_t n_levels;  /* packers */
    int32_t zero_code; /* packers */
    double progress;   /* live parameters */
} setting;

struct checker {
    child *c;
    const plugin *p;
    const check_entry *now;
    uint64_t seed;    /* of this check: from that of the user and the name */
    uint64_t cases;   /* of this check */
    int settings;     /* how many random ones */
    bool failed;      /* this check */
    const char *slot; /* the function that was called last */
    uint64_t calls;
    char setting_text[256];
    guard self, x, meta, code, back, y, dy, dx, src, stat, state;
    struct {
        char slot[32], what[32];
    } known[64]; /* what was said of a function already is not said again */
    int n_known;
};

/* The case that follows: what was set, and this. */
void checker_case(checker *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The check fails here; only the first time counts. */
void checker_fail(checker *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void checker_warn(checker *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of a rule that all checks watch: said once for each function. */
void checker_fail_once(checker *k, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* About each call of a function of the plugin. `outputs`: NULL-terminated; false if the call
 * broke a rule, which is then said. */
void call_begin(checker *k, const char *slot);
bool call_end(checker *k, guard *const *outputs);
#define CALL_END(k, ...) call_end(k, (guard *const[]){__VA_ARGS__, NULL})

/* ---- an instance of the plugin ---- */

typedef struct subject {
    checker *k;
    setting set;
    void *w;       /* the instance, writable */
    const void *r; /* the same, as const functions get it */
    qb_host host;
    char said[512];
    qb_status got;
    size_t scratch_bytes;
    char *scratch; /* of each thread, with canaries between */
    quantizer q;   /* schemes: its info, and the levels as the host uses them */
    qb_packer_info packer;
    qb_ste_info ste;
    int64_t group; /* the most elements of a group */
} subject;

enum { GROUP_MAX = (1 << 20) + 1, GROUPS_MAX = 17 };

/* Creates an instance in guarded memory (`own` NULL) or in memory of its own (else) and
 * calls init(). False: it was refused, with or without the right to; what is wrong is
 * said. */
bool subject_open(subject *s, checker *k, const setting *set, guard_edge edge, bool own);
void subject_close(subject *s);
bool subject_scratch_intact(const subject *s);

/* ---- settings ---- */

/* Number i: 0 the defaults, then the ends of each parameter, then `k->settings` random
 * ones. False behind the last. The words are in k->setting_text. */
bool setting_make(checker *k, int i, setting *set);
bool setting_is_default(int i);

/* ---- data ---- */

enum { DATA_KINDS = 12 };
extern const char *const data_names[DATA_KINDS];
void data_fill(int kind, uint64_t seed, float *x, int64_t groups, int64_t n);
enum { CODE_KINDS = 5 };
extern const char *const code_names[CODE_KINDS];
void data_codes(int kind, uint64_t seed, uint8_t *code, int64_t n, int32_t n_levels,
                int32_t zero_code);
/* Sizes of groups; n_sizes of them, the first n_small of them for many settings. One of GROUP_MAX
 * comes once. */
extern const int64_t data_sizes[];
extern const int data_n_sizes, data_n_small;
/* How many groups of which size, once each. */
extern const int64_t data_groups[][2];
extern const int data_n_groups;
uint64_t data_key(uint64_t seed, uint64_t a, uint64_t b);

#endif
