/*
 * report/verdict.h - one sentence that says what a study found: who won, what it
 * loses against its float twin, at how many bits, how sure.
 *
 * Losses are differences of accuracy between a run and the float twin of its seed;
 * mean and standard deviation over seeds. Two configurations are level where the
 * mean of their difference, paired by seed, is not above its standard deviation.
 * The winner is the most accurate one (with one twin for all: the one that loses
 * least), or of those level with it the one with the fewest bits. No test of
 * significance is made.
 */
#ifndef REPORT_VERDICT_H
#define REPORT_VERDICT_H

#include "report/selection.h"

typedef struct verdict {
    char *sentence;
    double float_accuracy; /* the lowest mean of a float twin (a fraction); NAN: there is none */
    int winner;            /* of the selection's configurations; -1: nothing to judge */
    int rival;             /* the best of the others; -1: there is no other */
    summary lead;          /* winner less rival, paired by seed */
    int ahead;             /* seeds in which the winner is ahead */
    bool level;            /* the two are level */
} verdict;

/* plus_minus: with its blanks: " +- ". verdict_free() */
verdict verdict_of(const selection *sel, const char *plus_minus);
void verdict_free(verdict *v);

#endif
