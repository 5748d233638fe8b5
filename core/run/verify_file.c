#include "run/verify_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "util/cursor.h"
#include "util/files.h"
#include "util/mem.h"

static const int64_t FILE_LIMIT = (int64_t)64 << 30;

typedef struct work {
    const char *path;
    uint8_t *bytes; /* of the file */
    integrity_report report;
    uint8_t *image; /* the file as it was written; NULL: it cannot be restored */
    uint8_t *view;  /* image, or a copy of bytes: what the tensors are in */
    tensor_file f;
    bool readable; /* the header is; else there are no tensors */
    int64_t data;  /* where the first tensor begins */
    bool repair;
    verify_result *out;
    diags *d;
} work;

/* ---- what is where ---- */

/* Reads the header of w->view, of `n` bytes. */
static void read_header(work *w, int64_t n) {
    diags why;
    diags_init(&why);
    cursor c = cursor_of(w->view, (size_t)n);
    uint64_t header = cursor_u64le(&c);
    w->f = (tensor_file){.path = mem_strdup(w->path), .bytes = (char *)w->view, .n_bytes = n};
    w->readable = safetensors_parse(&w->f, &why) == OK;
    w->data = w->readable ? 8 + (int64_t)header : 0;
    diags_fini(&why);
}

/* The same of the file as it is, as long as it was written; what is missing is zero. */
static void read_damaged_header(work *w) {
    const integrity_report *r = &w->report;
    int64_t n = r->found ? r->g.total : r->present, have = r->present < n ? r->present : n;
    w->view = mem_try_aligned((size_t)n + 1);
    if (w->view == NULL) return;
    memcpy(w->view, w->bytes, (size_t)have);
    memset(w->view + have, 0, (size_t)(n - have));
    read_header(w, n);
}

static void add_name(verify_block *b, const char *name) {
    b->names = mem_realloc(b->names, (size_t)(b->n_names + 1) * sizeof *b->names);
    b->names[b->n_names++] = mem_strdup(name);
}

/* The same under a header that cannot be read: by its length, where that can be believed. */
static void name_unread(const work *w, verify_block *b, int64_t first, int64_t last) {
    cursor c = cursor_of(w->view, 8);
    uint64_t length = cursor_u64le(&c);
    bool known = length >= 2 && length <= SAFETENSORS_MAX_HEADER &&
                 (int64_t)length + 8 <= w->report.g.payload;
    int64_t data = known ? 8 + (int64_t)length : 8;
    if (first < data) add_name(b, "header");
    if (last >= data) add_name(b, "unknown tensors");
}

/* What has bytes from `first` to `last`. */
static void name_range(const work *w, verify_block *b, int64_t first, int64_t last) {
    if (!w->readable) {
        name_unread(w, b, first, last);
        return;
    }
    if (first < w->data) add_name(b, "header");
    for (int i = 0; i < w->f.n; i++) {
        const tensor_entry *t = &w->f.tensors[i];
        int64_t begin = t->data - w->view, end = begin + t->n * dtype_bytes(t->type);
        if (begin <= last && first < end) add_name(b, t->name);
    }
}

static bool differs(const work *w, int64_t at) {
    return at >= w->report.present || w->bytes[at] != w->image[at];
}

static void describe(const work *w, const damaged_block *from, verify_block *b) {
    static const char *const kinds[] = {"data", "parity", "record"};
    *b = (verify_block){.kind = kinds[from->kind],
                        .offset = from->offset,
                        .bytes = from->bytes,
                        .stripe = from->stripe,
                        .first = -1,
                        .last = -1};
    int64_t first = from->offset, last = first + from->bytes - 1;
    if (w->image != NULL) {
        while (first < last && !differs(w, first)) first++;
        while (last > first && !differs(w, last)) last--;
        b->first = first, b->last = last;
    }
    if (from->kind == BLOCK_PAYLOAD)
        name_range(w, b, first, last);
    else
        add_name(b, INTEGRITY_TENSOR);
}

/* ---- verdicts ---- */

/* Of a file that should have `wants` bytes by its header, or more if that is cut off. */
static void list_missing(work *w, int64_t wants, bool header) {
    verify_block *b = w->out->blocks = mem_calloc(1, sizeof *b);
    int64_t have = w->report.present;
    w->out->n_blocks = 1;
    *b = (verify_block){.kind = "missing",
                        .offset = have,
                        .bytes = wants - have,
                        .stripe = -1,
                        .first = -1,
                        .last = -1};
    if (header)
        add_name(b, "header"), add_name(b, "unknown tensors");
    else
        b->names = safetensors_behind((const char *)w->bytes, have, &b->n_names);
}

/* Says whether the file ends before its header says that it does. */
static bool too_short(work *w) {
    bool least;
    int64_t have = w->report.present, wants = safetensors_size((char *)w->bytes, have, &least);
    if (have < 8)
        diag_error(w->d, ERR_INPUT,
                   "%s: it is too short: it has %" PRId64
                   " bytes, the length of its header would have 8",
                   w->path, have);
    else if (have < wants)
        diag_error(w->d, ERR_INPUT,
                   "%s: it is too short: it has %" PRId64 " bytes, its header says %" PRId64 "%s",
                   w->path, have, wants, least ? " or more" : "");
    w->out->beyond = have < 8 || have < wants;
    if (have >= 8 && have < wants) list_missing(w, wants, least);
    return w->out->beyond > 0;
}

/* No record is left, or there never was one. */
static status no_checks(work *w) {
    const tensor_entry *e = NULL;
    if (too_short(w)) return ERR_INPUT;
    read_damaged_header(w);
    if (w->readable) e = tensor_file_find(&w->f, INTEGRITY_TENSOR);
    if (e != NULL) {
        int64_t at = e->data - w->view;
        damaged_block lost = {BLOCK_RECORD, 0, -1, at, e->n};
        w->out->blocks = mem_calloc(1, sizeof *w->out->blocks);
        w->out->n_blocks = 1, w->out->beyond = 1;
        describe(w, &lost, w->out->blocks);
        return diag_error(w->d, ERR_INPUT,
                          "%s: its checks, from byte %" PRId64
                          " on, are lost; nothing can be said of the rest",
                          w->path, at);
    }
    diag_error(w->d, ERR_INPUT, "%s: no checks were found in it%s", w->path,
               !w->readable ? ", and its header cannot be read" : "");
    diag_hint(w->d, "`quantbench run` and `quantbench quantize -o` write packed files with checks");
    return ERR_INPUT;
}

static status beyond_repair(const work *w) {
    const integrity_report *r = &w->report;
    char where[48];
    snprintf(where, sizeof where, "stripe %" PRId64, r->worst);
    if (r->beyond == 0)
        return diag_error(w->d, ERR_INPUT, "%s: it cannot be restored: its checks do not agree",
                          w->path);
    diag_error(w->d, ERR_INPUT,
               "%s: beyond repair: %" PRId64 " block%s of %s %s damaged, its parity restores %d",
               w->path, r->worst_lost, r->worst_lost == 1 ? "" : "s",
               r->worst >= 0 ? where : "the checks themselves", r->worst_lost == 1 ? "is" : "are",
               r->g.parity);
    char others[64] = "";
    const char *left = w->repair ? "the file is left as it is" : "";
    if (r->beyond > 1)
        snprintf(others, sizeof others, "so %s %" PRId64 " other stripe%s%s",
                 r->beyond == 2 ? "is" : "are", r->beyond - 1, r->beyond == 2 ? "" : "s",
                 w->repair ? "; " : "");
    if (r->beyond > 1 || w->repair) diag_hint(w->d, "%s%s", others, left);
    return ERR_INPUT;
}

static status damaged(const work *w) {
    const integrity_report *r = &w->report;
    if (w->image == NULL) return beyond_repair(w);
    if (w->out->whole) {
        diag_warning_at(w->d, NULL,
                        "%s: parity damaged: %" PRId64 " block%s; header and data are whole",
                        w->path, r->n, r->n == 1 ? "" : "s");
        diag_hint(w->d, "`quantbench verify --repair %s` restores it", w->path);
        return OK;
    }
    if (r->present == r->g.total)
        diag_error(w->d, ERR_INPUT, "%s: %" PRId64 " damaged block%s", w->path, r->n,
                   r->n == 1 ? "" : "s");
    else
        diag_error(w->d, ERR_INPUT, "%s: it has %" PRId64 " bytes, it was written with %" PRId64,
                   w->path, r->present, r->g.total);
    diag_hint(w->d, "`quantbench verify --repair %s` restores it", w->path);
    return ERR_INPUT;
}

static status repair_file(const work *w) {
    file_out out;
    struct stat s;
    bool known = stat(w->path, &s) == 0;
    status bad = file_out_open(&out, w->path, w->d);
    if (bad) return bad;
    bad = file_out_add(&out, w->image, (size_t)w->report.g.total, w->d);
    if (!bad && known && fchmod(out.fd, s.st_mode & 07777) != 0)
        bad = diag_error(w->d, ERR_RESOURCE, "%s: cannot keep its mode", w->path);
    if (!bad) return file_out_commit(&out, w->d);
    file_out_abort(&out);
    return bad;
}

/* ---- the file ---- */

static void list_blocks(work *w) {
    const integrity_report *r = &w->report;
    w->out->blocks = mem_calloc((size_t)r->n + 1, sizeof *w->out->blocks);
    for (int64_t i = 0; i < r->n; i++) describe(w, &r->list[i], &w->out->blocks[i]);
    w->out->n_blocks = (int)r->n;
}

static status verify(work *w) {
    const integrity_report *r = &w->report;
    if (!r->found) return no_checks(w);
    w->out->g = r->g;
    w->out->beyond = r->beyond;
    w->out->fine = integrity_fine(r);
    w->out->whole = integrity_payload_fine(r);
    if (w->out->fine) return OK;
    w->image = integrity_restore(w->bytes, r);
    w->view = w->image;
    if (w->image != NULL)
        read_header(w, r->g.total);
    else
        read_damaged_header(w);
    list_blocks(w);
    if (w->image == NULL || !w->repair) return damaged(w);
    status bad = repair_file(w);
    w->out->repaired = !bad;
    return bad;
}

status verify_file(const char *path, bool repair, verify_result *out, diags *d) {
    work w = {.path = path, .repair = repair, .out = out, .d = d};
    char *bytes;
    size_t n;
    *out = (verify_result){0};
    status bad = file_read(path, FILE_LIMIT, ERR_INPUT, d, &bytes, &n);
    if (bad) return bad;
    w.bytes = (uint8_t *)bytes;
    out->present = (int64_t)n;
    integrity_check(w.bytes, (int64_t)n, &w.report);
    bad = verify(&w);
    integrity_report_fini(&w.report);
    w.f.bytes = NULL; /* it is the view */
    tensor_file_close(&w.f);
    free(w.view);
    free(bytes);
    return bad;
}

void verify_result_fini(verify_result *r) {
    for (int i = 0; i < r->n_blocks; i++) {
        for (int k = 0; k < r->blocks[i].n_names; k++) free(r->blocks[i].names[k]);
        free(r->blocks[i].names);
    }
    free(r->blocks);
    *r = (verify_result){0};
}
