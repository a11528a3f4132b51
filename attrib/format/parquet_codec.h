/* SPDX-License-Identifier: MIT */
/* The compressions of Parquet's pages. */
#ifndef AT_FORMAT_PARQUET_CODEC_H
#define AT_FORMAT_PARQUET_CODEC_H

#include "format/columns.h"

/* Codecs, numbered as in the file. */
typedef enum at_codec {
    AT_CODEC_NONE = 0,
    AT_CODEC_SNAPPY = 1,
    AT_CODEC_GZIP = 2,
    AT_CODEC_LZO = 3, /* not read */
    AT_CODEC_BROTLI = 4,
    AT_CODEC_LZ4 = 5, /* blocks in Hadoop's frames, or one bare block */
    AT_CODEC_ZSTD = 6,
    AT_CODEC_LZ4_RAW = 7, /* one bare block */
} at_codec;

/* Unpack n bytes to exactly n_unpacked, in place of what `out` holds. EFORMAT where they
 * are damaged or unpack to another size, ENOTSUP for an unknown codec. */
attrib_status at_codec_unpack(at_codec codec,
                              const uint8_t *bytes,
                              size_t n,
                              size_t n_unpacked,
                              at_buffer *out,
                              attrib_error *err);

#endif
