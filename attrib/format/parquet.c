/* SPDX-License-Identifier: MIT */
/* Files of Parquet: footers and row groups (parquet-format's README.md, parquet.thrift).
 *
 *     "PAR1" pages footer bytes-of-the-footer[4] "PAR1"
 *
 * 1. Chunks   2. Row groups   3. Footers   4. Rows */
#include "format/parquet.h"

#include <stdlib.h>
#include <string.h>

#include "format/parquet_assemble.h"

#define N_MAGIC 4
#define N_TAIL  8 /* the footer's size and the magic */

struct at_parquet {
    char *name;
    const uint8_t *bytes; /* [n_bytes] the caller's */
    size_t n_bytes;
    const at_memory_limit *limit; /* NULL: none */
    at_arena *kept;               /* the schema */
    at_arena *scratch;            /* of a row */
    at_parquet_schema schema;
    at_leaf *leaves;    /* [schema.n_leaves] */
    at_chunk *chunks;   /* [schema.n_chunks] of a row group */
    at_thrift groups;   /* row groups of the footer to come */
    size_t n_groups;    /* the same, how many */
    size_t n_rows_left; /* of the row group that is being read */
    bool is_in_group;
    size_t i_row; /* of the file, from 1: the row that is being read */
    at_column table;
};

/* 1. Chunks */

/* What a column chunk's metadata says, of which there may be none. */
typedef struct chunk_fields {
    at_chunk chunk;
    bool has_metadata, is_encrypted, is_elsewhere;
    size_t data, dictionary; /* offsets; dictionary 0: none */
} chunk_fields;

static attrib_status read_metadata_field(at_thrift *t,
                                         const at_thrift_field *field,
                                         chunk_fields *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t code = 0;
    switch (field->id) {
    case 1:
        AT_TRY(at_thrift_size(t, field, &code, err));
        out->chunk.type = (at_parquet_type)at_smaller(code, INT32_MAX);
        break;
    case 4:
        AT_TRY(at_thrift_size(t, field, &code, err));
        out->chunk.codec = (at_codec)at_smaller(code, INT32_MAX);
        break;
    case 5:
        return at_thrift_size(t, field, &out->chunk.n_values, err);
    case 7:
        return at_thrift_size(t, field, &out->chunk.n_bytes, err);
    case 9:
        return at_thrift_size(t, field, &out->data, err);
    case 11:
        return at_thrift_size(t, field, &out->dictionary, err);
    default:
        return at_thrift_skip(t, field, err);
    }
done:
    return status;
}

static attrib_status read_metadata(at_thrift *t, chunk_fields *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    out->has_metadata = true;
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        AT_TRY(read_metadata_field(t, &field, out, err));
        AT_TRY(at_thrift_next(t, &field, err));
    }
done:
    return status;
}

static attrib_status read_chunk(at_thrift *t, chunk_fields *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    *out = (chunk_fields){0};
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        if (field.id == 3) {
            AT_TRY(at_thrift_struct(t, &field, err));
            AT_TRY(read_metadata(t, out, err));
        } else {
            out->is_elsewhere = out->is_elsewhere || field.id == 1;
            out->is_encrypted = out->is_encrypted || field.id == 8;
            AT_TRY(at_thrift_skip(t, &field, err));
        }
        AT_TRY(at_thrift_next(t, &field, err));
    }
    /* The dictionary is the first page, and some writers say 0 where there is none. */
    out->chunk.first =
        out->dictionary > 0 && out->dictionary < out->data ? out->dictionary : out->data;
done:
    return status;
}

static attrib_status check_chunk(const at_parquet_node *leaf,
                                 const chunk_fields *chunk,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!chunk->is_encrypted, ATTRIB_ENOTSUP, "column \"%s\": encrypted",
             leaf->path);
    AT_CHECK(!chunk->is_elsewhere, ATTRIB_ENOTSUP,
             "column \"%s\": its data is in another file", leaf->path);
    AT_CHECK(chunk->has_metadata, ATTRIB_EFORMAT, "column \"%s\": no metadata",
             leaf->path);
done:
    return status;
}

/* 2. Row groups */

/* The chunks of a row group; those of leaves that are not read are passed over. */
static attrib_status read_chunks(at_parquet *file,
                                 const at_thrift_field *field,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift *t = &file->groups;
    size_t n = 0;
    size_t i_leaf = 0;
    AT_TRY(at_thrift_list(t, field, AT_THRIFT_STRUCT, &n, err));
    AT_CHECK(n == file->schema.n_chunks, ATTRIB_EFORMAT,
             "a row group of %zu columns, the schema has %zu", n, file->schema.n_chunks);
    for (size_t i = 0; i < n; i++) {
        chunk_fields chunk;
        const at_parquet_node *leaf =
            i_leaf < file->schema.n_leaves ? file->schema.leaves[i_leaf] : NULL;
        AT_TRY(read_chunk(t, &chunk, err));
        if (leaf && leaf->i_chunk == i) {
            AT_TRY(check_chunk(leaf, &chunk, err));
            file->chunks[i_leaf++] = chunk.chunk;
        }
    }
done:
    return status;
}

static attrib_status open_leaves(at_parquet *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < file->schema.n_leaves; i++) {
        AT_TRY(at_leaf_open(&file->leaves[i], &file->chunks[i], file->bytes,
                            file->n_bytes, err));
    }
done:
    return status;
}

static attrib_status open_group(at_parquet *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift *t = &file->groups;
    at_thrift_field field = {0};
    bool has_chunks = false;
    file->n_rows_left = 0;
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        if (field.id == 1) {
            AT_TRY(read_chunks(file, &field, err));
            has_chunks = true;
        } else if (field.id == 3) {
            AT_TRY(at_thrift_size(t, &field, &file->n_rows_left, err));
        } else {
            AT_TRY(at_thrift_skip(t, &field, err));
        }
        AT_TRY(at_thrift_next(t, &field, err));
    }
    AT_CHECK(has_chunks, ATTRIB_EFORMAT, "a row group without columns");
    AT_TRY(open_leaves(file, err));
    file->n_groups--;
    file->is_in_group = true;
done:
    return status;
}

static attrib_status finish_group(at_parquet *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < file->schema.n_leaves && file->is_in_group; i++) {
        AT_TRY(at_leaf_finish(&file->leaves[i], err));
    }
    file->is_in_group = false;
done:
    return status;
}

/* 3. Footers */

/* A structure of Thrift follows the magic, whose first byte no text has. */
bool at_is_parquet(const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    bool is_text = n > N_MAGIC && (b[N_MAGIC] >= ' ' || b[N_MAGIC] == '\n');
    return n >= N_MAGIC && ((memcmp(bytes, "PAR1", N_MAGIC) == 0 && !is_text) ||
                            memcmp(bytes, "PARE", N_MAGIC) == 0);
}

/* The footer's bytes, before the file's last eight. */
static attrib_status find_footer(at_parquet *file, at_thrift *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint8_t *tail = NULL;
    size_t n = 0;
    AT_CHECK(file->n_bytes >= N_MAGIC + N_TAIL && at_is_parquet(file->bytes, N_MAGIC),
             ATTRIB_EFORMAT, "not a Parquet file: does not begin with PAR1");
    tail = file->bytes + file->n_bytes - N_TAIL;
    AT_CHECK(memcmp(tail + 4, "PARE", N_MAGIC) != 0, ATTRIB_ENOTSUP,
             "an encrypted Parquet file");
    AT_CHECK(memcmp(tail + 4, "PAR1", N_MAGIC) == 0, ATTRIB_EFORMAT,
             "a truncated Parquet file: does not end with PAR1");
    n = tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    AT_CHECK(n <= file->n_bytes - N_MAGIC - N_TAIL, ATTRIB_EFORMAT,
             "a footer of %zu bytes in a Parquet file of %zu", n, file->n_bytes);
    *out = (at_thrift){.at = tail - n, .end = tail, .name = "footer"};
done:
    return status;
}

/* Read the schema, and where the row groups begin. */
static attrib_status read_footer(at_parquet *file,
                                 const at_column_filter *filter,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift t = {0};
    at_thrift_field field = {0};
    AT_TRY(find_footer(file, &t, err));
    AT_TRY(at_thrift_next(&t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        if (field.id == 2) {
            AT_CHECK(!file->leaves, ATTRIB_EFORMAT, "footer: two schemas");
            AT_TRY(at_parquet_schema_read(&t, &field, filter, file->kept, &file->schema,
                                          err));
            AT_TRY(at_array(file->schema.n_leaves, sizeof *file->leaves, &file->leaves,
                            err));
        } else if (field.id == 4) {
            file->groups = t;
            AT_TRY(at_thrift_list(&file->groups, &field, AT_THRIFT_STRUCT,
                                  &file->n_groups, err));
            AT_TRY(at_thrift_skip(&t, &field, err));
        } else {
            AT_TRY(at_thrift_skip(&t, &field, err));
        }
        AT_TRY(at_thrift_next(&t, &field, err));
    }
    AT_CHECK(file->leaves, ATTRIB_EFORMAT, "footer: no schema");
done:
    return status;
}

static attrib_status open_file(at_parquet *file,
                               const at_column_filter *filter,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    file->limit = filter->limit;
    AT_TRY(at_arena_new(&file->kept, err));
    AT_TRY(at_arena_new(&file->scratch, err));
    AT_TRY(read_footer(file, filter, err));
    AT_TRY(at_array(file->schema.n_leaves, sizeof *file->chunks, &file->chunks, err));
    for (size_t i = 0; i < file->schema.n_leaves; i++) {
        file->leaves[i].node = file->schema.leaves[i];
        file->leaves[i].limit = filter->limit;
    }
done:
    return status;
}

attrib_status at_parquet_open(const char *name,
                              const void *bytes,
                              size_t n_bytes,
                              const at_column_filter *filter,
                              at_parquet **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_parquet *file = NULL;
    const at_column_filter all = {0};
    AT_TRY(at_array(1, sizeof *file, &file, err));
    file->bytes = bytes;
    file->n_bytes = n_bytes;
    AT_TRY(at_copy_text(name, strlen(name), &file->name, err));
    status = open_file(file, filter ? filter : &all, err);
    if (status != ATTRIB_OK) {
        status = at_context(err, status, "%s", name);
        goto done;
    }
    *out = file;
    file = NULL;
done:
    at_parquet_close(file);
    return status;
}

void at_parquet_close(at_parquet *file)
{
    if (!file) {
        return;
    }
    for (size_t i = 0; file->leaves && i < file->schema.n_leaves; i++) {
        at_leaf_free(&file->leaves[i]);
    }
    at_arena_free(file->kept);
    at_arena_free(file->scratch);
    free(file->leaves);
    free(file->chunks);
    free(file->name);
    free(file);
}

/* 4. Rows */

/* The row of every leaf. Few bytes may stand for many values, and a file may have many
 * columns: what one of them may hold is what all of them may. */
static attrib_status read_leaves(at_parquet *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_values = 0;
    size_t n_bytes = 0;
    for (size_t i = 0; i < file->schema.n_leaves; i++) {
        const at_leaf *leaf = &file->leaves[i];
        AT_TRY(at_leaf_next(&file->leaves[i], err));
        n_values += leaf->n;
        n_bytes += leaf->bytes.n_bytes;
        AT_CHECK(n_values <= AT_PARQUET_MAX_ROW_VALUES, ATTRIB_ERANGE,
                 "column \"%s\": more than %zu values in a row of all columns",
                 leaf->node->path, AT_PARQUET_MAX_ROW_VALUES);
        AT_CHECK(n_bytes <= AT_PARQUET_MAX_ROW_BYTES, ATTRIB_ERANGE,
                 "column \"%s\": more than %zu bytes in a row of all columns",
                 leaf->node->path, AT_PARQUET_MAX_ROW_BYTES);
    }
    AT_TRY(at_columns_check_memory(file->limit, n_values * sizeof(at_slice), err));
done:
    return status;
}

static attrib_status read_row(at_parquet *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_column *table = &file->table;
    const at_parquet_node *root = &file->schema.root;
    while (file->n_rows_left == 0) {
        AT_TRY(finish_group(file, err));
        if (file->n_groups == 0) {
            return ATTRIB_END;
        }
        AT_TRY(open_group(file, err));
    }
    file->n_rows_left--;
    at_arena_reset(file->scratch, 0);
    AT_TRY(read_leaves(file, err));
    *table =
        (at_column){.kind = AT_COLUMN_STRUCT, .n = 1, .n_children = root->n_children};
    AT_TRY(at_arena_take(file->scratch, root->n_children, sizeof *table->children,
                         &table->children, err));
    for (size_t i = 0; i < root->n_children; i++) {
        AT_TRY(at_parquet_assemble(&root->children[i], file->leaves, file->scratch,
                                   &table->children[i], err));
    }
done:
    return status;
}

attrib_status at_parquet_next(at_parquet *file, const at_column **out, attrib_error *err)
{
    file->i_row++;
    attrib_status status = read_row(file, err);
    if (status == ATTRIB_OK) {
        *out = &file->table;
    } else if (status != ATTRIB_END) {
        status = at_context(err, status, "%s:%zu", file->name, file->i_row);
    }
    return status;
}
