#include "util/stack.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

enum { ENOUGH = 4 << 20, OWN = 8 << 20, GUARD = 1 << 16 }; /* bytes; the largest frame has 300 KB */

int stack_is_small(void) {
    struct rlimit r;
    return getrlimit(RLIMIT_STACK, &r) == 0 && r.rlim_cur < ENOUGH;
}

/* makecontext() passes ints alone. */
static struct {
    int (*f)(void *arg);
    void *arg;
    int result;
} call;

static void call_it(void) { call.result = call.f(call.arg); }

int stack_call(int (*f)(void *arg), void *arg) {
    ucontext_t here, there;
    if (!stack_is_small()) return f(arg);
    char *stack =
        mmap(NULL, OWN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD, PROT_NONE) != 0 || getcontext(&there) != 0)
        return -1;
    call.f = f, call.arg = arg;
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = OWN;
    there.uc_link = &here;
    makecontext(&there, call_it, 0);
    if (swapcontext(&here, &there) != 0) return -1;
    return call.result;
}
