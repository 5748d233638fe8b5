#include "host/instance.h"

#include <stdlib.h>
#include <string.h>

#include "host/guarded.h"
#include "util/mem.h"
#include "util/parallel.h"

static qb_status host_fail(const qb_host *host, qb_status st, const char *fmt, ...) QB_PRINTF(3, 4);
static qb_status host_fail(const qb_host *host, qb_status st, const char *fmt, ...) {
    instance *in = host->impl;
    va_list ap;
    va_start(ap, fmt);
    free(in->message);
    in->message = str_vformat(fmt, ap);
    va_end(ap);
    return st;
}

static qb_status host_reserve_scratch(const qb_host *host, size_t bytes) {
    instance *in = host->impl;
    size_t each = (bytes + 63) & ~(size_t)63;
    int64_t all;
    if (each < bytes || !size_mul((int64_t)each, parallel_threads(), &all)) return QB_ENOMEM;
    char *scratch = mem_try_aligned((size_t)all);
    if (scratch == NULL) return QB_ENOMEM;
    free(in->scratch);
    in->scratch = scratch;
    in->scratch_bytes = each;
    return QB_OK;
}

static void *host_scratch(const qb_host *host) {
    const instance *in = host->impl;
    return in->scratch + in->scratch_bytes * (size_t)parallel_thread();
}

static void create(instance *in, const plugin_choice *c, const char *site) {
    size_t bytes = c->plugin->entry.instance_size;
    char *memory = mem_aligned(GUARDED_HEAD + bytes);
    *in = (instance){.choice = *c, .site = site, .self = memory + GUARDED_HEAD};
    memset(memory, 0, GUARDED_HEAD + bytes);
    guarded_set(in->self, in);
    in->host = (qb_host){.size = sizeof in->host,
                         .abi_major = QB_ABI_MAJOR,
                         .abi_minor = QB_ABI_MINOR_LATEST,
                         .impl = in,
                         .kernels = services_kernels(),
                         .fail = host_fail,
                         .reserve_scratch = host_reserve_scratch,
                         .scratch = host_scratch};
    params_fill(c, in->self);
    params_set_live(c, in->self, 1); /* a training moves them, nothing else does */
}

static status finish(instance *in, qb_status got, status st, const place *at, diags *d) {
    const char *kind = plugin_kind_name(in->choice.plugin->entry.kind);
    const char *name = in->choice.plugin->entry.name;
    if (got == QB_OK) {
        if (in->message != NULL)
            diag_warning_at(d, at, "%s '%s' for %s: %s", kind, name, in->site, in->message);
        params_read_back(&in->choice, in->self);
        return OK;
    }
    if (got == QB_ENOMEM)
        st = ERR_RESOURCE;
    else if (in->message == NULL || (got != QB_EINVAL && got != QB_ENOTSUP))
        st = ERR_PLUGIN;
    diag_error_at(d, st, at, "%s '%s' for %s: %s", kind, name, in->site,
                  in->message != NULL ? in->message
                  : got == QB_ENOMEM  ? "not enough memory"
                                      : "init() failed without saying why");
    instance_close(in);
    return st;
}

status instance_open_scheme(instance *in, const plugin_choice *c, const qb_site *site,
                            qb_scheme_info *info, status st, const place *at, diags *d) {
    create(in, c, site->name);
    return finish(in, c->plugin->guarded.scheme.init(in->self, &in->host, site, info), st, at, d);
}

status instance_open_packer(instance *in, const plugin_choice *c, int32_t n_levels,
                            int32_t zero_code, qb_packer_info *info, status st, const place *at,
                            diags *d) {
    create(in, c, "its codes");
    return finish(in,
                  c->plugin->guarded.packer.init(in->self, &in->host, n_levels, zero_code, info),
                  st, at, d);
}

status instance_open_ste(instance *in, const plugin_choice *c, const qb_site *site,
                         qb_ste_info *info, status st, const place *at, diags *d) {
    create(in, c, site->name);
    return finish(in, c->plugin->guarded.ste.init(in->self, &in->host, site, info), st, at, d);
}

const qb_packer_info instance_packer_info = {.size = sizeof instance_packer_info,
                                             .unit = 1,
                                             .align = 1,
                                             .fixed_rate = true};

char *instance_refusal(const plugin_choice *packer) {
    instance in;
    qb_packer_info info = instance_packer_info;
    create(&in, packer, "its codes");
    /* the levels that every packer holds; one that does not says QB_ENOTSUP */
    qb_status got = packer->plugin->guarded.packer.init(in.self, &in.host, 3, 1, &info);
    char *why = got == QB_EINVAL && in.message != NULL ? mem_strdup(in.message) : NULL;
    instance_close(&in);
    return why;
}

void instance_close(instance *in) {
    if (in->self != NULL) free((char *)in->self - GUARDED_HEAD);
    free(in->message);
    free(in->scratch);
    *in = (instance){0};
}
