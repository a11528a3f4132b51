/* SPDX-License-Identifier: MIT */
/* Frames of LZ4 and zstd. */
#include "format/arrow_codec.h"

#include <lz4frame.h>
#include <zstd.h>

/* A byte of LZ4 lengthens a match by at most 255 bytes. A block of zstd has at least 3
 * bytes of header and 1 of content, and stands for at most 128 KiB. */
#define MAX_LZ4_RATIO  255
#define MAX_ZSTD_RATIO (((size_t)128 << 10) / 4)

static bool unpack_lz4(const uint8_t *bytes, size_t n, uint8_t *out, size_t n_out)
{
    LZ4F_dctx *context = NULL;
    size_t n_done = 0;
    size_t left = 1; /* what the frame still wants, 0 at its end */
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) {
        return false;
    }
    while (left > 0) {
        size_t n_read = n;
        size_t n_written = n_out - n_done;
        left = LZ4F_decompress(context, out + n_done, &n_written, bytes, &n_read, NULL);
        if (LZ4F_isError(left) || (n_read == 0 && n_written == 0)) {
            break;
        }
        bytes += n_read;
        n -= n_read;
        n_done += n_written;
    }
    LZ4F_freeDecompressionContext(context);
    return left == 0 && n_done == n_out;
}

bool at_arrow_unpack(
    int64_t codec, const uint8_t *bytes, size_t n, uint8_t *out, size_t n_out)
{
    return codec == AT_ARROW_ZSTD ? ZSTD_decompress(out, n_out, bytes, n) == n_out
                                  : unpack_lz4(bytes, n, out, n_out);
}

bool at_arrow_may_hold(int64_t codec, const uint8_t *bytes, size_t n, size_t n_out)
{
    if (codec != AT_ARROW_ZSTD) {
        return n_out / MAX_LZ4_RATIO <= n;
    }
    unsigned long long n_said = ZSTD_getFrameContentSize(bytes, n);
    return n_said != ZSTD_CONTENTSIZE_ERROR &&
           (n_said == ZSTD_CONTENTSIZE_UNKNOWN || n_said == n_out) &&
           n_out / MAX_ZSTD_RATIO <= n;
}
