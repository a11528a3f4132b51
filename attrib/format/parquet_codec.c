/* SPDX-License-Identifier: MIT */
/* Compressions (parquet-format's Compression.md), by the libraries that define them. */
#define ZLIB_CONST /* zlib reads its input, and says so only then */
#include "format/parquet_codec.h"

#include <brotli/decode.h>
#include <lz4.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* Bytes to unpack, and room for what they unpack to. */
typedef struct unpacking {
    const char *bytes;
    size_t n;
    char *out;
    size_t n_out;
} unpacking;

static bool unpack_snappy(const unpacking *u)
{
    size_t n = 0;
    return snappy_uncompressed_length(u->bytes, u->n, &n) == SNAPPY_OK && n == u->n_out &&
           snappy_uncompress(u->bytes, u->n, u->out, &n) == SNAPPY_OK && n == u->n_out;
}

/* zlib or gzip, which may be several members one after the other. Sizes of pages fit
 * zlib's. */
static bool unpack_gzip(const unpacking *u)
{
    z_stream stream = {.next_in = (const Bytef *)u->bytes,
                       .avail_in = (uInt)u->n,
                       .next_out = (Bytef *)u->out,
                       .avail_out = (uInt)u->n_out};
    int result = inflateInit2(&stream, 15 + 32);
    while (result == Z_OK) {
        result = inflate(&stream, Z_FINISH);
        if (result == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0) {
            result = inflateReset(&stream);
        }
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END && stream.avail_out == 0;
}

static bool unpack_brotli(const unpacking *u)
{
    size_t n = u->n_out;
    return BrotliDecoderDecompress(u->n, (const uint8_t *)u->bytes, &n,
                                   (uint8_t *)u->out) == BROTLI_DECODER_RESULT_SUCCESS &&
           n == u->n_out;
}

static bool unpack_zstd(const unpacking *u)
{
    return ZSTD_decompress(u->out, u->n_out, u->bytes, u->n) == u->n_out;
}

static bool unpack_block(const unpacking *u)
{
    return LZ4_decompress_safe(u->bytes, u->out, (int)u->n, (int)u->n_out) ==
           (int)u->n_out;
}

static size_t big_endian(const char *bytes)
{
    size_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value = value << 8 | (unsigned char)bytes[i];
    }
    return value;
}

/* Hadoop's frames: the size of what is unpacked, and so many blocks, each with the size
 * that it has packed. */
static bool unpack_hadoop(const unpacking *u)
{
    size_t at = 0;
    size_t n_out = 0;
    while (u->n - at >= 8) {
        size_t n_frame = big_endian(u->bytes + at);
        size_t end = n_out + n_frame;
        if (n_frame > u->n_out - n_out) {
            return false;
        }
        for (at += 4; n_out < end && u->n - at >= 4;) {
            size_t n_block = big_endian(u->bytes + at);
            at += 4;
            if (n_block > u->n - at) {
                return false;
            }
            int n = LZ4_decompress_safe(u->bytes + at, u->out + n_out, (int)n_block,
                                        (int)(end - n_out));
            if (n <= 0) {
                return false;
            }
            at += n_block;
            n_out += (size_t)n;
        }
        if (n_out < end) {
            return false;
        }
    }
    return at == u->n && n_out == u->n_out;
}

/* Early writers called a bare block LZ4 too. */
static bool unpack_lz4(const unpacking *u)
{
    return unpack_hadoop(u) || unpack_block(u);
}

static const struct codec {
    const char *name;
    bool (*unpack)(const unpacking *u);
} codecs[] = {
    {"none", NULL},        {"snappy", unpack_snappy}, {"gzip", unpack_gzip},
    {"LZO", NULL},         {"brotli", unpack_brotli}, {"LZ4", unpack_lz4},
    {"zstd", unpack_zstd}, {"LZ4_RAW", unpack_block},
};

/* Exactly so many bytes, as a page may be large. */
static attrib_status reserve(at_buffer *out, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (out->capacity >= n) {
        return ATTRIB_OK;
    }
    at_buffer_free(out);
    out->bytes = malloc(n);
    AT_CHECK(out->bytes, ATTRIB_ENOMEM, "out of memory for a page of %zu bytes", n);
    out->capacity = n;
done:
    return status;
}

attrib_status at_codec_unpack(at_codec codec,
                              const uint8_t *bytes,
                              size_t n,
                              size_t n_unpacked,
                              at_buffer *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unpacking u = {(const char *)bytes, n, NULL, n_unpacked};
    bool is_known = (size_t)codec < sizeof codecs / sizeof *codecs;
    AT_CHECK(is_known, ATTRIB_ENOTSUP, "compression %d is not known", (int)codec);
    AT_CHECK(codecs[codec].unpack, ATTRIB_ENOTSUP, "compression %s is not read",
             codecs[codec].name);
    AT_TRY(reserve(out, n_unpacked + 1, err));
    u.out = out->bytes;
    AT_CHECK(codecs[codec].unpack(&u), ATTRIB_EFORMAT,
             "damaged %s, or not of %zu bytes as the page says", codecs[codec].name,
             n_unpacked);
    out->n_bytes = n_unpacked;
    out->bytes[n_unpacked] = '\0';
done:
    return status;
}
