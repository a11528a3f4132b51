/* SPDX-License-Identifier: MIT */
/* Source: https://flatbuffers.dev/internals. */
#include "format/arrow_flat_write.h"

#include <assert.h>
#include <string.h>

attrib_status at_flat_append(at_buffer *out,
                             uint64_t value,
                             size_t n_bytes,
                             attrib_error *err)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < n_bytes; i++) {
        bytes[i] = (unsigned char)(value >> 8 * i);
    }
    return at_buffer_append(out, bytes, n_bytes, err);
}

attrib_status at_flat_pad(at_buffer *out, size_t align, attrib_error *err)
{
    static const char zeros[64];
    size_t n = (align - out->n_bytes % align) % align;
    assert(n <= sizeof zeros);
    return at_buffer_append(out, zeros, n, err);
}

/* Put the distance from `place` to `target` into the 4 bytes at `place`. */
static void set_distance(at_buffer *out, size_t place, size_t target)
{
    for (size_t i = 0; i < 4; i++) {
        out->bytes[place + i] = (char)((target - place) >> 8 * i);
    }
}

/* Where the fields of a table stand after its start, the widest first, so that each is
 * aligned where the table begins 4 bytes after a multiple of 8. Returns the table's size.
 */
static size_t lay_out(const at_flat_field *fields, size_t n, size_t *offsets)
{
    size_t end = 4; /* the distance to the vtable */
    for (size_t width = 8; width >= 1; width /= 2) {
        for (size_t i = 0; i < n; i++) {
            if (fields[i].n_bytes == width) {
                offsets[i] = end;
                end += width;
            }
        }
    }
    return end;
}

attrib_status at_flat_write_table(at_buffer *out,
                                  size_t place,
                                  const at_flat_field *fields,
                                  size_t n,
                                  size_t *places,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t offsets[AT_FLAT_MAX_FIELDS] = {0};
    size_t n_vtable = 4 + 2 * n;
    size_t n_table = lay_out(fields, n, offsets);
    size_t start = 0;
    AT_TRY(at_flat_pad(out, 2, err));
    while ((out->n_bytes + n_vtable) % 8 != 4) {
        AT_TRY(at_flat_append(out, 0, 2, err));
    }
    AT_TRY(at_flat_append(out, n_vtable, 2, err));
    AT_TRY(at_flat_append(out, n_table, 2, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_flat_append(out, offsets[i], 2, err));
    }
    start = out->n_bytes;
    set_distance(out, place, start);
    AT_TRY(at_flat_append(out, n_vtable, 4, err));
    for (size_t width = 8; width >= 1; width /= 2) {
        for (size_t i = 0; i < n; i++) {
            if (fields[i].n_bytes == width) {
                AT_TRY(at_flat_append(out, fields[i].value, width, err));
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        places[i] = start + offsets[i];
    }
done:
    return status;
}

attrib_status at_flat_write_vector(
    at_buffer *out, size_t place, size_t n, size_t item_align, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_flat_pad(out, 4, err));
    if (item_align == 8 && out->n_bytes % 8 != 4) {
        AT_TRY(at_flat_append(out, 0, 4, err));
    }
    set_distance(out, place, out->n_bytes);
    AT_TRY(at_flat_append(out, n, 4, err));
done:
    return status;
}

attrib_status at_flat_write_text(at_buffer *out,
                                 size_t place,
                                 const char *text,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = strlen(text);
    AT_TRY(at_flat_write_vector(out, place, n, 1, err));
    AT_TRY(at_buffer_append(out, text, n + 1, err));
done:
    return status;
}
