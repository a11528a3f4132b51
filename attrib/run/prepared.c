/* SPDX-License-Identifier: MIT */
/* What all shards of a run share (prepared.h). The record is the manifest that the run
 * will have, without an outcome, and
 *
 *     rows         [{hash, written, cut, ids, text}]  of the queries, as they were given
 *     query_names  [hash]  of the queries, as they are asked
 *
 * 1. The name of a run.
 * 2. What differs.
 * 3. Writing.
 * 4. Reading. */
#include "run/prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "format/record_options.h"

/* 1. The name of a run */

attrib_status at_run_name(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    at_buffer text = {0};
    char options[AT_HASH_SIZE];
    AT_TRY(
        attrib_options_hash(attrib_score_options_table(), &run->options, options, err));
    AT_TRY(at_buffer_print(&text, err,
                           "model %s factors %s options %s rank %zu first %zu tile %zu "
                           "modules %s queries %s",
                           info->model_hash, info->factors_hash, options,
                           info->query_rank, run->n_first, run->n_tile, run->modules_hash,
                           run->queries_hash));
    AT_TRY(at_checkpoints_name(info, &text, err));
    for (size_t i = 0; i < run->n_parts; i++) {
        const at_part *part = &run->parts[i];
        AT_TRY(at_buffer_print(&text, err, " corpus %s %zu-%zu/%zu rows %zu",
                               part->corpus_hash, part->first, part->end, part->n_corpus,
                               part->block_rows));
    }
    at_hash_bytes(text.bytes, text.n_bytes, run->identity);
done:
    at_buffer_free(&text);
    return status;
}

void at_queries_name(const at_query_name *queries, size_t n, char out[AT_HASH_SIZE])
{
    at_hash_bytes(queries, n * sizeof *queries, out);
}

/* 2. What differs */

/* Add a thing that differs to the list. */
static attrib_status add(
    at_buffer *out, bool differs, const char *prefix, const char *name, attrib_error *err)
{
    return differs ? at_buffer_print(out, err, "%s%s%s", out->n_bytes ? ", " : "", prefix,
                                     name)
                   : ATTRIB_OK;
}

static attrib_status compare_options(const attrib_run *a,
                                     const attrib_run *b,
                                     at_agreement how,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t of_kind = offsetof(attrib_score_options, token_kind);
    for (const attrib_option *o = attrib_score_options_table(); o->name; o++) {
        bool counts = o->is_identity || (how == AT_SAME_ANSWERS && o->is_answer) ||
                      (how == AT_SAME_QUESTION && o->offset == of_kind);
        bool differs = counts && !at_option_is_same(o, &a->options, &b->options);
        if (o->kind == ATTRIB_OPTION_STRUCTS) {
            AT_TRY(add(out, differs, "", "--strategy, --baseline or --damping", err));
        } else {
            AT_TRY(add(out, differs, "--", o->name, err));
        }
    }
done:
    return status;
}

static attrib_status compare_checkpoints(const attrib_run_info *a,
                                         const attrib_run_info *b,
                                         at_buffer *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer names[2] = {{0}, {0}};
    AT_TRY(at_buffer_append(&names[0], "", 0, err));
    AT_TRY(at_buffer_append(&names[1], "", 0, err));
    AT_TRY(at_checkpoints_name(a, &names[0], err));
    AT_TRY(at_checkpoints_name(b, &names[1], err));
    AT_TRY(add(out, strcmp(names[0].bytes, names[1].bytes) != 0, "",
               "checkpoints or their weights", err));
done:
    at_buffer_free(&names[0]);
    at_buffer_free(&names[1]);
    return status;
}

attrib_status at_run_compare(const attrib_run *a,
                             const attrib_run *b,
                             at_agreement how,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *x = &a->info;
    const attrib_run_info *y = &b->info;
    bool is_free = how == AT_SAME_QUESTION;
    bool is_other_model = strcmp(x->model_hash, y->model_hash) != 0;
    bool is_other_factors = strcmp(x->factors_hash, y->factors_hash) != 0;
    bool is_other_maps = strcmp(a->modules_hash, b->modules_hash) != 0;
    AT_TRY(add(out, !is_free && is_other_model, "", "model", err));
    AT_TRY(add(out, !is_free && is_other_factors, "", "factors", err));
    AT_TRY(add(out, !is_free && is_other_maps, "", "--modules or --index", err));
    AT_TRY(is_free ? ATTRIB_OK : compare_checkpoints(x, y, out, err));
    AT_TRY(compare_options(a, b, how, out, err));
done:
    return status;
}

/* 3. Writing */

static attrib_status pack_row(msgpack_packer *packer,
                              const at_prepared_row *row,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_map(packer, 5, err));
    AT_TRY(at_pack_text_member(packer, "hash", row->hash, err));
    AT_TRY(at_pack_size_member(packer, "written", row->is_written, err));
    AT_TRY(at_pack_size_member(packer, "cut", row->is_cut, err));
    AT_TRY(at_pack_bytes_member(packer, "ids", row->ids, row->n_ids * sizeof *row->ids,
                                err));
    AT_TRY(at_pack_text_member(packer, "text", row->text ? row->text : "", err));
done:
    return status;
}

attrib_status at_preparation_write(const char *folder,
                                   const at_preparation *preparation,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = preparation->run->info.n_queries;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, AT_MANIFEST_MEMBERS + 2, err));
    AT_TRY(at_run_pack(&packer, preparation->run, "attrib prepared run", err));
    AT_TRY(at_pack_array_member(&packer, "rows", preparation->n_rows, err));
    for (size_t i = 0; i < preparation->n_rows; i++) {
        AT_TRY(pack_row(&packer, &preparation->rows[i], err));
    }
    AT_TRY(at_pack_array_member(&packer, "query_names", n_queries, err));
    for (size_t q = 0; q < n_queries; q++) {
        AT_TRY(
            at_pack_text(&packer, preparation->queries[q].hash, AT_HASH_SIZE - 1, err));
    }
    AT_TRY(at_join_path(folder, AT_RUN_PREPARED, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* 4. Reading */

/* A member of a row of a type; EFORMAT where it is another. */
static attrib_status find(const at_record *record,
                          const msgpack_object *row,
                          const char *key,
                          msgpack_object_type type,
                          const msgpack_object **out,
                          attrib_error *err)
{
    *out = row->type == MSGPACK_OBJECT_MAP ? at_record_find(row, key) : NULL;
    if (!*out || (*out)->type != type) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: rows: \"%s\" is missing or another kind",
                       record->name, key);
    }
    return ATTRIB_OK;
}

static attrib_status take_ids(const at_record *record,
                              const msgpack_object *ids,
                              at_arena *bank,
                              at_prepared_row *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t *copy = NULL;
    size_t n_bytes = ids->via.bin.size;
    AT_CHECK(n_bytes % sizeof *copy == 0 && (n_bytes > 0) == out->is_written,
             ATTRIB_EFORMAT, "%s: rows: %zu bytes of ids", record->name, n_bytes);
    out->n_ids = n_bytes / sizeof *copy;
    AT_TRY(at_arena_take(bank, out->n_ids, sizeof *copy, &copy, err));
    if (n_bytes) {
        memcpy(copy, ids->via.bin.ptr, n_bytes);
    }
    out->ids = copy;
done:
    return status;
}

static attrib_status take_row(const at_record *record,
                              const msgpack_object *row,
                              at_arena *bank,
                              at_prepared_row *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *value = NULL;
    AT_TRY(find(record, row, "hash", MSGPACK_OBJECT_STR, &value, err));
    AT_CHECK(value->via.str.size == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: rows: a hash of %zu digits", record->name, (size_t)value->via.str.size);
    memcpy(out->hash, value->via.str.ptr, AT_HASH_SIZE - 1);
    AT_TRY(find(record, row, "written", MSGPACK_OBJECT_POSITIVE_INTEGER, &value, err));
    out->is_written = value->via.u64 != 0;
    AT_TRY(find(record, row, "cut", MSGPACK_OBJECT_POSITIVE_INTEGER, &value, err));
    out->is_cut = value->via.u64 != 0;
    AT_TRY(find(record, row, "ids", MSGPACK_OBJECT_BIN, &value, err));
    AT_TRY(take_ids(record, value, bank, out, err));
    AT_TRY(find(record, row, "text", MSGPACK_OBJECT_STR, &value, err));
    AT_CHECK(!memchr(value->via.str.ptr, '\0', value->via.str.size), ATTRIB_EFORMAT,
             "%s: rows: expected a text without NUL", record->name);
    AT_TRY(at_arena_text(bank, value->via.str.ptr, value->via.str.size, &out->text, err));
done:
    return status;
}

static attrib_status take_rows(const at_record *record,
                               at_preparation *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "rows");
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"rows\", expected an array", record->name);
    AT_TRY(at_array(list->via.array.size, sizeof *out->rows, &out->rows, err));
    out->n_rows = list->via.array.size;
    for (size_t i = 0; i < out->n_rows; i++) {
        AT_TRY(take_row(record, &list->via.array.ptr[i], out->run->bank, &out->rows[i],
                        err));
    }
done:
    return status;
}

static attrib_status take_names(const at_record *record,
                                at_preparation *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = out->run->info.n_queries;
    const msgpack_object *list = at_record_find(&record->map, "query_names");
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY && list->via.array.size == n,
             ATTRIB_EFORMAT, "%s: key \"query_names\", expected an array of %zu",
             record->name, n);
    AT_TRY(at_array(n, sizeof *out->queries, &out->queries, err));
    for (size_t q = 0; q < n; q++) {
        const msgpack_object *name = &list->via.array.ptr[q];
        AT_CHECK(name->type == MSGPACK_OBJECT_STR &&
                     name->via.str.size == AT_HASH_SIZE - 1,
                 ATTRIB_EFORMAT, "%s: name of query %zu, expected a hash", record->name,
                 q + 1);
        memcpy(out->queries[q].hash, name->via.str.ptr, AT_HASH_SIZE - 1);
    }
done:
    return status;
}

attrib_status at_preparation_read(const char *folder,
                                  at_preparation *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    at_preparation read = {0};
    char *path = NULL;
    *out = read;
    AT_TRY(at_join_path(folder, AT_RUN_PREPARED, &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(at_run_new(&read.run, err));
    AT_TRY(at_run_take(read.run, &record, "attrib prepared run", err));
    AT_TRY(take_rows(&record, &read, err));
    AT_TRY(take_names(&record, &read, err));
    *out = read;
    read = (at_preparation){0};
done:
    at_preparation_free(&read);
    at_record_free(&record);
    free(path);
    return status;
}

attrib_status attrib_run_date(const char *folder,
                              char date[ATTRIB_DATE_SIZE],
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_preparation read = {0};
    date[0] = '\0';
    AT_TRY(at_preparation_read(folder, &read, err));
    if (read.run) {
        snprintf(date, ATTRIB_DATE_SIZE, "%s", read.run->info.corpus_date);
    }
done:
    at_preparation_free(&read);
    return status;
}

void at_preparation_free(at_preparation *preparation)
{
    attrib_run_close(preparation->run);
    free(preparation->rows);
    free(preparation->queries);
    *preparation = (at_preparation){0};
}
