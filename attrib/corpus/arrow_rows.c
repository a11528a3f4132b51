/* SPDX-License-Identifier: MIT */
/* Rows of Arrow, batch by batch. */
#include "corpus/arrow_rows.h"

#include "format/arrow.h"

/* A window as a source of Arrow's messages. */
static attrib_status show(
    void *context, size_t n, const uint8_t **bytes, size_t *n_there, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_window *w = context;
    while (at_window_size(w) < n && !w->is_at_end) {
        AT_TRY(at_window_fill(w, err));
    }
    *bytes = (const uint8_t *)at_window_bytes(w);
    *n_there = at_smaller(n, at_window_size(w));
done:
    return status;
}

static void drop(void *context, size_t n)
{
    at_window_drop(context, n);
}

static attrib_status put_row(const at_column *table,
                             size_t i,
                             at_sink sink,
                             const char *name,
                             at_buffer *row,
                             at_passage *passage,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    at_buffer_clear(row);
    status = at_columns_append_row(name, table, i, row, &why);
    if (status == ATTRIB_ENOMEM) {
        return at_fail(err, status, "%s", why.message);
    }
    passage->bytes = status == ATTRIB_OK ? row->bytes : NULL;
    passage->n_bytes = status == ATTRIB_OK ? row->n_bytes : 0;
    return status == ATTRIB_OK ? sink.put(sink.context, passage, err)
                               : at_put_bad(sink, passage, &why, err);
}

attrib_status at_read_arrow(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    at_buffer row = {0};
    at_buffer name = {0};
    at_passage passage = {.is_given = true}; /* a row is in pieces, so it has no span */
    const at_arrow_source source = {w, show, drop};
    const at_column_filter filter = {sink.context, sink.reads, sink.limit};
    AT_TRY(at_arrow_open(source, w->name, &filter, &arrow, err));
    while ((status = at_arrow_next(arrow, &table, err)) == ATTRIB_OK) {
        for (size_t i = 0; i < table->n; i++) {
            passage.line++;
            at_buffer_clear(&name);
            AT_TRY(at_buffer_print(&name, err, "%s:%zu", w->name, passage.line));
            AT_TRY(put_row(table, i, sink, name.bytes, &row, &passage, err));
        }
    }
    status = status == ATTRIB_END ? ATTRIB_OK : status;
done:
    at_arrow_close(arrow);
    at_buffer_free(&row);
    at_buffer_free(&name);
    return status;
}
