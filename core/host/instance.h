/*
 * host/instance.h - a plugin at work: its instance struct, filled from a choice,
 * and the qb_host that it calls.
 *
 * Opened and closed on the main thread. Between, functions that take a const
 * self may run on many threads.
 */
#ifndef HOST_INSTANCE_H
#define HOST_INSTANCE_H

#include "host/params.h"

typedef struct instance {
    plugin_choice choice; /* after opening: with the values that init() chose */
    const char *site;     /* for messages; borrowed */
    void *self;           /* 64-byte aligned */
    int n_levels, n_meta; /* for the guards of its functions (host/guarded.h) */
    qb_host host;
    char *message;        /* what host->fail() said last */
    size_t scratch_bytes; /* of each thread */
    char *scratch;
} instance;

/* Create the instance in *in and call init(). Until it is closed it must not be moved
 * or copied, nor may what holds one (quantizer, packing, estimator, model): plugins keep
 * the address of their qb_host. Live parameters hold their end until params_set_live()
 * says otherwise. A refusal is the user's error: status `st` at place `at` (may be NULL),
 * with the plugin's message; *in is closed then. */
status instance_open_scheme(instance *in, const plugin_choice *c, const qb_site *site,
                            qb_scheme_info *info, status st, const place *at, diags *d);
status instance_open_packer(instance *in, const plugin_choice *c, int32_t n_levels,
                            int32_t zero_code, qb_packer_info *info, status st, const place *at,
                            diags *d);
/* What init() of a packer finds in its info. */
extern const qb_packer_info instance_packer_info;
status instance_open_ste(instance *in, const plugin_choice *c, const qb_site *site,
                         qb_ste_info *info, status st, const place *at, diags *d);
/* What the packer says against the values of its parameters, whatever the levels are; NULL:
 * nothing. free() */
char *instance_refusal(const plugin_choice *packer);
void instance_close(instance *in); /* a zeroed one is closed */

/* The kernels that plugins get (host/services.c): those of the level in force. The table of a
 * level is written by the first call for it, on the main thread, and by no other: plugins
 * read it on many threads. */
const qb_kernels *services_kernels(void);

#endif
