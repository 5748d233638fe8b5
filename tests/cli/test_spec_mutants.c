/*
 * Specs with one generated mistake: every spec of experiments/ and of golden/spec_fine/ with
 * each key and each name misspelled, each value of a wrong type, each required key missing,
 * each key one level up. The error stands where the mistake is, a slip has the right word
 * as its suggestion, the exit code is 3, nothing is written.
 */
#include "cli/command.h"
#include "cli/fake_data.h"
#include "cli/mutants.h"

#include <dirent.h>
#include <unistd.h>

#include "plan/study.h"
#include "spec/language.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/suggest.h"

/* ---- the specs ---- */

typedef struct subject {
    char *path;
    bool part; /* a preset: one that `extends` names */
    arena a;
    const yaml_node *root;
    target_list targets;
} subject;

typedef struct tally {
    int mutants, failures;
    int valid, free_text, ties, not_installed, of_axes, warned;
} tally;

/* What uses a preset. */
#define USER                                                                                       \
    "extends: m.yaml\nversion: 1\nkind: qat\nmodel: {type: mlp, hidden: [64]}\n"                   \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}}\n"

static unsigned kind_of(const yaml_node *root) {
    const yaml_node *n = yaml_get(root, "kind");
    for (int i = 0; n != NULL && spec_kinds[i] != NULL; i++)
        if (strcmp(spec_kinds[i], n->text) == 0) return 1u << i;
    return 1u << KIND_QAT;
}

static void open_subject(subject *s, const char *folder, const char *file) {
    diags d;
    yaml_node *root;
    const char *text;
    diags_init(&d);
    s->path = path_join(folder, file);
    s->part = strstr(folder, "presets") != NULL;
    cr_assert(yaml_read(&s->a, s->path, &d, &root, &text) == OK, "%s", s->path);
    s->root = root;
    targets_find(&s->a, plugins(), root, kind_of(root), &s->targets);
    diags_fini(&d);
}

static subject *subjects(int *n) {
    static const char *const folders[] = {"experiments", "experiments/presets",
                                          "tests/golden/spec_fine"};
    static subject all[64];
    *n = 0;
    for (int i = 0; i < 3; i++) {
        struct dirent **files;
        int count = scandir(folders[i], &files, NULL, alphasort);
        for (int k = 0; k < count; k++) {
            if (path_has_suffix(files[k]->d_name, ".yaml"))
                open_subject(&all[(*n)++], folders[i], files[k]->d_name);
            free(files[k]);
        }
        free(files);
    }
    cr_assert(*n >= 20, "%d specs", *n);
    return all;
}

static void setup_data(void) {
    setup();
    fake_data();
    char *data = path_join(dir, "data");
    setenv("QUANTBENCH_DATA", data, 1);
    setenv("HOME", dir, 1);
    unsetenv("XDG_DATA_HOME");
    write_file("user.yaml", USER);
    free(data);
}

/* ---- judging one ---- */

/* Plans the mutant in process; errors are in d. */
static status plan_text(const subject *s, const char *text, diags *d) {
    study t;
    char *path = path_join(dir, s->part ? "user.yaml" : "m.yaml");
    write_file("m.yaml", text);
    status st = study_open(&t, path, NULL, 0, plugins(), 1, d);
    study_close(&t);
    free(path);
    return st;
}

static bool stands_in(const diag *g, const stretch *where) {
    return !g->warning && g->at.file != NULL && strcmp(path_base(g->at.file), "m.yaml") == 0 &&
           g->at.line == where->line && g->at.col >= where->from && g->at.col <= where->to;
}

/* The word, or a dotted key that has it as a part. */
static bool suggests(const diag *g, const char *word) {
    const char *begin = "did you mean '", *at = g->hint != NULL ? strstr(g->hint, begin) : NULL;
    if (at == NULL) return false;
    at += strlen(begin);
    for (;; at++) {
        size_t n = strcspn(at, ".'");
        if (n == strlen(word) && strncmp(at, word, n) == 0) return true;
        at += n;
        if (*at != '.') return false;
    }
}

/* Does an error at the place suggest the word, or one that is as near to what was written? */
static bool is_suggested(const diags *d, const stretch *where, const char *wrong, const char *word,
                         const name_set *legal, tally *count) {
    for (int i = 0; i < d->n; i++)
        if (stands_in(&d->list[i], where) && suggests(&d->list[i], word)) return true;
    for (int k = 0; k < legal->n; k++) {
        if (suggest_distance(wrong, legal->v[k]) > suggest_distance(wrong, word)) continue;
        for (int i = 0; i < d->n; i++)
            if (stands_in(&d->list[i], where) && suggests(&d->list[i], legal->v[k]))
                return count->ties++, true;
    }
    return false;
}

static void complain(const subject *s, const char *text, const stretch *where, const char *why,
                     diags *d, tally *count) {
    if (count->failures++ >= 10) return;
    const char *line = text;
    for (int i = 1; i < where->line; i++) line = strchr(line, '\n') + 1;
    fprintf(stderr, "%s: %s at %d:%d..%d\n    %.*s\n", s->path, why, where->line, where->from,
            where->to, (int)strcspn(line, "\n"), line);
    diags_print(d, stderr);
}

/* A few are also given to the program, which must say the same. */
static void ask_program(const subject *s, status st, diags *d) {
    char *shown = path_join(dir, "shown");
    FILE *f = fopen(shown, "w");
    outcome o =
        run_in("/", "$Q run %s/%s --db %s/none.db", dir, s->part ? "user.yaml" : "m.yaml", dir);
    diags_print(d, f);
    fclose(f);
    char *ours = read_text(shown);
    cr_assert(o.exit == (int)st && *o.out == '\0', "exit %d\n%s", o.exit, o.err);
    cr_assert_str_eq(o.err, ours);
    cr_assert(unlink(shown) == 0);
    free_outcome(&o);
    free(ours);
    free(shown);
}

/* word NULL: no suggestion is wanted. */
static void judge(const subject *s, const target *t, mutation m, const char *text,
                  const char *wrong, const char *word, const name_set *legal, tally *count) {
    stretch where;
    diags d;
    diags_init(&d);
    char *mutant = mutant_print(s->root, m, t, text, &where);
    status st = plan_text(s, mutant, &d);
    bool placed = false, absent = false;
    for (int i = 0; i < d.n; i++) {
        /* Where an axis sets a part of what is missing, it is the axis that misses it. */
        if (m == WITHOUT && yaml_get(s->root, "sweep") != NULL && !placed &&
            strncmp(d.list[i].message, "missing key '", 13) == 0)
            placed = true, count->of_axes += !stands_in(&d.list[i], &where);
        placed |= stands_in(&d.list[i], &where);
        absent |= stands_in(&d.list[i], &where) && strstr(d.list[i].message, "is not installed");
    }
    count->mutants++;
    if (st == OK && d.warnings > 0 && m == OTHER_VALUE && strstr(d.list[0].message, "exclude"))
        count->warned++; /* it may have excluded something before a --set */
    else if (st == ERR_PLUGIN && absent)
        count->not_installed++;
    else if (st != ERR_SPEC)
        complain(s, mutant, &where, st == OK ? "no error" : "not exit 3", &d, count);
    else if (!placed)
        complain(s, mutant, &where, "no error", &d, count);
    else if (word != NULL && !is_suggested(&d, &where, wrong, word, legal, count))
        complain(s, mutant, &where, word, &d, count);
    if (count->mutants % 97 == 0 && st != OK) ask_program(s, st, &d);
    diags_fini(&d);
    free(mutant);
}

static void close_subjects(subject *all, int n, const char *what, const tally *count) {
    for (int i = 0; i < n; i++) {
        free(all[i].path);
        arena_fini(&all[i].a);
    }
    printf("  note: %d specs with %s", count->mutants, what);
    if (count->ties > 0) printf(", %d like another name as well", count->ties);
    if (count->valid > 0) printf(", %d left out: also valid", count->valid);
    if (count->free_text > 0) printf(", %d left out: any name is valid", count->free_text);
    if (count->not_installed > 0)
        printf(", %d are plugins that are not installed", count->not_installed);
    if (count->warned > 0) printf(", %d that are a warning: they exclude nothing", count->warned);
    if (count->of_axes > 0) printf(", %d missed by an axis", count->of_axes);
    printf("\n");
    fflush(stdout);
    cr_assert(count->failures == 0, "%d of %d", count->failures, count->mutants);
    cr_assert(count_files("*") == 3, "data, m.yaml, user.yaml and nothing else");
}

/* ---- misspelling ---- */

enum { WAYS = 5 };

/* A word with one letter missing, two swapped, one twice, one more, another one; NULL where
 * nothing of it would be left. free() */
static char *misspell(const char *word, int way) {
    int n = (int)strlen(word), at = n / 2, swap = n / 3;
    while (swap + 1 < n && word[swap] == word[swap + 1]) swap++;
    switch (way) {
    case 0: return n < 2 ? NULL : str_format("%.*s%s", at, word, word + at + 1);
    case 1:
        if (swap + 1 >= n) return NULL;
        return str_format("%.*s%c%c%s", swap, word, word[swap + 1], word[swap], word + swap + 2);
    case 2: return str_format("%s%c", word, word[n - 1]);
    case 3: return str_format("%.*sz%s", 1, word, word + 1);
    default: return n < 2 ? NULL : str_format("%.*sx", n - 1, word);
    }
}

static bool is_in(const name_set *s, const char *text) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->v[i], text) == 0) return true;
    return false;
}

static name_set top_keys(void) {
    name_set s = {.n = spec_schema.n};
    for (int i = 0; i < s.n; i++) s.v[i] = spec_schema.fields[i].key;
    return s;
}

/* One part of a dotted key after the other. */
static void misspell_key(const subject *s, const target *t, tally *count) {
    const char *key = t->owner->keys[t->i]->text, *part = key;
    name_set legal = t->in->keys.n > 0 ? t->in->keys : top_keys();
    bool name_of_axis = t->in->keys.n == 0 && strchr(key, '.') == NULL && !is_in(&legal, key);
    if (t->in->free || name_of_axis) {
        count->free_text++; /* the name of an axis, of a tensor */
        return;
    }
    for (;; part += strcspn(part, ".") + 1) {
        char *word = mem_strndup(part, strcspn(part, "."));
        for (int way = 0; way < WAYS; way++) {
            char *wrong = misspell(word, way);
            if (wrong == NULL) continue;
            char *whole =
                str_format("%.*s%s%s", (int)(part - key), key, wrong, part + strlen(word));
            if (is_in(&legal, whole))
                count->valid++;
            else
                judge(s, t, OTHER_KEY, whole, wrong, word, &legal, count);
            free(whole);
            free(wrong);
        }
        free(word);
        if (part[strcspn(part, ".")] == '\0') return;
    }
}

Test(spec_mutants, a_misspelled_key_is_found_and_the_right_one_suggested, .init = setup_data,
     .fini = teardown) {
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i].targets.n; k++) {
            const target *t = &all[i].targets.v[k];
            if (t->owner->kind == YAML_MAP) misspell_key(&all[i], t, &count);
        }
    close_subjects(all, n, "a misspelled key", &count);
}

Test(spec_mutants, a_misspelled_name_is_found_and_the_right_one_suggested, .init = setup_data,
     .fini = teardown) {
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i].targets.n; k++) {
            const target *t = &all[i].targets.v[k];
            for (int way = 0; way < WAYS && t->kind == VALUE_NAME; way++) {
                char *wrong = misspell(t->owner->items[t->i]->text, way);
                if (wrong != NULL && is_in(&t->choices, wrong))
                    count.valid++;
                else if (wrong != NULL)
                    judge(&all[i], t, OTHER_VALUE, wrong, wrong, t->owner->items[t->i]->text,
                          &t->choices, &count);
                free(wrong);
            }
        }
    close_subjects(all, n, "a misspelled name", &count);
}

/* ---- types ---- */

Test(spec_mutants, a_value_of_a_wrong_type_is_found, .init = setup_data, .fini = teardown) {
    static const char *const wrong[][5] = {[VALUE_FREE] = {"[x]", "{x: y}"},
                                           [VALUE_NAME] = {"[x]", "{x: y}", "~"},
                                           [VALUE_NUMBER] = {"three", "[x]", "{x: y}", "~"},
                                           [VALUE_MAP] = {"three", "[x]", "~"},
                                           [VALUE_LIST] = {"three", "{x: y}", "~"},
                                           [VALUE_TREE] = {"{x: y}", "~"}};
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i].targets.n; k++) {
            const target *t = &all[i].targets.v[k];
            bool replaced = all[i].part && t->owner == all[i].root &&
                            strcmp(t->owner->keys[t->i]->text, "model") == 0;
            if (replaced) count.valid++; /* by the model of the spec that extends it */
            for (int w = 0; wrong[t->kind][w] != NULL && !replaced; w++)
                judge(&all[i], t, OTHER_VALUE, wrong[t->kind][w], NULL, NULL, NULL, &count);
        }
    close_subjects(all, n, "a value of a wrong type", &count);
}

/* ---- keys that are missing, or elsewhere ---- */

Test(spec_mutants, a_missing_key_is_missed_where_it_should_stand, .init = setup_data,
     .fini = teardown) {
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i].targets.n; k++) {
            const target *t = &all[i].targets.v[k];
            if (t->required && t->owner->kind == YAML_MAP && !(all[i].part && t->in->up == NULL))
                judge(&all[i], t, WITHOUT, NULL, NULL, NULL, NULL, &count);
        }
    close_subjects(all, n, "a key missing", &count);
}

Test(spec_mutants, a_key_one_level_up_is_found, .init = setup_data, .fini = teardown) {
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i].targets.n; k++) {
            const target *t = &all[i].targets.v[k];
            if (t->owner->kind != YAML_MAP || t->in->up == NULL) continue;
            const char *key = t->owner->keys[t->i]->text;
            if (is_in(&t->in->up->keys, key) && yaml_get(t->in->up->map, key) == NULL)
                count.valid++;
            else
                judge(&all[i], t, MOVED_UP, NULL, NULL, NULL, NULL, &count);
        }
    close_subjects(all, n, "a key one level up", &count);
}

/* ---- the printer of the mutants ---- */

Test(spec_mutants, without_a_mistake_are_fine, .init = setup_data, .fini = teardown) {
    int n;
    tally count = {0};
    subject *all = subjects(&n);
    for (int i = 0; i < n; i++) {
        stretch where;
        diags d;
        diags_init(&d);
        char *text = mutant_print(all[i].root, SAME, NULL, NULL, &where);
        status bad = plan_text(&all[i], text, &d);
        if (bad) diags_print(&d, stderr);
        cr_assert(bad == OK, "%s\n%s", all[i].path, text);
        count.mutants++;
        diags_fini(&d);
        free(text);
    }
    close_subjects(all, n, "no mistake", &count);
}
