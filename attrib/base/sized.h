/* SPDX-License-Identifier: MIT */
/* Structs that programs fill: how they go over the border between a program and a library
 * that were compiled with different headers (include/attrib/base.h says what holds
 * there).
 *
 * A member that is added to one of them begins after the last byte of the struct as it
 * was, padding included, and its 0 means what the library did before. */
#ifndef AT_BASE_SIZED_H
#define AT_BASE_SIZED_H

#include "base/error.h"

/* Fill a program's struct of `bytes` with the defaults, of which the library knows
 * `known` bytes, and set its size. What the library does not know becomes 0. */
void at_sized_fill(const void *defaults, size_t known, void *out, size_t bytes);

/* Copy what a program gave over the defaults in `known`, whose size is set; its size
 * stays. A program's older struct leaves the defaults of the members that it lacks.
 * `given` NULL: the defaults stand. `name` is the struct's, without "attrib_". EINVAL for
 * a struct whose size was not set, and for a newer one where a member that only it has is
 * not 0. */
attrib_status at_sized_take(const void *given,
                            const char *name,
                            void *known,
                            attrib_error *err);

/* Copy an item of `bytes` from a program's list to `out`, of which the library knows
 * `known` bytes: 0 where the item is shorter. EINVAL as at_sized_take(). */
attrib_status at_item_take(const void *given,
                           size_t bytes,
                           const char *name,
                           void *out,
                           size_t known,
                           attrib_error *err);

#endif
