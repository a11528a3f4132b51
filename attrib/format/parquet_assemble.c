/* SPDX-License-Identifier: MIT */
/* Levels to nested columns: Melnik et al. 2010, "Dremel", section 4.
 *
 * 1. Numbers   2. Leaves   3. Nesting */
#include "format/parquet_assemble.h"

#include <math.h>
#include <string.h>

#define JULIAN_OF_1970   2440588
#define NANOS_PER_SECOND 1000000000
#define NANOS_PER_DAY    (86400 * (int64_t)NANOS_PER_SECOND)

/* 1. Numbers */

static uint64_t little_endian(const char *bytes, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    }
    return value;
}

static int64_t signed_of(const at_slice *value)
{
    uint64_t bits = little_endian(value->bytes, value->n_bytes);
    return value->n_bytes == 4 ? (int32_t)(uint32_t)bits : (int64_t)bits;
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
static double half_of(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023);
    double magnitude = exponent == 0    ? ldexp(fraction, -24)
                       : exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
                                        : ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

static double real_of(const at_slice *value)
{
    uint64_t bits = little_endian(value->bytes, value->n_bytes);
    uint32_t low = (uint32_t)bits;
    float single = 0;
    double twice = 0;
    if (value->n_bytes == 2) {
        return half_of(bits);
    }
    memcpy(&single, &low, sizeof single);
    memcpy(&twice, &bits, sizeof twice);
    return value->n_bytes == 4 ? (double)single : twice;
}

/* 2. Leaves */

/* One leaf on its way to becoming a column. */
typedef struct making {
    const at_parquet_node *node;
    at_arena *arena;
    at_column *out;
} making;

/* The value as a big-endian number, as those of byte arrays are. */
static attrib_status put_decimal(const making *m,
                                 size_t i,
                                 const at_slice *value,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_number =
        m->node->type == AT_PARQUET_INT32 || m->node->type == AT_PARQUET_INT64;
    at_slice *values = NULL;
    char *bytes = NULL;
    AT_CHECK(value->n_bytes <= 32, ATTRIB_ENOTSUP,
             "column \"%s\": a decimal of %zu bytes, at most 32 are read", m->node->path,
             value->n_bytes);
    AT_TRY(at_arena_take(m->arena, at_larger(value->n_bytes, 1), 1, &bytes, err));
    for (size_t k = 0; k < value->n_bytes; k++) {
        bytes[k] = value->bytes[is_number ? value->n_bytes - 1 - k : k];
    }
    memcpy(&values, &m->out->values, sizeof values);
    values[i] = (at_slice){bytes, value->n_bytes};
done:
    return status;
}

/* Nanoseconds of a day, and the day by the Julian calendar's count. As 64 bits do not
 * hold all of these, they become text at once. */
static attrib_status put_int96(const making *m,
                               size_t i,
                               const at_slice *value,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t nanos = (int64_t)little_endian(value->bytes, 8);
    int64_t days = (int64_t)little_endian(value->bytes + 8, 4) - JULIAN_OF_1970;
    at_buffer text = {0};
    at_slice *values = NULL;
    const char *copy = NULL;
    days += nanos / NANOS_PER_DAY - (nanos % NANOS_PER_DAY < 0);
    nanos = nanos % NANOS_PER_DAY + (nanos % NANOS_PER_DAY < 0 ? NANOS_PER_DAY : 0);
    AT_TRY(at_columns_append_moment(days, nanos, NANOS_PER_SECOND, false, &text, err));
    AT_TRY(at_arena_text(m->arena, text.bytes, text.n_bytes, &copy, err));
    memcpy(&values, &m->out->values, sizeof values);
    values[i] = (at_slice){copy, text.n_bytes};
done:
    at_buffer_free(&text);
    return status;
}

static void put_number(const making *m, size_t i, const at_slice *value)
{
    void *values = NULL;
    memcpy(&values, &m->out->values, sizeof values);
    switch (m->out->kind) {
    case AT_COLUMN_BOOL:
        ((uint8_t *)values)[i] = (uint8_t)value->bytes[0];
        break;
    case AT_COLUMN_UINT:
        ((uint64_t *)values)[i] = little_endian(value->bytes, value->n_bytes);
        break;
    case AT_COLUMN_FLOAT:
        ((double *)values)[i] = real_of(value);
        break;
    default:
        ((int64_t *)values)[i] = signed_of(value);
    }
}

static attrib_status put_value(const making *m,
                               size_t i,
                               const at_slice *value,
                               attrib_error *err)
{
    at_slice *values = NULL;
    if (m->node->type == AT_PARQUET_INT96) {
        return put_int96(m, i, value, err);
    }
    switch (m->out->kind) {
    case AT_COLUMN_DECIMAL:
        return put_decimal(m, i, value, err);
    case AT_COLUMN_TEXT:
    case AT_COLUMN_BINARY:
    case AT_COLUMN_UUID:
        memcpy(&values, &m->out->values, sizeof values);
        values[i] = *value;
        return ATTRIB_OK;
    default:
        put_number(m, i, value);
        return ATTRIB_OK;
    }
}

/* A leaf's level pair that begins a value of a node. */
static bool is_slot(const at_parquet_node *node, const at_leaf *leaf, size_t i)
{
    return leaf->repetitions[i] <= node->repetition && leaf->definitions[i] >= node->slot;
}

/* Which values are not null, and how many there are. */
static attrib_status find_slots(const at_parquet_node *node,
                                const at_leaf *leaf,
                                at_arena *arena,
                                at_column *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t *is_valid = NULL;
    AT_TRY(at_arena_take(arena, leaf->n, 1, &is_valid, err));
    for (size_t i = 0; i < leaf->n; i++) {
        if (is_slot(node, leaf, i)) {
            is_valid[out->n++] = leaf->definitions[i] >= node->definition;
        }
    }
    out->is_valid = is_valid;
done:
    return status;
}

static attrib_status assemble_leaf(const at_parquet_node *node,
                                   const at_leaf *leaf,
                                   at_arena *arena,
                                   at_column *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    void *values = NULL;
    size_t i_present = 0;
    const making m = {node, arena, out};
    out->kind = node->type == AT_PARQUET_INT96 ? AT_COLUMN_TEXT : node->kind;
    AT_TRY(at_arena_take(arena, out->n, sizeof(at_slice), &values, err));
    memset(values, 0, out->n * sizeof(at_slice));
    out->values = values;
    for (size_t i = 0; i < out->n; i++) {
        if (!out->is_valid[i]) {
            continue;
        }
        size_t first = i_present ? leaf->ends[i_present - 1] : 0;
        const at_slice value = {leaf->bytes.bytes + first, leaf->ends[i_present] - first};
        AT_TRY(put_value(&m, i, &value, err));
        i_present++;
    }
done:
    return status;
}

/* 3. Nesting */

/* Where the elements of each list begin. */
static attrib_status find_elements(const at_parquet_node *node,
                                   const at_leaf *leaf,
                                   at_arena *arena,
                                   at_column *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *offsets = NULL;
    size_t n = 0;
    size_t n_elements = 0;
    AT_TRY(at_arena_take(arena, out->n + 1, sizeof *offsets, &offsets, err));
    for (size_t i = 0; i < leaf->n; i++) {
        if (is_slot(node, leaf, i)) {
            offsets[n++] = n_elements;
        }
        n_elements += leaf->repetitions[i] <= node->repetition + 1 &&
                      leaf->definitions[i] >= node->element;
    }
    offsets[n] = n_elements;
    out->offsets = offsets;
done:
    return status;
}

attrib_status at_parquet_assemble(const at_parquet_node *node,
                                  const at_leaf *leaves,
                                  at_arena *arena,
                                  at_column *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_leaf *leaf = &leaves[node->i_leaf];
    *out = (at_column){.name = node->name,
                       .kind = node->kind,
                       .n_children = node->n_children,
                       .per_second = node->per_second,
                       .is_utc = node->is_utc,
                       .scale = node->scale};
    AT_CHECK(at_arena_mark(arena) <= AT_PARQUET_MAX_ROW_MEMORY, ATTRIB_ERANGE,
             "column \"%s\": a row that takes more than %zu bytes of memory",
             leaf->node->path, AT_PARQUET_MAX_ROW_MEMORY);
    AT_TRY(find_slots(node, leaf, arena, out, err));
    if (node->n_children == 0) {
        return assemble_leaf(node, leaf, arena, out, err);
    }
    if (node->kind != AT_COLUMN_STRUCT) {
        AT_TRY(find_elements(node, leaf, arena, out, err));
    }
    AT_TRY(at_arena_take(arena, node->n_children, sizeof *out->children, &out->children,
                         err));
    for (size_t i = 0; i < node->n_children; i++) {
        at_column *child = &out->children[i];
        AT_TRY(at_parquet_assemble(&node->children[i], leaves, arena, child, err));
        size_t n = out->offsets ? out->offsets[out->n] : out->n;
        AT_CHECK(child->n == n, ATTRIB_EFORMAT,
                 "column \"%s\": %zu values where its neighbours have %zu",
                 leaf->node->path, child->n, n);
    }
done:
    return status;
}
