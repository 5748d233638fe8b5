/*
 * plan/identity.h - what makes a run the same run: config_key and cache_key.
 *
 * config_key is a SHA-256 over the lines "key=value" of every setting that is not
 * its default, with data as content hashes and quantization as it was resolved
 * for each layer; seed, names and what changes no result are left out. cache_key
 * adds seed, plugin files and the numeric version.
 */
#ifndef PLAN_IDENTITY_H
#define PLAN_IDENTITY_H

#include "plan/plan.h"

/* Sets config_key and plugins. */
void identity_make(plan *p);

/* The key of the configuration's run with this seed. */
void identity_cache_key(const plan *p, int numeric_version, uint64_t seed, char key[HASH_HEX]);

#endif
