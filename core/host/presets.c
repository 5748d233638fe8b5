#include "host/presets.h"

#include <stdlib.h>
#include <string.h>

/* What each costs and gives is measured in plugins/README.md. */
const packer_preset packer_presets[] = {
    {"max_speed", "bits", "", "whole bits a code, packed and unpacked at the speed of memory"},
    {"balanced", "hybrid", "compression_level=1",
     "of each block the shortest of bits, base 3, bitmap and gaps"},
    {"max_compression", "entropy", "", "within 1 % of the entropy of 10^6 codes, up to 99 % zeros"},
};
const int n_packer_presets = sizeof packer_presets / sizeof *packer_presets;

const packer_preset *preset_find(const char *name) {
    for (int i = 0; i < n_packer_presets; i++)
        if (strcmp(packer_presets[i].name, name) == 0) return &packer_presets[i];
    return NULL;
}

plugin_choice preset_choice(const packer_preset *preset, const registry *r) {
    const plugin *p = registry_find(r, QB_PACKER, preset->packer);
    if (p == NULL) return (plugin_choice){0};
    plugin_choice c = params_defaults(p);
    const char *at = preset->settings;
    while (*at != '\0') {
        size_t name = strcspn(at, "="), value = strcspn(at + name + 1, " ");
        char key[64] = "", text[64] = "";
        memcpy(key, at, name < sizeof key ? name : sizeof key - 1);
        memcpy(text, at + name + 1, value < sizeof text ? value : sizeof text - 1);
        int i = params_find(p, key);
        if (i >= 0) free(params_set(&c, i, text)); /* an older plugin may lack it */
        at += name + 1 + value;
        at += *at == ' ';
    }
    return c;
}
