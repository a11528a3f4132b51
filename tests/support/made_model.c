/* SPDX-License-Identifier: MIT */
#include "support/made_model.h"

float made_number(size_t i)
{
    uint64_t z = (i + 1) * UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    return (float)((double)((z ^ (z >> 27)) >> 40) * 0x1p-23 - 1);
}

attrib_status made_ignore_pairs(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    (void)context;
    (void)i_tracked;
    (void)a;
    (void)ds;
    (void)err;
    return ATTRIB_OK;
}

attrib_status made_no_direction(void *context,
                                const attrib_outputs *outputs,
                                attrib_error *err)
{
    (void)context;
    (void)outputs;
    (void)err;
    return ATTRIB_OK;
}
