/* SPDX-License-Identifier: MIT */
/* A folder of its own for a fuzz target whose parser reads folders. */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* The same folder for the whole process, removed at exit; in memory where the system
 * allows. */
const char *scratch_folder(void);

/* Write FOLDER/NAME whole, or abort. */
void scratch_write(const char *name, const uint8_t *data, size_t size);

#endif
