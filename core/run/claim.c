#include "run/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/files.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

status claim_take(const char *dir, diags *d, int *claim) {
    char *path = path_join(dir, "lock");
    status bad = OK;
    *claim = file_open(path, O_CREAT | O_RDWR | O_CLOEXEC);
    if (*claim < 0 || flock(*claim, LOCK_EX | LOCK_NB) != 0) {
        bad = diag_error(d, ERR_RESOURCE, "%s: cannot be locked: %s", path, strerror(errno));
        if (*claim >= 0) close(*claim);
        *claim = -1;
    }
    free(path);
    return bad;
}

void claim_release(const char *dir, int claim) {
    if (claim < 0) return;
    char *path = path_join(dir, "lock");
    unlink(path);
    close(claim);
    free(path);
}

/* Nobody holds the lock of this folder. One that cannot be looked at is left alone. */
static bool is_abandoned(const char *dir) {
    char *path = path_join(dir, "lock");
    int fd = file_open(path, O_RDWR | O_CLOEXEC);
    bool gone = fd < 0 && errno == ENOENT;
    bool free_to_take = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (free_to_take) unlink(path);
    if (fd >= 0) close(fd);
    free(path);
    return gone || free_to_take;
}

typedef struct row {
    int64_t id;
    char uid[STORE_UID];
} row;

status claim_recover(store *s, diags *d) {
    char *home = path_dir(store_path(s));
    row *rows = NULL;
    int n = 0;
    store_rows *r = store_select(s, "SELECT id, uid FROM run WHERE status = 'running'", "");
    while (store_next(r)) {
        rows = mem_realloc(rows, (size_t)(n + 1) * sizeof *rows);
        rows[n].id = store_int(r, 0);
        snprintf(rows[n++].uid, STORE_UID, "%s", store_text(r, 1));
    }
    store_rows_end(r);
    status bad = store_status(s, d);
    for (int i = 0; i < n && !bad; i++) {
        char *dir = str_format("%s/runs/%s", home, rows[i].uid);
        if (is_abandoned(dir)) { /* or its run ended since its row was read, which stands then */
            store_begin(s);
            bool died = store_run_died(s, rows[i].id);
            bad = store_commit(s, d);
            if (!bad && died)
                log_info("run %s: its process died; recorded as interrupted", rows[i].uid);
        }
        free(dir);
    }
    free(rows);
    free(home);
    return bad;
}
