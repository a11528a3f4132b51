/* SPDX-License-Identifier: MIT */
/* Values of Arrow's layouts.
 *
 * Source: https://arrow.apache.org/docs/format/Columnar.html, "Buffer Listing for Each
 * Layout" and "Encapsulated message format". Fields come in depth-first order, each with
 * a node (its length and nulls) and its layout's buffers.
 *
 * 1. Nodes and buffers   2. Numbers   3. Bytes   4. Nesting   5. Dictionaries
 * 6. Fields */
#include "format/arrow_batch.h"

#include <string.h>

#include "format/arrow_codec.h"
#include "format/quant.h"

#define MAX_ROWS   ((size_t)1 << 24) /* of a batch */
#define MAX_VALUES ((size_t)1 << 28) /* of one field */
#define MAX_BARE   ((size_t)1 << 20) /* that take no bytes, as lists of 0 values do */
#define DAY_MS     86400000

/* A batch that is being decoded. */
typedef struct decoding {
    const char *name; /* of the file */
    const at_arrow_batch *batch;
    at_flat_vector nodes, buffers, counts;
    size_t i_node, i_buffer, i_count;
    int64_t codec;
    size_t n_unpacked; /* bytes */
    const at_arrow_dictionaries *dictionaries;
    at_arena *arena;
} decoding;

typedef struct buffer {
    const uint8_t *bytes; /* [n] */
    size_t n;
} buffer;

static attrib_status decode_field(decoding *d,
                                  const at_arrow_field *field,
                                  bool as_dictionary,
                                  at_column *out,
                                  attrib_error *err);

static attrib_status fail_field(const decoding *d,
                                const at_arrow_field *field,
                                const char *what,
                                attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: column \"%.100s\": %s", d->name, field->name,
                   what);
}

/* 1. Nodes and buffers */

/* The bytes of a compressed buffer: 8 that say how many there are, or -1 where they
 * follow as they are. */
static attrib_status unpack(decoding *d,
                            const at_arrow_field *field,
                            buffer *io,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t *out = NULL;
    if (io->n < 8) {
        return fail_field(d, field, "a compressed buffer without its size", err);
    }
    int64_t n = at_flat_signed(io->bytes, 8);
    io->bytes += 8;
    io->n -= 8;
    if (n == -1) {
        return ATTRIB_OK;
    }
    AT_CHECK(n >= 0 && (uint64_t)n <= AT_ARROW_MAX_BODY - d->n_unpacked, ATTRIB_ERANGE,
             "%s: column \"%.100s\": a batch of more than %zu bytes", d->name,
             field->name, AT_ARROW_MAX_BODY);
    if (!at_arrow_may_hold(d->codec, io->bytes, io->n, (size_t)n)) {
        return fail_field(d, field, "a compressed buffer is damaged", err);
    }
    AT_TRY(at_arena_take(d->arena, (size_t)n, 1, &out, err));
    d->n_unpacked += (size_t)n;
    if (!at_arrow_unpack(d->codec, io->bytes, io->n, out, (size_t)n)) {
        return fail_field(d, field, "a compressed buffer is damaged", err);
    }
    *io = (buffer){out, (size_t)n};
done:
    return status;
}

/* The next buffer, which must have at least n bytes. */
static attrib_status take_buffer(
    decoding *d, const at_arrow_field *field, size_t n, buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (d->i_buffer >= d->buffers.n) {
        return fail_field(d, field, "its batch has too few buffers", err);
    }
    const uint8_t *item = at_flat_item(&d->buffers, d->i_buffer++);
    uint64_t start = at_flat_word(item, 8);
    uint64_t n_bytes = at_flat_word(item + 8, 8);
    if (n_bytes > d->batch->n_body || start > d->batch->n_body - n_bytes) {
        return fail_field(d, field, "a buffer lies outside of its message", err);
    }
    *out = (buffer){d->batch->body + start, n_bytes};
    if (d->codec != AT_ARROW_PLAIN && n_bytes > 0) {
        AT_TRY(unpack(d, field, out, err));
    }
    if (out->n < n) {
        status = fail_field(d, field, "a buffer is too short", err);
    }
done:
    return status;
}

static bool bit(const uint8_t *bytes, size_t i)
{
    return bytes[i / 8] >> i % 8 & 1;
}

static attrib_status spread_bits(
    decoding *d, const uint8_t *bytes, size_t n, const uint8_t **out, attrib_error *err)
{
    uint8_t *spread = NULL;
    attrib_status status = at_arena_take(d->arena, n, 1, &spread, err);
    for (size_t i = 0; status == ATTRIB_OK && i < n; i++) {
        spread[i] = bit(bytes, i);
    }
    *out = spread;
    return status;
}

/* The length of a field, and which of its values are there. */
static attrib_status take_node(decoding *d,
                               const at_arrow_field *field,
                               at_column *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    buffer validity = {0};
    if (d->i_node >= d->nodes.n) {
        return fail_field(d, field, "its batch has too few columns", err);
    }
    const uint8_t *node = at_flat_item(&d->nodes, d->i_node++);
    uint64_t n = at_flat_word(node, 8);
    uint64_t n_nulls = at_flat_word(node + 8, 8);
    AT_CHECK(n <= MAX_VALUES, ATTRIB_ERANGE,
             "%s: column \"%.100s\": more than %zu values in a batch", d->name,
             field->name, MAX_VALUES);
    if (n_nulls > n) {
        return fail_field(d, field, "more nulls than values", err);
    }
    out->n = n;
    if (field->layout == AT_ARROW_NULL) {
        return ATTRIB_OK;
    }
    AT_TRY(take_buffer(d, field, n_nulls ? (n + 7) / 8 : 0, &validity, err));
    if (n_nulls) {
        AT_TRY(spread_bits(d, validity.bytes, n, &out->is_valid, err));
    }
done:
    return status;
}

/* 2. Numbers */

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
static attrib_status decode_numbers(decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    buffer data = {0};
    void *memory = NULL;
    int64_t *values = NULL;
    double *reals = NULL;
    AT_TRY(take_buffer(d, field, out->n * w, &data, err));
    AT_TRY(at_arena_take(d->arena, out->n, sizeof *values, &memory, err));
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

static attrib_status decode_bits(decoding *d,
                                 const at_arrow_field *field,
                                 at_column *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    buffer data = {0};
    const uint8_t *values = NULL;
    AT_TRY(take_buffer(d, field, (out->n + 7) / 8, &data, err));
    AT_TRY(spread_bits(d, data.bytes, out->n, &values, err));
    out->values = values;
done:
    return status;
}

/* 3. Bytes */

/* A small file must not ask for much memory: values that take no bytes are few. */
static attrib_status check_bare(const decoding *d,
                                const at_arrow_field *field,
                                const at_column *column,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(field->width > 0 || column->n <= MAX_BARE, ATTRIB_ERANGE,
             "%s: column \"%.100s\": more than %zu values of no bytes", d->name,
             field->name, MAX_BARE);
done:
    return status;
}

/* Slices of one width; decimals are turned to big-endian order. */
static attrib_status decode_fixed(decoding *d,
                                  const at_arrow_field *field,
                                  at_column *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    size_t n_bytes = 0;
    buffer data = {0};
    at_slice *values = NULL;
    char *turned = NULL;
    AT_TRY(check_bare(d, field, out, err));
    AT_TRY(at_mul(out->n, w, &n_bytes, err));
    AT_TRY(take_buffer(d, field, n_bytes, &data, err));
    AT_TRY(at_arena_take(d->arena, out->n, sizeof *values, &values, err));
    if (field->kind == AT_COLUMN_DECIMAL) {
        AT_TRY(at_arena_take(d->arena, n_bytes, 1, &turned, err));
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
static attrib_status take_offsets(decoding *d,
                                  const at_arrow_field *field,
                                  size_t n,
                                  const size_t **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->width;
    buffer data = {0};
    size_t *offsets = NULL;
    AT_TRY(take_buffer(d, field, n ? (n + 1) * w : 0, &data, err));
    AT_TRY(at_arena_take(d->arena, n + 1, sizeof *offsets, &offsets, err));
    offsets[0] = 0;
    for (size_t i = 0; n > 0 && i <= n; i++) {
        int64_t offset = at_flat_signed(data.bytes + i * w, w);
        if (offset < 0 || (i > 0 && (size_t)offset < offsets[i - 1])) {
            return fail_field(d, field, "offsets that fall or are negative", err);
        }
        offsets[i] = (size_t)offset;
    }
    *out = offsets;
done:
    return status;
}

static attrib_status decode_offsets(decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    buffer data = {0};
    const size_t *offsets = NULL;
    at_slice *values = NULL;
    AT_TRY(take_offsets(d, field, out->n, &offsets, err));
    AT_TRY(take_buffer(d, field, offsets[out->n], &data, err));
    AT_TRY(at_arena_take(d->arena, out->n, sizeof *values, &values, err));
    for (size_t i = 0; i < out->n; i++) {
        values[i] = (at_slice){(const char *)data.bytes + offsets[i],
                               offsets[i + 1] - offsets[i]};
    }
    out->values = values;
done:
    return status;
}

/* How many buffers a field of views has behind the views themselves. */
static attrib_status take_count(decoding *d,
                                const at_arrow_field *field,
                                size_t *n,
                                attrib_error *err)
{
    if (d->i_count >= d->counts.n) {
        return fail_field(d, field, "its batch has too few counts of buffers", err);
    }
    *n = at_flat_word(at_flat_item(&d->counts, d->i_count++), 8);
    return *n > d->buffers.n - d->i_buffer
               ? fail_field(d, field, "its batch has too few buffers", err)
               : ATTRIB_OK;
}

static attrib_status take_view_buffers(
    decoding *d, const at_arrow_field *field, buffer **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_count(d, field, n, err));
    AT_TRY(at_arena_take(d->arena, *n, sizeof **out, out, err));
    for (size_t i = 0; i < *n; i++) {
        AT_TRY(take_buffer(d, field, 0, &(*out)[i], err));
    }
done:
    return status;
}

/* A view: its length, and up to 12 bytes of its own, or 4 of them, a buffer and a place
 * in that. */
static bool read_view(const uint8_t *view,
                      const buffer *buffers,
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
static attrib_status add_expanded(const decoding *d,
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

static attrib_status decode_views(decoding *d,
                                  const at_arrow_field *field,
                                  at_column *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    buffer views = {0};
    buffer *buffers = NULL;
    size_t n_buffers = 0;
    size_t total = 0;
    at_slice *values = NULL;
    AT_TRY(take_buffer(d, field, 16 * out->n, &views, err));
    AT_TRY(take_view_buffers(d, field, &buffers, &n_buffers, err));
    AT_TRY(at_arena_take(d->arena, out->n, sizeof *values, &values, err));
    for (size_t i = 0; i < out->n; i++) {
        values[i] = (at_slice){"", 0};
        if (out->is_valid && !out->is_valid[i]) {
            continue;
        }
        if (!read_view(views.bytes + 16 * i, buffers, n_buffers, &values[i])) {
            return fail_field(d, field, "a view lies outside of its buffers", err);
        }
        AT_TRY(add_expanded(d, field, values[i].n_bytes, &total, err));
    }
    out->values = values;
done:
    return status;
}

/* 4. Nesting */

/* Pass over the node and the buffers of a field that is left out, and of those below. */
static attrib_status pass_over(decoding *d,
                               const at_arrow_field *field,
                               attrib_error *err)
{
    static const size_t n_buffers[] = {
        [AT_ARROW_NULL] = 0,  [AT_ARROW_BITS] = 2,       [AT_ARROW_NUMBERS] = 2,
        [AT_ARROW_FIXED] = 2, [AT_ARROW_OFFSETS] = 3,    [AT_ARROW_VIEWS] = 2,
        [AT_ARROW_LIST] = 2,  [AT_ARROW_FIXED_LIST] = 1, [AT_ARROW_STRUCT] = 1};
    attrib_status status = ATTRIB_OK;
    size_t n = field->has_dictionary ? 2 : n_buffers[field->layout];
    size_t n_viewed = 0;
    if (field->layout == AT_ARROW_VIEWS && !field->has_dictionary) {
        AT_TRY(take_count(d, field, &n_viewed, err));
    }
    if (d->i_node >= d->nodes.n || n + n_viewed > d->buffers.n - d->i_buffer) {
        return fail_field(d, field, "its batch has too few columns or buffers", err);
    }
    d->i_node++;
    d->i_buffer += n + n_viewed;
    for (size_t i = 0; i < field->n_children; i++) {
        AT_TRY(pass_over(d, &field->children[i], err));
    }
done:
    return status;
}

static attrib_status decode_children(decoding *d,
                                     const at_arrow_field *field,
                                     at_column *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_arena_take(d->arena, field->n_children, sizeof *out->children,
                         &out->children, err));
    for (size_t i = 0; i < field->n_children; i++) {
        const at_arrow_field *from = &field->children[i];
        if (from->is_left_out) {
            AT_TRY(pass_over(d, from, err));
            continue;
        }
        at_column *child = &out->children[out->n_children++];
        *child = (at_column){.name = from->name};
        AT_TRY(decode_field(d, from, false, child, err));
        if (field->layout == AT_ARROW_STRUCT && child->n < out->n) {
            return fail_field(d, from, "fewer values than rows", err);
        }
    }
done:
    return status;
}

/* A list; of a map, the keys and values stand within its child. */
static attrib_status decode_list(decoding *d,
                                 const at_arrow_field *field,
                                 at_column *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_offsets(d, field, out->n, &out->offsets, err));
    AT_TRY(decode_children(d, field, out, err));
    if (out->n && out->offsets[out->n] > out->children[0].n) {
        return fail_field(d, field, "offsets beyond its values", err);
    }
    if (field->kind == AT_COLUMN_MAP) {
        *out = (at_column){.name = out->name,
                           .kind = out->kind,
                           .n = out->n,
                           .is_valid = out->is_valid,
                           .offsets = out->offsets,
                           .children = out->children[0].children,
                           .n_children = 2};
    }
done:
    return status;
}

static attrib_status decode_fixed_list(decoding *d,
                                       const at_arrow_field *field,
                                       at_column *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *offsets = NULL;
    AT_TRY(check_bare(d, field, out, err));
    AT_TRY(decode_children(d, field, out, err));
    /* n is below 2^28, and a width below 2^31. */
    if (out->n * field->width > out->children[0].n) {
        return fail_field(d, field, "fewer values than its lists have", err);
    }
    AT_TRY(at_arena_take(d->arena, out->n + 1, sizeof *offsets, &offsets, err));
    for (size_t i = 0; i <= out->n; i++) {
        offsets[i] = i * field->width;
    }
    out->offsets = offsets;
done:
    return status;
}

/* 5. Dictionaries */

at_arrow_dictionary *at_arrow_dictionary_find(const at_arrow_dictionaries *all,
                                              int64_t id)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].id == id) {
            return &all->items[i];
        }
    }
    return NULL;
}

/* Bytes of a value in at_column.values. */
static size_t value_bytes(at_column_kind kind)
{
    switch (kind) {
    case AT_COLUMN_BOOL:
        return 1;
    case AT_COLUMN_TEXT:
    case AT_COLUMN_BINARY:
    case AT_COLUMN_DECIMAL:
        return sizeof(at_slice);
    default:
        return 8;
    }
}

/* Copy value `index` of a dictionary, and whether it is there at all. A value that a null
 * around it hides has index 0, also where the dictionary is empty. */
static bool look_up(const at_arrow_dictionary *dictionary,
                    uint64_t index,
                    size_t n_bytes,
                    char *out,
                    uint8_t *is_valid)
{
    const uint64_t whole_index = index;
    for (size_t k = 0; k < dictionary->n_parts; k++) {
        const at_column *part = &dictionary->parts[k];
        if (index < part->n) {
            *is_valid = part->kind != AT_COLUMN_NULL &&
                        (!part->is_valid || part->is_valid[index]);
            if (*is_valid) {
                memcpy(out, (const char *)part->values + index * n_bytes, n_bytes);
            }
            return true;
        }
        index -= part->n;
    }
    return whole_index == 0;
}

static attrib_status decode_indices(decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->index_width;
    size_t n_bytes = value_bytes(field->kind);
    size_t total = 0;
    buffer data = {0};
    char *values = NULL;
    uint8_t *is_valid = NULL;
    const at_arrow_dictionary *dictionary =
        at_arrow_dictionary_find(d->dictionaries, field->dictionary);
    /* Values are read as the first column of a dictionary says. */
    if (dictionary && dictionary->field->kind != field->kind) {
        return fail_field(d, field, "its dictionary is one of another type", err);
    }
    AT_TRY(take_buffer(d, field, out->n * w, &data, err));
    AT_TRY(at_arena_take(d->arena, out->n, n_bytes, &values, err));
    AT_TRY(at_arena_take(d->arena, out->n, 1, &is_valid, err));
    for (size_t i = 0; i < out->n; i++) {
        uint64_t index = field->is_index_signed
                             ? (uint64_t)at_flat_signed(data.bytes + i * w, w)
                             : at_flat_word(data.bytes + i * w, w);
        is_valid[i] = 0;
        if (out->is_valid && !out->is_valid[i]) {
            continue;
        }
        if (!dictionary ||
            !look_up(dictionary, index, n_bytes, values + i * n_bytes, &is_valid[i])) {
            return fail_field(d, field, "an index beyond its dictionary", err);
        }
        if (n_bytes == sizeof(at_slice) && is_valid[i]) {
            at_slice slice;
            memcpy(&slice, values + i * n_bytes, sizeof slice);
            AT_TRY(add_expanded(d, field, slice.n_bytes, &total, err));
        }
    }
    out->values = values;
    out->is_valid = is_valid;
done:
    return status;
}

/* 6. Fields */

static attrib_status decode_values(decoding *d,
                                   const at_arrow_field *field,
                                   at_column *out,
                                   attrib_error *err)
{
    switch (field->layout) {
    case AT_ARROW_NULL:
        return ATTRIB_OK;
    case AT_ARROW_BITS:
        return decode_bits(d, field, out, err);
    case AT_ARROW_NUMBERS:
        return decode_numbers(d, field, out, err);
    case AT_ARROW_FIXED:
        return decode_fixed(d, field, out, err);
    case AT_ARROW_OFFSETS:
        return decode_offsets(d, field, out, err);
    case AT_ARROW_VIEWS:
        return decode_views(d, field, out, err);
    case AT_ARROW_LIST:
        return decode_list(d, field, out, err);
    case AT_ARROW_FIXED_LIST:
        return decode_fixed_list(d, field, out, err);
    default:
        return decode_children(d, field, out, err);
    }
}

/* Indices have a validity of their own, even where the dictionary holds only nulls. */
static attrib_status decode_field(decoding *d,
                                  const at_arrow_field *field,
                                  bool as_dictionary,
                                  at_column *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_index = field->has_dictionary && !as_dictionary;
    at_arrow_field node = *field;
    node.layout = is_index ? AT_ARROW_NUMBERS : field->layout;
    out->kind = field->kind;
    out->per_second = field->per_second;
    out->is_utc = field->is_utc;
    out->scale = field->scale;
    AT_TRY(take_node(d, &node, out, err));
    AT_TRY(is_index ? decode_indices(d, field, out, err)
                    : decode_values(d, field, out, err));
done:
    return status;
}

static attrib_status open_batch(decoding *d,
                                const at_flat_table *table,
                                size_t *n_rows,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_flat_table packing = {0};
    int64_t n = 0;
    int64_t method = 0;
    AT_TRY(at_flat_integer(table, 0, 8, 0, &n, err));
    AT_TRY(at_flat_vector_in(table, 1, 16, &d->nodes, err));
    AT_TRY(at_flat_vector_in(table, 2, 16, &d->buffers, err));
    AT_TRY(at_flat_table_in(table, 3, &packing, err));
    AT_TRY(at_flat_vector_in(table, 4, 8, &d->counts, err));
    AT_CHECK(n >= 0 && (uint64_t)n <= MAX_ROWS, ATTRIB_ERANGE,
             "%s: a batch of %lld rows, at most %zu are read", d->name, (long long)n,
             MAX_ROWS);
    *n_rows = (size_t)n;
    d->codec = AT_ARROW_PLAIN;
    if (packing.flat) {
        AT_TRY(at_flat_integer(&packing, 0, 1, 0, &d->codec, err));
        AT_TRY(at_flat_integer(&packing, 1, 1, 0, &method, err));
        AT_CHECK((d->codec == AT_ARROW_LZ4_FRAME || d->codec == AT_ARROW_ZSTD) &&
                     method == 0,
                 ATTRIB_ENOTSUP, "%s: Arrow data of the compression %lld.%lld", d->name,
                 (long long)d->codec, (long long)method);
    }
done:
    return status;
}

attrib_status at_arrow_batch_decode(const at_arrow_batch *batch,
                                    const at_arrow_field *field,
                                    bool as_dictionary,
                                    const at_arrow_dictionaries *dictionaries,
                                    at_arena *arena,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    decoding d = {.name = batch->table.flat->name,
                  .batch = batch,
                  .dictionaries = dictionaries,
                  .arena = arena};
    *out = (at_column){.name = field->name};
    AT_TRY(open_batch(&d, &batch->table, &n, err));
    if (as_dictionary) {
        AT_TRY(decode_field(&d, field, true, out, err));
        goto done;
    }
    /* The schema itself has no node. */
    out->kind = AT_COLUMN_STRUCT;
    out->n = n;
    AT_TRY(decode_children(&d, field, out, err));
done:
    return status;
}
