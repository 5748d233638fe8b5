#include "io/idx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "util/cursor.h"
#include "util/mem.h"

/* deflate cannot make more than 1032 bytes out of one: a bomb shows by its claim */
enum { DEFLATE_MOST = 1032 };
static const int64_t SIZE_LIMIT = (int64_t)16 << 30;

/* What zlib says is wrong; it begins with the path. */
static status read_failed(gzFile gz, const char *path, diags *d) {
    int code;
    const char *why = gzerror(gz, &code);
    size_t n = strlen(path);
    if (strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0) why += n + 2;
    return diag_error(d, ERR_INPUT, "%s: %s", path, why);
}

static status take(gzFile gz, const char *path, void *to, int64_t n, diags *d) {
    for (int64_t at = 0; at < n;) {
        unsigned want = n - at < 1 << 30 ? (unsigned)(n - at) : 1u << 30;
        int got = gzread(gz, (char *)to + at, want);
        if (got < 0) return read_failed(gz, path, d);
        if (got == 0)
            return diag_error(d, ERR_INPUT,
                              "%s: truncated: %" PRId64 " bytes more are wanted, %" PRId64
                              " are there",
                              path, n, at);
        at += got;
    }
    return OK;
}

static status read_shape(gzFile gz, const char *path, idx_array *a, diags *d) {
    uint8_t head[4], dims[4 * IDX_MAX_DIMS];
    status bad = take(gz, path, head, sizeof head, d);
    if (bad) return bad;
    if (head[0] != 0 || head[1] != 0)
        return diag_error(d, ERR_INPUT, "%s: not an IDX file (bad magic)", path);
    if (head[2] != 0x08)
        return diag_error(d, ERR_INPUT,
                          "%s: IDX element type 0x%02x, only unsigned bytes (0x08) are read", path,
                          head[2]);
    a->n_dims = head[3];
    if (a->n_dims < 1 || a->n_dims > IDX_MAX_DIMS)
        return diag_error(d, ERR_INPUT, "%s: %d dimensions, 1 to %d are wanted", path, a->n_dims,
                          IDX_MAX_DIMS);
    bad = take(gz, path, dims, 4 * a->n_dims, d);
    if (bad) return bad;
    cursor c = cursor_of(dims, (size_t)(4 * a->n_dims));
    a->n = 1;
    bool fits = true;
    for (int i = 0; i < a->n_dims; i++) {
        a->shape[i] = cursor_u32be(&c);
        if (a->shape[i] == 0) return diag_error(d, ERR_INPUT, "%s: dimension %d is 0", path, i);
        fits = fits && size_mul(a->n, a->shape[i], &a->n);
    }
    return fits && a->n <= SIZE_LIMIT
               ? OK
               : diag_error(d, ERR_INPUT, "%s: element count overflows", path);
}

static status read_body(gzFile gz, const char *path, int64_t file_bytes, idx_array *a, diags *d) {
    int64_t header = 4 + 4 * a->n_dims;
    if (a->n / DEFLATE_MOST > file_bytes || (gzdirect(gz) && a->n > file_bytes - header))
        return diag_error(d, ERR_INPUT,
                          "%s: its shape wants %" PRId64 " bytes, the file has %" PRId64, path,
                          a->n, file_bytes - header);
    a->data = mem_try_aligned((size_t)a->n);
    if (a->data == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for %" PRId64 " bytes", path, a->n);
    status bad = take(gz, path, a->data, a->n, d);
    if (bad) return bad;
    char more; /* reading to the end checks the CRC and the length of a .gz */
    int behind = gzread(gz, &more, 1);
    if (behind < 0) return read_failed(gz, path, d);
    if (behind > 0)
        return diag_error(d, ERR_INPUT, "%s: there are bytes behind the last element", path);
    return OK;
}

static status open_file(const char *path, diags *d, gzFile *gz, int64_t *file_bytes) {
    struct stat s;
    if (stat(path, &s) != 0) return diag_error(d, ERR_INPUT, "%s: no such file", path);
    if (!S_ISREG(s.st_mode)) return diag_error(d, ERR_INPUT, "%s: not a regular file", path);
    *file_bytes = s.st_size;
    *gz = gzopen(path, "rb"); /* reads plain files as they are */
    if (*gz == NULL) return diag_error(d, ERR_INPUT, "%s: cannot be read", path);
    gzbuffer(*gz, 1 << 17);
    return OK;
}

/* The header, or all of the file. */
static status read_file(const char *path, bool all, diags *d, idx_array *a) {
    *a = (idx_array){0};
    gzFile gz;
    int64_t file_bytes = 0;
    status bad = open_file(path, d, &gz, &file_bytes);
    if (bad) return bad;
    bad = read_shape(gz, path, a, d);
    if (!bad && all) bad = read_body(gz, path, file_bytes, a, d);
    /* The end of a .gz that is cut off inside its last 8 bytes is noticed here. */
    if (gzclose(gz) != Z_OK && !bad)
        bad = diag_error(d, ERR_INPUT, "%s: the compressed file is cut off at its end", path);
    if (bad) idx_free(a);
    return bad;
}

status idx_read_shape(const char *path, diags *d, idx_array *a) {
    return read_file(path, false, d, a);
}

status idx_read(const char *path, diags *d, idx_array *a) { return read_file(path, true, d, a); }

void idx_free(idx_array *a) {
    free(a->data);
    *a = (idx_array){0};
}
