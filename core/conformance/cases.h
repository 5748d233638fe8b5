/*
 * conformance/cases.h - the checks of each kind of plugin, and what those of all kinds
 * share.
 */
#ifndef CONFORMANCE_CASES_H
#define CONFORMANCE_CASES_H

#include "conformance/checker.h"

extern const check_entry scheme_checks[], packer_checks[], ste_checks[];

/* One piece of work with every function of the plugin, on memory of its own, so that it may
 * run on many threads: a number made of all that comes out. `slot` names the functions. */
typedef uint64_t (*work)(const subject *s, uint64_t seed, int i);
uint64_t scheme_work(const subject *s, uint64_t seed, int i);
uint64_t packer_work(const subject *s, uint64_t seed, int i);
uint64_t ste_work(const subject *s, uint64_t seed, int i);

/* FNV-1a of bytes, from h on. */
uint64_t digest(uint64_t h, const void *bytes, size_t n);

/* Opens an instance for each setting that the plugin accepts and does the rest; it stops
 * at the first failure. `few`: of a setting that is not the default. */
void for_each_setting(checker *k, void (*each)(subject *s, bool few));

/* Checks of all kinds. */
void check_init(checker *k);
void check_repeat(checker *k);
void check_instances(checker *k);
void check_threads(checker *k);

#define CHECKS_OF_ALL                                                                              \
    {"repeat", "the same input twice gives the same output, in any order of calls", check_repeat}, \
        {"instances", "two instances share no state", check_instances},                            \
        {"threads", "8 threads on one instance give what one thread gives", check_threads}, {      \
        NULL, NULL, NULL                                                                           \
    }
#define CHECK_INIT                                                                                 \
    {                                                                                              \
        "init", "init() accepts defaults, both ends and random values, or refuses with a message", \
            check_init                                                                             \
    }

#endif
