#include "support/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

static char *dir;

static void setup(void) { dir = temp_dir(); }
static void teardown(void) {
    remove_dir(dir);
    free(dir);
}

/* Writes text to dir/name by way of file_out; the message of an error, free(), or NULL. */
static char *put(const char *name, const char *text) {
    char *path = path_join(dir, name), *message = NULL;
    file_out f;
    diags d;
    diags_init(&d);
    status bad = file_out_open(&f, path, &d);
    if (!bad) {
        bad = file_out_add(&f, text, strlen(text), &d);
        if (!bad)
            bad = file_out_commit(&f, &d);
        else
            file_out_abort(&f);
    }
    if (bad) {
        cr_assert(bad == ERR_RESOURCE && strncmp(d.list[0].message, path, strlen(path)) == 0);
        message = str_format("%s", d.list[0].message);
    }
    diags_fini(&d);
    free(path);
    return message;
}

static void expect_text(const char *name, const char *text) {
    char *path = path_join(dir, name), *found = read_text(path);
    cr_assert(found != NULL, "%s is not there", name);
    cr_assert_str_eq(found, text);
    free(found);
    free(path);
}

static mode_t type_of(const char *name) {
    struct stat s;
    char *path = path_join(dir, name);
    cr_assert(lstat(path, &s) == 0);
    free(path);
    return s.st_mode & S_IFMT;
}

static void link_to(const char *to, const char *name) {
    char *path = path_join(dir, name);
    cr_assert(symlink(to, path) == 0);
    free(path);
}

static void expect_files(int n) {
    outcome o = run_in(dir, "ls -A | wc -l");
    cr_assert(atoi(o.out) == n, "%s", o.out);
    free_outcome(&o);
}

Test(files, a_new_version_replaces_the_old_one, .init = setup, .fini = teardown) {
    cr_assert(put("a", "one") == NULL && put("a", "two") == NULL);
    expect_text("a", "two");
    expect_files(1);
}

Test(files, a_symbolic_link_stays_and_its_target_is_replaced, .init = setup, .fini = teardown) {
    char *sub = path_join(dir, "sub");
    cr_assert(mkdir(sub, 0700) == 0 && put("sub/real", "old") == NULL);
    link_to("sub/again", "link");
    link_to("real", "sub/again");
    cr_assert(put("link", "new") == NULL);
    cr_assert(type_of("link") == S_IFLNK && type_of("sub/again") == S_IFLNK &&
              type_of("sub/real") == S_IFREG);
    expect_text("sub/real", "new");
    free(sub);
}

Test(files, a_dangling_link_gets_its_target, .init = setup, .fini = teardown) {
    link_to("later", "link");
    cr_assert(put("link", "text") == NULL);
    cr_assert(type_of("link") == S_IFLNK);
    expect_text("later", "text");
    link_to("round", "round");
    char *message = put("round", "text");
    cr_assert(message != NULL && type_of("round") == S_IFLNK);
    free(message);
    expect_files(3);
}

Test(files, a_fifo_is_written_into, .init = setup, .fini = teardown) {
    char *path = path_join(dir, "fifo"), text[8] = "";
    cr_assert(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert(put("fifo", "text") == NULL);
    cr_assert(read(fd, text, sizeof text) == 4 && strcmp(text, "text") == 0);
    cr_assert(type_of("fifo") == S_IFIFO);
    close(fd);
    expect_files(1);
    free(path);
}

Test(files, a_fifo_that_nobody_reads_is_an_error_at_once, .init = setup, .fini = teardown,
     .timeout = 20) {
    char *path = path_join(dir, "fifo");
    cr_assert(mkfifo(path, 0600) == 0);
    char *message = put("fifo", "text");
    cr_assert(message != NULL && strstr(message, "nobody reads this FIFO") != NULL);
    cr_assert(type_of("fifo") == S_IFIFO);
    free(message);
    expect_files(1);
    free(path);
}

/* More than a pipe holds, so that it has to wait. */
Test(files, a_fifo_waits_for_a_slow_reader, .init = setup, .fini = teardown, .timeout = 60) {
    enum { BYTES = 300000 };
    char *path = path_join(dir, "fifo"), *text = mem_calloc(BYTES + 1, 1);
    memset(text, 'x', BYTES);
    cr_assert(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    pid_t child = fork();
    if (child == 0) _exit(put("fifo", text) == NULL ? 0 : 1);
    int ended, got = 0;
    for (char block[4096]; got < BYTES;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n > 0) got += (int)n;
        usleep(100);
    }
    cr_assert(waitpid(child, &ended, 0) == child && ended == 0);
    close(fd);
    free(text);
    free(path);
}

/* By way of a link, so that a mistake replaces the link. */
Test(files, a_device_is_written_into_and_stays_one, .init = setup, .fini = teardown) {
    struct stat s;
    link_to("/dev/full", "full");
    char *message = put("full", "text");
    cr_assert(message != NULL && strstr(message, "cannot write: No space left") != NULL);
    free(message);
    link_to("/dev/null", "null");
    cr_assert(put("null", "text") == NULL);
    cr_assert(type_of("full") == S_IFLNK && type_of("null") == S_IFLNK);
    cr_assert(stat("/dev/full", &s) == 0 && S_ISCHR(s.st_mode));
    cr_assert(stat("/dev/null", &s) == 0 && S_ISCHR(s.st_mode));
    expect_files(2);
}

Test(files, the_link_of_an_open_file_is_written_into, .init = setup, .fini = teardown) {
    char *path = path_join(dir, "gone");
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    char *link = str_format("/dev/fd/%d", fd), text[8] = "";
    unlink(path); /* the link reads "DIR/gone (deleted)" */
    cr_assert(put(link, "text") == NULL);
    cr_assert(pread(fd, text, sizeof text, 0) == 4 && strcmp(text, "text") == 0);
    close(fd);
    expect_files(0);
    free(link);
    free(path);
}

Test(files, of_several_names_are_the_same_also_before_they_are_there, .init = setup,
     .fini = teardown) {
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"a", "sub/../a", true},     {"a", "hard", true},       {"a", "link", true},
        {"a", "b", false},           {"a", "later", false},     {"later", "./later", true},
        {"later", "dangling", true}, {"later", "other", false}, {"no/later", "no/later", false},
        {"round", "round", false},   {"sub", "sub", false},     {"null", "null", false}};
    char *sub = path_join(dir, "sub"), *a = path_join(dir, "a"), *hard = path_join(dir, "hard");
    cr_assert(mkdir(sub, 0700) == 0 && put("a", "text") == NULL && put("b", "text") == NULL);
    cr_assert(link(a, hard) == 0);
    link_to("a", "link");
    link_to("sub/../later", "dangling");
    link_to("round", "round");
    link_to("/dev/null", "null");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *x = path_join(dir, rows[i].a), *y = path_join(dir, rows[i].b);
        cr_assert(file_same(x, y) == rows[i].same, "%s and %s", rows[i].a, rows[i].b);
        cr_assert(file_same(y, x) == rows[i].same, "%s and %s", rows[i].b, rows[i].a);
        free(x);
        free(y);
    }
    free(sub);
    free(hard);
    free(a);
}

Test(files, a_name_of_255_bytes_is_written_as_any_other, .init = setup, .fini = teardown) {
    for (int n = 240; n <= 255; n++) {
        char name[256], wide[256];
        memset(name, 'n', sizeof name), name[n] = '\0';
        for (int i = 0; i < n; i++) wide[i] = "\xe2\x82\xac"[i % 3]; /* the sign of the euro */
        wide[n - n % 3] = '\0';
        cr_assert(put(name, "one") == NULL && put(name, "two") == NULL &&
                      put(wide, "three") == NULL,
                  "%d bytes", n);
        expect_text(name, "two");
        expect_text(wide, "three");
    }
    expect_files(16 + 6);
    char too_long[257];
    memset(too_long, 'n', 256), too_long[256] = '\0';
    char *why = put(too_long, "no");
    cr_assert(why != NULL && strstr(why, "cannot create it: File name too long") != NULL, "%s",
              why);
    free(why);
    expect_files(16 + 6);
}

Test(files, a_folder_is_no_file_to_write, .init = setup, .fini = teardown) {
    char *sub = path_join(dir, "sub");
    cr_assert(mkdir(sub, 0700) == 0);
    char *message = put("sub", "text");
    cr_assert(message != NULL && type_of("sub") == S_IFDIR);
    free(message);
    expect_files(1);
    free(sub);
}

Test(files, the_data_of_the_user_is_where_xdg_says) {
    setenv("HOME", "/home/x", 1);
    setenv("XDG_DATA_HOME", "relative", 1); /* which the standard calls invalid */
    char *a = path_of_user_data();
    setenv("XDG_DATA_HOME", "/data", 1);
    char *b = path_of_user_data();
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    cr_assert_str_eq(a, "/home/x/.local/share/quantbench");
    cr_assert_str_eq(b, "/data/quantbench");
    cr_assert(path_of_user_data() == NULL);
    free(a);
    free(b);
}

/* Of the whole program; when armed, the file is cut off just before it is read. */
static const char *cut_off;
ssize_t read(int fd, void *to, size_t n) {
    if (cut_off != NULL && truncate(cut_off, 10) == 0) cut_off = NULL;
    return syscall(SYS_read, fd, to, n);
}

Test(files, one_that_shrinks_while_it_is_read_is_refused, .init = setup, .fini = teardown) {
    char *path = path_join(dir, "a"), *bytes;
    size_t n;
    diags d;
    diags_init(&d);
    write_text(path, "more than ten bytes");
    cr_assert(file_read(path, 100, ERR_INPUT, &d, &bytes, &n) == OK && n == 19);
    free(bytes);
    cut_off = path;
    cr_assert(file_read(path, 100, ERR_INPUT, &d, &bytes, &n) == ERR_INPUT && cut_off == NULL);
    cr_assert(strstr(d.list[0].message, "the file shrank while it was read") != NULL);
    diags_fini(&d);
    free(path);
}
