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

char *expect(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *command = str_vformat(fmt, ap);
    va_end(ap);
    outcome o = run("%s", command);
    cr_assert(o.exit == code, "%s\nexit %d, expected %d\n%s%s", command, o.exit, code, o.out,
              o.err);
    free(command);
    free(o.err);
    return o.out;
}

json_t *json_line(const char *text, int k) {
    while (k-- > 0) text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, strcspn(text, "\n"), 0, NULL);
    cr_assert(o != NULL, "no JSON: %.80s", text);
    return o;
}

const char *text_of(const json_t *o, const char *key) {
    return json_string_value(json_object_get(o, key));
}
double real_of(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

void write_file(const char *name, const char *text) {
    char *path = path_join(dir, name);
    write_text(path, text);
    free(path);
}

int count_files(const char *pattern) {
    char *out = expect(0, "ls -d %s 2>/dev/null | wc -l", pattern);
    int n = atoi(out);
    free(out);
    return n;
}
