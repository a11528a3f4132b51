/* SPDX-License-Identifier: MIT */
/* The documents of a run read again from where they stood. */
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

/* What is known of the documents that are read again. */
typedef struct wanted {
    at_arena *bank; /* names of sources and members */
    at_place *places;
    attrib_original_fn fn;
    void *context;
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
    return self->fn(self->context, place->i, bytes, n_bytes, why, err);
}

attrib_status attrib_run_originals(attrib_session *session,
                                   attrib_run *run,
                                   const size_t *documents,
                                   size_t n,
                                   attrib_original_fn fn,
                                   void *context,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    wanted self = {.fn = fn, .context = context};
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

/* The text of one document. */
typedef struct text {
    const attrib_run *run;
    attrib_document document;
    at_buffer bytes;
} text;

static attrib_status take_text(void *context,
                               size_t i,
                               const char *bytes,
                               size_t n_bytes,
                               const attrib_error *why,
                               attrib_error *err)
{
    text *self = context;
    const at_place place = {.source = self->document.source,
                            .member = self->document.member,
                            .line = self->document.line};
    (void)i;
    return why ? at_fail(err, why->status, "%s", why->message)
               : at_original_text(&self->run->fields, &place, self->document.id, bytes,
                                  n_bytes, &self->bytes, err);
}

attrib_status attrib_run_text(
    attrib_run *run, size_t i, char **out, size_t *n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    text self = {.run = run};
    AT_TRY(attrib_run_document(run, i, &self.document, err));
    AT_TRY(attrib_run_originals(NULL, run, &i, 1, take_text, &self, err));
    AT_TRY(at_buffer_append(&self.bytes, "", 0, err));
    *out = self.bytes.bytes;
    *n_bytes = self.bytes.n_bytes;
    self.bytes = (at_buffer){0};
done:
    at_buffer_free(&self.bytes);
    return status;
}
