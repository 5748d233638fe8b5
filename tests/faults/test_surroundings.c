/*
 * Limits, environment, locale, clock, umask, standard files (rows K10 to K22, J09): what the run
 * comes to does not depend on them, or it is exit 7 with the reason.
 */
#include "faults/faults.h"

#include <sys/stat.h>
#include <unistd.h>

#include "util/files.h"
#include "util/str.h"

/* The run with these words in front: done with the results that it has without, or refused. */
static bool run_among(const char *words, unsigned codes) {
    fresh();
    outcome o = judged(words, codes, "%s " RUN_TINY, words);
    bool done = o.exit == 0;
    free_outcome(&o);
    check_database(words);
    check_no_temporary(words);
    check_resume(words);
    return done;
}

/* ---- limits ---- */

Test(limits, of_memory_are_felt_before_or_end_with_exit_7, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 1200) {
    outcome o = judged("a large model", EXIT(7),
                       "prlimit --as=268435456 " RUN_TINY
                       " --set 'model.hidden=[8192, 8192, 8192]'"); /* K11 */
    if (strstr(o.err, "it needs about") == NULL || strstr(o.err, "ulimit -v") == NULL)
        broken("K11: %s", o.err);
    free_outcome(&o);
    fresh();
    o = judged("64 threads in 1 GiB", EXIT(0),
               "prlimit --as=1073741824 $Q run s.yaml --db r.db -q --threads 64");
    free_outcome(&o);
    check_resume("64 threads in 1 GiB");
    int n = sized(8, 80), done = 0;
    for (int i = 0; i < n; i++) {
        char words[64];
        snprintf(words, sizeof words, "prlimit --as=%ld", (60L << 20) + (240L << 20) / n * i);
        done += run_among(words, EXIT(0) | EXIT(7));
    }
    all_kept("%d limits of memory from 60 to 300 MiB, the run was done in %d", n, done);
}

Test(limits, of_files_threads_processes_and_stack_are_exit_0_or_7, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 1200) {
    for (int n = 12; n < 80; n += sized(17, 1)) { /* K12 */
        char words[64];
        snprintf(words, sizeof words, "prlimit --nofile=%d", n);
        run_among(words, EXIT(0) | EXIT(7));
    }
    static const int stacks[] = {64, 128, 1024, 8192}; /* K13 */
    for (int i = 0; i < 4; i++) {
        char words[64];
        snprintf(words, sizeof words, "prlimit --stack=%d", stacks[i] * 1024);
        run_among(words, EXIT(0));
    }
    all_kept("12 to 79 open files, 64 KiB to 8 MiB of stack");
}

Test(limits, of_threads_leave_fewer_with_a_warning_and_the_same_bits, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 120) {
    char *with = with_faults("FAULT_CALLS=thread FAULT_AT=0 FAULT_AND_ON=1 FAULT_HOW=EAGAIN");
    outcome o = judged("no thread", EXIT(0), "%s $Q run s.yaml --db r.db --threads 4", with);
    if (strstr(o.err, "warning: 1 thread instead of 4: Resource temporarily") == NULL)
        broken("no thread: %s", o.err);
    free_outcome(&o);
    check_resume("no thread");
    free(expect(0, "chmod 777 . && rm -rf r.db* runs"));
    o = judged("one process", EXIT(0) | EXIT(7),
               "%senv XDG_CACHE_HOME=/nonexistent prlimit --nproc=1 $Q run s.yaml --db r.db -q "
               "--threads 4",
               as_nobody()); /* no process either: plugins cannot be tried */
    if (o.exit == 7 && strstr(o.err, "Resource temporarily unavailable") == NULL)
        broken("one process: %s", o.err);
    free_outcome(&o);
    fresh();
    check_resume("one process");
    free(with);
    all_kept("no threads, no processes");
}

/* ---- places ---- */

/* Nothing but these is in the folder of the test; SQLite's readers leave -wal and -shm. */
static void check_folder(const char *what) {
    char *found = expect(0, "ls -A | grep -vxE 's.yaml|r.db(-wal|-shm)?|runs|home|x.svg|"
                            "training_curves.(gp|tsv)' || true");
    if (*found != '\0') broken("%s: made %s", what, found);
    free(found);
    free(expect(0, "ls -A | grep -vxE 's.yaml|r.db|runs|home' | xargs -r rm -rf"));
}

Test(places, that_are_odd_are_done_without_or_named, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 300) {
    char large[5001];
    memset(large, 'x', 5000); /* K14 */
    large[0] = '/', large[5000] = '\0';
    const char *const values[] = {"", "relative/folder", "/proc/none", "/dev/null/x", large, "."};
    static const char *const names[] = {"HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"};
    for (int k = 0; k < 4; k++)
        for (int i = -1; i < 6; i += sized(3, 1)) {
            char what[80];
            snprintf(what, sizeof what, "%s=%.40s", names[k], i < 0 ? "(unset)" : values[i]);
            char *set = i < 0 ? str_format("env -u %s", names[k])
                              : str_format("env %s='%s'", names[k], values[i]);
            fresh();
            outcome o = judged(what, EXIT(0), "%s " RUN_TINY, set);
            free_outcome(&o);
            o = judged(what, EXIT(0) | EXIT(7), "%s $Q plot training_curves --db r.db -o x.svg",
                       set);
            free_outcome(&o);
            o = judged(what, EXIT(0) | EXIT(2) | EXIT(6) | EXIT(7), "%s $Q ls", set);
            free_outcome(&o);
            check_folder(what);
            free(set);
        }
    check_resume("odd places");
    all_kept("HOME, XDG_CACHE_HOME, XDG_DATA_HOME and TMPDIR unset, empty, relative, missing, a "
             "device, of 5000 letters");
}

Test(places, with_planted_links_hit_nobody, .init = setup_tiny, .fini = teardown_tiny) {
    write_file("victim", "mine"); /* K15 */
    free(expect(0, RUN_TINY " && mkdir -m 1777 home && for i in $(seq 200); do ln -s $PWD/victim "
                            "home/quantbench-plot-$i; ln -s $PWD/victim x.svg.$i.tmp; done; ln -s "
                            "$PWD/victim x.svg.tmp"));
    outcome o = judged("planted links", EXIT(0),
                       "TMPDIR=$PWD/home $Q plot training_curves --db r.db -o x.svg");
    free_outcome(&o);
    char *text = read_file("victim");
    if (strcmp(text, "mine") != 0) broken("the victim has %zu bytes", strlen(text));
    free(text);
    free(expect(0, "test $(find home -newer x.svg -type d | wc -l) -le 1 && test -f x.svg"));
    all_kept("links planted beside outputs and in TMPDIR");
}

Test(places, the_verdicts_on_plugins_are_kept_in_absolute_folders_alone, .init = setup_tiny,
     .fini = teardown_tiny) {
    static const char *const odd[] = {"XDG_CACHE_HOME= HOME=.", "XDG_CACHE_HOME=cache HOME=home",
                                      "XDG_CACHE_HOME=./cache HOME="};
    for (int i = 0; i < 3; i++) {
        outcome o = judged(odd[i], EXIT(0), "env %s $Q check s.yaml", odd[i]);
        free_outcome(&o);
        check_folder(odd[i]);
    }
    /* a home that is the working folder is a place that was asked for */
    outcome o = judged("HOME=$PWD", EXIT(0), "env -u XDG_CACHE_HOME HOME=$PWD $Q check s.yaml");
    free_outcome(&o);
    free(expect(0, "test -f .cache/quantbench/plugins && rm -r .cache"));
    all_kept("the cache of verdicts where HOME and XDG_CACHE_HOME are odd");
}

Test(places, without_proc_are_said_and_without_shared_memory_are_done_without, .init = setup_tiny,
     .fini = teardown_tiny) {
    skip_with_llvm_openmp();
    outcome o = run("unshare --mount true"); /* K25 */
    bool may = o.exit == 0;
    free_outcome(&o);
    if (!may) cr_skip("no file systems of its own here");
    o = judged("no /proc", EXIT(7), "unshare --mount sh -c 'umount -l /proc; " RUN_TINY "'");
    if (strstr(o.err, "/proc is not there") == NULL) broken("no /proc: %s", o.err);
    free_outcome(&o);
    run_among("unshare --mount sh -c 'mount -t tmpfs -o size=4k none /dev/shm; cat /dev/zero "
              ">/dev/shm/full 2>/dev/null; exec \"$@\"' -- ",
              EXIT(0));
    all_kept("no /proc, a full /dev/shm");
}

/* ---- locale, clock, umask ---- */

/* What the commands print and write, for comparing: everything but uids and durations. */
static char *everything(const char *words) {
    char *with = with_faults("'FAULT_CLOCK=2000000000 0'");
    free(expect(0, "rm -rf out && mkdir out"));
    fresh();
    outcome o = judged(words, EXIT(0), "%s %s " RUN_TINY, words, with);
    free_outcome(&o);
    o = judged(
        words, EXIT(0),
        "sqlite3 r.db \"UPDATE run SET uid = '0123456789ab', seconds = 1, cpu_seconds = 1, "
        "peak_bytes = 1, command = ''; UPDATE artifact SET path = role; DELETE FROM metric WHERE name = "
        "'samples_per_second'\"; export SOURCE_DATE_EPOCH=1; for f in table json csv; do %s "
        "$Q ls --db r.db --format $f; done; %s $Q info @last --db r.db --json | sed "
        "'s/0123456789ab//g'; %s $Q query --db r.db --sql 'SELECT accuracy, loss, started "
        "FROM v_run' --format csv; %s $Q plan s.yaml; W=$(ls runs/*/weights.safetensors); "
        "%s $Q quantize $W --scheme int --json -o out/q.safetensors; %s $Q export $W "
        "--tensor fc1.weight -o out/w.csv; %s $Q plot training_curves --db r.db -o "
        "out/p.svg --keep >/dev/null; %s $Q report --db r.db -o out/r.html; cat out/*",
        words, words, words, words, words, words, words, words);
    char *text = o.out;
    free(o.err);
    free(with);
    return text;
}

Test(surroundings, of_language_time_zone_and_threads_change_no_byte, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 600) {
    static const char *const all[] = {"env TZ=XXX-14:30",
                                      "env TZ=:nonsense",
                                      "env TZ=/etc/passwd", /* K17 */
                                      "env LC_ALL=C.UTF-8",
                                      "env LC_ALL=xx_YY",
                                      "env OMP_NUM_THREADS=1",
                                      "env OMP_NUM_THREADS=3",
                                      "env OMP_NUM_THREADS=",
                                      "env OMP_NUM_THREADS=many",
                                      "env OMP_DYNAMIC=true",
                                      "taskset -c 0",
                                      "env MALLOC_PERTURB_=165", /* K19 */
                                      "env GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4",
                                      "env OPENBLAS_NUM_THREADS=7",
                                      "env POSIXLY_CORRECT=1",
                                      "env LANG=tr_TR.UTF-8"};
    char *plain = everything("env LC_ALL=C TZ=UTC");
    if (strstr(plain, "2033-05-18T03:33:20Z") == NULL) broken("no UTC time in %.500s", plain);
    enum { ALL = sizeof all / sizeof *all };
    for (size_t i = 0; i < ALL; i += (size_t)sized(5, 1)) {
        char *text = everything(all[i]);
        if (strcmp(text, plain) != 0) broken("%s: other bytes", all[i]);
        free(text);
    }
    free(plain);
    all_kept("%d surroundings, all output compared", (ALL - 1) / sized(5, 1) + 1);
}

Test(surroundings, german_and_turkish_change_no_byte, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 300) {
    static const char *const languages[] = {"de_DE", "tr_TR"}; /* K16 */
    char *plain = everything("env LC_ALL=C TZ=UTC");
    int compared = 0;
    for (int i = 0; i < 2; i++) {
        outcome o = run("mkdir -p long && localedef -i %s -f UTF-8 long/%s.UTF-8 2>&1",
                        languages[i], languages[i]);
        bool made = o.exit < 2;
        free_outcome(&o);
        if (!made) continue;
        char *words = str_format("env LOCPATH=%s/long LC_ALL=%s.UTF-8 LANG=%s.UTF-8", dir,
                                 languages[i], languages[i]);
        char *text = everything(words);
        if (strcmp(text, plain) != 0) broken("%s: other bytes", words);
        compared++;
        free(text);
        free(words);
    }
    free(plain);
    if (compared == 0) cr_skip("localedef cannot make de_DE and tr_TR here");
    all_kept("%d languages, all output compared", compared);
}

Test(surroundings, of_umask_leave_files_that_only_their_owner_writes, .init = setup_tiny,
     .fini = teardown_tiny) {
    static const char *const masks[] = {"000", "077", "027"}; /* K18 */
    for (int i = 0; i < 3; i++) {
        fresh();
        outcome o =
            judged(masks[i], EXIT(0),
                   "rm -f x.svg r.html; umask %s && " RUN_TINY " && $Q report --db r.db -o r.html",
                   masks[i]);
        free_outcome(&o);
        char *open = expect(0, "find . -newer s.yaml -perm /022 ! -name . | head -3");
        char *seen = expect(0, "find . -newer s.yaml -perm /0%s ! -name . | head -3", masks[i]);
        if (*open != '\0') broken("umask %s: others can write %s", masks[i], open);
        if (i > 0 && *seen != '\0') broken("umask %s: %s", masks[i], seen);
        free(open);
        free(seen);
    }
    all_kept("umask 000, 077 and 027");
}

/* ---- standard files, inherited files, foreign code ---- */

Test(surroundings, closed_files_and_inherited_ones_harm_nothing, .init = setup_tiny,
     .fini = teardown_tiny) {
    static const char *const ways[] = {"<&-",      ">&-",      "2>&-",        "<&- >&-",
                                       "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"}; /* J09 */
    for (int i = 0; i < 7; i++) {
        fresh();
        bool quiet = strstr(ways[i], "2>&-") != NULL;
        outcome o = run(RUN_TINY " %s", ways[i]);
        int wanted = strstr(ways[i], " >&-") != NULL || ways[i][0] == '>' ? 7 : 0;
        if (o.exit != wanted || (wanted == 7 && !quiet && strstr(o.err, " error: ") == NULL))
            broken("%s: exit %d: %s", ways[i], o.exit, o.err);
        free_outcome(&o);
        check_database(ways[i]);
        check_resume(ways[i]);
    }
    fresh();
    outcome o = judged("900 files", EXIT(0) | EXIT(7), /* K26 */
                       "bash -c 'for ((i = 3; i < 900; i++)); do eval \"exec $i</dev/null\"; done; "
                       "exec " RUN_TINY "'");
    free_outcome(&o);
    check_resume("900 files");
    all_kept("closed standard files, 900 inherited ones");
}

Test(surroundings, foreign_libraries_are_recorded, .init = setup_tiny, .fini = teardown_tiny) {
    char *with = with_faults(""); /* K22 */
    free(expect(0, "%s LD_LIBRARY_PATH=/nowhere " RUN_TINY, with));
    char *command = expect(0, "sqlite3 r.db 'SELECT command FROM run'");
    if (strncmp(command, "LD_PRELOAD=/", 12) != 0 ||
        strstr(command, "faults.so LD_LIBRARY_PATH=/nowhere quantbench run") == NULL)
        broken("%s", command);
    free(command);
    free(with);
    all_kept("LD_PRELOAD and LD_LIBRARY_PATH in the command of a run");
}
