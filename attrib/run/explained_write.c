/* SPDX-License-Identifier: MIT */
/* Write what reported documents are made of: a msgpack map of each, one after the other,
 *
 *     text     bin, or nil where there is none
 *     pieces   bin, u32 of each token: its place in the list of pieces
 *     tokens   bin, f64 of each token: its share of the score
 *     modules  bin, f64 of each module
 *
 * The pieces (id, text and kind of each token that occurs) and the names of modules stand
 * in the record of answers, once for all documents. */
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"

attrib_status at_explained_writer_open(const char *folder,
                                       at_explained_writer *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    *out = (at_explained_writer){0};
    msgpack_sbuffer_init(&out->packed);
    AT_TRY(at_join_path(folder, AT_RUN_EXPLAINED, &path, err));
    AT_TRY(at_output_open(path, &out->output, err));
done:
    free(path);
    return status;
}

/* 1. Pieces */

static bool is_same_piece(const attrib_token_score *a, const attrib_token_score *b)
{
    return a->id == b->id && a->is_special == b->is_special && a->n_bytes == b->n_bytes &&
           (a->n_bytes == 0 || memcmp(a->text, b->text, a->n_bytes) == 0);
}

/* The slot where a piece stands, or where it is to be put. */
static size_t find_slot(const at_explained_writer *self, const attrib_token_score *token)
{
    size_t i = (uint32_t)token->id * (size_t)0x9E3779B97F4A7C15u >> 16;
    for (;; i++) {
        size_t piece = self->slots[i & (self->n_slots - 1)];
        if (piece == 0 || is_same_piece(&self->pieces[piece - 1], token)) {
            return i & (self->n_slots - 1);
        }
    }
}

/* Twice as many slots, so that at most half of them are taken. */
static attrib_status widen(at_explained_writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->n_slots ? 2 * self->n_slots : 1024;
    size_t *slots = NULL;
    AT_TRY(at_array(n, sizeof *slots, &slots, err));
    free(self->slots);
    self->slots = slots;
    self->n_slots = n;
    for (size_t i = 0; i < self->n_pieces; i++) {
        self->slots[find_slot(self, &self->pieces[i])] = i + 1;
    }
done:
    return status;
}

/* Find the place of a token among the pieces, and add it where it is new. */
static attrib_status place_piece(at_explained_writer *self,
                                 const attrib_token_score *token,
                                 uint32_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t slot = 0;
    if (2 * self->n_pieces >= self->n_slots) {
        AT_TRY(widen(self, err));
    }
    slot = find_slot(self, token);
    if (self->slots[slot] == 0) {
        AT_TRY(at_grow(&self->pieces, &self->piece_capacity, self->n_pieces + 1,
                       sizeof *self->pieces, err));
        self->pieces[self->n_pieces++] = *token;
        self->slots[slot] = self->n_pieces;
    }
    *out = (uint32_t)(self->slots[slot] - 1);
done:
    return status;
}

/* 2. Documents */

static attrib_status pack_pieces(at_explained_writer *self,
                                 const attrib_result *result,
                                 msgpack_packer *packer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer_clear(&self->numbers);
    for (size_t t = 0; t < result->n_tokens; t++) {
        uint32_t i = 0;
        AT_TRY(place_piece(self, &result->tokens[t], &i, err));
        AT_TRY(at_buffer_append(&self->numbers, &i, sizeof i, err));
    }
    AT_TRY(at_pack_bytes_member(packer, "pieces", self->numbers.bytes,
                                self->numbers.n_bytes, err));
done:
    return status;
}

static attrib_status pack_scores(at_explained_writer *self,
                                 const attrib_result *result,
                                 msgpack_packer *packer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer *numbers = &self->numbers;
    at_buffer_clear(numbers);
    for (size_t t = 0; t < result->n_tokens; t++) {
        AT_TRY(at_buffer_append(numbers, &result->tokens[t].score, sizeof(double), err));
    }
    AT_TRY(at_pack_bytes_member(packer, "tokens", numbers->bytes, numbers->n_bytes, err));
    at_buffer_clear(numbers);
    for (size_t m = 0; m < result->n_modules; m++) {
        AT_TRY(at_buffer_append(numbers, &result->modules[m].score, sizeof(double), err));
    }
    AT_TRY(
        at_pack_bytes_member(packer, "modules", numbers->bytes, numbers->n_bytes, err));
done:
    return status;
}

static attrib_status pack_result(at_explained_writer *self,
                                 const attrib_result *result,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_document *document = &result->document;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &self->packed, msgpack_sbuffer_write);
    msgpack_sbuffer_clear(&self->packed);
    AT_TRY(at_pack_map(&packer, 4, err));
    if (document->text) {
        AT_TRY(at_pack_bytes_member(&packer, "text", document->text,
                                    document->n_text_bytes, err));
    } else {
        AT_TRY(at_pack_text_member(&packer, "text", NULL, err));
    }
    AT_TRY(pack_pieces(self, result, &packer, err));
    AT_TRY(pack_scores(self, result, &packer, err));
done:
    return status;
}

static attrib_status take_modules(at_explained_writer *self,
                                  const attrib_result *result,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(
        at_array(result->n_modules, sizeof *self->modules, (void *)&self->modules, err));
    for (size_t m = 0; m < result->n_modules; m++) {
        self->modules[m] = result->modules[m].name;
    }
    self->n_modules = result->n_modules;
done:
    return status;
}

/* All documents are of the same modules, or have none. */
static attrib_status check_modules(at_explained_writer *self,
                                   const attrib_result *result,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (self->n_modules == 0 && result->n_modules > 0) {
        AT_TRY(take_modules(self, result, err));
    }
    for (size_t m = 0; m < result->n_modules; m++) {
        AT_CHECK(result->n_modules == self->n_modules &&
                     strcmp(result->modules[m].name, self->modules[m]) == 0,
                 ATTRIB_EINVAL,
                 "document \"%.80s\": explained by other modules than those before it",
                 result->document.id);
    }
done:
    return status;
}

attrib_status at_explained_writer_add(at_explained_writer *writer,
                                      const attrib_result *result,
                                      at_extract *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_sbuffer *packed = &writer->packed;
    AT_TRY(check_modules(writer, result, err));
    AT_TRY(pack_result(writer, result, err));
    AT_TRY(at_output_write(&writer->output, packed->data, packed->size, err));
    *out = (at_extract){.start = writer->n_bytes, .n_bytes = packed->size};
    at_digest_bytes(packed->data, packed->size, out->digest);
    writer->n_bytes += packed->size;
done:
    return status;
}

attrib_status at_explained_writer_commit(at_explained_writer *writer, attrib_error *err)
{
    return at_output_commit(&writer->output, err);
}

void at_explained_writer_free(at_explained_writer *writer)
{
    at_output_discard(&writer->output);
    msgpack_sbuffer_destroy(&writer->packed);
    at_buffer_free(&writer->numbers);
    free(writer->pieces);
    free(writer->slots);
    free(writer->modules);
    *writer = (at_explained_writer){0};
}
