#include <stdlib.h>

#include "cli/cli.h"
#include "report/page.h"
#include "util/files.h"
#include "util/outputs.h"

static char *output_path(const cli_args *a, const char *db) {
    const char *given = cli_value(a, "--output");
    char *home = path_dir(db);
    char *path = given != NULL ? str_format("%s", given) : path_join(home, "report.html");
    free(home);
    return path;
}

static status write_report(const cli_args *a, store *s, const selection *sel, const char *path) {
    strbuf page = {0};
    verdict on_page = verdict_of(sel, "\u00a0±\u00a0"), spoken = verdict_of(sel, " +- ");
    status drawn = report_page(s, sel, &on_page, a->d, &page);
    status bad = OK;
    if (drawn != ERR_STORE) bad = file_write(path, page.s, page.len, a->d);
    if (!bad && drawn != ERR_STORE) printf("%s\n%s\n", spoken.sentence, path);
    if (!bad) bad = drawn;
    verdict_free(&on_page);
    verdict_free(&spoken);
    strbuf_fini(&page);
    return bad;
}

static status run(const cli_args *a) {
    char *path = NULL, *page = NULL;
    store *s = NULL;
    selection sel = {0};
    status bad = cli_db_path(a, false, &path);
    if (!bad) page = output_path(a, path);
    if (!bad) bad = outputs_spare(&(output){page, "--output"}, 1, path, a->d);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) bad = selection_find(s, a->n_words > 0 ? a->words[0] : NULL, a->d, &sel);
    if (!bad) bad = write_report(a, s, &sel, page);
    selection_free(&sel);
    store_close(s);
    free(page);
    free(path);
    return bad;
}

const verb verb_report = {
    .name = "report",
    .words = "[SELECTOR]",
    .max_words = 1,
    .summary = "write one HTML file that says what was run, what won, by how much, how sure",
    .text = "SELECTOR is the name of an experiment or a run (@last, a uid or its beginning);\n"
            "without it: what was worked on last, a sweep or a run. The file opens\n"
            "offline and runs no script; it is report.html beside the database unless -o names\n"
            "another. The verdict, its first sentence, is printed too. Pictures need gnuplot.\n",
    .options = {{"--output", "FILE", "F.html (-o)"}, {"--db", "FILE", "the results database"}},
    .run = run,
};
