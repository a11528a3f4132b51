/* SPDX-License-Identifier: MIT */
/* Runs and differences (parquet-format's Encodings.md).
 *
 * 1. Bits   2. Runs   3. Differences */
#include "format/parquet_bits.h"

/* 1. Bits */

static attrib_status fail_end(attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "a page ends before its values");
}

/* `width` <= 64 bits from bit `from` on, the lowest first. */
static attrib_status read_bits(const uint8_t *bytes,
                               const uint8_t *end,
                               size_t from,
                               unsigned width,
                               uint64_t *out,
                               attrib_error *err)
{
    uint64_t value = 0;
    size_t i = from / 8;
    unsigned skipped = (unsigned)(from % 8);
    if (width > 0 && (from + width + 7) / 8 > (size_t)(end - bytes)) {
        return fail_end(err);
    }
    for (unsigned n = 0; n < width; i++) {
        value |= (uint64_t)(bytes[i] >> skipped) << n;
        n += 8 - skipped;
        skipped = 0;
    }
    *out = width < 64 ? value & (((uint64_t)1 << width) - 1) : value;
    return ATTRIB_OK;
}

/* The same, the highest bit first. */
static attrib_status read_highest_first(const uint8_t *bytes,
                                        const uint8_t *end,
                                        size_t from,
                                        unsigned width,
                                        uint32_t *out,
                                        attrib_error *err)
{
    uint32_t value = 0;
    if ((from + width + 7) / 8 > (size_t)(end - bytes)) {
        return fail_end(err);
    }
    for (size_t i = from; i < from + width; i++) {
        value = value << 1 | ((uint32_t)bytes[i / 8] >> (7 - i % 8) & 1);
    }
    *out = value;
    return ATTRIB_OK;
}

/* Seven bits a byte, the lowest first. */
static attrib_status read_varint(const uint8_t **at,
                                 const uint8_t *end,
                                 uint64_t *out,
                                 attrib_error *err)
{
    uint64_t value = 0;
    uint8_t byte = 0x80;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (*at == end) {
            return fail_end(err);
        }
        byte = *(*at)++;
        if (shift > 63 || (shift == 63 && byte > 1)) {
            return at_fail(err, ATTRIB_EFORMAT, "a number of more than 64 bits");
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
    }
    *out = value;
    return ATTRIB_OK;
}

/* 2. Runs */

at_runs at_runs_of(const uint8_t *bytes, size_t n, unsigned width)
{
    return (at_runs){.at = bytes, .end = bytes + n, .width = width};
}

at_runs at_runs_bit_packed(const uint8_t *bytes, size_t n, unsigned width)
{
    at_runs runs = at_runs_of(bytes, n, width);
    runs.is_highest_first = true;
    return runs;
}

/* Groups of 8 packed values. The last one may be cut where the values end. */
static void begin_packed(at_runs *runs, uint64_t n_groups)
{
    size_t n_bytes = (size_t)(runs->end - runs->at);
    if (n_groups > n_bytes / runs->width) {
        n_groups = n_bytes / runs->width + 1; /* more than can be read */
    }
    runs->is_packed = true;
    runs->bit = 0;
    runs->n_left = (size_t)n_groups * 8;
}

static attrib_status begin_run(at_runs *runs, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t header = 0;
    uint64_t value = 0;
    unsigned n_bytes = (runs->width + 7) / 8;
    if (runs->is_packed) {
        size_t taken = (runs->bit + 7) / 8;
        runs->at += at_smaller(taken, (size_t)(runs->end - runs->at));
    }
    AT_TRY(read_varint(&runs->at, runs->end, &header, err));
    if (header & 1) {
        begin_packed(runs, header >> 1);
        goto done;
    }
    AT_TRY(read_bits(runs->at, runs->end, 0, 8 * n_bytes, &value, err));
    AT_CHECK(value >> runs->width == 0, ATTRIB_EFORMAT,
             "a run of %llu, which takes more than %u bits", (unsigned long long)value,
             runs->width);
    runs->at += n_bytes;
    runs->is_packed = false;
    runs->value = (uint32_t)value;
    runs->n_left = header >> 1;
done:
    return status;
}

attrib_status at_runs_next(at_runs *runs, uint32_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t value = 0;
    if (runs->width == 0) {
        *out = 0;
        return ATTRIB_OK;
    }
    if (runs->is_highest_first) {
        AT_TRY(read_highest_first(runs->at, runs->end, runs->bit, runs->width, out, err));
        runs->bit += runs->width;
        goto done;
    }
    while (runs->n_left == 0) { /* each run takes a byte at least */
        AT_TRY(begin_run(runs, err));
    }
    runs->n_left--;
    *out = runs->value;
    if (runs->is_packed) {
        AT_TRY(read_bits(runs->at, runs->end, runs->bit, runs->width, &value, err));
        runs->bit += runs->width;
        *out = (uint32_t)value;
    }
done:
    return status;
}

/* 3. Differences */

attrib_status at_deltas_open(at_deltas *deltas,
                             const uint8_t *bytes,
                             size_t n,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t block = 0;
    uint64_t n_minis = 0;
    uint64_t n_values = 0;
    uint64_t first = 0;
    *deltas = (at_deltas){.at = bytes, .end = bytes + n};
    AT_TRY(read_varint(&deltas->at, deltas->end, &block, err));
    AT_TRY(read_varint(&deltas->at, deltas->end, &n_minis, err));
    AT_TRY(read_varint(&deltas->at, deltas->end, &n_values, err));
    AT_TRY(read_varint(&deltas->at, deltas->end, &first, err));
    AT_CHECK(n_minis > 0 && block <= INT32_MAX && block % n_minis == 0 &&
                 block / n_minis % 8 == 0 && block > 0 && n_values <= INT32_MAX,
             ATTRIB_EFORMAT, "differences in blocks of %llu values and %llu parts",
             (unsigned long long)block, (unsigned long long)n_minis);
    deltas->block = (size_t)block;
    deltas->mini = (size_t)(block / n_minis);
    deltas->n_left = (size_t)n_values;
    deltas->value = (first >> 1) ^ -(first & 1);
done:
    return status;
}

static unsigned mini_width(const at_deltas *deltas)
{
    return deltas->widths[(deltas->block - deltas->n_block) / deltas->mini];
}

static attrib_status begin_block(at_deltas *deltas, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t least = 0;
    size_t n_minis = deltas->block / deltas->mini;
    AT_TRY(read_varint(&deltas->at, deltas->end, &least, err));
    if ((size_t)(deltas->end - deltas->at) < n_minis) {
        return fail_end(err);
    }
    deltas->least = (least >> 1) ^ -(least & 1);
    deltas->widths = deltas->at;
    deltas->at += n_minis;
    deltas->n_block = deltas->block;
done:
    return status;
}

/* Go on to the next miniblock, and to the next block where this one is at its end. */
static attrib_status begin_mini(at_deltas *deltas, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (deltas->n_block == 0) {
        AT_TRY(begin_block(deltas, err));
    }
    AT_CHECK(mini_width(deltas) <= 64, ATTRIB_EFORMAT, "a difference of %u bits",
             mini_width(deltas));
    deltas->n_mini = deltas->mini;
    deltas->bit = 0;
done:
    return status;
}

/* Let go of the miniblock. The last one of a page may be cut where its values end. */
static void end_mini(at_deltas *deltas)
{
    size_t n_bytes = deltas->mini / 8 * mini_width(deltas);
    deltas->at += at_smaller(n_bytes, (size_t)(deltas->end - deltas->at));
    deltas->n_block -= deltas->mini;
    deltas->n_mini = 0;
}

attrib_status at_deltas_next(at_deltas *deltas, int64_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t delta = 0;
    if (deltas->n_left == 0) {
        return fail_end(err);
    }
    if (deltas->is_begun) {
        AT_TRY(deltas->n_mini == 0 ? begin_mini(deltas, err) : ATTRIB_OK);
        unsigned width = mini_width(deltas);
        AT_TRY(read_bits(deltas->at, deltas->end, deltas->bit, width, &delta, err));
        deltas->bit += width;
        deltas->value += deltas->least + delta;
        if (--deltas->n_mini == 0) {
            end_mini(deltas);
        }
    }
    deltas->is_begun = true;
    deltas->n_left--;
    *out = (int64_t)deltas->value;
done:
    return status;
}

attrib_status at_deltas_end(at_deltas deltas, const uint8_t **end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = deltas.n_left > 0 ? deltas.n_left - 1 : 0; /* the first is in the header */
    while (n > 0) {
        AT_TRY(begin_mini(&deltas, err));
        n -= at_smaller(n, deltas.mini);
        end_mini(&deltas);
    }
    *end = deltas.at;
done:
    return status;
}
