/* SPDX-License-Identifier: MIT */
/* An index: the record of what it was made from, sealed, of inputs that begin with 0;
 * else a piece of two documents whose hashes are right and whose bytes are the input's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "index/index.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_MAPS = 2, N_DOCUMENTS = 2, RECORD_BYTES = 200 };

static void read_record(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_index *index = NULL;
    msgpack_sbuffer bytes;
    char path[256];
    msgpack_sbuffer_init(&bytes);
    msgpack_sbuffer_write(&bytes, (const char *)data, size);
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), AT_INDEX_MANIFEST);
    if (at_record_write(path, &bytes, NULL) != ATTRIB_OK) {
        abort();
    }
    msgpack_sbuffer_destroy(&bytes);
    if (at_index_read(scratch_folder(), AT_INDEX_MANIFEST, &index, &err) == ATTRIB_OK) {
        if (index->shape.n_maps == 0 || !index->info.model_path) {
            abort();
        }
        attrib_index_close(index);
    } else if (!err.message[0] || index) {
        abort();
    }
}

/* A vector of at most 16 numbers. */
static void read_vector(const at_packed *from, const uint8_t *bytes, size_t n)
{
    int16_t multiples[20 + AT_TRITS_PADDING];
    float whole[16];
    if (from->n_digits == 0) {
        memcpy(whole, bytes, n * sizeof *whole);
        return;
    }
    at_trits_get(bytes, from->end, n, from->n_digits, multiples);
    for (size_t i = 0; i < n; i++) {
        if (abs(multiples[at_trits_place(n, i)]) > AT_TRITS_LARGEST) {
            abort();
        }
    }
}

/* Go through all components of a record that was found to be one. */
static void read_components(const at_index_shape *shape, const uint8_t *bytes)
{
    at_record_reader reader;
    at_record_begin(shape, bytes, &reader);
    for (size_t m = 0; m < shape->n_maps; m++) {
        at_recorded kept = at_record_map(shape, &reader, m);
        for (size_t c = 0; c < kept.n; c++) {
            at_packed one = at_record_next(shape, m, &reader);
            read_vector(&one, one.u, shape->maps[m].out_dim);
            read_vector(&one, one.v, shape->maps[m].in_dim);
        }
    }
    if (reader.at > shape->record_bytes) {
        abort();
    }
}

static void read_piece(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_index *index = NULL;
    at_index_map maps[N_MAPS] = {{.out_dim = 7, .in_dim = 11},
                                 {.out_dim = 16, .in_dim = 3}};
    at_index_part parts[1] = {{0}};
    static uint8_t content[N_DOCUMENTS * (AT_DIGEST_BYTES + 4 + RECORD_BYTES)];
    const at_piece_content written = {
        N_DOCUMENTS, content, (const void *)(content + N_DOCUMENTS * AT_DIGEST_BYTES),
        content + N_DOCUMENTS * (AT_DIGEST_BYTES + 4)};
    at_piece_map piece = {0};
    memset(content, 0, sizeof content);
    memcpy(content, data, size < sizeof content ? size : sizeof content);
    if (at_index_new(scratch_folder(), &index, &err) != ATTRIB_OK) {
        abort();
    }
    memset(index->hash, 'a', AT_HASH_SIZE - 1);
    index->shape = (at_index_shape){maps, N_MAPS, RECORD_BYTES, size > 0 && data[0] % 2};
    index->parts = parts;
    if (at_piece_write(index, 0, &written, &err) != ATTRIB_OK) {
        abort();
    }
    if (at_piece_open(index, 0, true, &piece, &err) == ATTRIB_OK) {
        for (size_t d = 0; d < piece.content.n; d++) {
            read_components(&index->shape, piece.content.records + d * RECORD_BYTES);
        }
        at_piece_close(&piece);
    } else if (!err.message[0]) {
        abort();
    }
    index->shape = (at_index_shape){0};
    index->parts = NULL;
    attrib_index_close(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0) {
        read_record(data + 1, size - 1);
    } else if (size > 0) {
        read_piece(data + 1, size - 1);
    }
    return 0;
}
