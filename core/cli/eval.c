#include <string.h>

#include "cli/cli.h"
#include "run/eval_file.h"
#include "util/json.h"

static void print_json(const eval_job *j, const eval_result *r) {
    json_t *o = json_object();
    json_set_str(o, "model", j->model);
    json_set_str(o, "format", r->format);
    json_set_int(o, "samples", r->samples);
    json_set_int(o, "classes", r->classes);
    json_set_real(o, "accuracy", r->accuracy);
    json_set_real(o, "loss", r->loss);
    json_set_real(o, "bits_per_weight", r->bits_per_weight);
    json_set_str(o, "predictions_sha256", r->predictions_sha256);
    json_set_str(o, "logits_sha256", r->logits_sha256);
    json_set_real(o, "seconds", r->seconds);
    json_print_line(o, stdout);
}

static void print_text(const eval_result *r) {
    printf("accuracy     %.2f %%\nloss         %.4f\nsamples      %lld\nbits/weight  %.3f\n",
           100 * r->accuracy, r->loss, (long long)r->samples, r->bits_per_weight);
    printf("predictions  sha256 %s\nlogits       sha256 %s\nseconds      %.2f\n",
           r->predictions_sha256, r->logits_sha256, r->seconds);
}

static status check_hash(const cli_args *a, const char *hex) {
    if (hex == NULL || (strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64)) return OK;
    return diag_error(a->d, ERR_USAGE, "--expect-logits wants 64 hexadecimal digits, got '%s'",
                      hex);
}

static status run(const cli_args *a) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    eval_job j = {.model = a->words[0],
                  .data = cli_value(a, "--data"),
                  .settings = settings,
                  .n_settings = n,
                  .predictions_path = cli_value(a, "--predictions"),
                  .logits_path = cli_value(a, "--logits"),
                  .expect_logits = cli_value(a, "--expect-logits")};
    if (j.data == NULL) {
        diag_error(a->d, ERR_USAGE, "eval wants --data SPEC, or --data '{format: ..., ...}'");
        diag_hint(a->d, "for example --data '{format: glyphs, n: 5000}'");
        return ERR_USAGE;
    }
    static const char *const outputs[] = {"--predictions", "--logits", NULL};
    status bad = cli_check_outputs(a, j.model, outputs);
    if (!bad) bad = check_hash(a, j.expect_logits);
    if (bad) return bad;
    eval_result result = {0};
    registry r;
    bad = registry_open(&r, a->d);
    if (!bad) bad = eval_file(&j, &r, &result, a->d);
    if (!bad || (bad == ERR_FAILED && result.samples > 0)) {
        if (cli_has(a, "--json"))
            print_json(&j, &result);
        else
            print_text(&result);
    }
    registry_fini(&r);
    return bad;
}

const verb verb_eval = {
    .name = "eval",
    .words = "MODEL",
    .min_words = 1,
    .max_words = 1,
    .summary = "evaluate a packed model, or a file of weights, on a test set",
    .text = "MODEL is a run's model.packed.safetensors, which alone says what the network is, or "
            "its weights.safetensors;\n"
            "then --data names the spec of the run. The packed model brings its own normalization "
            "of the input.\n"
            "Hashes are of the predictions as int32 and the logits as float32, in the order of "
            "the samples.\n",
    .options = {{"--data", "SPEC|{KEYS}", "the spec whose data.test it is, or its keys as a map"},
                {"--set", "KEY=VALUE", "override a value of the spec; may be repeated"},
                {"--predictions", "F.npy", "write the predicted classes (int32)"},
                {"--logits", "F.npy", "write the logits (float32, samples x classes)"},
                {"--expect-logits", "SHA256", "exit 8 if the logits have another hash"},
                {"--json", NULL, "one JSON object"}},
    .run = run,
};
