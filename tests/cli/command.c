#include "cli/command.h"

#include <stdarg.h>
#include <unistd.h>

#include "util/files.h"
#include "util/str.h"

char *dir;

void setup(void) {
    dir = temp_dir();
    unsetenv("QUANTBENCH_DB");
}

void teardown(void) {
    remove_dir(dir);
    free(dir);
}

/* Runs a command and expects an exit code; takes the command. */
static outcome run_expecting(int code, char *command) {
    outcome o = run("%s", command);
    cr_assert(o.exit == code, "%s\nexit %d, expected %d\n%s%s", command, o.exit, code, o.out,
              o.err);
    free(command);
    return o;
}

char *expect(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    outcome o = run_expecting(code, str_vformat(fmt, ap));
    va_end(ap);
    free(o.err);
    return o.out;
}

char *expect_both(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    outcome o = run_expecting(code, str_vformat(fmt, ap));
    va_end(ap);
    char *both = str_format("%s%s", o.out, o.err);
    free_outcome(&o);
    return both;
}

void refused(int code, const char *says, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *command = str_vformat(fmt, ap);
    va_end(ap);
    outcome o = run("%s", command);
    cr_assert(o.exit == code && strstr(o.err, says) != NULL,
              "%s\nexit %d, expected %d and '%s'\n%s", command, o.exit, code, says, o.err);
    free(command);
    free_outcome(&o);
}

json_t *json_line(const char *text, int k) {
    while (k-- > 0) text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, strcspn(text, "\n"), 0, NULL);
    cr_assert(o != NULL, "no JSON: %.80s", text);
    return o;
}

json_t *json_of(char *text) {
    json_t *o = json_line(text, 0);
    free(text);
    return o;
}

const char *text_of(const json_t *o, const char *key) {
    return json_string_value(json_object_get(o, key));
}
double real_of(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

char *in_dir(const char *name) { return path_join(dir, name); }

void write_file(const char *name, const char *text) {
    char *path = in_dir(name);
    write_text(path, text);
    free(path);
}

char *read_file(const char *name) {
    char *path = in_dir(name), *text = read_text(path);
    cr_assert(text != NULL, "%s is not there", path);
    free(path);
    return text;
}

int count_files(const char *pattern) {
    char *out = expect(0, "ls -d %s 2>/dev/null | wc -l", pattern);
    int n = atoi(out);
    free(out);
    return n;
}

bool same_files(const char *a, const char *b) {
    char *x = in_dir(a), *y = in_dir(b);
    bool equal = files_equal(x, y);
    free(x);
    free(y);
    return equal;
}

tensor_file open_tensors(const char *name) {
    tensor_file f;
    diags d;
    diags_init(&d);
    char *path = in_dir(name);
    cr_assert(tensor_file_open(&f, path, &d) == OK, "%s", path);
    free(path);
    diags_fini(&d);
    return f;
}

store *open_store(const char *name, bool read_only) {
    store *s;
    diags d;
    diags_init(&d);
    char *path = in_dir(name);
    cr_assert(store_open(path, read_only, &d, &s) == OK, "%s", path);
    free(path);
    diags_fini(&d);
    return s;
}

int count_errors(const char *err) {
    int n = 0;
    for (const char *s = err; (s = strstr(s, " error: ")) != NULL; s++) n++;
    return n;
}
