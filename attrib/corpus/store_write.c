/* SPDX-License-Identifier: MIT */
/* A store as a file.
 *
 * 1. Arrays
 * 2. The record
 * 3. The file */
#include <stdlib.h>
#include <string.h>

#include "corpus/reading.h"
#include "corpus/store_file.h"
#include "format/pack.h"

/* 1. Arrays */

typedef struct section {
    uint64_t offset, n_bytes;
    char hash[AT_HASH_SIZE];
} section;

typedef struct writing {
    const attrib_corpus *corpus;
    const at_token_store_origin *origin;
    at_output *output;
    uint64_t n_written;
    section sections[AT_STORE_N_SPILLS];
} writing;

static attrib_status put(writing *self, const void *bytes, size_t n, attrib_error *err)
{
    self->n_written += n;
    return n ? at_output_write(self->output, bytes, n, err) : ATTRIB_OK;
}

static attrib_status pad(writing *self, attrib_error *err)
{
    static const char zeros[AT_STORE_PAGE];
    size_t n_over = (size_t)(self->n_written % AT_STORE_PAGE);
    return put(self, zeros, n_over ? AT_STORE_PAGE - n_over : 0, err);
}

/* Tags, which point into the strings, as places there. */
static attrib_status put_tags(writing *self, at_hash *hash, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tag *tags = self->corpus->spills[AT_STORE_TAGS].mapping;
    const char *strings = self->corpus->spills[AT_STORE_STRINGS].mapping;
    for (size_t i = 0; i < self->corpus->n_tags; i++) {
        const uint64_t places[2] = {(uint64_t)(tags[i].key - strings) + 1,
                                    (uint64_t)(tags[i].value - strings) + 1};
        at_hash_add(hash, places, sizeof places);
        AT_TRY(put(self, places, sizeof places, err));
    }
done:
    return status;
}

static attrib_status put_section(writing *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    section *of = &self->sections[i];
    const at_spill *spill = &self->corpus->spills[i];
    at_hash *hash = NULL;
    AT_TRY(pad(self, err));
    of->offset = self->n_written;
    AT_TRY(at_hash_new(&hash, err));
    if (i == AT_STORE_TAGS) {
        AT_TRY(put_tags(self, hash, err));
    } else if (spill->n_bytes) {
        at_hash_add(hash, spill->mapping, spill->n_bytes);
        AT_TRY(put(self, spill->mapping, spill->n_bytes, err));
    }
    of->n_bytes = self->n_written - of->offset;
    at_hash_digest(hash, of->hash);
done:
    at_hash_free(hash);
    return status;
}

/* 2. The record */

static attrib_status pack_counts(const writing *self,
                                 msgpack_packer *packer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *counts = (const char *)attrib_corpus_summarize(self->corpus);
    AT_TRY(at_pack_array_member(packer, "counts", at_token_store_n_counts, err));
    for (size_t i = 0; i < at_token_store_n_counts; i++) {
        size_t value = 0;
        memcpy(&value, counts + at_token_store_counts[i], sizeof value);
        AT_TRY(at_pack_size(packer, value, err));
    }
done:
    return status;
}

static attrib_status pack_sections(const writing *self,
                                   msgpack_packer *packer,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "arrays", AT_STORE_N_SPILLS, err));
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        const section *of = &self->sections[i];
        AT_TRY(at_pack_map(packer, 3, err));
        AT_TRY(at_pack_size_member(packer, "offset", of->offset, err));
        AT_TRY(at_pack_size_member(packer, "bytes", of->n_bytes, err));
        AT_TRY(at_pack_text_member(packer, "hash", of->hash, err));
    }
done:
    return status;
}

static attrib_status pack_sources(const writing *self,
                                  msgpack_packer *packer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_sources *sources = self->origin->sources;
    const attrib_paths *paths = self->origin->paths;
    AT_TRY(at_pack_array_member(packer, "paths", paths->n, err));
    for (size_t i = 0; i < paths->n; i++) {
        AT_TRY(at_pack_text(packer, paths->paths[i], strlen(paths->paths[i]), err));
    }
    AT_TRY(at_pack_array_member(packer, "sources", sources->n, err));
    for (size_t i = 0; i < sources->n; i++) {
        const at_source_file *file = &sources->files[i];
        AT_TRY(at_pack_map(packer, 5, err));
        AT_TRY(at_pack_text_member(packer, "path", file->path, err));
        AT_TRY(at_pack_size_member(packer, "bytes", file->size, err));
        AT_TRY(at_pack_size_member(packer, "seconds", file->seconds, err));
        AT_TRY(at_pack_size_member(packer, "nanoseconds", file->nanoseconds, err));
        AT_TRY(at_pack_text_member(packer, "hash", file->hash, err));
    }
done:
    return status;
}

static attrib_status pack_record(const writing *self,
                                 msgpack_packer *packer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_corpus *corpus = self->corpus;
    AT_TRY(at_pack_map(packer, 13, err));
    AT_TRY(at_pack_text_member(packer, "format", "attrib store", err));
    AT_TRY(at_pack_size_member(packer, "version", AT_STORE_VERSION, err));
    AT_TRY(at_pack_text_member(packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_text_member(packer, "corpus_hash", corpus->hash, err));
    AT_TRY(at_pack_text_member(packer, "corpus_date", corpus->date, err));
    AT_TRY(at_pack_text_member(packer, "corpus_selection",
                               attrib_corpus_selection(corpus), err));
    AT_TRY(at_pack_text_member(packer, "tokenizer_hash", self->origin->tokenizer, err));
    AT_TRY(at_pack_size_member(packer, "context", corpus->context, err));
    AT_TRY(pack_counts(self, packer, err));
    AT_TRY(at_reading_pack(self->origin->options, packer, err));
    AT_TRY(pack_sources(self, packer, err));
    AT_TRY(pack_sections(self, packer, err));
done:
    return status;
}

/* 3. The file */

static attrib_status put_record(writing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    at_buffer sealed = {0};
    uint64_t place[2];
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(pack_record(self, &packer, err));
    AT_TRY(at_record_seal(&bytes, &sealed, err));
    AT_TRY(pad(self, err));
    place[0] = self->n_written;
    place[1] = sealed.n_bytes;
    AT_TRY(put(self, sealed.bytes, sealed.n_bytes, err));
    AT_CHECK(fseeko(self->output->stream, AT_STORE_MAGIC_BYTES, SEEK_SET) == 0,
             ATTRIB_EIO, "%s: a store is written into a file that can be sought in",
             self->output->path);
    AT_TRY(at_output_write(self->output, place, sizeof place, err));
done:
    at_buffer_free(&sealed);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

attrib_status at_token_store_write(const attrib_corpus *corpus,
                                   const at_token_store_origin *origin,
                                   at_output *output,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writing self = {.corpus = corpus, .origin = origin, .output = output};
    AT_TRY(put(&self, AT_STORE_MAGIC, AT_STORE_MAGIC_BYTES, err));
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        AT_TRY(put_section(&self, i, err));
    }
    AT_TRY(put_record(&self, err));
    AT_TRY(at_output_commit(output, err));
done:
    return status;
}
