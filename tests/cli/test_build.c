/*
 * The build as a user has it: what a plugin's hash depends on, and that the check of
 * the layers finds what it is there for.
 */
#include "support/support.h"

#include "util/files.h"
#include "util/str.h"

/* A copy of the parts of the tree that a test builds or checks. */
static char *copy_tree(const char *parts) {
    char *dir = temp_dir();
    outcome o = run_in(".", "cp -r --parents %s '%s'", parts, dir);
    cr_assert(o.exit == 0, "%s", o.err);
    free_outcome(&o);
    return dir;
}

static void drop(char *dir) {
    remove_dir(dir);
    free(dir);
}

/* ---- hashes ---- */

static char *built_plugin(const char *dir, const char *name) {
    char *so = str_format("%s/b/plugins/%s.so", dir, name);
    /* without what an outer make hands down: its BUILD and its job server */
    outcome o = run_in(dir, "env -u MAKEFLAGS -u MFLAGS make BUILD=b b/plugins/%s.so", name);
    cr_assert(o.exit == 0, "%s%s", o.out, o.err);
    free_outcome(&o);
    return so;
}

Test(build, the_hash_of_a_plugin_does_not_depend_on_the_folder) {
    const char *names[] = {"schemes/int", "packers/bits", "ste/identity"};
    char *here = copy_tree("Makefile plugins core/include"),
         *away = copy_tree("Makefile plugins core/include"), *there = path_join(away, "a folder");
    outcome moved = run_in(away, "mkdir 'a folder' && mv Makefile plugins core 'a folder'");
    free_outcome(&moved);
    for (int i = 0; i < 3; i++) {
        char *one = built_plugin(here, names[i]), *two = built_plugin(there, names[i]);
        cr_assert(files_equal(one, two), "%s", names[i]);
        free(one);
        free(two);
    }
    drop(here);
    drop(away);
    free(there);
}

/* ---- layers ---- */

/* `true` for a compiler: only who includes whom. */
static outcome check_layers(const char *dir) {
    return run_in(dir, "sh tests/tools/check_layers.sh true ''");
}

Test(layers, the_tree_itself_passes) {
    char *dir = copy_tree("core plugins tests/tools");
    outcome o = check_layers(dir);
    cr_assert(o.exit == 0, "%s", o.out);
    free_outcome(&o);
    drop(dir);
}

Test(layers, every_way_to_include_what_one_may_not_is_found) {
    const struct {
        const char *file, *line;
    } cases[] = {
        {"core/util/bad.c", "#include \"quant/layout.h\""},
        {"core/util/bad.c", "#include <quant/layout.h>"},
        {"core/util/bad.c", "  #  include \"quant/layout.h\""},
        {"core/util/bad.c", "#include \"../quant/layout.h\""},
        {"core/quant/bad.c", "#include \"../util/mem.h\""},
        {"core/quant/bad.c", "#include \"./layout.h\""},
        {"core/quant/bad.c", "#include <host/../nn/gemm.h>"},
        {"core/quant/bad.c", "#include \"layout.h\""},
        {"core/nn/bad.h", "#include <quantbench/plugin.h>"},
        {"core/nn/bad.h", "#include \"quantbench/plugin.h\""},
        {"core/quant/bad.c", "#include \"include/quantbench/plugin.h\""},
        {"core/util/bad.c", "#include <jansson.h>"},
        {"core/cli/bad.c", "#include <jansson.h>"},
        {"core/cli/bad.c", "# include <sqlite3.h>"},
        {"core/quant/bad.c", "#include <omp.h>"},
        {"core/quant/bad.c", "#include <isa-l.h>"},
        {"core/run/bad.c", "#include <isa-l/erasure_code.h>"},
        {"core/run/bad.c", "#include <isa-l/crc.h>"},
        {"core/include/quantbench/bad.h", "#include \"util/mem.h\""},
        {"core/include/quantbench/bad.h", "#include <stdio.h>"},
        {"plugins/ste/bad.c", "#include \"quantbench/plugin.h\""},
        {"plugins/ste/bad.c", "#include <util/mem.h>"},
        {"plugins/ste/bad.c", " # include <stdio.h>"},
    };
    char *dir = copy_tree("core plugins tests/tools");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = path_join(dir, cases[i].file),
             *text = str_format("/* */\n%s\n", cases[i].line);
        write_text(path, text);
        outcome o = check_layers(dir);
        cr_assert(o.exit == 1 && strstr(o.out, cases[i].file) != NULL, "%s: %s: exit %d, %s",
                  cases[i].file, cases[i].line, o.exit, o.out);
        free_outcome(&o);
        remove(path);
        free(path);
        free(text);
    }
    drop(dir);
}

Test(layers, a_folder_without_a_rule_is_found) {
    char *dir = copy_tree("core plugins tests/tools");
    outcome made = run_in(dir, "mkdir core/other && echo > core/other/x.c"), o = check_layers(dir);
    cr_assert(o.exit == 1 && strstr(o.out, "core/other") != NULL, "%s", o.out);
    free_outcome(&made);
    free_outcome(&o);
    drop(dir);
}
