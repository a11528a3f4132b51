/* SPDX-License-Identifier: MIT */
/* Pages of one column to rows.
 *
 * 1. Pages   2. Levels   3. Rows */
#include "format/parquet_leaf.h"

#include <stdlib.h>

/* 1. Pages */

/* Bits that hold levels up to the highest. */
static unsigned bits_of(uint8_t level)
{
    unsigned n = 0;
    while (level >> n) {
        n++;
    }
    return n;
}

static attrib_status read_dictionary(at_leaf *leaf,
                                     const at_page *page,
                                     const uint8_t *packed,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice bytes = {0};
    const at_parquet_node *node = leaf->node;
    AT_CHECK(!leaf->has_dictionary, ATTRIB_EFORMAT, "a second dictionary");
    AT_CHECK(page->encoding == AT_ENCODING_PLAIN ||
                 page->encoding == AT_ENCODING_PLAIN_DICTIONARY,
             ATTRIB_ENOTSUP, "encoding %d of a dictionary is not read",
             (int)page->encoding);
    AT_TRY(
        at_page_unpack(page, leaf->codec, packed, &leaf->dictionary.bytes, &bytes, err));
    /* An item takes four bytes of the page or more, and a slice of memory. */
    AT_TRY(at_columns_check_memory(
        leaf->limit, at_smaller(page->n_values, bytes.n_bytes / 4) * sizeof bytes, err));
    AT_TRY(at_dictionary_read(&leaf->dictionary, node->type, node->width, page->n_values,
                              (const uint8_t *)bytes.bytes, bytes.n_bytes, err));
    leaf->has_dictionary = true;
done:
    return status;
}

/* Take the levels at the front of a page's bytes: in runs, whose length stands before
 * them, or bit-packed. Where there is but one level, nothing stands there. */
static attrib_status take_levels(at_slice *bytes,
                                 at_encoding encoding,
                                 size_t n_values,
                                 uint8_t highest,
                                 at_runs *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint8_t *b = (const uint8_t *)bytes->bytes;
    unsigned width = bits_of(highest);
    size_t n = (n_values * width + 7) / 8;
    size_t n_head = encoding == AT_ENCODING_RLE ? 4 : 0;
    if (highest == 0) {
        *out = at_runs_of(b, 0, 0);
        return ATTRIB_OK;
    }
    AT_CHECK(n_head || encoding == AT_ENCODING_BIT_PACKED, ATTRIB_ENOTSUP,
             "encoding %d of levels is not read", (int)encoding);
    AT_CHECK(bytes->n_bytes >= n_head, ATTRIB_EFORMAT, "a page ends before its levels");
    if (n_head) {
        n = b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
    }
    AT_CHECK(n <= bytes->n_bytes - n_head, ATTRIB_EFORMAT,
             "levels of %zu bytes in a page that has %zu", n, bytes->n_bytes - n_head);
    *out = n_head ? at_runs_of(b + n_head, n, width) : at_runs_bit_packed(b, n, width);
    bytes->bytes += n_head + n;
    bytes->n_bytes -= n_head + n;
done:
    return status;
}

static attrib_status read_data(at_leaf *leaf,
                               const at_page *page,
                               const uint8_t *packed,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_parquet_node *node = leaf->node;
    at_slice bytes = {0};
    bool is_dictionary = page->encoding == AT_ENCODING_PLAIN_DICTIONARY ||
                         page->encoding == AT_ENCODING_RLE_DICTIONARY;
    AT_CHECK(page->n_values <= leaf->n_left, ATTRIB_EFORMAT,
             "a page of %zu values where the column has %zu left", page->n_values,
             leaf->n_left);
    AT_CHECK(!is_dictionary || leaf->has_dictionary, ATTRIB_EFORMAT,
             "a page without its dictionary");
    AT_TRY(at_page_unpack(page, leaf->codec, packed, &leaf->page, &bytes, err));
    if (page->kind == AT_PAGE_DATA_V2) {
        leaf->repetition =
            at_runs_of(packed, page->n_repetition, bits_of(node->repetition));
        leaf->definition = at_runs_of(packed + page->n_repetition, page->n_definition,
                                      bits_of(node->definition));
    } else {
        AT_TRY(take_levels(&bytes, page->repetition_encoding, page->n_values,
                           node->repetition, &leaf->repetition, err));
        AT_TRY(take_levels(&bytes, page->definition_encoding, page->n_values,
                           node->definition, &leaf->definition, err));
    }
    leaf->values.dictionary = &leaf->dictionary;
    leaf->values.type = node->type;
    leaf->values.width = node->width;
    AT_TRY(at_values_open(&leaf->values, page->encoding, (const uint8_t *)bytes.bytes,
                          bytes.n_bytes, err));
    leaf->n_page = page->n_values;
done:
    return status;
}

/* Read one page; what is neither data nor a dictionary is passed over. */
static attrib_status read_page(at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_page page;
    const uint8_t *packed = NULL;
    AT_CHECK(leaf->at < leaf->end, ATTRIB_EFORMAT,
             "its pages end %zu values before the column", leaf->n_left);
    AT_TRY(at_page_read_header(&leaf->at, leaf->end, &page, err));
    packed = leaf->at;
    leaf->at += page.n_packed;
    AT_TRY(leaf->codec != AT_CODEC_NONE && page.n_unpacked > leaf->page.capacity
               ? at_columns_check_memory(leaf->limit, page.n_unpacked, err)
               : ATTRIB_OK);
    if (page.kind == AT_PAGE_DICTIONARY) {
        AT_TRY(read_dictionary(leaf, &page, packed, err));
    } else if (page.kind != AT_PAGE_INDEX) {
        AT_TRY(read_data(leaf, &page, packed, err));
    }
done:
    return status;
}

/* 2. Levels */

static attrib_status read_level(at_runs *runs,
                                uint8_t highest,
                                uint8_t *out,
                                attrib_error *err)
{
    uint32_t level = 0;
    attrib_status status = at_runs_next(runs, &level, err);
    if (status == ATTRIB_OK && level > highest) {
        status = at_fail(err, ATTRIB_EFORMAT, "a level of %u, expected at most %u",
                         (unsigned)level, (unsigned)highest);
    }
    *out = (uint8_t)level;
    return status;
}

/* The levels of the next value of the chunk, where it has one. */
static attrib_status look_ahead(at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (leaf->is_ahead || leaf->n_left == 0) {
        return ATTRIB_OK;
    }
    while (leaf->n_page == 0) {
        AT_TRY(read_page(leaf, err));
    }
    AT_TRY(read_level(&leaf->repetition, leaf->node->repetition, &leaf->next_repetition,
                      err));
    AT_TRY(read_level(&leaf->definition, leaf->node->definition, &leaf->next_definition,
                      err));
    leaf->is_ahead = true;
done:
    return status;
}

/* 3. Rows */

static attrib_status take_value(at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice value = {0};
    AT_TRY(at_values_next(&leaf->values, &value, err));
    AT_CHECK(value.n_bytes <= AT_PARQUET_MAX_ROW_BYTES - leaf->bytes.n_bytes,
             ATTRIB_ERANGE, "more than %zu bytes in a row", AT_PARQUET_MAX_ROW_BYTES);
    AT_TRY(at_buffer_append(&leaf->bytes, value.bytes, value.n_bytes, err));
    AT_TRY(at_grow(&leaf->ends, &leaf->ends_capacity, leaf->n_present + 1,
                   sizeof *leaf->ends, err));
    leaf->ends[leaf->n_present++] = leaf->bytes.n_bytes;
done:
    return status;
}

/* Put the value whose levels were read ahead into the row. */
static attrib_status take_next(at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(leaf->n < AT_PARQUET_MAX_ROW_VALUES, ATTRIB_ERANGE,
             "more than %zu values in a row", AT_PARQUET_MAX_ROW_VALUES);
    AT_TRY(at_grow(&leaf->repetitions, &leaf->repetitions_capacity, leaf->n + 1, 1, err));
    AT_TRY(at_grow(&leaf->definitions, &leaf->definitions_capacity, leaf->n + 1, 1, err));
    leaf->repetitions[leaf->n] = leaf->next_repetition;
    leaf->definitions[leaf->n] = leaf->next_definition;
    leaf->n++;
    if (leaf->next_definition == leaf->node->definition) {
        AT_TRY(take_value(leaf, err));
    }
    leaf->is_ahead = false;
    leaf->n_left--;
    leaf->n_page--;
done:
    return status;
}

static attrib_status read_row(at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer_clear(&leaf->bytes);
    leaf->n = 0;
    leaf->n_present = 0;
    AT_TRY(look_ahead(leaf, err));
    AT_CHECK(leaf->is_ahead, ATTRIB_EFORMAT, "fewer rows than the row group");
    AT_CHECK(leaf->next_repetition == 0, ATTRIB_EFORMAT,
             "a row that begins with repetition level %u",
             (unsigned)leaf->next_repetition);
    do {
        AT_TRY(take_next(leaf, err));
        AT_TRY(leaf->node->repetition ? look_ahead(leaf, err) : ATTRIB_OK);
    } while (leaf->is_ahead && leaf->next_repetition > 0);
done:
    return status;
}

static attrib_status name_failure(const at_leaf *leaf,
                                  attrib_status status,
                                  attrib_error *err)
{
    return status == ATTRIB_OK
               ? ATTRIB_OK
               : at_context(err, status, "column \"%s\"", leaf->node->path);
}

attrib_status at_leaf_open(at_leaf *leaf,
                           const at_chunk *chunk,
                           const uint8_t *file,
                           size_t n_file,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    leaf->codec = chunk->codec;
    leaf->n_left = chunk->n_values;
    leaf->n_page = 0;
    leaf->has_dictionary = false;
    leaf->is_ahead = false;
    AT_CHECK(chunk->type == leaf->node->type, ATTRIB_EFORMAT,
             "type %d, expected %d, as the schema has it", (int)chunk->type,
             (int)leaf->node->type);
    AT_CHECK(chunk->first <= n_file && chunk->n_bytes <= n_file - chunk->first,
             ATTRIB_EFORMAT, "bytes %zu to %zu + %zu of a file of %zu", chunk->first,
             chunk->first, chunk->n_bytes, n_file);
    leaf->at = file + chunk->first;
    leaf->end = leaf->at + chunk->n_bytes;
done:
    return name_failure(leaf, status, err);
}

attrib_status at_leaf_next(at_leaf *leaf, attrib_error *err)
{
    return name_failure(leaf, read_row(leaf, err), err);
}

attrib_status at_leaf_finish(const at_leaf *leaf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(leaf->n_left == 0, ATTRIB_EFORMAT, "%zu values more than the row group",
             leaf->n_left);
done:
    return name_failure(leaf, status, err);
}

void at_leaf_free(at_leaf *leaf)
{
    at_buffer_free(&leaf->page);
    at_dictionary_free(&leaf->dictionary);
    at_values_free(&leaf->values);
    at_buffer_free(&leaf->bytes);
    free(leaf->repetitions);
    free(leaf->definitions);
    free(leaf->ends);
}
