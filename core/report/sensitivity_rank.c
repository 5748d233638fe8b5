#include "report/sensitivity_rank.h"

#include <math.h>
#include <string.h>

const sensitivity_method sensitivity_methods[SENSITIVITY_METHODS] = {
    [SENSITIVITY_KL] = {"kl_logits", "KL divergence of the predictions, nats"},
    [SENSITIVITY_LOSS] = {"loss_delta", "change of the loss, nats"},
    [SENSITIVITY_ACCURACY] = {"accuracy_delta", "change of accuracy"},
    [SENSITIVITY_SQNR] = {"sqnr_out", "SQNR of the layer's output, dB"},
};

int sensitivity_method_find(const char *name) {
    int k = 0;
    while (k < SENSITIVITY_METHODS && strcmp(sensitivity_methods[k].name, name) != 0) k++;
    return k;
}

bool sensitivity_higher_is_better(store *s, const char *method) {
    store_rows *r =
        store_select(s, "SELECT higher_is_better FROM metric_def WHERE name = ?", "t", method);
    bool higher = store_next(r) && store_int(r, 0) == 1;
    store_rows_end(r);
    return higher;
}

int sensitivity_rank(const double *score, int n, bool higher_is_better, int *order) {
    int ranked = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(score[i])) continue;
        int at = ranked++; /* insertion keeps equals as they stand */
        for (; at > 0; at--) {
            double other = score[order[at - 1]];
            if (higher_is_better ? other <= score[i] : other >= score[i]) break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    return ranked;
}
