#include "host/image.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/elf.h"
#include "host/trust.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { SIZE_LIMIT = 256 << 20 };

/* Copies the file into memory; NULL or what is wrong. */
static char *copy_file(int from, int64_t n, int to) {
    int bad;
    do bad = ftruncate(to, n);
    while (bad != 0 && errno == EINTR);
    if (bad != 0) return str_format("it cannot be copied to memory: %s", strerror(errno));
    char *bytes = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
    if (bytes == MAP_FAILED)
        return str_format("it cannot be copied to memory: %s", strerror(errno));
    char *why = NULL;
    for (int64_t at = 0; at < n && why == NULL;) {
        ssize_t got = read(from, bytes + at, (size_t)(n - at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) why = mem_strdup(strerror(errno));
        if (got == 0) why = mem_strdup("the file shrank while it was read");
        at += got;
    }
    munmap(bytes, (size_t)n);
    return why;
}

static char *check_bytes(plugin_image *m) {
    void *bytes = image_map(m);
    if (bytes == NULL) return str_format("no memory for it");
    hash_bytes(bytes, (size_t)m->size, m->sha256);
    char *why = elf_check(bytes, (size_t)m->size);
    munmap(bytes, (size_t)m->size);
    return why;
}

/* `fd` is open; its folder and what it is, its content, its headers. */
static char *take(plugin_image *m, int fd, const char *real) {
    struct stat s;
    if (fstat(fd, &s) != 0) return mem_strdup(strerror(errno));
    if (!S_ISREG(s.st_mode)) return str_format("not a regular file");
    char *folder = path_dir(real), *why = trust_file(&s);
    if (why == NULL) why = trust_folder(folder);
    free(folder);
    if (why != NULL) return why;
    if (s.st_size == 0) return str_format("not an ELF shared object: it is empty");
    if (s.st_size > SIZE_LIMIT) return str_format("too large: %lld bytes", (long long)s.st_size);
    m->size = s.st_size;
    m->mtime_ns = s.st_mtim.tv_sec * 1000000000LL + s.st_mtim.tv_nsec;
    m->fd = memfd_create(path_base(m->path), MFD_CLOEXEC);
    if (m->fd < 0) return str_format("it cannot be copied to memory: %s", strerror(errno));
    why = copy_file(fd, s.st_size, m->fd);
    return why != NULL ? why : check_bytes(m);
}

/* An errno that says nothing of the file. */
static bool is_starved(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC ||
           error == EFBIG || error == EIO || error == EAGAIN;
}

status image_open(plugin_image *m, const char *path, diags *d) {
    *m = (plugin_image){.path = mem_strdup(path), .fd = -1};
    char *real = path_real(path); /* what a symbolic link leads to is what is checked */
    int fd = real != NULL ? file_open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
    int error = errno; /* strerror() may change it */
    char *why = NULL;
    if (fd < 0) {
        why = mem_strdup(strerror(error));
    } else {
        errno = 0;
        why = take(m, fd, real);
        error = errno;
        close(fd);
    }
    free(real);
    if (why == NULL) return OK;
    status bad = diag_error(d, is_starved(error) ? ERR_RESOURCE : ERR_PLUGIN, "%s: %s", path, why);
    free(why);
    image_close(m);
    return bad;
}

void image_close(plugin_image *m) {
    if (m->fd >= 0) close(m->fd);
    free(m->path);
    *m = (plugin_image){.fd = -1};
}

void *image_map(const plugin_image *m) {
    void *bytes = mmap(NULL, (size_t)m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
    return bytes != MAP_FAILED ? bytes : NULL;
}

/* /proc/PID, not /proc/self: a debugger opens the same name. Messages of the loader
 * begin with it, which tells the user nothing. */
void *image_load(plugin_image *m, char **why) {
    char *name = str_format("/proc/%d/fd/%d", (int)getpid(), m->fd);
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *said = dlerror();
        if (said == NULL) said = "dlopen failed";
        size_t n = strlen(name);
        *why = mem_strdup(strncmp(said, name, n) == 0 && said[n] == ':' ? said + n + 2 : said);
    } else {
        m->fd = -1;
    }
    free(name);
    return handle;
}
