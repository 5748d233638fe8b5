#include "run/parity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/tensor_file.h"
#include "run/interrupt.h"
#include "simd/kernels.h"
#include "spec/tree.h"
#include "util/files.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/process.h"
#include "util/str.h"

/* A day: the other takes as long as our own evaluation did. */
enum { PATIENCE_SECONDS = 86400 };

/* ---- asking ---- */

static void add_key(strbuf *b, const char *key, const char *value) {
    if (value == NULL) return;
    strbuf_addf(b, ", %s: ", key);
    tree_print_quoted(value, b);
}

/* The run's test data as `eval --data` takes it; the model brings the normalization. */
static char *data_keys(const data_source *s, int64_t limit) {
    static const char *const formats[] = {"glyphs", "idx", "npy", "npz", "csv"};
    strbuf b = {0};
    if (s->format == DATA_GLYPHS) {
        strbuf_addf(&b, "{format: glyphs, n: %" PRId64 ", seed: %" PRIu64, s->n, s->seed);
    } else {
        bool one = s->labels == NULL; /* file */
        strbuf_addf(&b, "{format: %s", formats[s->format]);
        add_key(&b, one ? "path" : "images", s->images);
        add_key(&b, "labels", s->labels);
        add_key(&b, "x", s->x);
        add_key(&b, s->format == DATA_CSV ? "label" : "y", s->y);
    }
    strbuf_addf(&b, ", limit: %" PRId64 "}", limit);
    return b.s;
}

static status ask(const parity_job *j, int64_t samples, const char *predictions, diags *d,
                  process_end *r) {
    char threads[16], *keys = data_keys(j->test, samples);
    snprintf(threads, sizeof threads, "%d", parallel_threads());
    const char *const argv[] = {"/proc/self/exe",
                                "eval",
                                "--json",
                                "--quiet",
                                "--threads",
                                threads,
                                "--simd",
                                simd_kernels()->level,
                                "--data",
                                keys,
                                "--predictions",
                                predictions,
                                "--",
                                j->packed,
                                NULL};
    status bad = process_run(&(process){.argv = argv, .timeout = PATIENCE_SECONDS}, d, r);
    free(keys);
    return bad;
}

/* The first line of what the other said, without its prefix. */
static char *first_line(const char *text) {
    const char *prefix = "quantbench: error: ";
    if (strncmp(text, prefix, strlen(prefix)) == 0) text += strlen(prefix);
    return mem_strndup(text, strcspn(text, "\n"));
}

static status check_end(const process_end *r, diags *d) {
    if (r->exit == 0) return OK;
    if (interrupt_seen()) return diag_error(d, ERR_INTERRUPTED, "interrupted in the parity check");
    if (r->timed_out)
        return diag_error(d, ERR_PEER, "the process of the parity check did not end within %d s",
                          PATIENCE_SECONDS);
    if (r->exit > 128)
        return diag_error(d, ERR_PEER, "the process of the parity check was ended by signal %d",
                          r->exit - 128);
    char *why = first_line(r->err);
    status st = r->exit == ERR_RESOURCE ? ERR_RESOURCE : ERR_FAILED;
    diag_error(d, st, "parity: the packed model cannot be evaluated: %s (exit %d)", why, r->exit);
    free(why);
    return st;
}

/* ---- comparing ---- */

static status no_answer(diags *d) {
    return diag_error(d, ERR_FAILED, "parity: the other process gave no answer to compare");
}

static status count_differences(const parity_job *j, const char *predictions, parity_result *out,
                                diags *d) {
    tensor_file f;
    status bad = tensor_file_open(&f, predictions, d);
    if (bad) return bad;
    const tensor_entry *t = &f.tensors[0];
    if (t->type != DTYPE_I32 || t->n != out->samples) bad = no_answer(d);
    for (int64_t i = 0; i < out->samples && !bad; i++)
        out->differences += tensor_entry_value(t, i) != j->own->prediction[i];
    tensor_file_close(&f);
    return bad;
}

static status compare(const parity_job *j, const process_end *r, const char *predictions,
                      parity_result *out, diags *d) {
    char own[HASH_HEX], own_logits[HASH_HEX];
    json_t *o = json_loads(r->out, 0, NULL);
    const char *logits = json_string_value(json_object_get(o, "logits_sha256"));
    status bad = logits != NULL ? OK : no_answer(d);
    if (!bad) {
        evaluation_hash(j->own, out->samples, own, own_logits);
        out->logits_equal = strcmp(logits, own_logits) == 0;
        bad = count_differences(j, predictions, out, d);
    }
    json_decref(o);
    return bad;
}

status parity_measure(const parity_job *j, parity_result *out, diags *d) {
    process_end r;
    int64_t all = j->own->n;
    *out = (parity_result){.samples = j->samples > 0 && j->samples < all ? j->samples : all};
    char *predictions = path_join(j->dir, "parity.npy");
    status bad = ask(j, out->samples, predictions, d, &r);
    if (!bad) {
        bad = check_end(&r, d);
        if (!bad) bad = compare(j, &r, predictions, out, d);
        process_end_free(&r);
    }
    unlink(predictions);
    free(predictions);
    return bad;
}

status parity_verdict(const parity_result *r, double tolerance, diags *d) {
    double share = (double)r->differences / (double)r->samples;
    if (share > tolerance)
        return diag_error(d, ERR_FAILED,
                          "parity: %" PRId64 " of %" PRId64
                          " predictions of the packed model differ from the run's",
                          r->differences, r->samples);
    if (tolerance > 0 || r->logits_equal) return OK;
    return diag_error(d, ERR_FAILED,
                      "parity: the packed model predicts the same but its logits differ");
}
