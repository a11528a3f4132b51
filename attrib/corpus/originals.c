/* SPDX-License-Identifier: MIT */
/* Documents read again.
 *
 * What is a text or a row of JSON is the bytes of its span, found by seeking where the
 * file is plain, and by passing through it where it is compressed or in an archive. Rows
 * of other tables are made again by who reads these. A name without an extension may be
 * either: where the bytes of its spans have another hash, it is read as a table.
 *
 * 1. What cannot be handed on   2. Tables   3. Sources */
#include "corpus/originals.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/columns.h"
#include "corpus/given.h"
#include "corpus/original_spans.h"
#include "corpus/shape.h"

static int compare_texts(const char *a, const char *b)
{
    return !a || !b ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* By source and member, then as they stand; a span comes before those within it. */
static int compare_places(const void *a, const void *b)
{
    const at_place *x = a;
    const at_place *y = b;
    int order = compare_texts(x->source, y->source);
    order = order ? order : compare_texts(x->member, y->member);
    order = order ? order : compare_sizes(x->span_start, y->span_start);
    order = order ? order : compare_sizes(y->span_end, x->span_end);
    order = order ? order : compare_sizes(x->line, y->line);
    return order ? order : compare_sizes(x->i, y->i);
}

/* 1. What cannot be handed on */

static attrib_status put_nothing(at_source_reading *self,
                                 at_place *place,
                                 const attrib_error *why,
                                 attrib_error *err)
{
    place->is_done = true;
    self->n_left--;
    return self->sink.put(self->sink.context, place, NULL, 0, why, err);
}

static attrib_status put_changed(at_source_reading *self,
                                 at_place *place,
                                 attrib_error *err)
{
    attrib_error why = {0};
    char line[32] = "";
    if (place->line) {
        snprintf(line, sizeof line, ":%zu", place->line);
    }
    (void)at_fail(&why, ATTRIB_EFORMAT, "%s%s%s%s: changed since it was scored",
                  place->source, place->member ? ":" : "",
                  place->member ? place->member : "", line);
    return put_nothing(self, place, &why, err);
}

/* Hand on all places that are left. */
static attrib_status put_rest(at_source_reading *self,
                              const attrib_error *why,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n; i++) {
        if (!self->places[i].is_done) {
            AT_TRY(why ? put_nothing(self, &self->places[i], why, err)
                       : put_changed(self, &self->places[i], err));
        }
    }
done:
    return status;
}

/* 2. Tables */

/* The places of a table whose rows come by. */
typedef struct rows {
    at_source_reading *self;
    at_place *places; /* [n] sorted */
    size_t n, next;
} rows;

/* Hand on the places of a row, which come in the order of rows; several documents may be
 * made of one. */
static attrib_status put_row(void *context, const at_passage *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    rows *r = context;
    while (r->next < r->n && r->places[r->next].line < row->line) {
        r->next++;
    }
    for (; r->next < r->n && r->places[r->next].line == row->line; r->next++) {
        at_place *place = &r->places[r->next];
        if (!place->is_done && at_place_holds(place, row->bytes, row->n_bytes)) {
            AT_TRY(at_reading_put(r->self, place, row->bytes, row->n_bytes, err));
        }
    }
    status = r->next < r->n ? ATTRIB_OK : ATTRIB_END;
done:
    return status;
}

static attrib_status pass_by(void *context,
                             const at_passage *row,
                             const attrib_error *why,
                             attrib_error *err)
{
    (void)context;
    (void)row;
    (void)why;
    (void)err;
    return ATTRIB_OK;
}

static bool reads_field(void *context, const char *path, bool is_binary)
{
    const rows *r = context;
    return at_rules_read(&r->self->rules, path, is_binary);
}

static at_sink sink_of(rows *r)
{
    return (at_sink){
        .context = r, .put = put_row, .put_bad = pass_by, .reads = reads_field};
}

/* A file that is no longer what it was may not be readable as its kind any more: then its
 * places have changed. */
static attrib_status read_rows(at_source_reading *self,
                               at_bytes bytes,
                               at_kind kind,
                               at_place *places,
                               size_t n,
                               attrib_error *err)
{
    attrib_error why = {0};
    rows r = {.self = self, .places = places, .n = n};
    size_t binary = 0;
    at_sink sink = sink_of(&r);
    attrib_status status =
        at_read_documents(bytes, kind, places->source, NULL, sink, &binary, &why);
    bool is_over = self->refused != ATTRIB_OK || status == ATTRIB_ECANCELED ||
                   status == ATTRIB_ENOMEM;
    return is_over ? at_fail(err, status, "%s", why.message) : ATTRIB_OK;
}

/* 3. Sources */

/* Whether rows are made of what a file holds, or may be. */
static bool is_table(at_kind kind, bool or_may_be)
{
    switch (kind) {
    case AT_KIND_COMMAS:
    case AT_KIND_TABS:
    case AT_KIND_ARROW:
    case AT_KIND_WARC:
    case AT_KIND_PARQUET:
        return true;
    case AT_KIND_PLAIN:
    case AT_KIND_UNKNOWN:
        return or_may_be;
    default:
        return false;
    }
}

/* Read the places of one file or member. */
static attrib_status read_bytes(at_source_reading *self,
                                at_bytes bytes,
                                at_kind kind,
                                at_place *places,
                                size_t n,
                                attrib_error *err)
{
    if (self->takes_tables) {
        return is_table(kind, true) ? read_rows(self, bytes, kind, places, n, err)
                                    : ATTRIB_OK;
    }
    return is_table(kind, false) ? ATTRIB_OK
                                 : at_reading_pass(self, bytes, places, n, err);
}

/* The places of a member, which are one after the other; *n is 0 where there are none. */
static at_place *find_member(const at_source_reading *self, const char *name, size_t *n)
{
    size_t first = 0;
    size_t end = self->n;
    while (first < end) { /* members before `first` come before it, none from `end` on */
        size_t middle = first + (end - first) / 2;
        if (compare_texts(self->places[middle].member, name) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    *n = 0;
    while (first + *n < self->n &&
           compare_texts(self->places[first + *n].member, name) == 0) {
        ++*n;
    }
    return self->places + first;
}

static attrib_status read_member(at_source_reading *self,
                                 at_archive *archive,
                                 const at_member *member,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *inner = NULL;
    bool is_compressed = false;
    size_t n = 0;
    at_kind kind = at_kind_of_name(member->name, &is_compressed);
    at_place *places = find_member(self, member->name, &n);
    at_bytes bytes = at_archive_bytes(archive);
    if (n == 0 || !member->is_file || member->is_encrypted) {
        return ATTRIB_OK;
    }
    if (is_compressed) {
        AT_TRY(at_archive_open_bytes(bytes, member->name, &inner, err));
        AT_TRY(at_archive_single(inner, &bytes, err));
    }
    AT_TRY(read_bytes(self, bytes, kind, places, n, err));
done:
    at_archive_close(inner);
    return status;
}

static attrib_status read_archive(at_source_reading *self,
                                  at_archive *archive,
                                  at_kind kind,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_member member = {0};
    at_bytes bytes = {0};
    if (!at_archive_has_members(archive)) {
        AT_TRY(at_archive_single(archive, &bytes, err));
        return read_bytes(self, bytes, kind, self->places, self->n, err);
    }
    while (self->n_left > 0) {
        AT_TRY(at_poll_cancel(self->session, err));
        status = at_archive_next(archive, &member, err);
        if (status == ATTRIB_END) {
            return ATTRIB_OK;
        }
        AT_TRY(status);
        AT_TRY(read_member(self, archive, &member, err));
    }
done:
    return status;
}

/* Pass through a source once. */
static attrib_status pass_source(at_source_reading *self,
                                 const char *path,
                                 at_kind kind,
                                 bool is_compressed,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *archive = NULL;
    if (self->takes_tables && kind == AT_KIND_PARQUET && !is_compressed) {
        rows r = {.self = self, .places = self->places, .n = self->n};
        status = at_read_parquet(path, path, sink_of(&r), err);
        return status == ATTRIB_END ? ATTRIB_OK : status;
    }
    AT_TRY(at_archive_open(NULL, path, path, AT_ARCHIVE_ANY, &archive, err));
    AT_TRY(read_archive(self, archive, kind, err));
done:
    at_archive_close(archive);
    return status;
}

/* Whether a document was read from standard input, or from memory, whose rows have no
 * span. */
static bool is_stream(const at_place *place)
{
    return strcmp(place->source, "-") == 0 ||
           (strcmp(place->source, AT_GIVEN_ROWS) == 0 && place->span_end == 0);
}

/* What is not found in one way may be found in the next, which costs more. */
static attrib_status search_source(at_source_reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *path = self->places->source;
    bool is_compressed = false;
    at_kind kind = at_kind_of_name(path, &is_compressed);
    if (!self->places->member && !is_compressed && !is_table(kind, false)) {
        AT_TRY(at_reading_seek(self, path, err));
    }
    for (int i = 0; i < 2 && self->n_left > 0; i++) {
        self->takes_tables = i == 1;
        AT_TRY(pass_source(self, path, kind, is_compressed, err));
    }
done:
    return status;
}

/* Read the places of one source; what goes wrong with it goes to its places. What could
 * not be read is not known to have changed. */
static attrib_status read_source(at_source_reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    self->unread = (attrib_error){0};
    const char *path = self->places->source;
    bool is_compressed = false;
    if (is_stream(self->places)) {
        (void)at_fail(&why, ATTRIB_ENOTSUP,
                      "%s: read from %s, which cannot be read again", path,
                      *path == '-' ? "standard input" : "memory");
    } else if (at_kind_of_name(path, &is_compressed) == AT_KIND_TOKENS) {
        (void)at_fail(&why, ATTRIB_ENOTSUP, "%s: tokens, which have no text", path);
    } else if (!at_is_file(path)) {
        (void)at_fail(&why, ATTRIB_EIO, "%s: no such file", path);
    } else {
        status = search_source(self, &why);
    }
    if (self->refused != ATTRIB_OK || status == ATTRIB_ECANCELED ||
        status == ATTRIB_ENOMEM) {
        return at_fail(err, status, "%s", why.message);
    }
    if (why.status == ATTRIB_OK) {
        why = self->unread;
    }
    return put_rest(self, why.status == ATTRIB_OK ? NULL : &why, err);
}

attrib_status at_originals_read(attrib_session *session,
                                const at_fields *fields,
                                at_place *places,
                                size_t n,
                                at_original_sink sink,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_source_reading self = {
        .session = session, .rules = at_rules_of_fields(fields), .sink = sink};
    qsort(places, n, sizeof *places, compare_places);
    for (size_t first = 0; first < n; first += self.n) {
        self.places = places + first;
        self.n = 1;
        while (first + self.n < n &&
               strcmp(places[first].source, places[first + self.n].source) == 0) {
            self.n++;
        }
        self.n_left = self.n;
        AT_TRY(read_source(&self, err));
    }
done:
    at_buffer_free(&self.bytes);
    return status;
}
