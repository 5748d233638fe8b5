/*
 * Files that cannot be written any further: a limit of their size, a full device, a small file
 * system, a folder that is read-only.
 */
#include "faults/faults.h"

#include <sys/mount.h>
#include <unistd.h>

#include "util/files.h"
#include "util/str.h"

/* ---- RLIMIT_FSIZE: every byte of every file ---- */

Test(full_disk, a_run_ends_with_exit_7_wherever_its_files_end, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 3000) {
    skip_with_llvm_openmp();
    int n = sized(26, 512), step = (2 << 20) / n / 4096 * 4096, failed = 0;
    for (int i = 0; i < n; i++) {
        char what[64]; /* small ones are where all files end: 13 of 26 below 212 KiB */
        long limit = sized(i < 13 ? i * 16384 + i * 512 : 212992 + (i - 13) * step, i * 4096);
        snprintf(what, sizeof what, "files of at most %ld bytes", limit);
        fresh();
        outcome o = judged(what, EXIT(0) | EXIT(7), "prlimit --fsize=%ld " RUN_TINY, limit);
        failed += o.exit != 0;
        free_outcome(&o);
        check_database(what);
        check_no_temporary(what);
        check_resume(what);
    }
    cr_assert(failed >= n / 26, "only %d of %d limits were felt", failed, n);
    all_kept("%d limits of the size of files up to 2 MiB, %d of them felt by a run", n, failed);
}

/* What writes one file, with the old version beside it. */
typedef struct writer {
    const char *command, *file;
} writer;

static const writer writers[] = {
    {"$Q quantize w.npy --scheme int --set bits=4 -o packed.safetensors", "packed.safetensors"},
    {"$Q quantize w.npy --scheme int --set bits=4 --codes codes.npy", "codes.npy"},
    {"$Q export w.npy -o w.gguf", "w.gguf"},
    {"$Q export w.npy -o w.csv", "w.csv"},
    {"$Q plot training_curves @last --db r.db -o p.svg", "p.svg"},
    {"$Q report --db r.db -o r.html", "r.html"},
};
enum { WRITERS = sizeof writers / sizeof *writers };

static void setup_writers(void) {
    setup_tiny();
    free(expect(0, RUN_TINY));
    free(expect(0, "$Q export runs/*/weights.safetensors --tensor fc1.weight -o w.npy"));
}

/* The old version is what it was, or the new one is whole. */
static void check_old(const char *what, const char *file, int exit) {
    char *text = read_file(file);
    bool old = strcmp(text, "the old version") == 0;
    if (exit != 0 && !old) broken("%s: %s is not what it was", what, file);
    if (exit == 0 && old) broken("%s: %s is not new", what, file);
    free(text);
}

Test(full_disk, old_files_stay_where_new_ones_do_not_fit, .init = setup_writers,
     .fini = teardown_tiny, .timeout = 3000) {
    int n = sized(6, 64), failed = 0;
    for (int k = 0; k < WRITERS; k++)
        for (int i = 0; i < n; i++) {
            const writer *w = &writers[k];
            char what[160];
            long limit = i < 2 ? i * 100 : (long)(i - 1) * sized(8192, 2048);
            snprintf(what, sizeof what, "%s, files of at most %ld bytes", w->command, limit);
            write_file(w->file, "the old version");
            outcome o =
                judged(what, EXIT(0) | EXIT(7) | TWO, "prlimit --fsize=%ld %s", limit, w->command);
            failed += o.exit != 0;
            check_old(what, w->file, o.exit);
            check_no_temporary(what);
            free_outcome(&o);
        }
    check_database("writers");
    cr_assert(failed >= WRITERS, "only %d limits were felt", failed);
    all_kept("%d limits for each of %d commands that write a file, %d of them felt", n, WRITERS,
             failed);
}

/* ---- /dev/full ---- */

Test(full_disk, a_full_device_is_exit_7_for_every_output, .init = setup_writers,
     .fini = teardown_tiny) {
    static const char *const commands[] = {
        "$Q quantize w.npy --scheme int -o /dev/full",
        "$Q quantize w.npy --scheme int --codes /dev/full",
        "$Q report --db r.db -o /dev/full",
        "$Q ls --db r.db >/dev/full",
        "$Q ls --db r.db --json >/dev/full",
        "$Q info @last --db r.db >/dev/full",
        "$Q compare tiny --db r.db >/dev/full",
        "$Q query --db r.db best-per-bits --format csv >/dev/full",
        "$Q report --db r.db -o /dev/stdout >/dev/full",
        "$Q plot training_curves @last --db r.db --term >/dev/full",
        "$Q run s.yaml --db r.db >/dev/full",
        "$Q plan s.yaml >/dev/full",
        "$Q show s.yaml >/dev/full",
        "$Q inspect w.npy >/dev/full",
        "$Q plugins list >/dev/full",
        "$Q doctor >/dev/full",
        "$Q help run >/dev/full",
        "$Q version >/dev/full",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        outcome o = judged(commands[i], EXIT(7), "%s", commands[i]);
        if (strstr(o.err, "/dev/") == NULL && strstr(o.err, "standard output") == NULL)
            broken("%s: names no output: %s", commands[i], o.err);
        free_outcome(&o);
    }
    all_kept("/dev/full as the output of every command"); /* J10, K07 */
}

/* ---- a small file system ---- */

/* Runs until it is full, and beyond; how many were done. */
static int fill(const char *size) {
    char *at = in_dir("disk");
    free(expect(0, "mkdir -p disk"));
    if (mount("none", at, "tmpfs", 0, size) != 0) cr_skip("no mount() here");
    int done = 0;
    for (int i = 0; i < 12; i++) {
        char what[48];
        snprintf(what, sizeof what, "run %d, %s", i, size);
        outcome o =
            judged(what, EXIT(0) | EXIT(7),
                   "cp s.yaml disk/ && cd disk && $Q run s.yaml --db r.db -q --set seed=%d", i);
        done += o.exit == 0;
        free_outcome(&o);
        check_no_temporary(what);
        o = judged(what, EXIT(0),
                   "test ! -s disk/r.db || sqlite3 disk/r.db 'PRAGMA "
                   "integrity_check' | grep -qx ok");
        free_outcome(&o);
    }
    umount(at);
    free(at);
    cr_assert(done < 12, "it never was full");
    return done;
}

Test(full_disk, a_small_file_system_loses_nothing, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 600) {
    if (geteuid() != 0) cr_skip("only root can mount a file system");
    int least = fill("size=256k"), more = fill("size=1m");
    cr_assert(more > 0, "none was done on 1 MiB");
    all_kept("file systems of 256 KiB and 1 MiB filled by runs, %d and %d of them done", least,
             more);
}

/* ---- permissions ---- */

Test(full_disk, what_may_not_be_written_is_named_and_read_all_the_same, .init = setup_writers,
     .fini = teardown_tiny) {
    const char *nobody = as_nobody(); /* I07 */
    free(expect(0, "chmod 755 . && mkdir there && cp -r r.db runs s.yaml w.npy there/ && "
                   "chmod 555 there && chmod 444 there/r.db"));
    static const struct {
        unsigned codes;
        const char *command;
    } tries[] = {{EXIT(0), "$Q ls --db there/r.db"},
                 {EXIT(0), "$Q info @last --db there/r.db"},
                 {EXIT(0), "$Q query --db there/r.db failed"},
                 {EXIT(6) | EXIT(7), "$Q run there/s.yaml --db there/r.db --again"},
                 {EXIT(6) | EXIT(7), "$Q run there/s.yaml --db there/new.db"},
                 {EXIT(7), "$Q report --db there/r.db -o there/r.html"},
                 {EXIT(7), "$Q quantize there/w.npy --scheme int -o there/q.safetensors"},
                 {EXIT(7), "$Q export there/w.npy -o there/w.gguf"}};
    free(expect(0, "sha256sum there/r.db > before"));
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        outcome o =
            judged(tries[i].command, tries[i].codes, "%s%s%s", nobody,
                   *nobody != '\0' ? "env XDG_CACHE_HOME=/nonexistent " : "", tries[i].command);
        if (o.exit != 0 && strstr(o.err, "there/") == NULL)
            broken("%s: names no file: %s", tries[i].command, o.err);
        free_outcome(&o);
    }
    free(expect(0, "sha256sum -c before && test $(ls there | wc -l) -eq 4 && chmod 755 there"));
    all_kept("a folder and a database that may only be read");
}
