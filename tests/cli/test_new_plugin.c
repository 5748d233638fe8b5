/*
 * The way of a newcomer: install, begin a plugin, build it, check it, train with it.
 */
#include <limits.h>

#include "cli/command.h"

#include "util/files.h"
#include "util/str.h"

/* Without what an outer make or the tests hand down. */
#define MAKE "env -u MAKEFLAGS -u MFLAGS -u QUANTBENCH -u QUANTBENCH_PLUGIN_PATH make "

/* Installs what is built; `all` is not made again. */
static void install(const char *where) {
    char build[PATH_MAX];
    cr_assert(realpath(build_dir(), build) != NULL);
    free(expect(0, MAKE "-C %s -o all install BUILD='%s' %s", getenv("PWD"), build, where));
}

Test(new_plugin, each_kind_builds_keeps_the_contract_and_trains_untouched, .init = setup,
     .fini = teardown) {
    static const char *const kinds[] = {"scheme", "packer", "ste"};
    char *where = str_format("PREFIX='%s/inst'", dir);
    install(where);
    for (int i = 0; i < 3; i++) {
        char *out = expect(0, "inst/bin/quantbench new-plugin %s mine%d", kinds[i], i);
        cr_assert(strstr(out, "next: cd mine"), "%s", out);
        free(out);
        out = expect(0, "cd mine%d && " MAKE "CFLAGS='-O2 -Wall -Wextra -Werror' check test", i);
        cr_assert(strstr(out, "inst/bin/quantbench' plugins check ./mine") != NULL &&
                      strstr(out, "1 plugins: 1 passed, 0 failed") != NULL &&
                      strstr(out, "done") != NULL,
                  "%s", out);
        free(out);
        free(expect(0,
                    "cd mine%d && XDG_DATA_HOME=$PWD/data " MAKE "install && "
                    "XDG_DATA_HOME=$PWD/data ../inst/bin/quantbench plugins show mine%d",
                    i, i));
    }
    free(where);
}

Test(new_plugin, one_of_the_build_folder_needs_no_installation, .init = setup, .fini = teardown) {
    free(expect(0, "$Q new-plugin scheme mine 'a folder/x' && cd 'a folder/x' && " MAKE));
    free(expect(0, "$Q plugins check 'a folder/x/mine.so' --settings 2"));
}

Test(new_plugin, the_step_of_the_readme_works, .init = setup, .fini = teardown) {
    free(expect(0, "$Q new-plugin scheme mine"));
    free(expect(0,
                "sed -n '/^    for (int64_t g = 0; g < groups; g++) {$/,/^    }$/p' %s/README.md "
                "> new && test $(wc -l < new) = 5 && cd mine && sed -i -e '/absmax(x/r ../new' -e "
                "'/absmax(x/d' -e '/meta\\[g\\] \\/= /d' mine.c && grep -q 2.5 mine.c",
                getenv("PWD")));
    char *out = expect(0, "cd mine && " MAKE "check");
    cr_assert(strstr(out, "1 passed, 0 failed"), "%s", out);
    free(out);
}

Test(new_plugin, nothing_is_overwritten_and_names_are_checked, .init = setup, .fini = teardown) {
    free(expect(0, "mkdir mine && echo kept > mine/Makefile"));
    const char *const cases[][2] = {
        {"scheme mine", "mine/Makefile is there already: nothing was written"},
        {"scheme Mine", "'Mine' cannot be the name of a plugin"},
        {"scheme ../x", "'../x' cannot be the name of a plugin"},
        {"packer none", "'none' cannot be the name of a plugin"},
        {"scheme null", "'null' cannot be the name of a plugin"},
        {"packer balanced", "'balanced' cannot be the name of a plugin"},
        {"schema mine", "new-plugin wants scheme, packer or ste, got 'schema'"},
        {"scheme ternary", "there is a scheme 'ternary' already: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = run("$Q new-plugin %s", cases[i][0]);
        cr_assert(o.exit == 2 && strstr(o.err, cases[i][1]), "%s: %s", cases[i][0], o.err);
        free_outcome(&o);
    }
    free(expect(0, "grep -q kept mine/Makefile && test $(ls mine | wc -l) = 1 && test $(ls | wc "
                   "-l) = 1"));
}

Test(new_plugin, any_other_name_builds_keeps_the_contract_and_trains, .init = setup,
     .fini = teardown) {
    static const char *const names[][2] = {{"scheme", "linux"}, {"scheme", "self"},
                                           {"scheme", "true"},  {"packer", "size_t"},
                                           {"packer", "while"}, {"ste", "sqrt"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        free(expect(0, "$Q new-plugin %s %s", names[i][0], names[i][1]));
        free(expect(0, "cd %s && " MAKE "CFLAGS='-O1 -Wall -Wextra -Werror' %s.so test",
                    names[i][1], names[i][1]));
    }
}

/* What the folder of the program is called reaches the Makefile, make and the shell. */
Test(new_plugin, works_with_a_program_in_a_folder_of_any_name, .init = setup, .fini = teardown) {
    write_file("name", "a $b $(c) #d\\#e 'f' \"g\" @PROGRAM@ @USE@,%");
    free(expect(0, "mkdir \"$(cat name)\" && cd \"$(cat name)\" && B=$(dirname \"$Q\") && "
                   "cp \"$Q\" \"$B/quantbench.pc\" . && ln -s \"$B/plugins\" ."));
    free(expect(0, "\"$(cat name)\"/quantbench new-plugin scheme mine \"$(cat name)/x\""));
    char *out = expect(0, "cd \"$(cat name)/x\" && env -u PKG_CONFIG_PATH " MAKE "check test");
    cr_assert(strstr(out, "1 plugins: 1 passed, 0 failed"), "%s", out);
    free(out);
}

Test(new_plugin, a_makefile_without_quantbench_says_what_to_do, .init = setup, .fini = teardown) {
    free(expect(0, "$Q new-plugin ste mine"));
    outcome o = run("cd mine && env -u PKG_CONFIG_PATH -u MAKEFLAGS -u MFLAGS "
                    "make QUANTBENCH=/nowhere/quantbench");
    cr_assert(o.exit != 0 && strstr(o.err, "pkg-config does not know quantbench"), "%s", o.err);
    free_outcome(&o);
}

Test(installation, is_complete_below_destdir, .init = setup, .fini = teardown) {
    char *where = str_format("PREFIX=/opt/q DESTDIR='%s/stage'", dir);
    install(where);
    free(expect(0, "cd stage/opt/q && test -x bin/quantbench -a -f include/quantbench/plugin.h && "
                   "test -f lib/quantbench/plugins/schemes/int.so && "
                   "grep -q '^includedir=/opt/q/include$' lib/pkgconfig/quantbench.pc"));
    char *out = expect(0, "stage/opt/q/bin/quantbench plugins show int");
    cr_assert(strstr(out, "stage/opt/q/lib/quantbench/plugins/schemes/int.so"), "%s", out);
    free(out);
    free(where);
}
