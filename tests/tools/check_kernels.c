/*
 * build/tests/check_kernels: every kernel of every level that this CPU has, and of scalar.c
 * compiled without vectors ("plain"), against scalar.c, and the kernels that are wrong on
 * purpose. With `quick` the levels alone and a twentieth of the cases; with `only WORD` the
 * kernels whose names begin with it. With the words that a failure printed it repeats that
 * case alone: LEVEL KERNEL VARIANT N OFFSET DATA SEED.
 * LEVEL-only is a level without what this CPU has beside it, LEVEL-no-tiles one without AMX.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/check.h"
#include "simd/cpu.h"

/* Of what a CPU has beside its level: all, all but the tiles of AMX, nothing. */
static const struct {
    const char *suffix;
    uint32_t features;
} parts[] = {{"", UINT32_MAX}, {"-no-tiles", ~(uint32_t)CPU_AMX_INT8}, {"-only", 0}};
enum { N_PARTS = sizeof parts / sizeof *parts };

static void fill_part(kernels *k, int level, int part) {
    simd_fill(k, level, simd_features() & parts[part].features);
}

/* By the name that the report has: a level and the suffix of a part. */
static const kernels *find_table(char *name, diags *d) {
    static kernels table;
    int part = 0, level = 0;
    if (strcmp(name, kernels_scalar_plain.level) == 0) return &kernels_scalar_plain;
    for (int i = 1; i < N_PARTS; i++) {
        char *at = strstr(name, parts[i].suffix);
        if (at != NULL) *at = '\0', part = i;
    }
    if (simd_find("check-kernels", name, simd_features(), d) == NULL) return NULL;
    while (strcmp(simd_level_name(level), name) != 0) level++;
    fill_part(&table, level, part);
    return &table;
}

static int repeat(char **word) {
    diags d;
    char why[128] = "";
    check_case c = {.variant = atoi(word[2]), .n = atoll(word[3]), .at = atoi(word[4])};
    int which = 0;
    diags_init(&d);
    const kernels *k = find_table(word[0], &d);
    diags_print(&d, stderr);
    diags_fini(&d);
    while (which < check_n_kernels && strcmp(check_kernels[which].name, word[1]) != 0) which++;
    while (c.data < DATA_KINDS && strcmp(check_data_name(c.data), word[5]) != 0) c.data++;
    c.seed = strtoull(word[6], NULL, 10);
    if (k == NULL || which == check_n_kernels || c.data == DATA_KINDS) return ERR_USAGE;
    bool fine = check_one(which, k, &c, why, sizeof why);
    printf("%s %s: %s\n", word[0], word[1], fine ? "as scalar" : why);
    return fine ? 0 : 1;
}

/* ---- a process for each CPU ---- */

/* What the processes have in common. */
typedef struct tally {
    _Atomic int next; /* task */
    _Atomic long long cases;
    _Atomic int bad; /* tasks, and processes that a signal ended */
} tally;

typedef struct job {
    void (*task)(int i, const struct job *j, tally *t);
    int tasks;
    const kernels *k;
    const check_plan *plan;
} job;

/* From the last on: the products at the end of the list take longest. */
static void work(const job *j, tally *t) {
    for (int i; (i = atomic_fetch_add(&t->next, 1)) < j->tasks;) j->task(j->tasks - 1 - i, j, t);
    fflush(stdout);
}

/* Does the tasks, in this process alone where the system gives no other: what came of them. */
static tally in_processes(const job *j) {
    tally *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) {
        perror("check_kernels");
        exit(ERR_RESOURCE);
    }
    fflush(stdout);
    for (long cpus = sysconf(_SC_NPROCESSORS_ONLN); cpus > 1; cpus--) {
        pid_t child = fork();
        if (child < 0) break;
        if (child > 0) continue;
        work(j, t);
        _exit(0);
    }
    work(j, t);
    for (int ended; wait(&ended) > 0;) {
        if (ended == 0) continue;
        printf("a process that checked kernels did not end well (wait status %d)\n", ended);
        t->bad++;
    }
    tally result = *t;
    munmap(t, sizeof *t);
    return result;
}

/* ---- what is checked ---- */

static const char *only = ""; /* names begin with it */

static bool is_asked(const char *name) { return strncmp(name, only, strlen(only)) == 0; }

static int kernels_asked(void) {
    int n = 0;
    for (int i = 0; i < check_n_kernels; i++) n += is_asked(check_kernels[i].name);
    return n;
}

static void kernel_task(int which, const job *j, tally *t) {
    if (!is_asked(check_kernels[which].name)) return;
    check_count n = check_all(which, j->k, j->plan);
    t->cases += n.cases;
    t->bad += n.failures > 0;
}

static bool check_table(const kernels *k, const check_plan *plan) {
    tally t = in_processes(&(job){kernel_task, check_n_kernels, k, plan});
    printf("%-11s %d kernels, %lld cases, %lld random vectors each: %s\n", k->level,
           kernels_asked(), (long long)t.cases, (long long)plan->n_random,
           t.bad == 0 ? "the bits of scalar" : "wrong");
    return t.bad == 0;
}

#ifdef __x86_64__
static void linear_task(int which, const job *j, tally *t) {
    if (strncmp(check_kernels[which].name, "linear_", 7) == 0) kernel_task(which, j, t);
}

/* Tiles that the CPU lacks are those of a model; that counts for no level. */
static bool check_model(const check_plan *plan) {
    kernels k = kernels_scalar;
    k.linear_arrange = check_amx_model.linear_arrange;
    k.linear_sums = check_amx_model.linear_sums;
    k.linear_product = check_amx_model.linear_product;
    tally t = in_processes(&(job){linear_task, check_n_kernels, &k, plan});
    if (t.cases == 0 && t.bad == 0) return true; /* none of them was asked for */
    printf("amx         this CPU lacks it; its algorithm checked on a model of the tiles: %s\n",
           t.bad == 0 ? "the bits of scalar" : "wrong");
    return t.bad == 0;
}
#endif

/* A level with what this CPU has beside it, and with less of it. */
static bool check_level(int level, const check_plan *plan) {
    kernels k[N_PARTS];
    bool fine = true;
    for (int part = 0; part < N_PARTS; part++) {
        char name[32];
        fill_part(&k[part], level, part);
        if (part > 0 && memcmp(&k[part], &k[part - 1], sizeof *k) == 0) continue;
        kernels named = k[part];
        snprintf(name, sizeof name, "%s%s", named.level, parts[part].suffix);
        named.level = name;
        fine &= check_table(&named, plan);
    }
    return fine;
}

static bool check_levels(const check_plan *plan) {
    bool fine = plan->few_large || check_table(&kernels_scalar_plain, plan);
    for (int i = 1; simd_level_name(i) != NULL; i++) {
        if (simd_level(i, simd_features()) == NULL)
            printf("%-11s skipped: this CPU lacks it\n", simd_level_name(i));
        else
            fine &= check_level(i, plan);
    }
#ifdef __x86_64__
    if (!(simd_features() & CPU_AMX_INT8)) fine &= check_model(plan);
#endif
    return fine;
}

static void broken_task(int i, const job *j, tally *t) {
    if (!is_asked(broken_kernels[i].kernel) || check_catches(&broken_kernels[i], j->plan)) return;
    printf("not found: %s that %s\n", broken_kernels[i].kernel, broken_kernels[i].what);
    t->bad++;
}

static bool check_broken(const check_plan *plan) {
    tally t = in_processes(&(job){broken_task, n_broken_kernels, NULL, plan});
    int n = 0;
    for (int i = 0; i < n_broken_kernels; i++) n += is_asked(broken_kernels[i].kernel);
    printf("broken      %d of %d wrong kernels found\n", n - t.bad, n);
    return t.bad == 0;
}

int main(int argc, char **argv) {
    check_plan plan = {.n_small = 130, .n_random = 1000, .at_step = 1, .report = true};
    const char *emulator = getenv("CHECK_KERNELS_EMULATOR"); /* what runs this program, if any */
    const bool free_reads = getenv("CHECK_KERNELS_FREE_READS") != NULL,
               quick = argc == 2 && strcmp(argv[1], "quick") == 0;
    char again[512];
    if (free_reads) check_free_reads();
    if (argc == 8) return repeat(argv + 1);
    if (argc == 3 && strcmp(argv[1], "only") == 0) only = argv[2];
    if ((argc != 1 && !quick && *only == '\0') || kernels_asked() == 0) {
        fprintf(stderr, "usage: check_kernels [quick | only BEGINNING_OF_NAMES | "
                        "LEVEL KERNEL VARIANT N OFFSET DATA SEED]\n");
        return ERR_USAGE;
    }
    if (quick) plan.n_small = 36, plan.n_random = 50, plan.at_step = 8, plan.few_large = true;
    snprintf(again, sizeof again, "%s%s%s", emulator != NULL ? emulator : "",
             emulator != NULL ? " " : "", argv[0]);
    plan.again = again;
    if (simd_features() & CPU_NEON)
        printf("arm64       %s dot product\n", simd_features() & CPU_DOTPROD ? "with" : "without");
    bool fine = check_levels(&plan);
    if (!quick && !free_reads) fine &= check_broken(&plan); /* they want all cases */
    return fine ? 0 : 1;
}
