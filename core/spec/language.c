#include "spec/language.h"

#include "spec/spec.h"

/* clang-format off: a table reads best with one entry on two lines */

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define MANY 9e15 /* no upper limit of its own */

/* Where a value goes: AT is set before each table to the struct that it fills. */
#define FIELD(k, what) .key = #k, .type = what, .offset = AT(k)

#define IN(kind) (1u << KIND_##kind)
#define OF_MODELS (IN(QAT) | IN(PTQ) | IN(SENSITIVITY))

const char *const spec_kinds[] = {"qat", "ptq", "sensitivity", "tensors", NULL};
const char *const spec_kind_notes[] = {
    "qat trains a network",
    "ptq quantizes the network of a file of weights and trains nothing",
    "sensitivity measures the network of a file of weights and trains nothing",
    "tensors quantizes tensors; there is no network and no training",
};
static const char *const formats[] = {"glyphs", "idx", "npy", "npz", "csv", NULL};
static const char *const source_formats[] = {"random", "npy", "npz", "safetensors", "gguf", NULL};
static const char *const dists[] = {"gauss", "laplace", "uniform", "student", NULL};
static const char *const sites[] = {"weights", "activations", NULL};
static const char *const modes[] = {"leave_one_in", "leave_one_out", NULL};
const char *const spec_scores[] = {"sqnr_out", "kl_logits", "loss_delta", "accuracy_delta", NULL};
static const char *const no_yes[] = {"false", "true", NULL};
static const char *const model_types[] = {"mlp", NULL};
static const char *const norms[] = {"auto", "none", "rmsnorm", NULL};
static const char *const autos[] = {"auto", "false", "true", NULL};
static const char *const losses[] = {"cross_entropy", NULL};
static const char *const optimizers[] = {"adamw", "sgd", "momentum", NULL};
static const char *const schedules[] = {"constant", "cosine", NULL};

/* ---- data ---- */

#define AT(member) offsetof(spec_split, member)
#define LIMIT                                                                                      \
    {                                                                                              \
        FIELD(limit, FIELD_INT), .min = 0, .max = MANY, .dflt = "0",                               \
                                 .doc = "use only the first so many samples; 0: all"               \
    }
#define GLYPHS(count)                                                                              \
    {FIELD(n, FIELD_INT), .min = 1, .max = 10000000, .dflt = count,                                \
     .doc = "how many samples to draw"},                                                           \
        {FIELD(seed, FIELD_SEED), .dflt = "0",                                                     \
         .doc = "which glyphs; train and test never share a sample"},                              \
        LIMIT
static const field glyphs_train[] = {GLYPHS("20000")};
static const field glyphs_test[] = {GLYPHS("5000")};
static const field idx_fields[] = {
    {FIELD(images, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "IDX file of the images, plain or .gz"},
    {FIELD(labels, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "IDX file of the labels, plain or .gz"},
    LIMIT,
};
static const field npy_split[] = {
    {FIELD(images, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "NPY file of the samples; the first dimension counts them"},
    {FIELD(labels, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "NPY file of the labels, integers from 0"},
    LIMIT,
};
static const field npz_split[] = {
    {FIELD(path, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "NPZ file of samples and labels"},
    {FIELD(x, FIELD_TEXT), .dflt = "x", .doc = "the array of the samples"},
    {FIELD(y, FIELD_TEXT), .dflt = "y", .doc = "the array of the labels, integers from 0"},
    LIMIT,
};
static const field csv_split[] = {
    {FIELD(path, FIELD_PATH), .required = true, .not_identity = true,
     .doc = "CSV file of numbers, a sample a line"},
    {FIELD(label, FIELD_TEXT), .dflt = "''",
     .doc = "the column of the labels by name or number from 1; '': the last"},
    LIMIT,
};
#undef AT
#define FILE_FORMATS                                                                               \
    {idx_fields, COUNT(idx_fields)}, {npy_split, COUNT(npy_split)}, {npz_split, COUNT(npz_split)}, \
    {                                                                                              \
        csv_split, COUNT(csv_split)                                                                \
    }
static const schema train_formats[] = {{glyphs_train, COUNT(glyphs_train)}, FILE_FORMATS};
static const schema test_formats[] = {{glyphs_test, COUNT(glyphs_test)}, FILE_FORMATS};

#define AT(member) (offsetof(spec, data.normalize.member) - offsetof(spec, data.normalize))
static const field normalize_fields[] = {
    {FIELD(mean, FIELD_REAL), .min = -1e6, .max = 1e6, .dflt = "0",
     .doc = "subtracted from a value; unsigned bytes are divided by 255 before"},
    {FIELD(std, FIELD_REAL), .min = 0, .max = 1e6, .ends = "(]", .dflt = "1",
     .doc = "what remains is divided by it"},
};
#undef AT
static const schema normalize_schema = {normalize_fields, COUNT(normalize_fields)};

#define AT(member) offsetof(spec_source, member)
static const field random_fields[] = {
    {FIELD(dist, FIELD_ENUM), .choices = dists, .dflt = "gauss",
     .doc = "unit variance, but laplace: unit scale, uniform: in [-1, 1), student: unit scale"},
    {FIELD(shape, FIELD_INTS), .min = 1, .max = 1e9, .list_max = 2, .dflt = "[256, 512]",
     .doc = "[rows, columns], or [columns] for one row"},
    {FIELD(dof, FIELD_INT), .min = 1, .max = 1000, .dflt = "3",
     .doc = "student only: degrees of freedom"},
    {FIELD(outliers, FIELD_REAL), .min = 0, .max = 1, .ends = "[)", .dflt = "0",
     .doc = "share of the elements that are enlarged"},
    {FIELD(outlier_factor, FIELD_REAL), .min = 1, .max = 1e6, .dflt = "20", .doc = "by how much"},
};
#define TENSOR_FILE(what)                                                                          \
    {FIELD(path, FIELD_PATH), .required = true, .not_identity = true, .doc = what}, {              \
        FIELD(match, FIELD_TEXT), .dflt = "'*'",                                                   \
                                  .doc = "only tensors whose name matches this glob"               \
    }
static const field npy_fields[] = {TENSOR_FILE("an array")};
static const field npz_fields[] = {TENSOR_FILE("a zip archive of arrays")};
static const field safetensors_fields[] = {TENSOR_FILE("a file of tensors")};
static const field gguf_fields[] = {TENSOR_FILE("a file of tensors")};
#undef AT
static const schema source_schemas[] = {{random_fields, COUNT(random_fields)},
                                        {npy_fields, COUNT(npy_fields)},
                                        {npz_fields, COUNT(npz_fields)},
                                        {safetensors_fields, COUNT(safetensors_fields)},
                                        {gguf_fields, COUNT(gguf_fields)}};

#define AT(member) (offsetof(spec, data.member) - offsetof(spec, data))
static const field data_fields[] = {
    {FIELD(train, FIELD_VARIANT), .tag = "format", .choices = formats, .map = train_formats,
     .kinds = OF_MODELS, .required_for = IN(QAT), .doc = "samples to learn from"},
    {FIELD(test, FIELD_VARIANT), .tag = "format", .choices = formats, .map = test_formats,
     .kinds = OF_MODELS, .required_for = OF_MODELS, .doc = "samples to measure on"},
    {FIELD(normalize, FIELD_MAP), .map = &normalize_schema, .kinds = OF_MODELS,
     .doc = "x = (value - mean) / std"},
    {FIELD(batch, FIELD_INT), .min = 1, .max = 65536, .dflt = "128", .kinds = IN(QAT),
     .doc = "samples of a step; by default all where there are fewer"},
    {FIELD(source, FIELD_VARIANT), .tag = "format", .choices = source_formats,
     .map = source_schemas, .dflt = "random", .kinds = IN(TENSORS),
     .doc = "the tensors to quantize"},
};
#undef AT
static const schema data_schema = {data_fields, COUNT(data_fields)};

/* What `eval --data '{...}'` takes: the keys of data.test. */
static const field eval_fields[] = {
    {.key = "data",
     .type = FIELD_VARIANT,
     .tag = "format",
     .choices = formats,
     .map = test_formats,
     .required = true,
     .doc = "samples to measure on"},
};
const schema eval_schema = {eval_fields, COUNT(eval_fields)};

/* ---- model ---- */

#define AT(member) offsetof(spec_model, member)
static const field mlp_fields[] = {
    {FIELD(hidden, FIELD_INTS), .min = 1, .max = 65536, .list_max = 31, .required = true,
     .doc = "widths of the hidden layers; inputs and outputs come from the data"},
    {FIELD(norm, FIELD_ENUM), .choices = norms, .dflt = "auto", .not_identity = true,
     .doc =
         "RMSNorm before every layer; auto: in training, where bitnet158 or binary weights meet quantized activations"},
    {FIELD(bias, FIELD_ENUM), .choices = autos, .dflt = "auto", .not_identity = true,
     .doc = "biases of the layers; auto: where there is no norm"},
    {FIELD(weights, FIELD_PATH), .required_for = IN(PTQ) | IN(SENSITIVITY), .not_identity = true,
     .doc = "file of trained weights (.safetensors, .gguf, .npz, .npy) to start from"},
    {.key = "rename",
     .type = FIELD_NODE,
     .offset = AT(rename_node),
     .list = true,
     .ends = "a mapping of FROM: TO",
     .doc = "names in the file to names of the model: globs, ${n} for what the n-th * or {} "
            "matched, FROM[a:b] for rows"},
    {FIELD(strict, FIELD_ENUM), .choices = no_yes, .dflt = "true",
     .doc = "every tensor of the file lands, every parameter is filled"},
};
#undef AT
static const schema model_schemas[] = {{mlp_fields, COUNT(mlp_fields)}};

/* ---- optimizer, schedule, train ---- */

#define AT(member) offsetof(spec_optimizer, member)
#define RATE(value)                                                                                \
    {                                                                                              \
        FIELD(lr, FIELD_REAL), .min = 0, .max = 1000, .ends = "(]", .dflt = value,                 \
                               .doc = "learning rate before the schedule"                          \
    }
#define DECAY(value, text)                                                                         \
    { FIELD(weight_decay, FIELD_REAL), .min = 0, .max = 1000, .dflt = value, .doc = text }
#define MOMENTUM(value)                                                                            \
    {                                                                                              \
        FIELD(momentum, FIELD_REAL), .min = 0, .max = 1, .ends = "[)", .dflt = value,              \
                                     .doc = "share of the last update that goes on"                \
    }
static const field adamw_fields[] = {
    RATE("1e-3"),
    DECAY("0.01", "decoupled decay of weights, not of biases"),
    {FIELD(betas, FIELD_REALS), .min = 0, .max = 1, .ends = "[)", .dflt = "[0.9, 0.999]",
     .doc = "decay of the two moments"},
    {FIELD(eps, FIELD_REAL), .min = 0, .max = 1, .ends = "(]", .dflt = "1e-8",
     .doc = "added to the root of the second moment"},
};
static const field sgd_fields[] = {RATE("0.1"), DECAY("0", "added to the gradient of weights"),
                                   MOMENTUM("0")};
static const field momentum_fields[] = {RATE("0.05"),
                                        DECAY("0", "added to the gradient of weights"),
                                        MOMENTUM("0.9")};
#undef AT
static const schema optimizer_schemas[] = {{adamw_fields, COUNT(adamw_fields)},
                                           {sgd_fields, COUNT(sgd_fields)},
                                           {momentum_fields, COUNT(momentum_fields)}};

#define AT(member) offsetof(spec_schedule, member)
#define WARMUP                                                                                     \
    { FIELD(warmup, FIELD_POINT), .dflt = "0", .doc = "linear rise from 0 to the start value" }
static const field constant_fields[] = {WARMUP};
static const field cosine_fields[] = {
    WARMUP,
    {FIELD(final, FIELD_REAL), .min = 0, .max = 1000, .dflt = "0",
     .doc = "value after the last step"},
};
#undef AT
static const schema schedule_schemas[] = {{constant_fields, COUNT(constant_fields)},
                                          {cosine_fields, COUNT(cosine_fields)}};

#define AT(member) (offsetof(spec, schedule.member) - offsetof(spec, schedule))
static const field schedule_fields[] = {
    {FIELD(lr, FIELD_VARIANT), .tag = "type", .choices = schedules, .map = schedule_schemas,
     .dflt = "constant", .doc = "course of optimizer.lr over the training"},
};
#undef AT
static const schema schedule_schema = {schedule_fields, COUNT(schedule_fields)};

#define AT(member) (offsetof(spec, train.member) - offsetof(spec, train))
static const field train_fields[] = {
    {FIELD(epochs, FIELD_INT), .min = 1, .max = 1000000,
     .doc = "passes over the training set; 5 where neither epochs nor steps are given"},
    {FIELD(steps, FIELD_INT), .min = 1, .max = 1e12, .doc = "batches, instead of epochs"},
    {FIELD(eval_every, FIELD_POINT), .dflt = "1ep", .not_identity = true,
     .doc = "how often to measure on the test set"},
};
#undef AT
static const schema train_schema = {train_fields, COUNT(train_fields)};

/* ---- sensitivity ---- */

#define AT(member) offsetof(spec_sensitivity, member)
static const field sensitivity_fields[] = {
    {.key = "candidates",
     .type = FIELD_NODE,
     .offset = AT(candidates_node),
     .list = true,
     .required = true,
     .ends = "a list of sites such as {scheme: int, bits: [2, 4]}",
     .doc = "what each layer is quantized with; a list in a parameter is a product"},
    {FIELD(sites, FIELD_ENUMS), .choices = sites, .dflt = "[weights]",
     .doc = "what of a layer is quantized, one at a time"},
    {.key = "layers",
     .type = FIELD_NODE,
     .offset = AT(layers_node),
     .list = true,
     .ends = "a pattern or a list of patterns",
     .doc = "which layers; default: all"},
    {FIELD(mode, FIELD_ENUM), .choices = modes, .dflt = "leave_one_in",
     .doc = "one layer quantized in a float network, or one float in a quantized network"},
    {FIELD(metrics, FIELD_ENUMS), .choices = spec_scores,
     .dflt = "[sqnr_out, kl_logits, loss_delta, accuracy_delta]",
     .doc = "what to measure of the difference"},
    {FIELD(samples, FIELD_INT), .min = 0, .max = MANY, .dflt = "0",
     .doc = "of the test set, the first so many; 0: all"},
};
#undef AT
static const schema sensitivity_schema = {sensitivity_fields, COUNT(sensitivity_fields)};

/* ---- verify.packed_parity ---- */

#define AT(member)                                                                                 \
    (offsetof(spec, verify.packed_parity.member) - offsetof(spec, verify.packed_parity))
static const field parity_fields[] = {
    {FIELD(samples, FIELD_INT), .min = 0, .max = MANY, .dflt = "0", .not_identity = true,
     .doc = "of the test set, from its first on; 0: all"},
    {FIELD(tolerance, FIELD_REAL), .min = 0, .max = 1, .dflt = "0", .not_identity = true,
     .doc = "share of predictions that may differ; 0: logits are equal bit for bit as well"},
};
#undef AT
static const schema parity_schema = {parity_fields, COUNT(parity_fields)};

/* ---- quant: checked by site.c, against the plugins' own tables ---- */

#define AT(member) offsetof(spec_quant, member##_node)
static const field quant_fields[] = {
    {FIELD(weights, FIELD_NODE), .tag = "scheme",
     .ends = "a scheme's name or {scheme: NAME, its parameters, the keys of a site}",
     .required_for = IN(TENSORS), .doc = "of every layer with weights"},
    {FIELD(activations, FIELD_NODE), .tag = "scheme",
     .ends = "as weights; granularity token or group, default token", .kinds = OF_MODELS,
     .doc = "the inputs of every layer with weights"},
    {FIELD(skip, FIELD_NODE), .list = true, .ends = "a list of patterns", .kinds = OF_MODELS,
     .doc = "layers that stay float"},
    {FIELD(rules, FIELD_NODE), .list = true,
     .ends = "a list of {match, optional, weights, activations, ste, packer}", .kinds = OF_MODELS,
     .doc = "exceptions for some layers; later rules win, key by key"},
    {FIELD(ste, FIELD_NODE), .tag = "type", .ends = "a name or {type: NAME, its parameters}",
     .kinds = IN(QAT), .doc = "straight-through estimator; default identity"},
    {FIELD(packer, FIELD_NODE), .tag = "type", .ends = "a name or {type: NAME, its parameters}",
     .doc = "how codes are stored; default base3 for three levels, else bits; max_speed, balanced "
            "and max_compression choose one"},
};
#undef AT
static const schema quant_schema = {quant_fields, COUNT(quant_fields)};

static const char *const granularities[] = {"own", "tensor", "channel", "group", "token", NULL};
static const char *const raggeds[] = {"error", "short", NULL};
static const char *const scale_dtypes[] = {"f32", "f16", NULL};
static const char *const rounds[] = {"even",  "away", "up",         "down",
                                     "floor", "ceil", "stochastic", NULL};
static const char *const dynamics[] = {"true", NULL};

#define AT(member) offsetof(site_values, member)
static const field site_fields[] = {
    {FIELD(granularity, FIELD_ENUM), .choices = granularities, .dflt = "own",
     .doc = "what shares a scale; own: as the scheme prefers"},
    {FIELD(group_size, FIELD_INT), .min = 1, .max = 4096,
     .doc = "columns of a group; default: the scheme's own, else 128"},
    {FIELD(ragged, FIELD_ENUM), .choices = raggeds, .dflt = "error",
     .doc = "may the last group of a row be shorter"},
    {FIELD(scale_dtype, FIELD_ENUM), .choices = scale_dtypes, .dflt = "f32",
     .doc = "how scales are stored"},
    {FIELD(round, FIELD_ENUM), .choices = rounds, .dflt = "even",
     .doc = "how a value between two levels is rounded"},
    {FIELD(dynamic, FIELD_ENUM), .choices = dynamics, .dflt = "true",
     .doc = "activations only: ranges from each batch"},
};
#undef AT
const schema site_schema = {site_fields, COUNT(site_fields)};

/* ---- sweep, compare, verify ---- */

static const char *const samplers[] = {"grid", NULL};
static const char *const failures[] = {"continue", "stop", NULL};
const char *const spec_compare_metrics[] = {"accuracy", NULL};
static const char *const compare_splits[] = {"test", NULL};

#define AT(member) (offsetof(spec, sweep.member) - offsetof(spec, sweep))
static const field sweep_fields[] = {
    {.key = "axes",
     .type = FIELD_NODE,
     .offset = AT(axes_node),
     .list = true,
     .ends =
         "a mapping: {quant.weights.bits: [2, 4], seed: {range: [0, 5]}, name: [{key: value, ...}]}",
     .doc = "what changes: a dotted key with values, or a name whose values set several keys"},
    {FIELD(sampler, FIELD_ENUM), .choices = samplers, .dflt = "grid", .not_identity = true,
     .doc = "grid: every combination, the first axis slowest"},
    {.key = "exclude",
     .type = FIELD_NODE,
     .offset = AT(exclude_node),
     .list = true,
     .ends = "a list of {dotted key: value or list}",
     .doc = "combinations to leave out"},
    {.key = "baseline",
     .type = FIELD_NODE,
     .offset = AT(baseline_node),
     .list = true,
     .ends = "a mapping of dotted keys",
     .doc =
         "the twin of each point: its swept quant keys removed, these set; run once for each seed"},
    {FIELD(on_failure, FIELD_ENUM), .choices = failures, .dflt = "continue", .not_identity = true,
     .doc = "whether the runs after a failed one are made"},
};
#undef AT
static const schema sweep_schema = {sweep_fields, COUNT(sweep_fields)};

#define AT(member) (offsetof(spec, compare.member) - offsetof(spec, compare))
static const field compare_fields[] = {
    {FIELD(metric, FIELD_ENUM), .choices = spec_compare_metrics, .dflt = "accuracy",
     .not_identity = true, .doc = "what the points are compared by"},
    {FIELD(split, FIELD_ENUM), .choices = compare_splits, .dflt = "test", .not_identity = true,
     .doc = "of which data"},
};
#undef AT
static const schema compare_schema = {compare_fields, COUNT(compare_fields)};

#define AT(member) (offsetof(spec, verify.member) - offsetof(spec, verify))
static const field verify_fields[] = {
    {FIELD(packed_parity, FIELD_MAP), .map = &parity_schema,
     .doc = "another process reads the packed model back and must predict the same"},
    {FIELD(baseline_accuracy, FIELD_REAL), .min = 0, .max = 1, .dflt = "0", .not_identity = true,
     .doc = "exit 8 where the mean accuracy of a baseline is lower; 0: not checked"},
};
#undef AT
static const schema verify_schema = {verify_fields, COUNT(verify_fields)};

/* ---- output.save ---- */

#define AT(member) (offsetof(spec, output.save.member) - offsetof(spec, output.save))
static const field save_fields[] = {
    {FIELD(parity, FIELD_INT), .min = 0, .max = 32, .dflt = "2", .not_identity = true,
     .doc = "damaged blocks of a stripe that `verify --repair` can restore in the packed model"},
};
#undef AT
static const schema save_schema = {save_fields, COUNT(save_fields)};

#define AT(member) (offsetof(spec, output.member) - offsetof(spec, output))
static const field output_fields[] = {
    {FIELD(save, FIELD_MAP), .map = &save_schema, .kinds = IN(QAT) | IN(PTQ),
     .doc = "how the packed model of a run is kept"},
};
#undef AT
static const schema output_schema = {output_fields, COUNT(output_fields)};

/* ---- the top level ---- */

#define AT(member) offsetof(spec, member)
static const field top_fields[] = {
    {FIELD(version, FIELD_INT), .min = 1, .max = 1, .required = true, .not_identity = true,
     .doc = "of this language"},
    {FIELD(kind, FIELD_ENUM), .choices = spec_kinds, .required = true,
     .doc = "what kind of experiment"},
    {FIELD(name, FIELD_NAME), .not_identity = true,
     .doc = "of the experiment; default: the file's"},
    {FIELD(description, FIELD_TEXT), .dflt = "''", .not_identity = true, .doc = "for people"},
    {FIELD(seed, FIELD_SEED), .dflt = "0", .not_identity = true, .doc = "of the first run"},
    {FIELD(repeats, FIELD_INT), .min = 1, .max = 100000, .dflt = "1", .not_identity = true,
     .doc = "runs with the seeds seed, seed + 1, ..."},
    {.key = "extends",
     .type = FIELD_NODE,
     .offset = offsetof(spec, extends_node),
     .list = true,
     .ends = "a file or a list of files",
     .doc = "specs that this one builds on: maps merge, all else is replaced"},
    {FIELD(data, FIELD_MAP), .map = &data_schema, .required_for = OF_MODELS,
     .doc = "what is learned or measured on"},
    {FIELD(model, FIELD_VARIANT), .tag = "type", .choices = model_types, .map = model_schemas,
     .kinds = OF_MODELS, .required_for = OF_MODELS, .doc = "the network"},
    {FIELD(loss, FIELD_ENUM), .choices = losses, .dflt = "cross_entropy", .kinds = OF_MODELS,
     .doc = "what is minimized"},
    {FIELD(quant, FIELD_MAP), .map = &quant_schema, .required_for = IN(TENSORS),
     .doc = "what is quantized, and how"},
    {FIELD(optimizer, FIELD_VARIANT), .tag = "type", .choices = optimizers,
     .map = optimizer_schemas, .dflt = "adamw", .kinds = IN(QAT), .doc = "how weights are updated"},
    {FIELD(schedule, FIELD_MAP), .map = &schedule_schema, .kinds = IN(QAT),
     .doc = "numbers that change over the training"},
    {FIELD(train, FIELD_MAP), .map = &train_schema, .kinds = IN(QAT), .doc = "how long"},
    {FIELD(sensitivity, FIELD_MAP), .map = &sensitivity_schema, .kinds = OF_MODELS,
     .required_for = IN(SENSITIVITY),
     .doc = "which layers bear quantization, on each finished run"},
    {FIELD(sweep, FIELD_MAP), .map = &sweep_schema, .not_identity = true,
     .doc = "several configurations, compared"},
    {FIELD(compare, FIELD_MAP), .map = &compare_schema, .not_identity = true,
     .doc = "what the points of a sweep are compared by"},
    {FIELD(verify, FIELD_MAP), .map = &verify_schema, .not_identity = true,
     .doc = "what must hold at the end"},
    {FIELD(output, FIELD_MAP), .map = &output_schema, .kinds = IN(QAT) | IN(PTQ),
     .not_identity = true, .doc = "what a run writes"},
};
#undef AT
const schema spec_schema = {top_fields, COUNT(top_fields)};
