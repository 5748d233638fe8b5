/*
 * host/presets.h - packers with their parameters under the names of what they are for:
 * `packer: max_compression`.
 */
#ifndef HOST_PRESETS_H
#define HOST_PRESETS_H

#include "host/params.h"
#include "host/registry.h"

typedef struct packer_preset {
    const char *name, *packer, *settings; /* settings: "name=value", a space between two */
    const char *summary;
} packer_preset;

extern const packer_preset packer_presets[];
extern const int n_packer_presets;

/* NULL if there is none of that name. */
const packer_preset *preset_find(const char *name);

/* The plugin of a preset with its parameters; plugin NULL where it is not installed. */
plugin_choice preset_choice(const packer_preset *preset, const registry *r);

#endif
