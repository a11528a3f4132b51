/* SPDX-License-Identifier: MIT */
/* Whether bytes are msgpack, found without allocating. Private to the format room. */
#ifndef AT_FORMAT_MSGPACK_CHECK_H
#define AT_FORMAT_MSGPACK_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* True where bytes [n] are exactly one msgpack value nested at most 24 deep.
 *
 * msgpack-c allocates an array for as many elements as a header claims before it reads
 * one of them: five bytes can ask for 100 GB. Checked first, memory stays below 48 n. */
bool at_msgpack_is_whole(const char *bytes, size_t n);

#endif
