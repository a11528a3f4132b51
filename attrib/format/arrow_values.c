/* SPDX-License-Identifier: MIT */
/* Values that lie in buffers of their own, without children.
 *
 * 1. Numbers   2. Bytes */
#include "format/arrow_decode.h"

#include <string.h>

#include "format/quant.h"

#define MAX_BARE ((size_t)1 << 20) /* that take no bytes, as lists of 0 values do */
#define DAY_MS   86400000

/* 1. Numbers */

static int64_t floor_days(int64_t milliseconds)
{
    return milliseconds / DAY_MS - (milliseconds % DAY_MS < 0);
}

static double read_real(const uint8_t *bytes, size_t width)
{
    float single = 0;
    double whole = 0;
    if (width == 2) {
        return (double)at_widen_f16((uint16_t)at_flat_word(bytes, 2));
    }
    memcpy(&single, bytes, sizeof single);
    memcpy(&whole, bytes, width == 8 ? sizeof whole : 0);
    return width == 8 ? whole : (double)single;
}

/* Integers, reals and times to 8 bytes each. */
attrib_status at_arrow_decode_numbers(at_arrow_decoding *d,
                                      const at_arrow_field *field,
                                      at_column *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    at_arrow_buffer data = {0};
    void *memory = NULL;
    int64_t *values = NULL;
    double *reals = NULL;
    AT_TRY(at_arrow_take_buffer(d, field, out->n * w, &data, err));
    AT_TRY(at_arrow_take(d, out->n, sizeof *values, &memory, err));
    values = memory;
    reals = memory;
    for (size_t i = 0; i < out->n; i++) {
        const uint8_t *at = data.bytes + i * w;
        if (field->kind == AT_COLUMN_FLOAT) {
            reals[i] = read_real(at, w);
        } else if (field->is_milliseconds) {
            values[i] = floor_days(at_flat_signed(at, w));
        } else {
            values[i] =
                field->is_signed ? at_flat_signed(at, w) : (int64_t)at_flat_word(at, w);
        }
    }
    out->values = values;
done:
    return status;
}

attrib_status at_arrow_decode_bits(at_arrow_decoding *d,
                                   const at_arrow_field *field,
                                   at_column *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow_buffer data = {0};
    const uint8_t *values = NULL;
    AT_TRY(at_arrow_take_buffer(d, field, (out->n + 7) / 8, &data, err));
    AT_TRY(at_arrow_spread_bits(d, data.bytes, out->n, &values, err));
    out->values = values;
done:
    return status;
}

/* 2. Bytes */

/* Whether values of a field take no bytes, but for which of them are null. */
static bool is_bare(const at_arrow_field *field)
{
    bool is_bare_below = true;
    for (size_t i = 0; i < field->n_children; i++) {
        is_bare_below = is_bare_below && is_bare(&field->children[i]);
    }
    switch (field->layout) {
    case AT_ARROW_NULL:
        return !field->has_dictionary;
    case AT_ARROW_FIXED:
        return field->width == 0 && !field->has_dictionary;
    case AT_ARROW_FIXED_LIST:
        return field->width == 0 || is_bare_below;
    case AT_ARROW_STRUCT:
        return is_bare_below;
    default:
        return false;
    }
}

/* A small file must not ask for much memory: values that take no bytes are few. */
attrib_status at_arrow_check_bare(const at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  const at_column *column,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(column->n <= MAX_BARE || !is_bare(field), ATTRIB_ERANGE,
             "%s: column \"%.100s\": more than %zu values of no bytes", d->name,
             field->name, MAX_BARE);
done:
    return status;
}

/* Slices of one width; decimals are turned to big-endian order. */
attrib_status at_arrow_decode_fixed(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    size_t n_bytes = 0;
    at_arrow_buffer data = {0};
    at_slice *values = NULL;
    char *turned = NULL;
    AT_TRY(at_arrow_check_bare(d, field, out, err));
    AT_TRY(at_mul(out->n, w, &n_bytes, err));
    AT_TRY(at_arrow_take_buffer(d, field, n_bytes, &data, err));
    AT_TRY(at_arrow_take(d, out->n, sizeof *values, &values, err));
    if (field->kind == AT_COLUMN_DECIMAL) {
        AT_TRY(at_arrow_take(d, n_bytes, 1, &turned, err));
    }
    for (size_t i = 0; i < out->n; i++) {
        for (size_t k = 0; turned && k < w; k++) {
            turned[i * w + k] = (char)data.bytes[i * w + w - 1 - k];
        }
        const char *bytes = turned ? turned : (const char *)data.bytes;
        values[i] = (at_slice){bytes + i * w, w};
    }
    out->values = values;
done:
    return status;
}

/* n + 1 offsets that do not fall, the last at most n_items; they begin anywhere. An empty
 * field may have none. */
attrib_status at_arrow_take_offsets(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    size_t n,
                                    const size_t **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    at_arrow_buffer data = {0};
    size_t *offsets = NULL;
    AT_TRY(at_arrow_take_buffer(d, field, n ? (n + 1) * w : 0, &data, err));
    AT_TRY(at_arrow_take(d, n + 1, sizeof *offsets, &offsets, err));
    offsets[0] = 0;
    for (size_t i = 0; n > 0 && i <= n; i++) {
        int64_t offset = at_flat_signed(data.bytes + i * w, w);
        if (offset < 0 || (i > 0 && (size_t)offset < offsets[i - 1])) {
            return at_arrow_fail_field(d, field, "offsets that fall or are negative",
                                       err);
        }
        offsets[i] = (size_t)offset;
    }
    *out = offsets;
done:
    return status;
}

attrib_status at_arrow_decode_offsets(at_arrow_decoding *d,
                                      const at_arrow_field *field,
                                      at_column *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow_buffer data = {0};
    const size_t *offsets = NULL;
    at_slice *values = NULL;
    AT_TRY(at_arrow_take_offsets(d, field, out->n, &offsets, err));
    AT_TRY(at_arrow_take_buffer(d, field, offsets[out->n], &data, err));
    AT_TRY(at_arrow_take(d, out->n, sizeof *values, &values, err));
    for (size_t i = 0; i < out->n; i++) {
        values[i] = (at_slice){(const char *)data.bytes + offsets[i],
                               offsets[i + 1] - offsets[i]};
    }
    out->values = values;
done:
    return status;
}

static attrib_status take_view_buffers(at_arrow_decoding *d,
                                       const at_arrow_field *field,
                                       at_arrow_buffer **out,
                                       size_t *n,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_arrow_take_count(d, field, n, err));
    AT_TRY(at_arrow_take(d, *n, sizeof **out, out, err));
    for (size_t i = 0; i < *n; i++) {
        AT_TRY(at_arrow_take_buffer(d, field, 0, &(*out)[i], err));
    }
done:
    return status;
}

/* A view: its length, and up to 12 bytes of its own, or 4 of them, a buffer and a place
 * in that. */
static bool read_view(const uint8_t *view,
                      const at_arrow_buffer *buffers,
                      size_t n_buffers,
                      at_slice *out)
{
    uint64_t n = at_flat_word(view, 4);
    uint64_t i = at_flat_word(view + 8, 4);
    uint64_t start = at_flat_word(view + 12, 4);
    if (n <= 12) {
        *out = (at_slice){(const char *)view + 4, n};
        return true;
    }
    if (n > INT32_MAX || i >= n_buffers || n > buffers[i].n || start > buffers[i].n - n) {
        return false;
    }
    *out = (at_slice){(const char *)buffers[i].bytes + start, n};
    return true;
}

/* Views and indices may name the same bytes again and again, which a row would hold as
 * often. */
attrib_status at_arrow_add_expanded(const at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    size_t n,
                                    size_t *total,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *total += n;
    AT_CHECK(*total <= AT_ARROW_MAX_BODY, ATTRIB_ERANGE,
             "%s: column \"%.100s\": a batch of more than %zu bytes", d->name,
             field->name, AT_ARROW_MAX_BODY);
done:
    return status;
}

attrib_status at_arrow_decode_views(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow_buffer views = {0};
    at_arrow_buffer *buffers = NULL;
    size_t n_buffers = 0;
    size_t total = 0;
    at_slice *values = NULL;
    AT_TRY(at_arrow_take_buffer(d, field, 16 * out->n, &views, err));
    AT_TRY(take_view_buffers(d, field, &buffers, &n_buffers, err));
    AT_TRY(at_arrow_take(d, out->n, sizeof *values, &values, err));
    for (size_t i = 0; i < out->n; i++) {
        values[i] = (at_slice){"", 0};
        if (out->is_valid && !out->is_valid[i]) {
            continue;
        }
        if (!read_view(views.bytes + 16 * i, buffers, n_buffers, &values[i])) {
            return at_arrow_fail_field(d, field, "a view lies outside of its buffers",
                                       err);
        }
        AT_TRY(at_arrow_add_expanded(d, field, values[i].n_bytes, &total, err));
    }
    out->values = values;
done:
    return status;
}
