/* SPDX-License-Identifier: MIT */
/* The original rows of chosen documents, as JSON lines.
 *
 * Rows are read again source by source, so that an archive is passed through once, and
 * wait in a scratch file until they are written in the order that was asked for. */
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "corpus/spill.h"
#include "export/choice.h"
#include "export/write.h"
#include "format/json.h"

/* A chosen document, and where its row waits. */
typedef struct chosen {
    size_t document, place; /* place: among the chosen, best first */
    size_t offset, n_bytes;
    bool is_twin; /* another document of the same row stands before it */
} chosen;

typedef struct reading {
    attrib_run *run;
    chosen *items; /* [n] by document */
    size_t n;
    at_spill spill;
    at_buffer line;
} reading;

/* 1. Choosing rows */

static int compare_documents(const void *a, const void *b)
{
    const chosen *x = a;
    const chosen *y = b;
    return (x->document > y->document) - (x->document < y->document);
}

static int compare_places(const void *a, const void *b)
{
    const chosen *x = a;
    const chosen *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* What a document is known to share with others of its row, which follow one another. */
typedef struct row_key {
    size_t line, span_start, span_end;
    char hash[sizeof((attrib_document *)NULL)->hash];
} row_key;

static row_key key_of(const attrib_document *document)
{
    row_key key = {document->line, document->span_start, document->span_end, {0}};
    memcpy(key.hash, document->hash, sizeof key.hash);
    return key;
}

static bool is_same_row(const row_key *a, const row_key *b)
{
    return a->line == b->line && a->span_start == b->span_start &&
           a->span_end == b->span_end && strcmp(a->hash, b->hash) == 0;
}

/* Mark the documents whose row another one before them stands for, which takes the better
 * of their places. */
static attrib_status find_twins(reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    row_key last = {0};
    chosen *first = NULL;
    for (size_t i = 0; i < self->n; i++) {
        attrib_document document;
        AT_TRY(attrib_run_document(self->run, self->items[i].document, &document, err));
        row_key key = key_of(&document);
        if (first && is_same_row(&key, &last)) {
            self->items[i].is_twin = true;
            first->place = at_smaller(first->place, self->items[i].place);
        } else {
            first = &self->items[i];
            last = key;
        }
    }
done:
    return status;
}

/* 2. Reading rows */

/* A row of JSON on one line. Newlines of JSON stand between its words alone. */
static attrib_status append_row(at_buffer *out,
                                const char *bytes,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t start = out->n_bytes;
    AT_TRY(at_buffer_append(out, bytes, n, err));
    for (size_t i = start; i < out->n_bytes; i++) {
        if (out->bytes[i] == '\n' || out->bytes[i] == '\r') {
            out->bytes[i] = ' ';
        }
    }
done:
    return status;
}

static bool is_json_object(const char *bytes, size_t n)
{
    json_t *parsed = NULL;
    bool is_object = at_json_parse("row", bytes, n, &parsed, NULL) == ATTRIB_OK &&
                     json_is_object(parsed);
    json_decref(parsed);
    return is_object;
}

/* A text as a row. */
static attrib_status append_text(
    at_buffer *out, const char *id, const char *bytes, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "{\"id\": "));
    AT_TRY(at_json_append_text(out, id, strlen(id), err));
    AT_TRY(at_buffer_print(out, err, ", \"text\": "));
    AT_TRY(at_json_append_text(out, bytes, n, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status make_line(
    reading *self, size_t document, const char *bytes, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer_clear(&self->line);
    if (is_json_object(bytes, n)) {
        AT_TRY(append_row(&self->line, bytes, n, err));
    } else {
        attrib_document known;
        AT_TRY(attrib_run_document(self->run, document, &known, err));
        AT_TRY(append_text(&self->line, known.id, bytes, n, err));
    }
    AT_TRY(at_buffer_append(&self->line, "\n", 1, err));
done:
    return status;
}

/* Keep a row until all are there. One that cannot be had ends the export. */
static attrib_status take_row(void *context,
                              size_t document,
                              const char *bytes,
                              size_t n_bytes,
                              const attrib_error *why,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading *self = context;
    const chosen key = {.document = document};
    chosen *item =
        bsearch(&key, self->items, self->n, sizeof *self->items, compare_documents);
    if (why) {
        return at_fail(err, why->status, "%s", why->message);
    }
    AT_TRY(make_line(self, document, bytes, n_bytes, err));
    item->offset = self->spill.n_bytes;
    item->n_bytes = self->line.n_bytes;
    AT_TRY(at_spill_append(&self->spill, self->line.bytes, self->line.n_bytes, err));
done:
    return status;
}

static attrib_status read_rows(attrib_session *session, reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *documents = NULL;
    size_t n = 0;
    AT_TRY(find_twins(self, err));
    AT_TRY(at_array(self->n, sizeof *documents, &documents, err));
    for (size_t i = 0; i < self->n; i++) {
        if (!self->items[i].is_twin) {
            documents[n++] = self->items[i].document;
        }
    }
    AT_TRY(attrib_run_originals(session, self->run, documents, n,
                                (attrib_original_sink){take_row, self}, err));
    AT_TRY(at_spill_map(&self->spill, err));
done:
    free(documents);
    return status;
}

/* 3. Writing rows */

static attrib_status write_rows(reading *self, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    for (size_t i = 0; i < self->n; i++) {
        const chosen *item = &self->items[i];
        if (item->n_bytes) {
            AT_TRY(at_output_write(&output,
                                   (const char *)self->spill.mapping + item->offset,
                                   item->n_bytes, err));
        }
    }
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    return status;
}

/* Note the chosen documents, sorted by their places in the corpus. */
static attrib_status note_chosen(reading *self,
                                 const size_t *documents,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n, sizeof *self->items, &self->items, err));
    for (size_t i = 0; i < self->n; i++) {
        self->items[i] = (chosen){.document = documents[i], .place = i};
    }
    qsort(self->items, self->n, sizeof *self->items, compare_documents);
done:
    return status;
}

attrib_status attrib_export_originals(attrib_session *session,
                                      attrib_run *run,
                                      const attrib_choice_options *options,
                                      const char *path,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_choice_options known;
    reading self = {.run = run, .spill = {.descriptor = -1}};
    size_t *documents = NULL;
    attrib_choice_options_default(&known);
    AT_TRY(at_sized_take(options, "choice_options", &known, err));
    AT_TRY(at_choose_documents(run, &known, &documents, &self.n, err));
    AT_TRY(note_chosen(&self, documents, err));
    AT_TRY(at_spill_open(NULL, &self.spill, err));
    AT_TRY(read_rows(session, &self, err));
    if (!known.is_in_order) {
        qsort(self.items, self.n, sizeof *self.items, compare_places);
    }
    AT_TRY(write_rows(&self, path, err));
done:
    at_spill_close(&self.spill);
    at_buffer_free(&self.line);
    free(self.items);
    free(documents);
    return status;
}
