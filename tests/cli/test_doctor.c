/* `quantbench doctor`: what this machine has and lacks, and what helps. */
#include "cli/command.h"

TestSuite(doctor, .init = setup, .fini = teardown);

Test(doctor, a_sound_machine_is_said_to_be_sound) {
    char *out = expect(0, "unset QUANTBENCH_DATA; mkdir results; $Q doctor --json");
    const char *const parts[] = {"program", "cpu",     "kernels",  "products",
                                 "plugins", "gnuplot", "database", "data"};
    for (int i = 0; i < 8; i++) {
        json_t *o = json_line(out, i);
        cr_assert_str_eq(text_of(o, "what"), parts[i]);
        cr_assert(strcmp(text_of(o, "state"), "broken") != 0, "%s", text_of(o, "text"));
        json_decref(o);
    }
    free(out);
}

Test(doctor, without_gnuplot_it_names_the_package_and_is_content) {
    char *out = expect(0, "mkdir none; PATH=$PWD/none $Q doctor");
    cr_assert(strstr(out, "missing  gnuplot") != NULL, "%s", out);
    cr_assert(strstr(out, "apt-get install gnuplot-nox") != NULL, "%s", out);
    free(out);
}

Test(doctor, a_wrong_data_folder_a_foreign_database_and_a_broken_plugin_are_exit_7) {
    free(expect(7, "QUANTBENCH_DATA=nowhere $Q doctor | grep 'broken *data *nowhere'; "
                   "QUANTBENCH_DATA=nowhere $Q doctor >/dev/null"));
    write_file("results.txt", "this is no database, only a text that is long enough to be one\n");
    char *out = expect(7, "QUANTBENCH_DB=results.txt $Q doctor");
    cr_assert(strstr(out, "broken  database") != NULL, "%s", out);
    free(out);
    free(expect(0, "mkdir p; printf 'no elf' > p/x.so"));
    out = expect(7, "QUANTBENCH_PLUGIN_PATH=p $Q doctor");
    cr_assert(strstr(out, "p/x.so: not an ELF") != NULL, "%s", out);
    free(out);
}

Test(doctor, the_database_that_its_hint_names_is_looked_at) {
    free(expect(0, "mkdir other; printf 'no database' > x.db"));
    char *out = expect(0, "$Q doctor --db other/r.db | grep database");
    cr_assert(strstr(out, "other/r.db (not there yet)") != NULL, "%s", out);
    free(out);
    out = expect(7, "$Q doctor --db x.db");
    cr_assert(strstr(out, "name another file with --db") != NULL, "%s", out);
    free(out);
}
