/*
 * replay FOLDER: a target reads every string that is saved there; it ends by abort() or a
 * sanitizer if one is not read as it must be. `replay -make FOLDER N` saves N valid ones.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "util/files.h"

static int strings, decoded;

void fuzz_count(bool is) { strings++, decoded += is; }

static int make(const char *folder, int n) {
    diags d;
    diags_init(&d);
    for (int i = 0; i < n; i++) {
        strbuf b = {0};
        char *path = str_format("%s/valid-%02d", folder, i);
        target_make(&(dice){(uint64_t)i}, &b);
        if (file_write(path, b.s, b.len, &d) != OK) return 1;
        strbuf_fini(&b);
        free(path);
    }
    return 0;
}

static int replay(const char *folder) {
    DIR *all = opendir(folder);
    diags d;
    diags_init(&d);
    for (struct dirent *e; all != NULL && (e = readdir(all)) != NULL;) {
        char *path = path_join(folder, e->d_name), *bytes;
        size_t n;
        if (e->d_name[0] != '.') {
            if (file_read(path, 1 << 20, ERR_INPUT, &d, &bytes, &n) != OK) return 1;
            LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
            free(bytes);
        }
        free(path);
    }
    if (all != NULL) closedir(all);
    printf("%d strings, %d decoded\n", strings, decoded);
    return strings > 0 && decoded > 0 && decoded < strings ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "-make") == 0) return make(argv[2], atoi(argv[3]));
    return argc == 2 ? replay(argv[1]) : 2;
}
