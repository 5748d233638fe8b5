/*
 * report/queries.h - the named queries: each one SQL text, a line that says what it
 * answers, and its parameters.
 */
#ifndef REPORT_QUERIES_H
#define REPORT_QUERIES_H

typedef struct named_query {
    const char *name;
    const char *words; /* run selectors: "A B", "[RUN]", "" */
    int min_words, max_words;
    const char *doc; /* what it answers */
    const char *sql;
} named_query;

extern const named_query named_queries[];
extern const int n_named_queries;

/* For compare (report/compare.h): one row for each configuration of the JSON array
 * :configs, with the settings in which they differ. */
extern const char compare_settings_sql[];

#endif
