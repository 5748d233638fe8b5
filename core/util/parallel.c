#include "util/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/stack.h"

static const char RESTARTED[] = "QUANTBENCH_RESTARTED";

void parallel_startup(char **argv) {
    if (getenv(RESTARTED) != NULL) {
        unsetenv(RESTARTED); /* a program that we start decides for itself */
        return;
    }
    if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL)
        setenv("GOMP_SPINCOUNT", "1000", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_THREAD_TIMEOUT", "20", 0); /* 2^20 cycles */
    if (stack_is_small()) setenv("OMP_STACKSIZE", "4M", 1);
    if (setenv(RESTARTED, "1", 1) != 0) return; /* no memory: it would never end */
    execv("/proc/self/exe", argv);
    unsetenv(RESTARTED); /* no /proc: slower beside others, but right */
}

/* OpenBLAS asks this while it is loaded, before main(): it is its own word for its environment,
 * answered by us. Where it may not have the threads that it wants it interrupts the process. */
int openblas_num_threads_env(void);
int openblas_num_threads_env(void) { return 1; }

/* CPUs that the cgroup's quota leaves (cgroup v2: "max 100000" or "200000 100000"). */
static int quota_cpus(void) {
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (f == NULL) return PARALLEL_MAX_THREADS;
    long long quota, period;
    int got = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    if (got != 2 || quota <= 0 || period <= 0) return PARALLEL_MAX_THREADS;
    return (int)((quota + period - 1) / period);
}

static int default_threads(void) {
    if (getenv("OMP_NUM_THREADS") != NULL) return omp_get_max_threads();
    int cpus = omp_get_num_procs(), quota = quota_cpus();
    return cpus < quota ? cpus : quota;
}

/* ---- how many ---- */

static int threads_set, threads_tried = 1, threads_most = PARALLEL_MAX_THREADS;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *arg) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return arg;
}

/* How many of `wanted` threads the system lets live at once, this one among them. libgomp ends
 * the process if it cannot have one. */
static int try_threads(int wanted) {
    static pthread_t threads[PARALLEL_MAX_THREADS];
    int n = 1, error = 0;
    pthread_mutex_lock(&gate);
    while (n < wanted && (error = pthread_create(&threads[n], NULL, wait_at_gate, NULL)) == 0) n++;
    pthread_mutex_unlock(&gate);
    for (int t = 1; t < n; t++) pthread_join(threads[t], NULL);
    if (n < wanted)
        log_info("warning: %d thread%s instead of %d: %s", n, n > 1 ? "s" : "", wanted,
                 strerror(error));
    return n;
}

void parallel_set_threads(int threads) { threads_set = threads; }

void parallel_limit_threads(int most) { threads_most = most; }

int parallel_threads(void) {
    if (threads_set == 0) {
        int n = default_threads();
        threads_set = n < 1 ? 1 : n > PARALLEL_MAX_THREADS ? PARALLEL_MAX_THREADS : n;
    }
    if (threads_set > threads_most) threads_set = threads_most;
    if (threads_set > threads_tried) threads_tried = threads_set = try_threads(threads_set);
    return threads_set;
}

/* ---- sharing ---- */

/* Each thread has a share of consecutive tasks, so that in the next call it finds
 * in its cache what it worked on before; whoever is done helps the others, so that
 * a thread which wakes up late or lost its CPU holds nobody up. */
typedef struct share {
    alignas(64) _Atomic int64_t next; /* a cache line each */
    int64_t end;
} share;

static share shares[PARALLEL_MAX_THREADS];

static void work(int me, int threads, void (*task)(int64_t i, void *arg), void *arg) {
    for (int k = 0; k < threads; k++) {
        share *s = &shares[(me + k) % threads];
        for (int64_t i; (i = atomic_fetch_add(&s->next, 1)) < s->end;) task(i, arg);
    }
}

void parallel_for(int64_t n, void (*task)(int64_t i, void *arg), void *arg) {
    int threads = parallel_threads();
    if (n < threads) threads = (int)n;
    if (threads <= 1 || omp_in_parallel()) {
        for (int64_t i = 0; i < n; i++) task(i, arg);
        return;
    }
    for (int t = 0; t < threads; t++) {
        atomic_store(&shares[t].next, n * t / threads);
        shares[t].end = n * (t + 1) / threads;
    }
#pragma omp parallel num_threads(threads)
    work(omp_get_thread_num(), threads, task, arg);
}

int parallel_thread(void) { return omp_get_thread_num(); }

void parallel_in_child(void) { omp_get_max_threads(); }
