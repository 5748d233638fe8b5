/*
 * Work in a child process: whatever it does, we learn what it was doing, and nothing but
 * its own last word counts as success.
 */
#include "support/support.h"

#include <signal.h>
#include <unistd.h>

#include "util/child.h"

static char heard[64];

static void hear(void *to, int type, const char *data, size_t n) {
    (void)to, (void)n;
    snprintf(heard, sizeof heard, "%d %s", type, data);
}

static child_end end_of(void (*body)(child *c, void *arg)) {
    child_job job = {.body = body, .receive = hear, .each = 0.3, .all = 1.2, .memory = 1 << 30};
    child_end end;
    diags d;
    diags_init(&d);
    heard[0] = '\0';
    cr_assert(child_run(&job, &d, &end) == OK);
    diags_fini(&d);
    return end;
}

static void expect_end(void (*body)(child *c, void *arg), child_fate fate, const char *text) {
    child_job job = {.each = 0.3, .all = 1.2};
    child_end end = end_of(body);
    char *said = end.fate != CHILD_DONE ? child_end_text(&end, &job) : strdup("");
    cr_assert(end.fate == fate, "fate %d: %s", (int)end.fate, said);
    cr_assert_str_eq(said, text);
    free(said);
    child_end_free(&end);
}

static void finishes(child *c, void *arg) {
    (void)arg;
    child_send(c, 7, "all well", 9);
}
static void exits(child *c, void *arg) {
    (void)arg;
    child_doing(c, "loading");
    _exit(0);
}
static void dies(child *c, void *arg) {
    (void)arg;
    child_doing(c, "fit()");
    abort();
}
static void hangs(child *c, void *arg) {
    (void)arg;
    child_doing(c, "pack()");
    for (;;) pause();
}
static void dawdles(child *c, void *arg) {
    (void)arg;
    for (;;) {
        child_doing(c, "fit()");
        usleep(50000);
    }
}
/* Writes to every file that it has what looks like a last message, but for the number. */
static void forges(child *c, void *arg) {
    (void)arg;
    const child forged = {.page = c->page, .fd = c->fd, .nonce = c->nonce + 1};
    child_doing(c, "fit()");
    for (int type = -1; type < 3; type++) child_send((child *)(uintptr_t)&forged, type, "x", 2);
    const int files[] = {1, 2, c->fd};
    for (int i = 0; i < 3; i++)
        if (write(files[i], "passed\n", 7) < 0) continue;
    _exit(0);
}
Test(child, that_comes_to_its_end_has_succeeded) {
    expect_end(finishes, CHILD_DONE, "");
    cr_assert_str_eq(heard, "7 all well");
}

Test(child, that_exits_crashes_or_hangs_is_told_by_what_it_was_doing) {
    expect_end(exits, CHILD_EXITED, "exited with code 0 while loading, before the handshake");
    expect_end(dies, CHILD_CRASHED, "crashed (SIGABRT) in fit()");
    expect_end(hangs, CHILD_HUNG, "timed out after 0.3 s in pack()");
    expect_end(dawdles, CHILD_SLOW, "took more than 1.2 s in all, last in fit()");
}

Test(child, that_writes_into_every_file_cannot_forge_a_success) {
    expect_end(forges, CHILD_EXITED, "exited with code 0 in fit()");
    cr_assert_str_eq(heard, "");
}

#ifndef __SANITIZE_ADDRESS__ /* which needs more address space, and is not limited */
static void greedy(child *c, void *arg) {
    (void)arg;
    child_doing(c, "init()");
    void *volatile p = malloc((size_t)100 << 30); /* else clang leaves it out */
    if (p == NULL) child_send(c, 1, "no memory", 10);
    free(p);
}

Test(child, has_a_limit_of_memory) {
    expect_end(greedy, CHILD_DONE, "");
    cr_assert_str_eq(heard, "1 no memory");
}
#endif
