/* SPDX-License-Identifier: MIT */
/* Rows of Parquet files. */
#include "corpus/columns.h"

#include <stdio.h>

#include "base/file.h"
#include "corpus/spill.h"
#include "format/parquet.h"

#define FORGET ((size_t)64 << 20) /* bytes of rows until a mapping is given back */

/* What is read, and where it stands. */
typedef struct reading {
    const char *name;
    const at_map *map;
    at_sink sink;
    at_buffer row;  /* of JSON */
    size_t n_bytes; /* of rows since the mapping was given back */
    size_t i_row;   /* from 1 */
} reading;

/* A row that is not written as JSON is the row's fault, unless memory is short. */
static attrib_status put_row(reading *r, const at_column *table, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    char name[512];
    at_passage passage = {.line = r->i_row, .is_given = true};
    at_buffer_clear(&r->row);
    snprintf(name, sizeof name, "%.400s:%zu", r->name, r->i_row);
    status = at_columns_append_row(name, table, 0, &r->row, &why);
    if (status == ATTRIB_EFORMAT || status == ATTRIB_ERANGE) {
        return at_put_bad(r->sink, &passage, &why, err);
    }
    AT_CHECK(status == ATTRIB_OK, status, "%s", why.message);
    passage.bytes = r->row.bytes;
    passage.n_bytes = r->row.n_bytes;
    AT_TRY(r->sink.put(r->sink.context, &passage, err));
    r->n_bytes += r->row.n_bytes;
    if (r->n_bytes > FORGET) {
        at_map_forget(r->map);
        r->n_bytes = 0;
    }
done:
    return status;
}

static attrib_status read_map(const at_map *map,
                              const char *name,
                              at_sink sink,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_column_filter filter = {sink.context, sink.reads, sink.limit};
    reading r = {.name = name, .map = map, .sink = sink};
    at_parquet *file = NULL;
    const at_column *table = NULL;
    AT_TRY(at_parquet_open(name, map->bytes, map->n_bytes, &filter, &file, err));
    for (;;) {
        status = at_parquet_next(file, &table, err);
        if (status == ATTRIB_END) {
            status = ATTRIB_OK;
            break;
        }
        AT_TRY(status);
        r.i_row++;
        AT_TRY(put_row(&r, table, err));
    }
done:
    at_parquet_close(file);
    at_buffer_free(&r.row);
    return status;
}

attrib_status at_read_parquet(const char *path,
                              const char *name,
                              at_sink sink,
                              attrib_error *err)
{
    at_map map = {0};
    attrib_status status = at_map_open(path, &map, err);
    if (status == ATTRIB_OK) {
        status = read_map(&map, name, sink, err);
    }
    if (status == ATTRIB_OK) {
        status = at_map_check(&map, err);
    }
    at_map_close(&map);
    return status;
}

attrib_status at_read_parquet_stream(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_spill spill = {.descriptor = -1};
    at_map map = {0};
    AT_TRY(at_spill_open(sink.scratch_folder, &spill, err));
    while (at_window_size(w) > 0 || !w->is_at_end) {
        AT_TRY(at_spill_append(&spill, at_window_bytes(w), at_window_size(w), err));
        at_window_drop(w, at_window_size(w));
        AT_TRY(at_window_fill(w, err));
    }
    AT_TRY(at_spill_map(&spill, err));
    map = (at_map){
        .bytes = spill.mapping, .n_bytes = spill.n_bytes, .mapping = spill.mapping};
    AT_TRY(read_map(&map, w->name, sink, err));
done:
    at_spill_close(&spill);
    return status;
}
