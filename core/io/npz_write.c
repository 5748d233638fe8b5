/*
 * Writing NPZ: stored members, and nothing that depends on the day.
 */
#include "io/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zip.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

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

/* libzip takes text alone for a name: no control characters. */
static bool has_control(const char *name) {
    for (; *name != '\0'; name++)
        if ((unsigned char)*name < ' ') return true;
    return false;
}

/* What npz.c would not read is not written. */
static status check_members(const char *path, const named_tensor *tensors, int n, diags *d) {
    if (n > NPZ_MAX_MEMBERS) {
        diag_error(d, ERR_INPUT, "%s: %d tensors, an NPZ file has at most %d", path, n,
                   NPZ_MAX_MEMBERS);
        diag_hint(d, "choose some with --tensor, or write another format");
        return ERR_INPUT;
    }
    for (int i = 0; i < n; i++) {
        char *name = str_format("%s.npy", tensors[i].name);
        const char *why = npz_check_name(name);
        free(name);
        if (why == NULL && has_control(tensors[i].name))
            why = "its name has a control character, which no member of an NPZ file can have";
        if (why != NULL)
            return diag_error(d, ERR_INPUT, "%s: tensor '%s': %s", path, tensors[i].name, why);
    }
    return OK;
}

status npz_write(const char *path, const named_tensor *tensors, int n, diags *d) {
    status bad = check_members(path, tensors, n, d);
    if (bad) return bad;
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *z = source != NULL ? zip_open_from_source(source, ZIP_TRUNCATE, &why) : NULL;
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
