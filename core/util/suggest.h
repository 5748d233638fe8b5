/*
 * util/suggest.h - "did you mean ...?"
 */
#ifndef UTIL_SUGGEST_H
#define UTIL_SUGGEST_H

/* Damerau-Levenshtein distance (adjacent transpositions count 1), bytes, with
 * the restriction that no substring is edited twice. */
int suggest_distance(const char *a, const char *b);

/* The nearest of n names within max(2, length of word / 3), the first on ties;
 * NULL if none is that near. */
const char *suggest_nearest(const char *word, const char *const *names, int n);

#endif
