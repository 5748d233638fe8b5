/*
 * NumPy's .npz: a zip archive of .npy files. Every member is a tensor named as the
 * member without its suffix.
 */
#include "io/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "io/gzip.h"
#include "util/cursor.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

/* What an archive claims is checked against what is there before any memory is taken. */
enum { ALIGNMENT = 64 };
static const uint64_t CONTENT_LIMIT = (uint64_t)64 << 30;

static status refuse(const tensor_file *f, const char *member, const char *why, diags *d) {
    if (member == NULL) return diag_error(d, ERR_INPUT, "%s: %s", f->path, why);
    return diag_error(d, ERR_INPUT, "%s: member '%s': %s", f->path, member, why);
}

/* A name is never a path, but who unpacks the archive elsewhere makes it one. */
static bool is_plain_name(const char *name) {
    if (*name == '/' || strchr(name, '\\') != NULL) return false;
    for (const char *s = name; s != NULL; s = strchr(s, '/')) {
        s += *s == '/';
        if (strncmp(s, "..", 2) == 0 && (s[2] == '/' || s[2] == '\0')) return false;
    }
    return true;
}

const char *npz_check_name(const char *member) {
    if (strlen(member) > NPZ_MAX_NAME) return "its name is longer than 1024 bytes";
    if (!is_plain_name(member)) return "its name leads out of the archive";
    return path_has_suffix(member, ".npy") ? NULL : "it is no .npy file";
}

/* What is wrong with a member, NULL if nothing is. */
static const char *check_member(const zip_stat_t *s) {
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((s->valid & needed) != needed) return "its entry is not complete";
    const char *why = npz_check_name(s->name);
    if (why != NULL) return why;
    if (s->encryption_method != ZIP_EM_NONE) return "it is encrypted, which is not supported";
    if (s->comp_method != ZIP_CM_STORE && s->comp_method != ZIP_CM_DEFLATE)
        return "its compression method is not supported";
    bool fits = s->comp_method == ZIP_CM_STORE
                    ? s->size == s->comp_size
                    : s->size <= INT64_MAX && s->comp_size <= INT64_MAX &&
                          gzip_can_hold((int64_t)s->comp_size, (int64_t)s->size);
    return fits ? NULL : "its size is more than its data can hold, or a bomb's";
}

/* What libzip found wrong, in words of which none is "error" or speaks of files that it looked
 * for in vain: the archive is in memory. */
static const char *zip_says(zip_error_t *e) {
    switch (zip_error_code_zip(e)) {
    case ZIP_ER_EXISTS: return "two members have the same name";
    case ZIP_ER_NOENT:
    case ZIP_ER_INVAL:
    case ZIP_ER_EOF: return "inconsistent sizes: members or directory are not where it says";
    case ZIP_ER_ZLIB: return "its compressed data is damaged";
    case ZIP_ER_CRC: return "its data does not have the CRC that the archive says";
    case ZIP_ER_READ:
    case ZIP_ER_SEEK: return "it cannot be read";
    default: return zip_error_strerror(e);
    }
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
            return refuse(f, NULL, zip_says(zip_get_error(z)), d);
        const char *why = check_member(&s);
        if (why != NULL) return refuse(f, s.name != NULL ? s.name : "?", why, d);
        packed += s.comp_size, *total += padded(s.size);
        if (packed > (uint64_t)f->n_bytes) return refuse(f, s.name, "it shares data", d);
        if (*total > CONTENT_LIMIT) return refuse(f, NULL, "its contents exceed 64 GiB", d);
    }
    if (!gzip_can_hold(f->n_bytes, (int64_t)*total))
        return refuse(f, NULL, "its contents expand more than 64-fold, as a bomb's do", d);
    return OK;
}

static status inflate_member(const tensor_file *f, zip_t *z, zip_uint64_t i, const zip_stat_t *s,
                             char *to, diags *d) {
    zip_file_t *in = zip_fopen_index(z, i, 0);
    if (in == NULL) return refuse(f, s->name, zip_says(zip_get_error(z)), d);
    uint64_t at = 0;
    status bad = OK;
    while (at < s->size && !bad) {
        zip_int64_t got = zip_fread(in, to + at, s->size - at);
        if (got <= 0)
            bad = refuse(f, s->name, got < 0 ? zip_says(zip_file_get_error(in)) : "truncated", d);
        at += got > 0 ? (uint64_t)got : 0;
    }
    char more;
    if (!bad && zip_fread(in, &more, 1) != 0) /* also where the checksum is compared */
        bad = refuse(f, s->name, "its data does not fit its size or checksum", d);
    zip_fclose(in);
    return bad;
}

/* Names are unique, so that a name means one tensor. */
static status check_names(const tensor_file *f, diags *d) {
    const char **names = mem_calloc((size_t)f->n + 1, sizeof *names);
    for (int i = 0; i < f->n; i++) names[i] = f->tensors[i].name;
    const char *twice = str_find_twice(names, f->n);
    free(names);
    return twice != NULL ? refuse(f, twice, "it is there twice", d) : OK;
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

/* ---- the directory, as its bytes say ---- */

typedef struct entry {
    const char *name; /* not terminated */
    size_t n_name;
    unsigned flags, method;
    bool sizes_missing; /* they are said to be in a field that is not there */
} entry;

enum { ENTRY_MAGIC = 0x02014b50, ENCRYPTED = 1, ZIP64 = 1, AES = 99 };

/* Has an entry's extra data the field of 64-bit sizes (APPNOTE 4.5.3)? */
static bool has_zip64(const uint8_t *extra, size_t n) {
    cursor c = cursor_of(extra, n);
    while (cursor_left(&c) >= 4) {
        uint16_t id = cursor_u16le(&c), bytes = cursor_u16le(&c);
        if (id == ZIP64) return true;
        cursor_take(&c, bytes);
        if (c.failed) return false;
    }
    return false;
}

/* The next entry of the directory (APPNOTE 4.3.12); false: there is none. */
static bool next_entry(cursor *c, entry *e) {
    if (cursor_u32le(c) != ENTRY_MAGIC) return false;
    cursor_take(c, 4);
    e->flags = cursor_u16le(c), e->method = cursor_u16le(c);
    cursor_take(c, 8);
    bool large = cursor_u32le(c) == UINT32_MAX;
    large |= cursor_u32le(c) == UINT32_MAX;
    uint16_t name = cursor_u16le(c), extra = cursor_u16le(c), note = cursor_u16le(c);
    cursor_take(c, 12);
    e->name = (const char *)cursor_take(c, name), e->n_name = name;
    const uint8_t *fields = cursor_take(c, extra);
    cursor_take(c, note);
    e->sizes_missing = large && fields != NULL && !has_zip64(fields, extra);
    return !c->failed;
}

static int by_entry_name(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->n_name < y->n_name ? x->n_name : y->n_name);
    return order != 0 ? order : (x->n_name > y->n_name) - (x->n_name < y->n_name);
}

static status refuse_entry(const tensor_file *f, const entry *e, const char *why, diags *d) {
    char *name = mem_strndup(e->name, e->n_name);
    status bad = refuse(f, name, why, d);
    free(name);
    return bad;
}

static status check_entry(const tensor_file *f, const entry *e, diags *d) {
    char why[96];
    if (memchr(e->name, '\0', e->n_name) != NULL) /* it would end there for libzip */
        return refuse(f, NULL, "the name of a member has a NUL character", d);
    if ((e->flags & ENCRYPTED) != 0 || e->method == AES)
        return refuse_entry(f, e, "it is encrypted, which is not supported", d);
    if (e->sizes_missing)
        return refuse_entry(f, e, "inconsistent sizes: 0xFFFFFFFF without a zip64 field", d);
    if (e->method == ZIP_CM_STORE || e->method == ZIP_CM_DEFLATE) return OK;
    snprintf(why, sizeof why,
             "compression method %u is not supported, 0 (stored) and 8 (deflated) are", e->method);
    return refuse_entry(f, e, why, d);
}

/* The record that ends the directory (APPNOTE 4.3.16), a comment of up to 65,535 bytes behind it;
 * NULL: there is none. */
static const char *find_end(const char *bytes, int64_t n) {
    int64_t at = n - NPZ_END, least = n > NPZ_TAIL ? n - NPZ_TAIL : 0;
    while (at >= least && memcmp(bytes + at, "PK\5\6", 4) != 0) at--;
    return at >= least ? bytes + at : NULL;
}

status npz_check_tail(const char *path, const char *tail, diags *d) {
    if (find_end(tail, NPZ_TAIL) != NULL) return OK;
    return diag_error(d, ERR_INPUT, "%s: not an NPZ file: Not a zip archive", path);
}

/* What libzip does not see, or says of no member. The directory is where the end of the file says;
 * archives with 64-bit sizes say it elsewhere. */
static status check_entries(const tensor_file *f, diags *d) {
    const char *end = find_end(f->bytes, f->n_bytes);
    if (end == NULL) return OK;
    cursor c = cursor_of(end + 10, 10), all = cursor_of(f->bytes, (size_t)f->n_bytes);
    int most = cursor_u16le(&c), n = 0;
    cursor_u32le(&c);
    cursor_take(&all, cursor_u32le(&c));
    entry *list = mem_calloc((size_t)most + 1, sizeof *list);
    status bad = OK;
    while (n < most && !bad && next_entry(&all, &list[n])) bad = check_entry(f, &list[n++], d);
    if (!bad) qsort(list, (size_t)n, sizeof *list, by_entry_name);
    for (int i = 1; i < n && !bad; i++)
        if (by_entry_name(&list[i - 1], &list[i]) == 0)
            bad = refuse_entry(f, &list[i], "two members have this name", d);
    free(list);
    return bad;
}

/* *contents: the inflated members, which the tensors point into. */
static status read_archive(tensor_file *f, zip_t *z, char **contents, uint64_t *total, diags *d) {
    zip_int64_t n = zip_get_num_entries(z, 0);
    if (n <= 0) return refuse(f, NULL, "not an NPZ file: it has no members", d);
    if (n > NPZ_MAX_MEMBERS) return refuse(f, NULL, "more than 4096 members", d);
    status bad = check_directory(f, z, n, total, d);
    if (bad) return bad;
    *contents = mem_try_aligned(*total + 1);
    if (*contents == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for its %" PRIu64 " bytes", f->path,
                          *total);
    return read_members(f, z, n, *contents, d);
}

status npz_parse(tensor_file *f, diags *d) {
    status bad = check_entries(f, d);
    if (bad) return bad;
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(f->bytes, (zip_uint64_t)f->n_bytes, 0, &why);
    zip_t *z =
        source != NULL ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    if (z == NULL) {
        bad = diag_error(d, ERR_INPUT, "%s: not an NPZ file: %s", f->path, zip_says(&why));
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
