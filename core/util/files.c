#include "util/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* As SQLite's: only their owner writes to results, whatever the umask. */
enum { FILE_MODE = 0644, FOLDER_MODE = 0755 };

int file_open(const char *path, int flags) {
    int fd;
    do fd = open(path, flags, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Opens a regular file; a FIFO must not hang and a device must not be read. */
static status open_regular(const char *path, status st, diags *d, int *fd, int64_t *size) {
    struct stat s;
    *fd = file_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) /* ENXIO: a socket */
        return diag_error(d, st, "%s: %s", path,
                          errno == ENXIO ? "not a regular file" : strerror(errno));
    if (fstat(*fd, &s) == 0 && S_ISREG(s.st_mode)) {
        *size = s.st_size;
        return OK;
    }
    close(*fd);
    return diag_error(d, st, "%s: not a regular file", path);
}

static status read_all(int fd, const char *path, char *to, size_t n, status st, diags *d) {
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, to + at, n - at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return diag_error(d, st, "%s: %s", path, strerror(errno));
        if (got == 0) return diag_error(d, st, "%s: the file shrank while it was read", path);
        at += (size_t)got;
    }
    return OK;
}

status file_read(const char *path, int64_t max_bytes, status st, diags *d, char **data, size_t *n) {
    int fd;
    int64_t size;
    *data = NULL;
    status bad = open_regular(path, st, d, &fd, &size);
    if (bad) return bad;
    if (size > max_bytes) {
        bad = diag_error(d, st, "%s: %lld bytes, more than the limit of %lld", path,
                         (long long)size, (long long)max_bytes);
        goto done;
    }
    char *bytes = mem_try_aligned((size_t)size + 1);
    if (bytes == NULL) {
        bad =
            diag_error(d, ERR_RESOURCE, "%s: no memory for its %lld bytes", path, (long long)size);
        goto done;
    }
    bad = read_all(fd, path, bytes, (size_t)size, st, d);
    if (bad) {
        free(bytes);
        goto done;
    }
    bytes[size] = '\0';
    *data = bytes;
    *n = (size_t)size;
done:
    close(fd);
    return bad;
}

/* n bytes of a file that is larger than `limit`, from its beginning or up to its end. */
static status read_part(const char *path, int64_t limit, size_t n, bool last, status st, diags *d,
                        char **data, int64_t *size) {
    int fd;
    *data = NULL;
    status bad = open_regular(path, st, d, &fd, size);
    if (bad) return bad;
    if (*size > limit && *size > (int64_t)n) {
        char *bytes = mem_aligned(n);
        if (last) lseek(fd, (off_t)(*size - (int64_t)n), SEEK_SET);
        bad = read_all(fd, path, bytes, n, st, d);
        if (bad)
            free(bytes);
        else
            *data = bytes;
    }
    close(fd);
    return bad;
}

status file_head(const char *path, int64_t limit, size_t n, status st, diags *d, char **data,
                 int64_t *size) {
    return read_part(path, limit, n, false, st, d, data, size);
}

status file_tail(const char *path, int64_t limit, size_t n, status st, diags *d, char **data) {
    int64_t size;
    return read_part(path, limit, n, true, st, d, data, &size);
}

static status write_failed(const file_out *f, const char *doing, diags *d) {
    return diag_error(d, ERR_RESOURCE, "%s: cannot %s: %s", f->path, doing, strerror(errno));
}

/* Removes the temporary file if there still is one. */
static void forget(file_out *f) {
    if (f->temp != NULL) unlink(f->temp);
    free(f->path);
    free(f->target);
    free(f->temp);
}

/* The links of /proc/PID/fd name open files; their text is no path. */
static bool is_open_file(const char *path) {
    char *dir = path_dir(path), *real = path_real(dir);
    bool is = real != NULL && strncmp(real, "/proc/", 6) == 0;
    free(dir);
    free(real);
    return is;
}

/* Follows symbolic links, also to a file that does not exist yet; free(). Sets *as_it_is if it
 * must be written into. NULL: the links have no end. */
static char *follow_links(const char *path, bool *as_it_is) {
    enum { LINKS_MAX = 40 }; /* as many as Linux follows */
    struct stat s;
    *as_it_is = stat(path, &s) == 0 && !S_ISREG(s.st_mode);
    char *target = mem_strdup(path);
    for (int links = 0; !*as_it_is; links++) {
        char to[PATH_MAX];
        ssize_t n = readlink(target, to, sizeof to - 1);
        if (n < 0) break;
        *as_it_is = is_open_file(target);
        if (*as_it_is) break;
        if (links == LINKS_MAX) {
            free(target);
            return NULL;
        }
        to[n] = '\0';
        char *dir = path_dir(target), *next = path_join(dir, to);
        free(dir);
        free(target);
        target = next;
    }
    return target;
}

static status find_target(file_out *f, bool *as_it_is, diags *d) {
    f->target = follow_links(f->path, as_it_is);
    if (f->target != NULL) return OK;
    errno = ELOOP;
    return write_failed(f, "create it", d);
}

/* "NAME.XXXXXX.tmp" beside the file; of a name that is as long as names can be, the beginning, up
 * to the end of a character. free() */
static char *temp_pattern(const char *target) {
    static const char end[] = ".XXXXXX.tmp";
    const char *name = path_base(target);
    size_t n = strlen(name), most = NAME_MAX - (sizeof end - 1);
    if (n > most && n <= NAME_MAX)
        for (n = most; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80;) n--;
    return str_format("%.*s%s", (int)(name - target + (ptrdiff_t)n), target, end);
}

static status open_temp(file_out *f, diags *d) {
    char *temp = temp_pattern(f->target);
    f->fd = mkstemps(temp, 4);
    if (f->fd < 0) {
        status bad = write_failed(f, "create it", d);
        free(temp);
        return bad;
    }
    f->temp = temp;
    mode_t mask = umask(0); /* mkstemp makes 0600; give it what open() would have given */
    umask(mask);
    if (fchmod(f->fd, FILE_MODE & ~mask) != 0) errno = 0;
    return OK;
}

/* The descriptor of our own that a link of /proc/self/fd is; -1: it is none. */
static int own_descriptor(const char *path) {
    char *dir = path_dir(path), *real = path_real(dir), *own = path_real("/proc/self/fd");
    int64_t fd = -1;
    if (real == NULL || own == NULL || strcmp(real, own) != 0 || !str_to_int(path_base(path), &fd))
        fd = -1;
    free(dir);
    free(real);
    free(own);
    return fd <= INT_MAX ? (int)fd : -1;
}

/* A FIFO without a reader must not hang; written into, it waits for its reader. What is open is
 * not opened again: a second place in a file would be written over from the first. */
static status open_as_it_is(file_out *f, diags *d) {
    int own = own_descriptor(f->target);
    if (own >= 0) {
        f->fd = fcntl(own, F_DUPFD_CLOEXEC, 3);
        return f->fd >= 0 ? OK : write_failed(f, "open it", d);
    }
    f->fd = file_open(f->target, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK);
    if (f->fd >= 0 && fcntl(f->fd, F_SETFL, O_APPEND) == 0) return OK;
    struct stat s;
    bool fifo = errno == ENXIO && stat(f->target, &s) == 0 && S_ISFIFO(s.st_mode);
    status bad =
        fifo ? diag_error(d, ERR_RESOURCE, "%s: cannot open it: nobody reads this FIFO", f->path)
             : write_failed(f, "open it", d);
    if (f->fd >= 0) close(f->fd);
    return bad;
}

status file_out_open(file_out *f, const char *path, diags *d) {
    bool as_it_is;
    *f = (file_out){.path = mem_strdup(path), .fd = -1};
    status bad = find_target(f, &as_it_is, d);
    if (!bad && !as_it_is) bad = open_temp(f, d);
    if (!bad && as_it_is) bad = open_as_it_is(f, d);
    if (bad) forget(f);
    return bad;
}

status file_out_add(file_out *f, const void *data, size_t n, diags *d) {
    const char *p = data;
    while (n > 0) {
        ssize_t put = write(f->fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return write_failed(f, "write", d);
        p += put, n -= (size_t)put;
    }
    return OK;
}

/* A new name is on disk when its folder is: flushes the folder that `path` is in. Some file systems
 * cannot flush one, and some folders can be written and not read. */
static bool sync_dir_of(const char *path) {
    char *dir = path_dir(path);
    int fd = file_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd < 0 ? errno == EACCES : fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
    int error = errno;
    if (fd >= 0) close(fd);
    free(dir);
    errno = error;
    return done;
}

void file_out_abort(file_out *f) {
    close(f->fd);
    forget(f);
}

/* Gives the temporary file the name of the target. */
static status replace_target(file_out *f, diags *d) {
    if (fsync(f->fd) != 0) return write_failed(f, "flush it to disk", d);
    if (rename(f->temp, f->target) != 0) return write_failed(f, "rename its new version", d);
    free(f->temp);
    f->temp = NULL;
    return sync_dir_of(f->target) ? OK : write_failed(f, "flush its folder to disk", d);
}

status file_out_commit(file_out *f, diags *d) {
    status bad = f->temp != NULL ? replace_target(f, d) : OK;
    if (close(f->fd) != 0 && errno != EINTR && !bad) bad = write_failed(f, "close it", d);
    forget(f);
    return bad;
}

status file_write(const char *path, const void *data, size_t n, diags *d) {
    file_out f;
    status bad = file_out_open(&f, path, d);
    if (bad) return bad;
    bad = file_out_add(&f, data, n, d);
    if (!bad) return file_out_commit(&f, d);
    file_out_abort(&f);
    return bad;
}

bool file_exists(const char *path) {
    struct stat s;
    return stat(path, &s) == 0;
}

/* The one name of a file that is not there yet; NULL: it can have none. free() */
static char *name_to_be(const char *path) {
    bool as_it_is;
    char *target = follow_links(path, &as_it_is), *name = NULL;
    if (target == NULL) return NULL;
    char *dir = path_dir(target), *real = path_real(dir);
    if (real != NULL) name = path_join(real, path_base(target));
    free(real);
    free(dir);
    free(target);
    return name;
}

bool file_same(const char *a, const char *b) {
    struct stat s, t;
    bool has_a = stat(a, &s) == 0, has_b = stat(b, &t) == 0;
    if (has_a && has_b) return S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
    if (has_a || has_b) return false;
    char *first = name_to_be(a), *second = name_to_be(b);
    bool same = first != NULL && second != NULL && strcmp(first, second) == 0;
    free(first);
    free(second);
    return same;
}

bool dir_exists(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

status dir_make(const char *path, diags *d) {
    char *p = mem_strdup(path);
    bool failed = false, flushed = true;
    for (char *slash = p + 1;; slash++) {
        if (*slash != '/' && *slash != '\0') continue;
        char was = *slash;
        *slash = '\0';
        if (mkdir(p, FOLDER_MODE) == 0)
            flushed = sync_dir_of(p);
        else
            failed = errno != EEXIST;
        *slash = was;
        if (failed || !flushed || was == '\0') break;
    }
    int error = errno;
    free(p);
    if (!flushed)
        return diag_error(d, ERR_RESOURCE, "%s: cannot flush its folder to disk: %s", path,
                          strerror(error));
    if (!failed && dir_exists(path)) return OK;
    return diag_error(d, ERR_RESOURCE, "%s: cannot create the folder: %s", path,
                      failed ? strerror(error) : "there is a file of this name");
}

char *path_join(const char *dir, const char *name) {
    return name[0] == '/' ? mem_strdup(name) : str_format("%s/%s", dir, name);
}

char *path_real(const char *path) {
    errno = 0;
    char *real = realpath(path, NULL);
    if (real == NULL && errno == ENOMEM) mem_exhausted(PATH_MAX);
    return real;
}

char *path_dir(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

char *path_relative(const char *from, const char *path) {
    char *base = path_real(from), *to = path_real(path), *out = NULL;
    if (base != NULL && to != NULL) {
        size_t same = 0; /* length of the folders that both have, with the slash */
        for (size_t i = 0; base[i] == to[i] && to[i] != '\0'; i++)
            if (to[i] == '/') same = i + 1;
        size_t n = strlen(base);
        if (strncmp(base, to, n) == 0 && to[n] == '/') same = n + 1;
        strbuf b = {0};
        strbuf_add(&b, "");
        for (const char *p = base + (same < n ? same : n); *p != '\0';) {
            strbuf_add(&b, "../");
            p += strcspn(p, "/");
            p += *p == '/';
        }
        strbuf_add(&b, to + same);
        out = b.s;
    }
    if (out == NULL) out = to != NULL ? mem_strdup(to) : mem_strdup(path);
    free(base);
    free(to);
    return out;
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool path_has_suffix(const char *path, const char *suffix) {
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}

char *path_of_user_data(void) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data != NULL && *data == '/') return path_join(data, "quantbench");
    return home != NULL && *home == '/' ? path_join(home, ".local/share/quantbench") : NULL;
}

char *path_of_program(void) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0) return mem_strdup(".");
    exe[n] = '\0';
    return path_dir(exe);
}

status file_hash(const char *path, status st, diags *d, char hex[65]) {
    int fd;
    int64_t size;
    status bad = open_regular(path, st, d, &fd, &size);
    if (bad) return bad;
    hasher h;
    hash_init(&h);
    char block[1 << 14];
    for (ssize_t got; (got = read(fd, block, sizeof block)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            bad = diag_error(d, st, "%s: %s", path, strerror(errno));
            break;
        }
        hash_add(&h, block, (size_t)got);
    }
    close(fd);
    hash_end(&h, hex);
    return bad;
}
