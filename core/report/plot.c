#include "report/plot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/gnuplot.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/outputs.h"

const plot_kind plot_kinds[] = {
    {"pareto", "Accuracy against bits", "accuracy against effective bits a weight, with its front",
     plot_pareto},
    {"training_curves", "Training", "loss and accuracy while training, mean over seeds with a band",
     plot_training_curves},
    {"sqnr_bars", "Error of the weights", "signal over quantization noise of each layer's weights",
     plot_sqnr_bars},
    {"sensitivity_heatmap", "Sensitivity", "what each layer costs at each candidate scheme",
     plot_sensitivity_heatmap},
    {"weight_hist", "Weights before and after",
     "each layer's weights before and after quantization, with the levels", plot_weight_hist},
    {"packers", "Packers", "bits a weight against the share of zeros, for each packer",
     plot_packers},
    {"bench", "Benchmarks", "throughput of a benchmark's operations, each with its ceiling",
     plot_bench},
};
const int plot_n_kinds = sizeof plot_kinds / sizeof *plot_kinds;

const plot_kind *plot_find(const char *name) {
    for (int i = 0; i < plot_n_kinds; i++)
        if (strcmp(plot_kinds[i].name, name) == 0) return &plot_kinds[i];
    return NULL;
}

/* ---- files ---- */

static canvas canvas_for(const plot_files *files, FILE *out) {
    canvas c = canvas_wide;
    struct winsize w = {0};
    if (files->terminal) {
        bool sized = ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col >= 40 && w.ws_row >= 12;
        c = (canvas){MEDIUM_TERMINAL, sized ? w.ws_col : 80, sized ? w.ws_row - 2 : 24};
        if (c.width > 160) c.width = 160;
        if (c.height > 48) c.height = 48;
    } else if (files->out != NULL && path_has_suffix(files->out, ".png")) {
        c.to = MEDIUM_PNG;
    }
    return c;
}

/* KIND.tsv and KIND.gp: names that are ours, so that the script can name its data. */
typedef struct plot_paths {
    char *picture, *tsv, *gp;
} plot_paths;

static plot_paths paths_of(const char *db, const plot_kind *k, const plot_files *files) {
    char *home = path_dir(db),
         *dir = files->out != NULL ? path_dir(files->out) : path_join(home, "plots");
    plot_paths p = {.picture = files->out != NULL ? mem_strdup(files->out)
                                                  : str_format("%s/%s.svg", dir, k->name),
                    .tsv = str_format("%s/%s.tsv", dir, k->name),
                    .gp = str_format("%s/%s.gp", dir, k->name)};
    free(home);
    free(dir);
    return p;
}

static void paths_free(plot_paths *p) {
    free(p->picture);
    free(p->tsv);
    free(p->gp);
}

status plot_check(const char *db, const plot_kind *k, const plot_files *files, diags *d) {
    if (files->out != NULL && !path_has_suffix(files->out, ".svg") &&
        !path_has_suffix(files->out, ".png"))
        return diag_error(d, ERR_USAGE, "'%s' ends neither in .svg nor in .png", files->out);
    plot_paths p = paths_of(db, k, files);
    output list[] = {{p.picture, "--output"}, {p.tsv, "--output"}, {p.gp, "--output"}};
    status bad = outputs_spare(list, 3, db, d);
    if (!bad) bad = outputs_differ(list, 3, d);
    paths_free(&p);
    return bad;
}

static status make_folder(const plot_paths *p, diags *d) {
    char *dir = path_dir(p->picture);
    status bad = dir_make(dir, d);
    free(dir);
    return bad;
}

static status write_sources(const figure *f, const plot_paths *p, diags *d) {
    status bad = file_write(p->tsv, f->tsv.s, f->tsv.len, d);
    return bad ? bad : file_write(p->gp, f->gp.s, f->gp.len, d);
}

/* Without form feeds, blanks at the end of lines, and empty lines at the ends. */
static void print_terminal(const char *text, FILE *out) {
    int empty = 0;
    bool any = false;
    for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        size_t from = *text == '\f', to = n;
        while (to > from && text[to - 1] == ' ') to--;
        if (to <= from) {
            empty++;
            continue;
        }
        for (; any && empty > 0; empty--) fputc('\n', out);
        fprintf(out, "%.*s\n", (int)(to - from), text + from);
        any = true, empty = 0;
    }
}

/* Data and script where they are wanted, or where they are all that there is. */
static status finish(const figure *f, const plot_files *files, const plot_paths *p,
                     const char *data, size_t n, FILE *out, diags *d) {
    bool sources = files->keep || data == NULL;
    status bad = OK;
    if (data != NULL && files->terminal) {
        print_terminal(data, out);
    } else if (data != NULL) {
        bad = file_write(p->picture, data, n, d);
        if (!bad) fprintf(out, "%s\n", p->picture);
    }
    if (!bad && sources) bad = write_sources(f, p, d);
    if (!bad && sources) fprintf(out, "%s\n", p->tsv);
    return bad;
}

status plot_write(store *s, const selection *sel, const plot_kind *k, const plot_files *files,
                  FILE *out, diags *d) {
    char *data = NULL;
    size_t n = 0;
    figure f = {0};
    canvas c = canvas_for(files, out);
    plot_paths p = paths_of(store_path(s), k, files);
    status bad = k->make(s, sel, &c, d, &f);
    if (!bad && files->out == NULL && (!files->terminal || files->keep || !gnuplot_is_there()))
        bad = make_folder(&p, d);
    if (!bad) {
        bad = gnuplot_draw(&f, d, &data, &n);
        status written = finish(&f, files, &p, data, n, out, d);
        if (!bad) bad = written;
    }
    free(data);
    paths_free(&p);
    figure_free(&f);
    return bad;
}
