/* SPDX-License-Identifier: MIT */
/* Buffers of Arrow's messages that are compressed. */
#ifndef AT_FORMAT_ARROW_CODEC_H
#define AT_FORMAT_ARROW_CODEC_H

#include "base/memory.h"

/* Numbers of Arrow's CompressionType; -1: buffers lie as they are. */
enum { AT_ARROW_PLAIN = -1, AT_ARROW_LZ4_FRAME = 0, AT_ARROW_ZSTD = 1 };

/* Unpack n bytes into n_out. False where they are no such frame, or hold another number
 * of bytes. */
bool at_arrow_unpack(
    int64_t codec, const uint8_t *bytes, size_t n, uint8_t *out, size_t n_out);

/* Whether n packed bytes may hold n_out: no codec packs better than so. It keeps a small
 * file from asking for a large allocation. */
bool at_arrow_may_hold(int64_t codec, const uint8_t *bytes, size_t n, size_t n_out);

#endif
