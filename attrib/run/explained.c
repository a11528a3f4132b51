/* SPDX-License-Identifier: MIT */
/* Read what reported documents are made of, one answer at a time, or one document. A run
 * holds thousands of answers with 50 documents of 512 tokens, which together take more
 * memory than all that is done with them. The file (explained_write.c says what stands in
 * it) may come from anywhere.
 *
 * 1. Opening.
 * 2. What a document is made of.
 * 3. The public calls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"

/* 1. Opening */

attrib_status at_explained_open(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explained *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    run->explained = made;
    AT_TRY(at_array(run->info.n_answers, sizeof *made->answers, &made->answers, err));
    AT_TRY(at_arena_new(&made->bank, err));
    AT_TRY(at_join_path(run->info.folder, AT_RUN_EXPLAINED, &made->path, err));
    AT_TRY(at_map_open(made->path, &made->map, err));
done:
    return status;
}

void at_explained_close(at_explained *explained)
{
    if (!explained) {
        return;
    }
    at_map_close(&explained->map);
    at_arena_free(explained->bank);
    free(explained->answers);
    free(explained->path);
    free(explained);
}

/* Forget what is in memory. */
static void unload(at_explained *self)
{
    at_explained_answer *answer = &self->answers[self->i_answer];
    for (size_t i = 0; i < answer->n; i++) {
        attrib_result *result = &answer->results[i];
        result->document.text = NULL;
        result->tokens = NULL;
        result->modules = NULL;
        result->n_tokens = result->n_modules = 0;
    }
    at_arena_reset(self->bank, 0);
    at_map_forget(&self->map);
}

/* 2. What a document is made of */

/* A document that is being read. */
typedef struct reading {
    at_explained *explained;
    const msgpack_object *map;
    attrib_result *result;
} reading;

static attrib_status fail(const reading *self, const char *what, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: document \"%.80s\": %s",
                   self->explained->path, self->result->document.id, what);
}

/* Find the n elements of an array. */
static attrib_status find_array(const reading *self,
                                const char *key,
                                size_t element_bytes,
                                size_t n,
                                const char **out,
                                attrib_error *err)
{
    const msgpack_object *member = at_record_find(self->map, key);
    if (!member || member->type != MSGPACK_OBJECT_BIN ||
        member->via.bin.size % element_bytes != 0 ||
        member->via.bin.size / element_bytes != n) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: document \"%.80s\": %s are not those of %zu",
                       self->explained->path, self->result->document.id, key, n);
    }
    *out = member->via.bin.ptr;
    return ATTRIB_OK;
}

static attrib_status read_number(const reading *self,
                                 const char *bytes,
                                 double *out,
                                 attrib_error *err)
{
    memcpy(out, bytes, sizeof *out);
    return isfinite(*out) ? ATTRIB_OK
                          : at_fail(err, ATTRIB_ENUMERIC,
                                    "%s: document \"%.80s\": a share is not finite",
                                    self->explained->path, self->result->document.id);
}

static attrib_status read_text(const reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document *document = &self->result->document;
    const msgpack_object *text = at_record_find(self->map, "text");
    const char *bytes = NULL;
    if (text && text->type == MSGPACK_OBJECT_NIL) {
        return document->rejected_token ? fail(self, "two sides without a text", err)
                                        : ATTRIB_OK;
    }
    AT_TRY(find_array(self, "text", 1, document->n_text_bytes, &bytes, err));
    AT_TRY(at_arena_text(self->explained->bank, document->n_text_bytes ? bytes : "",
                         document->n_text_bytes, &document->text, err));
done:
    return status;
}

/* Whether an array is there, with nothing in it. */
static bool is_empty(const reading *self, const char *key)
{
    const msgpack_object *member = at_record_find(self->map, key);
    return member && member->type == MSGPACK_OBJECT_BIN && member->via.bin.size == 0;
}

/* Shares of all tokens, or of none. */
static attrib_status read_tokens(const reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explained *explained = self->explained;
    bool has_none = is_empty(self, "pieces") && is_empty(self, "tokens") &&
                    self->result->document.rejected_token == 0;
    size_t n = has_none ? 0 : self->result->document.n_tokens;
    const char *pieces = NULL;
    const char *shares = NULL;
    attrib_token_score *tokens = NULL;
    AT_TRY(find_array(self, "pieces", sizeof(uint32_t), n, &pieces, err));
    AT_TRY(find_array(self, "tokens", sizeof(double), n, &shares, err));
    AT_TRY(at_arena_take(explained->bank, n, sizeof *tokens, &tokens, err));
    for (size_t t = 0; t < n; t++) {
        uint32_t i = 0;
        memcpy(&i, pieces + t * sizeof i, sizeof i);
        if (i >= explained->n_pieces) {
            return fail(self, "a token that is not in the list of pieces", err);
        }
        tokens[t] = explained->pieces[i];
        AT_TRY(read_number(self, shares + t * sizeof(double), &tokens[t].score, err));
    }
    self->result->tokens = tokens;
    self->result->n_tokens = n;
done:
    return status;
}

/* Shares of all modules, or of none. */
static attrib_status read_modules(const reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explained *explained = self->explained;
    size_t n = is_empty(self, "modules") ? 0 : explained->n_modules;
    const char *shares = NULL;
    attrib_module_score *modules = NULL;
    AT_TRY(find_array(self, "modules", sizeof(double), n, &shares, err));
    AT_TRY(at_arena_take(explained->bank, n, sizeof *modules, &modules, err));
    for (size_t m = 0; m < n; m++) {
        modules[m].name = explained->modules[m];
        AT_TRY(read_number(self, shares + m * sizeof(double), &modules[m].score, err));
    }
    self->result->modules = modules;
    self->result->n_modules = n;
done:
    return status;
}

/* Read document i of an answer, whose bytes must be those that were written. */
static attrib_status read_document(at_explained *explained,
                                   size_t i_answer,
                                   size_t i,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explained_answer *answer = &explained->answers[i_answer];
    const at_extract *extract = &answer->extracts[i];
    const char *bytes = (const char *)explained->map.bytes + extract->start;
    unsigned char digest[AT_DIGEST_BYTES];
    reading self = {explained, NULL, &answer->results[i]};
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    at_digest_bytes(bytes, extract->n_bytes, digest);
    if (memcmp(digest, extract->digest, sizeof digest) != 0) {
        status = fail(&self, "its bytes do not have their hash (changed)", err);
        goto done;
    }
    AT_TRY(at_record_unpack(explained->path, bytes, extract->n_bytes, &unpacked, err));
    self.map = &unpacked.data;
    AT_TRY(read_text(&self, err));
    AT_TRY(read_tokens(&self, err));
    AT_TRY(read_modules(&self, err));
done:
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

/* 3. The public calls */

/* Read documents first .. first + n of an answer, and forget all others. */
static attrib_status load(
    attrib_run *run, size_t i_answer, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explained *self = run->explained;
    unload(self);
    self->i_answer = i_answer;
    for (size_t i = first; i < first + n; i++) {
        AT_TRY(read_document(self, i_answer, i, err));
    }
done:
    if (status != ATTRIB_OK) {
        unload(self);
    }
    return status;
}

attrib_status attrib_run_load(attrib_run *run, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(i < run->info.n_answers, ATTRIB_ERANGE, "answer %zu of %zu", i,
             run->info.n_answers);
    if (run->explained) {
        AT_TRY(load(run, i, 0, run->explained->answers[i].n, err));
    }
done:
    return status;
}

attrib_status attrib_run_load_result(attrib_run *run,
                                     size_t i,
                                     const attrib_result *result,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explained_answer *answer = NULL;
    AT_CHECK(i < run->info.n_answers, ATTRIB_ERANGE, "answer %zu of %zu", i,
             run->info.n_answers);
    if (!run->explained) {
        return ATTRIB_OK;
    }
    answer = &run->explained->answers[i];
    for (size_t k = 0; k < answer->n; k++) {
        if (&answer->results[k] == result) {
            return load(run, i, k, 1, err);
        }
    }
    status = at_fail(err, ATTRIB_EINVAL, "a document that answer %zu does not report", i);
done:
    return status;
}
