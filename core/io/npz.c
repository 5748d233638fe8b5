/*
 * NumPy's .npz: a zip archive of .npy files. Every member is a tensor named as the
 * member without its suffix.
 */
#include "io/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

/* deflate cannot make more than 1032 bytes out of one, so what an archive claims is
 * checked against what is there before any memory is taken. */
enum { MEMBERS_LIMIT = 65536, NAME_LIMIT = 1024, ALIGNMENT = 64 };
static const uint64_t DEFLATE_MOST = 1032, CONTENT_LIMIT = (uint64_t)64 << 30;

static status refuse(const tensor_file *f, const char *member, const char *why, diags *d) {
    if (member == NULL) return diag_error(d, ERR_INPUT, "%s: %s", f->path, why);
    return diag_error(d, ERR_INPUT, "%s: member '%s': %s", f->path, member, why);
}

/* What is wrong with a member, NULL if nothing is. */
static const char *check_member(const zip_stat_t *s) {
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((s->valid & needed) != needed) return "its entry is not complete";
    if (strlen(s->name) > NAME_LIMIT) return "its name is too long";
    if (!path_has_suffix(s->name, ".npy")) return "it is no .npy file";
    if (s->encryption_method != ZIP_EM_NONE) return "it is encrypted";
    if (s->comp_method != ZIP_CM_STORE && s->comp_method != ZIP_CM_DEFLATE)
        return "it is neither stored nor deflated";
    uint64_t most = s->comp_method == ZIP_CM_STORE ? 1 : DEFLATE_MOST;
    if (s->size / most > s->comp_size) return "its size is more than its data can hold";
    return NULL;
}

static uint64_t padded(uint64_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Checks the directory. Members may not share data: together they are no larger than
 * the file. *total: bytes for the contents of all. */
static status check_directory(const tensor_file *f, zip_t *z, zip_int64_t n, uint64_t *total,
                              diags *d) {
    uint64_t packed = 0;
    *total = 0;
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t s;
        zip_stat_init(&s);
        if (zip_stat_index(z, (zip_uint64_t)i, 0, &s) != 0)
            return refuse(f, NULL, zip_strerror(z), d);
        const char *why = check_member(&s);
        if (why != NULL) return refuse(f, s.name != NULL ? s.name : "?", why, d);
        packed += s.comp_size, *total += padded(s.size);
        if (packed > (uint64_t)f->n_bytes) return refuse(f, s.name, "it shares data", d);
        if (*total > CONTENT_LIMIT) return refuse(f, NULL, "its contents exceed 64 GiB", d);
    }
    return OK;
}

static status inflate_member(const tensor_file *f, zip_t *z, zip_uint64_t i, const zip_stat_t *s,
                             char *to, diags *d) {
    zip_file_t *in = zip_fopen_index(z, i, 0);
    if (in == NULL) return refuse(f, s->name, zip_strerror(z), d);
    uint64_t at = 0;
    status bad = OK;
    while (at < s->size && !bad) {
        zip_int64_t got = zip_fread(in, to + at, s->size - at);
        if (got <= 0) bad = refuse(f, s->name, got < 0 ? zip_file_strerror(in) : "truncated", d);
        at += got > 0 ? (uint64_t)got : 0;
    }
    char more;
    if (!bad && zip_fread(in, &more, 1) != 0) /* also where the checksum is compared */
        bad = refuse(f, s->name, "its data does not fit its size or checksum", d);
    zip_fclose(in);
    return bad;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tensor_entry *)a)->name, ((const tensor_entry *)b)->name);
}

/* Names are unique, so that a name means one tensor. */
static status check_names(const tensor_file *f, diags *d) {
    tensor_entry *sorted = mem_calloc((size_t)f->n + 1, sizeof *sorted);
    if (f->n > 0) memcpy(sorted, f->tensors, (size_t)f->n * sizeof *sorted);
    qsort(sorted, (size_t)f->n, sizeof *sorted, by_name);
    status bad = OK;
    for (int i = 1; i < f->n && !bad; i++)
        if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
            bad = refuse(f, sorted[i].name, "it is there twice", d);
    free(sorted);
    return bad;
}

static status read_members(tensor_file *f, zip_t *z, zip_int64_t n, char *to, diags *d) {
    status bad = OK;
    for (zip_int64_t i = 0; i < n && !bad; i++) {
        zip_stat_t s;
        zip_stat_init(&s);
        zip_stat_index(z, (zip_uint64_t)i, 0, &s);
        bad = inflate_member(f, z, (zip_uint64_t)i, &s, to, d);
        if (bad) break;
        char *where = str_format("%s: %s", f->path, s.name);
        bad = npy_parse_array(f, mem_strndup(s.name, strlen(s.name) - strlen(".npy")), where, to,
                              s.size, d);
        free(where);
        to += padded(s.size);
    }
    return bad ? bad : check_names(f, d);
}

/* *contents: the inflated members, which the tensors point into. */
static status read_archive(tensor_file *f, zip_t *z, char **contents, uint64_t *total, diags *d) {
    zip_int64_t n = zip_get_num_entries(z, 0);
    if (n <= 0) return refuse(f, NULL, "not an NPZ file: it has no members", d);
    if (n > MEMBERS_LIMIT) return refuse(f, NULL, "more than 65536 members", d);
    status bad = check_directory(f, z, n, total, d);
    if (bad) return bad;
    *contents = mem_try_aligned(*total + 1);
    if (*contents == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for its %" PRIu64 " bytes", f->path,
                          *total);
    return read_members(f, z, n, *contents, d);
}

status npz_parse(tensor_file *f, diags *d) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(f->bytes, (zip_uint64_t)f->n_bytes, 0, &why);
    zip_t *z =
        source != NULL ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    status bad;
    if (z == NULL) {
        bad =
            diag_error(d, ERR_INPUT, "%s: not an NPZ file: %s", f->path, zip_error_strerror(&why));
        if (source != NULL) zip_source_free(source);
    } else {
        char *contents = NULL, *archive = f->bytes;
        uint64_t total = 0;
        bad = read_archive(f, z, &contents, &total, d);
        zip_discard(z); /* reads from the archive until here */
        f->bytes = contents, f->n_bytes = (int64_t)total;
        free(archive);
    }
    zip_error_fini(&why);
    return bad;
}

/* ---- writing ---- */

static status add_member(zip_t *z, const char *path, const named_tensor *t, diags *d) {
    strbuf b = {0};
    npy_add_header(&b, t->type, t->shape, t->n_dims);
    strbuf_addn(&b, t->data, (size_t)named_tensor_bytes(t));
    char *name = str_format("%s.npy", t->name);
    zip_source_t *source = zip_source_buffer(z, b.s, b.len, 1); /* takes the text */
    zip_int64_t i = source != NULL ? zip_file_add(z, name, source, ZIP_FL_ENC_UTF_8) : -1;
    /* the first day that the format can say: the content alone decides the bytes */
    bool fine = i >= 0 && zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_STORE, 0) == 0 &&
                zip_file_set_dostime(z, (zip_uint64_t)i, 0, 1 << 5 | 1, 0) == 0;
    status bad = OK;
    if (!fine) bad = diag_error(d, ERR_RESOURCE, "%s: '%s': %s", path, name, zip_strerror(z));
    if (source == NULL) strbuf_fini(&b);
    if (source != NULL && i < 0) zip_source_free(source);
    free(name);
    return bad;
}

/* The archive in memory becomes the file. */
static status write_archive(const char *path, zip_source_t *source, diags *d) {
    zip_stat_t s;
    zip_stat_init(&s);
    if (zip_source_stat(source, &s) != 0 || zip_source_open(source) != 0)
        return diag_error(d, ERR_RESOURCE, "%s: %s", path,
                          zip_error_strerror(zip_source_error(source)));
    char *bytes = mem_try_aligned(s.size);
    status bad = OK;
    if (bytes == NULL || zip_source_read(source, bytes, s.size) != (zip_int64_t)s.size)
        bad = diag_error(d, ERR_RESOURCE, "%s: no memory for %" PRIu64 " bytes", path,
                         (uint64_t)s.size);
    zip_source_close(source);
    if (!bad) bad = file_write(path, bytes, s.size, d);
    free(bytes);
    return bad;
}

status npz_write(const char *path, const named_tensor *tensors, int n, diags *d) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *z = source != NULL ? zip_open_from_source(source, ZIP_TRUNCATE, &why) : NULL;
    status bad = OK;
    if (z == NULL) {
        bad = diag_error(d, ERR_RESOURCE, "%s: %s", path, zip_error_strerror(&why));
        if (source != NULL) zip_source_free(source);
    } else {
        zip_source_keep(source); /* closing gives up one hold on it */
        for (int i = 0; i < n && !bad; i++) bad = add_member(z, path, &tensors[i], d);
        if (!bad && zip_close(z) != 0)
            bad = diag_error(d, ERR_RESOURCE, "%s: %s", path, zip_strerror(z)), zip_discard(z);
        else if (bad)
            zip_discard(z);
        if (!bad) bad = write_archive(path, source, d);
        zip_source_free(source);
    }
    zip_error_fini(&why);
    return bad;
}
