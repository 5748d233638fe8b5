#include "run/export_metadata.h"

#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "util/mem.h"

/* With a new type, the one that most tensors have is another one. */
static bool goes_along(const char *key, bool retyped) {
    return !retyped || strcmp(key, "general.file_type") != 0;
}

/* JSON has no lonely scalars for our reader: it is one of a list. */
static json_t *read_one(const char *text) {
    json_trouble why;
    char *line = str_format("[%s]", text);
    json_t *list = json_read(line, strlen(line), &why);
    json_t *v = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : NULL;
    json_decref(list);
    free(line);
    return v;
}

static bool value_of(char *key, const json_t *type, const char *text, gguf_value *out) {
    json_t *v = read_one(text);
    bool fits = v != NULL && gguf_value_of_json(key, type, v, out);
    json_decref(v);
    return fits;
}

static void free_value(gguf_value *v) { free((void *)(uintptr_t)v->data); }

/* ---- texts as values ---- */

static json_t *read_types(const tensor_file *f, diags *d) {
    const char *text = tensor_file_text(f, METADATA_TYPES);
    json_t *types = text != NULL ? read_one(text) : NULL;
    if (text == NULL || json_is_object(types)) return types;
    diag_warning_at(d, NULL, "%s: metadata '%s' is no JSON object: the others go along as strings",
                    f->path, METADATA_TYPES);
    json_decref(types);
    return NULL;
}

static gguf_value typed(const tensor_file *f, const named_text *t, const json_t *types, diags *d) {
    char *key = (char *)(uintptr_t)t->key;
    const json_t *type = json_object_get(types, key);
    gguf_value v;
    if (type == NULL) return gguf_text_value(key, t->value);
    if (value_of(key, type, t->value, &v)) return v;
    char *name = json_dumps(type, JSON_ENCODE_ANY | JSON_COMPACT);
    diag_warning_at(d, NULL, "%s: metadata '%s' is no %s, as '%s' says: it goes along as a string",
                    f->path, key, name, METADATA_TYPES);
    free(name);
    return gguf_text_value(key, t->value);
}

gguf_value *metadata_values(const tensor_file *f, bool retyped, diags *d, int *n) {
    gguf_value *values = mem_calloc((size_t)(f->n_values + f->n_texts) + 1, sizeof *values);
    json_t *types = read_types(f, d);
    *n = 0;
    for (int i = 0; i < f->n_values; i++)
        if (goes_along(f->values[i].key, retyped)) values[(*n)++] = f->values[i];
    for (int i = 0; i < f->n_texts; i++) {
        const named_text *t = &f->texts[i];
        bool untyped = json_object_get(types, t->key) == NULL;
        /* as a string it would be no alignment */
        bool useless = untyped && strcmp(t->key, "general.alignment") == 0;
        if (!useless && goes_along(t->key, retyped) && strcmp(t->key, METADATA_TYPES) != 0)
            values[(*n)++] = typed(f, t, types, d);
    }
    json_decref(types);
    return values;
}

void metadata_values_free(const tensor_file *f, gguf_value *values, int n) {
    for (int i = 0; i < n && f->n_texts > 0; i++) free_value(&values[i]);
    free(values);
}

/* ---- values as texts ---- */

typedef struct item {
    named_text text; /* the key is borrowed */
    json_t *type;    /* NULL: a string */
} item;

static bool same(const gguf_value *a, const gguf_value *b) {
    return a->type == b->type && a->n_bytes == b->n_bytes &&
           memcmp(a->data, b->data, (size_t)a->n_bytes) == 0;
}

/* A string as it is, of the others JSON. free() */
static char *text_of(const gguf_value *v) {
    char *text = NULL;
    size_t n = 0;
    if (v->type == GGUF_STRING) {
        json_t *string = gguf_value_json(v);
        text = mem_strdup(json_string_value(string));
        json_decref(string);
        return text;
    }
    FILE *out = open_memstream(&text, &n);
    if (out == NULL) mem_exhausted((size_t)v->n_bytes);
    gguf_value_print(v, out);
    if (fclose(out) != 0) mem_exhausted((size_t)v->n_bytes);
    return text;
}

/* False: the value would not come back as it is. */
static bool item_of(const gguf_value *v, item *out) {
    json_t *type = v->type != GGUF_STRING ? gguf_type_json(v) : NULL;
    char *text = text_of(v);
    gguf_value back = {0};
    bool fine = strcmp(v->key, METADATA_TYPES) != 0;
    if (type == NULL)
        back = gguf_text_value(v->key, text);
    else
        fine &= value_of(v->key, type, text, &back);
    fine = fine && same(&back, v);
    free_value(&back);
    *out = (item){{v->key, text}, type};
    return fine;
}

static void item_close(item *t) {
    free((char *)(uintptr_t)t->text.value);
    json_decref(t->type);
}

static void name(strbuf *b, const char *key) {
    strbuf_addf(b, "%s'%s'", b->len > 0 ? ", " : "", key);
}

static void warn(const tensor_file *f, strbuf *names, const char *why, diags *d) {
    if (names->len == 0) return;
    diag_warning_at(d, NULL, "%s: metadata left out: %s", f->path, names->s);
    diag_hint(d, "%s", why);
    strbuf_fini(names);
}

static int read_items(const tensor_file *f, bool retyped, item *items, diags *d) {
    strbuf out = {0};
    int n = 0;
    for (int i = 0; i < f->n_texts; i++)
        if (goes_along(f->texts[i].key, retyped))
            items[n++] = (item){{f->texts[i].key, mem_strdup(f->texts[i].value)}, NULL};
    for (int i = 0; i < f->n_values; i++) {
        if (!goes_along(f->values[i].key, retyped)) continue;
        if (item_of(&f->values[i], &items[n])) {
            n++;
            continue;
        }
        item_close(&items[n]);
        name(&out, f->values[i].key);
    }
    warn(f, &out,
         "safetensors has finite numbers, UTF-8 without NUL and lists of up to a million values as "
         "texts; gguf keeps all",
         d);
    return n;
}

/* The texts of the items, which are theirs, and that of their types, which is not. */
static int list_texts(const item *items, int n, named_text *texts) {
    json_t *types = json_object();
    for (int i = 0; i < n; i++) {
        texts[i] = items[i].text;
        if (items[i].type != NULL) json_object_set(types, items[i].text.key, items[i].type);
    }
    if (json_object_size(types) > 0)
        texts[n++] = (named_text){METADATA_TYPES, json_dumps(types, JSON_COMPACT)};
    json_decref(types);
    return n;
}

/* Takes the longest item away. */
static void drop_longest(item *items, int *n, strbuf *names) {
    int longest = 0;
    for (int i = 1; i < *n; i++)
        if (strlen(items[i].text.value) > strlen(items[longest].text.value)) longest = i;
    name(names, items[longest].text.key);
    item_close(&items[longest]);
    memmove(&items[longest], &items[longest + 1], (size_t)(--*n - longest) * sizeof *items);
}

named_text *metadata_texts(const tensor_file *f, bool retyped, const named_tensor *tensors,
                           int n_tensors, diags *d, int *n) {
    size_t most = (size_t)(f->n_values + f->n_texts) + 2;
    item *items = mem_calloc(most, sizeof *items);
    named_text *texts = mem_calloc(most, sizeof *texts);
    strbuf out = {0};
    int n_items = read_items(f, retyped, items, d);
    *n = list_texts(items, n_items, texts);
    while (n_items > 0 && safetensors_header_bytes(tensors, n_tensors, texts, *n) >
                              SAFETENSORS_MAX_HEADER - 8) { /* 8: it is padded */
        if (*n > n_items) free((char *)(uintptr_t)texts[n_items].value);
        drop_longest(items, &n_items, &out);
        *n = list_texts(items, n_items, texts);
    }
    warn(f, &out, "the header of a safetensors file has at most 16 MiB; gguf keeps all", d);
    for (int i = 0; i < n_items; i++) json_decref(items[i].type); /* their texts go along */
    free(items);
    return texts;
}

void metadata_texts_free(named_text *texts, int n) {
    for (int i = 0; i < n; i++) free((char *)(uintptr_t)texts[i].value);
    free(texts);
}
