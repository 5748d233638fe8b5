/*
 * util/parallel.h - the threads of the process; the only file that knows OpenMP.
 *
 * Work is cut into tasks by its size alone, never by the number of threads, and
 * each task writes its own outputs: so results do not depend on the threads.
 * A sum over tasks is folded afterwards, in task order.
 */
#ifndef UTIL_PARALLEL_H
#define UTIL_PARALLEL_H

#include <stdbool.h>
#include <stdint.h>

enum { PARALLEL_MAX_THREADS = 1024 };

/* First thing in main(): libgomp and OpenBLAS read their environment while they
 * are loaded, so set it and start the program anew, once. Waiting by a short
 * spin (libgomp's default spins for long and is several times slower beside
 * another busy process); no threads of BLAS's own; and where bench lets it have some, they
 * spin for 0.3 ms behind a product: by default it is so long that the products measured
 * next, on two threads, were as slow as on one. */
void parallel_startup(char **argv);

/* Threads of the next calls: 1..1024. Without it: OMP_NUM_THREADS, else the CPUs
 * that the container's quota and the affinity mask leave. Fewer, with a warning, where the
 * system does not let so many live. */
void parallel_set_threads(int threads);
int parallel_threads(void);
/* Never more than these, whoever sets them. */
void parallel_limit_threads(int most);

/* Calls task(i, arg) once for each i in [0, n), on any thread, in any order;
 * returns when all are done. Inside a task it runs on that thread alone. */
void parallel_for(int64_t n, void (*task)(int64_t i, void *arg), void *arg);

/* Which thread runs this task: 0..parallel_threads()-1, for scratch memory. */
int parallel_thread(void);

/* In a child process, before it has limits: clang's OpenMP begins anew there, with a file. */
void parallel_in_child(void);

#endif
