/* SPDX-License-Identifier: MIT */
/* A large index out of a small one, so that questions to it can be timed without a pass
 * over its corpus.
 *
 *     repeat_index TOKENIZER INDEX STORE OUT
 *
 * OUT is an index of the documents of a token store (attrib ingest), in their order: each
 * has the tokens' digest of its own, and in turn a record and a self-influence of INDEX.
 * It is scanned as an index that was built, but its estimates are of other documents.
 * TOKENIZER is the model, or what holds its tokenizer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "index/digest.h"
#include "index/index.h"

typedef struct repeating {
    attrib_index *from, *out;
    attrib_corpus *corpus;
    at_piece_map *pieces; /* [from->n_parts] all mapped */
    size_t n_from;        /* documents in them */
    unsigned char *digests;
    float *self;
    uint8_t *records; /* [AT_PIECE_DOCUMENTS, record_bytes] */
    at_lock lock;
} repeating;

static attrib_status open_from(repeating *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(attrib_index_open(folder, &self->from, err));
    AT_TRY(at_array(self->from->n_parts, sizeof *self->pieces, &self->pieces, err));
    for (size_t i = 0; i < self->from->n_parts; i++) {
        AT_TRY(at_piece_open(self->from, i, true, &self->pieces[i], err));
        self->n_from += self->pieces[i].content.n;
    }
done:
    return status;
}

static attrib_status open_store(repeating *self,
                                const char *tokenizer_path,
                                const char *store,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    AT_TRY(attrib_tokenizer_open(tokenizer_path, &tokenizer, err));
    AT_TRY(attrib_corpus_open(NULL, &(attrib_paths){&store, 1}, tokenizer, NULL,
                              &self->corpus, err));
done:
    attrib_tokenizer_close(tokenizer);
    return status;
}

/* An index of the same model, factors and options, whose corpus is the store. */
static attrib_status open_out(repeating *self,
                              const char *folder,
                              const char *const *store,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_corpus_summarize(self->corpus)->n_documents;
    at_index_state state = AT_INDEX_NEW;
    attrib_index *out = NULL;
    AT_TRY(at_index_new(folder, &self->out, err));
    out = self->out;
    out->info = self->from->info;
    out->info.corpus_paths = (attrib_paths){store, 1};
    out->info.n_readings = 0;
    out->shape = self->from->shape; /* lent */
    memcpy(out->hash, self->from->hash, sizeof out->hash);
    memcpy(out->scales, self->from->scales, sizeof out->scales);
    out->n_parts = (n + AT_PIECE_DOCUMENTS - 1) / AT_PIECE_DOCUMENTS;
    AT_TRY(at_array(out->n_parts, sizeof *out->parts, &out->parts, err));
    AT_TRY(at_index_begin(out, &self->lock, &state, err));
    AT_CHECK(state == AT_INDEX_NEW, ATTRIB_EIO, "%s: is there already", folder);
    AT_TRY(at_array(AT_PIECE_DOCUMENTS, AT_DIGEST_BYTES, &self->digests, err));
    AT_TRY(at_array(AT_PIECE_DOCUMENTS, sizeof *self->self, &self->self, err));
    AT_TRY(at_array(AT_PIECE_DOCUMENTS, out->shape.record_bytes, &self->records, err));
done:
    return status;
}

/* Copy record k of INDEX into place d of the piece. */
static void copy_record(const repeating *self, size_t k, size_t d)
{
    size_t n = self->out->shape.record_bytes;
    const at_piece_map *piece = self->pieces;
    while (k >= piece->content.n) {
        k -= piece->content.n;
        piece++;
    }
    self->self[d] = piece->content.self[k];
    memcpy(self->records + d * n, piece->content.records + k * n, n);
}

static attrib_status fill(const repeating *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = attrib_corpus_summarize(self->corpus)->n_documents;
    for (size_t p = 0; p < self->out->n_parts; p++) {
        size_t first = p * AT_PIECE_DOCUMENTS;
        size_t n = at_smaller(AT_PIECE_DOCUMENTS, n_documents - first);
        AT_TRY(at_document_digests(self->corpus, first, n, self->digests, err));
        for (size_t d = 0; d < n; d++) {
            copy_record(self, (first + d) % self->n_from, d);
        }
        AT_TRY(at_piece_write(
            self->out, p,
            &(at_piece_content){n, self->digests, self->self, self->records}, err));
    }
    AT_TRY(at_index_finish(self->out, err));
done:
    return status;
}

static void close_all(repeating *self)
{
    if (self->out) {
        self->out->shape = (at_index_shape){0};
    }
    for (size_t i = 0; self->pieces && i < self->from->n_parts; i++) {
        at_piece_close(&self->pieces[i]);
    }
    attrib_index_close(self->out);
    attrib_index_close(self->from);
    attrib_corpus_close(self->corpus);
    at_lock_release(&self->lock);
    free(self->pieces);
    free(self->digests);
    free(self->self);
    free(self->records);
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_status status = ATTRIB_OK;
    repeating self = {0};
    if (argc != 5) {
        fputs("usage: repeat_index TOKENIZER INDEX STORE OUT\n", stderr);
        return 2;
    }
    const char *store = argv[3];
    AT_TRY(open_from(&self, argv[2], &err));
    AT_TRY(open_store(&self, argv[1], store, &err));
    AT_TRY(open_out(&self, argv[4], &store, &err));
    AT_TRY(fill(&self, &err));
done:
    close_all(&self);
    if (status != ATTRIB_OK) {
        fprintf(stderr, "repeat_index: %s\n", err.message);
        return 1;
    }
    return 0;
}
