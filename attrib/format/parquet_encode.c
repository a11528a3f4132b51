/* SPDX-License-Identifier: MIT */
#include "format/parquet_encode.h"

#include "format/parquet_thrift_write.h"

bool at_parquet_is_null(const at_column *column, size_t i)
{
    return column->is_valid && !column->is_valid[i];
}

attrib_status at_parquet_append_text(at_buffer *out,
                                     const at_slice *text,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_word(out, text->n_bytes, err));
    AT_TRY(at_buffer_append(out, text->bytes, text->n_bytes, err));
done:
    return status;
}

attrib_status at_parquet_append_levels(
    at_buffer *out, const at_column *column, size_t first, size_t end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t at_length = out->n_bytes;
    AT_TRY(at_append_word(out, 0, err));
    while (first < end) {
        bool is_first_null = at_parquet_is_null(column, first);
        size_t run = 1;
        while (first + run < end &&
               at_parquet_is_null(column, first + run) == is_first_null) {
            run++;
        }
        AT_TRY(at_append_varint(out, run << 1, err));
        AT_TRY(at_buffer_append(out, is_first_null ? "\0" : "\1", 1, err));
        first += run;
    }
    for (size_t k = 0; k < 4; k++) {
        out->bytes[at_length + k] = (char)((out->n_bytes - at_length - 4) >> 8 * k);
    }
done:
    return status;
}

attrib_status at_parquet_append_plain(
    at_buffer *out, const at_column *column, size_t first, size_t end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *texts = column->values;
    const uint64_t *words = column->values; /* of INT and FLOAT, little-endian machines */
    for (size_t i = first; i < end; i++) {
        if (at_parquet_is_null(column, i)) {
            continue;
        }
        AT_TRY(column->kind == AT_COLUMN_TEXT
                   ? at_parquet_append_text(out, &texts[i], err)
                   : at_buffer_append(out, &words[i], sizeof *words, err));
    }
done:
    return status;
}

/* Numbers that wait until they fill a byte. */
typedef struct bit_packer {
    at_buffer *out;
    uint64_t bits;
    unsigned n;
} bit_packer;

static attrib_status pack_bits(bit_packer *packer,
                               uint32_t value,
                               unsigned width,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    packer->bits |= (uint64_t)value << packer->n;
    for (packer->n += width; packer->n >= 8; packer->n -= 8) {
        char byte = (char)(packer->bits & 0xFF);
        AT_TRY(at_buffer_append(packer->out, &byte, 1, err));
        packer->bits >>= 8;
    }
done:
    return status;
}

static unsigned width_of(size_t n_distinct)
{
    unsigned width = 1;
    while (n_distinct > (size_t)1 << width) {
        width++;
    }
    return width;
}

attrib_status at_parquet_append_places(at_buffer *out,
                                       const at_column *column,
                                       const uint32_t *places,
                                       size_t n_distinct,
                                       size_t first,
                                       size_t end,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bit_packer packer = {.out = out};
    unsigned width = width_of(n_distinct);
    const char width_byte = (char)width;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        n += !at_parquet_is_null(column, i);
    }
    AT_TRY(at_buffer_append(out, &width_byte, 1, err));
    AT_TRY(at_append_varint(out, (n + 7) / 8 << 1 | 1, err));
    for (size_t i = first; i < end; i++) {
        if (!at_parquet_is_null(column, i)) {
            AT_TRY(pack_bits(&packer, places[i], width, err));
        }
    }
    for (; n % 8; n++) {
        AT_TRY(pack_bits(&packer, 0, width, err));
    }
done:
    return status;
}
