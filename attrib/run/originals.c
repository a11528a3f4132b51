/* SPDX-License-Identifier: MIT */
/* The documents of a run read again from where they stood. */
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

/* What is known of the documents that are read again. */
typedef struct wanted {
    at_arena *bank; /* names of sources and members */
    at_place *places;
    attrib_original_sink sink;
} wanted;

/* Keep a name, which is often that of the document before. */
static attrib_status keep_name(
    wanted *self, const char *name, const char *last, const char **out, attrib_error *err)
{
    if (name && last && strcmp(name, last) == 0) {
        *out = last;
        return ATTRIB_OK;
    }
    return at_arena_text(self->bank, name, name ? strlen(name) : 0, out, err);
}

static attrib_status find_place(
    wanted *self, attrib_run *run, size_t i, size_t document, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document d;
    at_place *place = &self->places[i];
    const at_place *last = i ? place - 1 : place;
    AT_TRY(attrib_run_document(run, document, &d, err));
    place->i = document;
    place->line = d.line;
    place->span_start = d.span_start;
    place->span_end = d.span_end;
    memcpy(place->hash, d.hash, sizeof place->hash);
    AT_TRY(keep_name(self, d.source, last->source, &place->source, err));
    AT_TRY(keep_name(self, d.member, last->member, &place->member, err));
done:
    return status;
}

static attrib_status hand_on(void *context,
                             const at_place *place,
                             const char *bytes,
                             size_t n_bytes,
                             const attrib_error *why,
                             attrib_error *err)
{
    const wanted *self = context;
    return self->sink.take(self->sink.context, place->i, bytes, n_bytes, why, err);
}

attrib_status attrib_run_originals(attrib_session *session,
                                   attrib_run *run,
                                   const size_t *documents,
                                   size_t n,
                                   attrib_original_sink sink,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    wanted self = {.sink = sink};
    AT_TRY(at_arena_new(&self.bank, err));
    AT_TRY(at_array(n, sizeof *self.places, &self.places, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(find_place(&self, run, i, documents[i], err));
    }
    AT_TRY(at_originals_read(session, &run->fields, self.places, n,
                             (at_original_sink){hand_on, &self}, err));
done:
    free(self.places);
    at_arena_free(self.bank);
    return status;
}

/* Documents whose texts are asked for. */
typedef struct texts {
    attrib_run *run;
    attrib_original_sink sink;
} texts;

static attrib_status hand_text_on(void *context,
                                  size_t i,
                                  const char *bytes,
                                  size_t n_bytes,
                                  const attrib_error *why,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const texts *self = context;
    attrib_document document;
    at_place place;
    attrib_error no_text = {0};
    at_buffer text = {0};
    bool is_there = false;
    if (why) {
        return self->sink.take(self->sink.context, i, NULL, 0, why, err);
    }
    AT_TRY(attrib_run_document(self->run, i, &document, err));
    place = (at_place){
        .source = document.source, .member = document.member, .line = document.line};
    is_there = at_original_text(&self->run->fields, &place, document.id, bytes, n_bytes,
                                &text, &no_text) == ATTRIB_OK;
    AT_TRY(self->sink.take(self->sink.context, i, is_there ? text.bytes : NULL,
                           text.n_bytes, is_there ? NULL : &no_text, err));
done:
    at_buffer_free(&text);
    return status;
}

/* A run in memory has its corpus, whose texts are there. */
static attrib_status hand_held_on(const texts *self,
                                  const size_t *documents,
                                  size_t n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        attrib_document d;
        attrib_error none = {0};
        AT_TRY(attrib_run_document(self->run, documents[i], &d, err)); /* checks it */
        attrib_corpus_document(self->run->corpus, documents[i], &d);
        (void)at_fail(&none, ATTRIB_ENOTSUP, "%s: tokens, which have no text", d.id);
        AT_TRY(self->sink.take(self->sink.context, documents[i], d.text, d.n_text_bytes,
                               d.text ? NULL : &none, err));
    }
done:
    return status;
}

attrib_status attrib_run_texts(attrib_session *session,
                               attrib_run *run,
                               const size_t *documents,
                               size_t n,
                               attrib_original_sink sink,
                               attrib_error *err)
{
    texts self = {run, sink};
    if (run->held) {
        return hand_held_on(&self, documents, n, err);
    }
    return attrib_run_originals(session, run, documents, n,
                                (attrib_original_sink){hand_text_on, &self}, err);
}

static attrib_status keep_text(void *context,
                               size_t i,
                               const char *bytes,
                               size_t n_bytes,
                               const attrib_error *why,
                               attrib_error *err)
{
    (void)i;
    return why ? at_fail(err, why->status, "%s", why->message)
               : at_buffer_append(context, bytes, n_bytes, err);
}

attrib_status attrib_run_text(
    attrib_run *run, size_t i, char **out, size_t *n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(attrib_run_texts(NULL, run, &i, 1, (attrib_original_sink){keep_text, &text},
                            err));
    *out = text.bytes;
    *n_bytes = text.n_bytes;
    text = (at_buffer){0};
done:
    at_buffer_free(&text);
    return status;
}
