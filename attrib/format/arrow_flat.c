/* SPDX-License-Identifier: MIT */
/* Checked access to FlatBuffers. A table begins with the distance back to its vtable: the
 * sizes of both, and for each field its place in the table or 0. Texts, vectors and
 * tables in fields are distances forward. */
#include "format/arrow_flat.h"

uint64_t at_flat_word(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t word = 0;
    for (size_t i = n_bytes; i > 0; i--) {
        word = word << 8 | bytes[i - 1];
    }
    return word;
}

int64_t at_flat_signed(const uint8_t *bytes, size_t n_bytes)
{
    unsigned n_unused = 64 - 8 * (unsigned)n_bytes;
    return (int64_t)(at_flat_word(bytes, n_bytes) << n_unused) >> n_unused;
}

static attrib_status fail_outside(const at_flat *flat, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: a message of Arrow points outside of itself",
                   flat->name);
}

static bool is_inside(const at_flat *flat, size_t start, size_t n)
{
    return start <= flat->n && n <= flat->n - start;
}

/* Where the distance at a place leads; places are below 2^32, so nothing overflows. */
static attrib_status follow(const at_flat *flat,
                            size_t place,
                            size_t *out,
                            attrib_error *err)
{
    if (!is_inside(flat, place, 4)) {
        return fail_outside(flat, err);
    }
    *out = place + at_flat_word(flat->bytes + place, 4);
    return ATTRIB_OK;
}

static attrib_status open_table(const at_flat *flat,
                                size_t start,
                                at_flat_table *out,
                                attrib_error *err)
{
    if (!is_inside(flat, start, 4)) {
        return fail_outside(flat, err);
    }
    int64_t vtable = (int64_t)start - at_flat_signed(flat->bytes + start, 4);
    if (vtable < 0 || !is_inside(flat, (size_t)vtable, 4)) {
        return fail_outside(flat, err);
    }
    at_flat_table table = {
        .flat = flat,
        .start = start,
        .vtable = (size_t)vtable,
        .n_vtable = at_flat_word(flat->bytes + vtable, 2),
        .n_bytes = at_flat_word(flat->bytes + vtable + 2, 2),
    };
    if (table.n_vtable < 4 || !is_inside(flat, table.vtable, table.n_vtable) ||
        !is_inside(flat, start, table.n_bytes)) {
        return fail_outside(flat, err);
    }
    *out = table;
    return ATTRIB_OK;
}

attrib_status at_flat_root(const at_flat *flat, at_flat_table *out, attrib_error *err)
{
    size_t start = 0;
    attrib_status status = follow(flat, 0, &start, err);
    return status == ATTRIB_OK ? open_table(flat, start, out, err) : status;
}

/* The place of a field of n bytes in the message, 0 where it is absent. */
static attrib_status find_field(const at_flat_table *table,
                                size_t field,
                                size_t n_bytes,
                                size_t *out,
                                attrib_error *err)
{
    size_t slot = 4 + 2 * field;
    *out = 0;
    if (slot + 2 > table->n_vtable) {
        return ATTRIB_OK;
    }
    size_t place = at_flat_word(table->flat->bytes + table->vtable + slot, 2);
    if (place == 0) {
        return ATTRIB_OK;
    }
    if (place > table->n_bytes || n_bytes > table->n_bytes - place) {
        return fail_outside(table->flat, err);
    }
    *out = table->start + place;
    return ATTRIB_OK;
}

attrib_status at_flat_integer(const at_flat_table *table,
                              size_t field,
                              size_t n_bytes,
                              int64_t standard,
                              int64_t *out,
                              attrib_error *err)
{
    size_t place = 0;
    attrib_status status = find_field(table, field, n_bytes, &place, err);
    *out = place ? at_flat_signed(table->flat->bytes + place, n_bytes) : standard;
    return status;
}

/* Where the distance in a field leads, 0 where the field is absent. */
static attrib_status follow_field(const at_flat_table *table,
                                  size_t field,
                                  size_t *out,
                                  attrib_error *err)
{
    size_t place = 0;
    attrib_status status = find_field(table, field, 4, &place, err);
    *out = 0;
    return status == ATTRIB_OK && place ? follow(table->flat, place, out, err) : status;
}

attrib_status at_flat_table_in(const at_flat_table *table,
                               size_t field,
                               at_flat_table *out,
                               attrib_error *err)
{
    size_t start = 0;
    attrib_status status = follow_field(table, field, &start, err);
    *out = (at_flat_table){0};
    return status == ATTRIB_OK && start ? open_table(table->flat, start, out, err)
                                        : status;
}

attrib_status at_flat_vector_in(const at_flat_table *table,
                                size_t field,
                                size_t item_bytes,
                                at_flat_vector *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_flat *flat = table->flat;
    size_t start = 0;
    *out = (at_flat_vector){.flat = flat, .item_bytes = item_bytes};
    AT_TRY(follow_field(table, field, &start, err));
    if (start == 0) {
        return ATTRIB_OK;
    }
    if (!is_inside(flat, start, 4)) {
        return fail_outside(flat, err);
    }
    out->n = at_flat_word(flat->bytes + start, 4);
    out->start = start + 4;
    if (out->n > (flat->n - out->start) / item_bytes) {
        status = fail_outside(flat, err);
    }
done:
    return status;
}

attrib_status at_flat_text(const at_flat_table *table,
                           size_t field,
                           const char **out,
                           size_t *n,
                           attrib_error *err)
{
    at_flat_vector text = {0};
    attrib_status status = at_flat_vector_in(table, field, 1, &text, err);
    bool is_there = status == ATTRIB_OK && text.start > 0;
    *out = is_there ? (const char *)text.flat->bytes + text.start : NULL;
    *n = is_there ? text.n : 0;
    return status;
}

const uint8_t *at_flat_item(const at_flat_vector *vector, size_t i)
{
    return vector->flat->bytes + vector->start + i * vector->item_bytes;
}

attrib_status at_flat_item_table(const at_flat_vector *vector,
                                 size_t i,
                                 at_flat_table *out,
                                 attrib_error *err)
{
    size_t start = 0;
    attrib_status status =
        follow(vector->flat, vector->start + i * vector->item_bytes, &start, err);
    return status == ATTRIB_OK ? open_table(vector->flat, start, out, err) : status;
}
