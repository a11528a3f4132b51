/* SPDX-License-Identifier: MIT */
/* Bytes made small, and bytes as text. */
#ifndef AT_FORMAT_DEFLATE_H
#define AT_FORMAT_DEFLATE_H

#include "base/memory.h"

/* Append `n` bytes deflated, in zlib's format (RFC 1950). The same bytes give the same
 * result with the same version of zlib. */
attrib_status at_deflate(const void *bytes, size_t n, at_buffer *out, attrib_error *err);

/* Append `n` bytes in base64 (RFC 4648, section 4), padded, without line breaks. */
attrib_status at_base64_append(at_buffer *out,
                               const void *bytes,
                               size_t n,
                               attrib_error *err);

#endif
