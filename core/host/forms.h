/*
 * host/forms.h - blocks of codes in forms that several packers have: a bitmap, gaps, runs.
 *
 * The functions of plugin.h 1.1 that are more than one kernel; the bytes are described
 * there. Any thread may call them; they allocate nothing.
 */
#ifndef HOST_FORMS_H
#define HOST_FORMS_H

#include "quantbench/plugin.h"

int64_t form_pack_bitmap(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                         uint8_t *dst);
qb_status form_unpack_bitmap(const uint8_t *src, int64_t bytes, int64_t n, int32_t n_levels,
                             int32_t zero, uint8_t *code);
int64_t form_pack_gaps(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                       int64_t limit, uint8_t *dst);
qb_status form_unpack_gaps(const uint8_t *src, int64_t bytes, int64_t n, int32_t n_levels,
                           int32_t zero, uint8_t *code);
int64_t form_pack_runs(const uint8_t *code, int64_t n, int64_t limit, uint8_t *dst);
qb_status form_unpack_runs(const uint8_t *src, int64_t bytes, int64_t n, uint8_t *code);

#endif
