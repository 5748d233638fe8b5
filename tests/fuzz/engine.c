/*
 * libFuzzer's side of a target: a third of the strings are drawn as valid files, a third are
 * changed where a format has integers and lengths, the rest is libFuzzer's own. At the end it
 * prints how many there were and how many decoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static uint64_t executions, decoded;

/* A second of processor time is the most for one string; libFuzzer's own clock also counts what
 * other programs of the machine take. */
static void check_time(void) {
    static double before = -1;
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    double now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    fuzz_require(before < 0 || now - before < 1, "a string takes less than a second");
    before = now;
}

void fuzz_count(bool is) {
    executions++, decoded += is;
    check_time();
}

static void report(void) {
    printf("executions %llu decoded %llu\n", (unsigned long long)executions,
           (unsigned long long)decoded);
}

__attribute__((constructor)) static void at_end(void) { atexit(report); }

/* What does not fit is cut. */
static size_t put_back(const strbuf *b, uint8_t *data, size_t most) {
    size_t n = b->len < most ? b->len : most;
    if (n > 0) memcpy(data, b->s, n);
    return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    dice r = {seed};
    strbuf b = {0};
    uint32_t how = dice_roll(&r, 6);
    if (how == 0) return LLVMFuzzerMutate(data, size, most);
    if (how < 4)
        target_make(&r, &b);
    else
        strbuf_addn(&b, (const char *)data, size);
    for (uint32_t changes = how < 3 ? 0 : 1 + dice_roll(&r, 3); changes > 0; changes--)
        change_bytes(&r, &b);
    if (target_mend != NULL && dice_roll(&r, 4) > 0) target_mend(&b);
    size_t n = put_back(&b, data, most);
    strbuf_fini(&b);
    return n;
}
