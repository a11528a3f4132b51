/* SPDX-License-Identifier: MIT */
/* zlib's format by zlib, and base64. */
#include "format/deflate.h"

#define ZLIB_CONST /* zlib reads its input, and says so only then */
#include <zlib.h>

/* Bytes that zlib is given and gives at a time: its counts are 32 bits wide. */
#define PIECE_BYTES ((size_t)64 << 10)

/* Deflate one piece, appending what comes of it. */
static attrib_status deflate_piece(z_stream *stream,
                                   int flush,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned char piece[PIECE_BYTES];
    do {
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        deflate(stream, flush);
        AT_TRY(at_buffer_append(out, piece, sizeof piece - stream->avail_out, err));
    } while (stream->avail_out == 0);
done:
    return status;
}

attrib_status at_deflate(const void *bytes, size_t n, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *next = bytes;
    z_stream stream = {0};
    if (deflateInit(&stream, Z_BEST_COMPRESSION) != Z_OK) {
        return at_fail(err, ATTRIB_ENOMEM, "out of memory to deflate %zu bytes", n);
    }
    do {
        size_t n_piece = at_smaller(n, PIECE_BYTES);
        stream.next_in = next;
        stream.avail_in = (unsigned)n_piece;
        next += n_piece;
        n -= n_piece;
        AT_TRY(deflate_piece(&stream, n ? Z_NO_FLUSH : Z_FINISH, out, err));
    } while (n);
done:
    deflateEnd(&stream);
    return status;
}

attrib_status at_base64_append(at_buffer *out,
                               const void *bytes,
                               size_t n,
                               attrib_error *err)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const size_t padding = 64;
    attrib_status status = ATTRIB_OK;
    const unsigned char *in = bytes;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t group = (uint32_t)in[i] << 16;
        group |= i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0;
        group |= i + 2 < n ? (uint32_t)in[i + 2] : 0;
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        digits[i + 1 < n ? group >> 6 & 63 : padding],
                        digits[i + 2 < n ? group & 63 : padding]};
        AT_TRY(at_buffer_append(out, text, sizeof text, err));
    }
done:
    return status;
}
