/* SPDX-License-Identifier: MIT */
/* Columns of Arrow's layouts.
 *
 * Source: https://arrow.apache.org/docs/format/Columnar.html, "Buffer Listing for Each
 * Layout" and "Encapsulated message format". Fields come in depth-first order, each with
 * a node (its length and nulls) and its layout's buffers.
 *
 * 1. Nesting   2. Dictionaries   3. Fields */
#include "format/arrow_batch.h"

#include <string.h>

#include "format/arrow_codec.h"
#include "format/arrow_decode.h"

#define MAX_ROWS ((size_t)1 << 24) /* of a batch */

static attrib_status decode_field(at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  bool as_dictionary,
                                  at_column *out,
                                  attrib_error *err);

/* 1. Nesting */

/* Pass over the node and the buffers of a field that is left out, and of those below. */
static attrib_status pass_over(at_arrow_decoding *d,
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
        AT_TRY(at_arrow_take_count(d, field, &n_viewed, err));
    }
    if (d->i_node >= d->nodes.n || n + n_viewed > d->buffers.n - d->i_buffer) {
        return at_arrow_fail_field(d, field, "its batch has too few columns or buffers",
                                   err);
    }
    d->i_node++;
    d->i_buffer += n + n_viewed;
    for (size_t i = 0; i < field->n_children; i++) {
        AT_TRY(pass_over(d, &field->children[i], err));
    }
done:
    return status;
}

static attrib_status decode_children(at_arrow_decoding *d,
                                     const at_arrow_field *field,
                                     at_column *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(
        at_arrow_take(d, field->n_children, sizeof *out->children, &out->children, err));
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
            return at_arrow_fail_field(d, from, "fewer values than rows", err);
        }
    }
done:
    return status;
}

/* A list; of a map, the keys and values stand within its child. */
static attrib_status decode_list(at_arrow_decoding *d,
                                 const at_arrow_field *field,
                                 at_column *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_arrow_take_offsets(d, field, out->n, &out->offsets, err));
    AT_TRY(decode_children(d, field, out, err));
    if (out->n && out->offsets[out->n] > out->children[0].n) {
        return at_arrow_fail_field(d, field, "offsets beyond its values", err);
    }
    AT_TRY(at_arrow_check_bare(d, &field->children[0], &out->children[0], err));
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

static attrib_status decode_fixed_list(at_arrow_decoding *d,
                                       const at_arrow_field *field,
                                       at_column *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *offsets = NULL;
    AT_TRY(at_arrow_check_bare(d, field, out, err));
    AT_TRY(decode_children(d, field, out, err));
    /* n is below 2^28, and a width below 2^31. */
    if (out->n * field->width > out->children[0].n) {
        return at_arrow_fail_field(d, field, "fewer values than its lists have", err);
    }
    AT_TRY(at_arrow_take(d, out->n + 1, sizeof *offsets, &offsets, err));
    for (size_t i = 0; i <= out->n; i++) {
        offsets[i] = i * field->width;
    }
    out->offsets = offsets;
done:
    return status;
}

/* 2. Dictionaries */

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
    size_t low = 0;
    for (size_t high = dictionary->n_parts; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (dictionary->ends[middle] <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == dictionary->n_parts) {
        return index == 0;
    }
    const at_column *part = &dictionary->parts[low];
    size_t i = index - (dictionary->ends[low] - part->n);
    *is_valid = part->kind != AT_COLUMN_NULL && (!part->is_valid || part->is_valid[i]);
    if (*is_valid) {
        memcpy(out, (const char *)part->values + i * n_bytes, n_bytes);
    }
    return true;
}

static attrib_status decode_indices(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t w = field->index_width;
    size_t n_bytes = value_bytes(field->kind);
    size_t total = 0;
    at_arrow_buffer data = {0};
    char *values = NULL;
    uint8_t *is_valid = NULL;
    const at_arrow_dictionary *dictionary =
        at_arrow_dictionary_find(d->dictionaries, field->dictionary);
    /* Values are read as the first column of a dictionary says. */
    if (dictionary && dictionary->field->kind != field->kind) {
        return at_arrow_fail_field(d, field, "its dictionary is one of another type",
                                   err);
    }
    AT_TRY(at_arrow_take_buffer(d, field, out->n * w, &data, err));
    AT_TRY(at_arrow_take(d, out->n, n_bytes, &values, err));
    AT_TRY(at_arrow_take(d, out->n, 1, &is_valid, err));
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
            return at_arrow_fail_field(d, field, "an index beyond its dictionary", err);
        }
        if (n_bytes == sizeof(at_slice) && is_valid[i]) {
            at_slice slice;
            memcpy(&slice, values + i * n_bytes, sizeof slice);
            AT_TRY(at_arrow_add_expanded(d, field, slice.n_bytes, &total, err));
        }
    }
    out->values = values;
    out->is_valid = is_valid;
done:
    return status;
}

/* 3. Fields */

static attrib_status decode_values(at_arrow_decoding *d,
                                   const at_arrow_field *field,
                                   at_column *out,
                                   attrib_error *err)
{
    switch (field->layout) {
    case AT_ARROW_NULL:
        return ATTRIB_OK;
    case AT_ARROW_BITS:
        return at_arrow_decode_bits(d, field, out, err);
    case AT_ARROW_NUMBERS:
        return at_arrow_decode_numbers(d, field, out, err);
    case AT_ARROW_FIXED:
        return at_arrow_decode_fixed(d, field, out, err);
    case AT_ARROW_OFFSETS:
        return at_arrow_decode_offsets(d, field, out, err);
    case AT_ARROW_VIEWS:
        return at_arrow_decode_views(d, field, out, err);
    case AT_ARROW_LIST:
        return decode_list(d, field, out, err);
    case AT_ARROW_FIXED_LIST:
        return decode_fixed_list(d, field, out, err);
    default:
        return decode_children(d, field, out, err);
    }
}

/* Indices have a validity of their own, even where the dictionary holds only nulls. */
static attrib_status decode_field(at_arrow_decoding *d,
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
    AT_TRY(at_arrow_take_node(d, &node, out, err));
    AT_TRY(is_index ? decode_indices(d, field, out, err)
                    : decode_values(d, field, out, err));
done:
    return status;
}

static attrib_status open_batch(at_arrow_decoding *d,
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
    at_arrow_decoding d = {.name = batch->table.flat->name,
                           .batch = batch,
                           .dictionaries = dictionaries,
                           .arena = arena,
                           .limit = batch->limit};
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
