#include "quant/packing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { LENGTH_BYTES = 4 };

status packing_choose(const registry *r, int32_t n_levels, plugin_choice *packer, diags *d) {
    if (packer->plugin != NULL) return OK;
    const char *name = n_levels == 3 ? "base3" : "bits";
    const plugin *found = registry_find(r, QB_PACKER, name);
    if (found == NULL)
        return diag_error(d, ERR_PLUGIN, "the default packer '%s' is not installed", name);
    *packer = params_defaults(found);
    return OK;
}

status packing_open(packing *p, const plugin_choice *c, int32_t n_levels, int32_t zero_code,
                    const place *at, diags *d) {
    *p = (packing){.table = &c->plugin->packer,
                   .info = {.size = sizeof p->info, .unit = 1, .align = 1, .fixed_rate = true}};
    status bad = instance_open_packer(&p->in, c, n_levels, zero_code, &p->info, ERR_SPEC, at, d);
    if (bad) return bad;
    int32_t a = p->info.align;
    if (p->info.unit >= 1 && p->info.chunk >= 0 && a >= 1 && a <= 4096 && (a & (a - 1)) == 0)
        return OK;
    bad = diag_error(d, ERR_PLUGIN, "%s: packer '%s': unit, chunk or align is out of range",
                     c->plugin->path, c->plugin->entry.name);
    packing_close(p);
    return bad;
}

void packing_close(packing *p) {
    instance_close(&p->in);
    *p = (packing){0};
}

static int64_t chunk_codes(const packing *p, int64_t cols) {
    return p->info.chunk > 0 ? p->info.chunk : cols;
}

/* Bytes of a chunk with what the container adds. */
static int64_t stored_bytes(const packing *p, int64_t packed) {
    int64_t a = p->info.align;
    return (packed + a - 1) / a * a + (p->info.fixed_rate ? 0 : LENGTH_BYTES);
}

int64_t packing_bound(const packing *p, int64_t rows, int64_t cols) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), sum = 0;
    if (n == 0) return 0;
    sum = n / chunk * stored_bytes(p, p->table->bound(p->in.self, chunk));
    if (n % chunk > 0) sum += stored_bytes(p, p->table->bound(p->in.self, n % chunk));
    return sum;
}

static status blame(const packing *p, const char *tensor, int64_t element, const char *what,
                    diags *d) {
    const plugin *g = p->in.choice.plugin;
    return diag_error(d, ERR_PLUGIN, "%s: packer '%s' %s (tensor '%s', code %" PRId64 ")", g->path,
                      g->entry.name, what, tensor, element);
}

status packing_measure(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                       int64_t cols, diags *d, int64_t *bytes) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols);
    int64_t most = chunk < n ? chunk : n;
    int64_t bound = p->table->bound(p->in.self, most);
    uint8_t *packed = mem_aligned((size_t)(bound > 0 ? bound : 1)),
            *back = mem_aligned((size_t)most + 1);
    status bad = OK;
    *bytes = 0;
    for (int64_t at = 0; at < n && !bad; at += chunk) {
        int64_t here = n - at < chunk ? n - at : chunk;
        int64_t limit = p->table->bound(p->in.self, here);
        int64_t got = p->table->pack(p->in.self, code + at, here, packed);
        if (got < 0 || got > limit) {
            bad = blame(p, tensor, at, "wrote more than its bound", d);
        } else if (p->info.fixed_rate && got != limit) {
            bad = blame(p, tensor, at, "promised a fixed rate and wrote less than its bound", d);
        } else if (p->table->unpack(p->in.self, packed, got, here, back) != QB_OK) {
            bad = blame(p, tensor, at, "cannot read what it wrote", d);
        } else if (memcmp(back, code + at, (size_t)here) != 0) {
            int64_t k = 0;
            while (back[k] == code[at + k]) k++;
            bad = blame(p, tensor, at + k, "lost a code", d);
        }
        *bytes += stored_bytes(p, got);
    }
    free(packed);
    free(back);
    return bad;
}
