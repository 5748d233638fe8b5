/*
 * report/sensitivity_table.h - the sensitivities of one configuration: layers by candidates,
 * mean over seeds.
 */
#ifndef REPORT_SENSITIVITY_TABLE_H
#define REPORT_SENSITIVITY_TABLE_H

#include "report/selection.h"

enum { SENSITIVITY_LAYERS = 64, SENSITIVITY_CANDIDATES = 16 };

typedef struct sensitivity_table {
    char *method, *site; /* NULL: the selection has none */
    int config;          /* of the selection */
    int others;          /* more configurations that have some */
    bool higher_is_better;
    char *layers[SENSITIVITY_LAYERS], *candidates[SENSITIVITY_CANDIDATES];
    double bits[SENSITIVITY_CANDIDATES]; /* nominal */
    int n_layers, n_candidates;
    summary score[SENSITIVITY_LAYERS][SENSITIVITY_CANDIDATES]; /* n 0: not measured */
} sensitivity_table;

/* Of the first configuration that has scores (float twins come first). Of the methods
 * the first of sensitivity_rank.h, or any. */
status sensitivity_table_load(store *s, const selection *sel, diags *d, sensitivity_table *t);
void sensitivity_table_free(sensitivity_table *t);

/* Layers from the most to the least sensitive at a candidate; returns how many. */
int sensitivity_table_rank(const sensitivity_table *t, int candidate,
                           int order[SENSITIVITY_LAYERS]);

/* What its method measures, for readers: "KL divergence of the predictions, nats". */
const char *sensitivity_table_text(const sensitivity_table *t);

extern const char sensitivity_sql[];

#endif
