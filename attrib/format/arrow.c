/* SPDX-License-Identifier: MIT */
/* The messages of an Arrow stream.
 *
 * Source: https://arrow.apache.org/docs/format/Columnar.html, "Encapsulated message
 * format": a mark of four bytes 0xff (before version 0.15 there was none), the size of
 * the metadata, the metadata, a FlatBuffer of Message.fbs, and its body. A size of 0 ends
 * the stream.
 *
 * 1. Messages   2. Dictionaries   3. Batches */
#include "format/arrow.h"

#include <stdlib.h>
#include <string.h>

#include "format/arrow_batch.h"

#define FILE_MARK    "ARROW1"
#define N_FILE_MARK  8 /* with its padding */
#define MAX_METADATA ((size_t)64 << 20)
#define MAX_PARTS    ((size_t)4096) /* of a dictionary */
#define VERSION_4    3              /* numbers of MetadataVersion */
#define VERSION_5    4

enum { MESSAGE_SCHEMA = 1, MESSAGE_DICTIONARY, MESSAGE_BATCH };

typedef struct message {
    int64_t kind;
    at_flat_table header;
    const uint8_t *body; /* [n_body] */
    size_t n_body;
    size_t n_whole; /* bytes in the source */
} message;

struct at_arrow {
    at_arrow_source source;
    const char *name;
    bool is_file, is_at_end;
    size_t n_to_drop; /* bytes of the message that the last batch borrows */
    at_flat flat;     /* the metadata of the message at hand */
    at_arena *schema_arena, *batch_arena;
    at_arrow_field schema;
    at_arrow_dictionaries dictionaries;
    const at_memory_limit *limit; /* NULL: none */
    at_column batch;
};

/* 1. Messages */

static attrib_status fail_cut(const at_arrow *arrow, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: truncated Arrow data", arrow->name);
}

/* Exactly n bytes. */
static attrib_status show(at_arrow *arrow,
                          size_t n,
                          const uint8_t **bytes,
                          attrib_error *err)
{
    size_t n_there = 0;
    attrib_status status =
        arrow->source.show(arrow->source.context, n, bytes, &n_there, err);
    return status == ATTRIB_OK && n_there < n ? fail_cut(arrow, err) : status;
}

/* The mark and size of the message at hand; is_end: there is none. */
static attrib_status read_sizes(at_arrow *arrow,
                                size_t *n_prefix,
                                size_t *n_metadata,
                                bool *is_end,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint8_t *bytes = NULL;
    size_t n_there = 0;
    bool has_mark = false;
    AT_TRY(arrow->source.show(arrow->source.context, 8, &bytes, &n_there, err));
    *is_end = n_there == 0 && !arrow->is_file;
    if (*is_end) {
        return ATTRIB_OK;
    }
    if (n_there < 4) {
        return fail_cut(arrow, err);
    }
    has_mark = at_flat_word(bytes, 4) == UINT32_MAX;
    *n_prefix = has_mark ? 8 : 4;
    if (n_there < *n_prefix) {
        return fail_cut(arrow, err);
    }
    *n_metadata = at_flat_word(bytes + *n_prefix - 4, 4);
    *is_end = *n_metadata == 0;
    AT_CHECK(*n_metadata <= MAX_METADATA, ATTRIB_EFORMAT,
             "%s: an Arrow message with %zu bytes of metadata, at most %zu are read",
             arrow->name, *n_metadata, MAX_METADATA);
done:
    return status;
}

static attrib_status read_header(at_arrow *arrow, message *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_flat_table root = {0};
    int64_t version = 0;
    int64_t n_body = 0;
    AT_TRY(at_flat_root(&arrow->flat, &root, err));
    AT_TRY(at_flat_integer(&root, 0, 2, 0, &version, err));
    AT_TRY(at_flat_integer(&root, 1, 1, 0, &out->kind, err));
    AT_TRY(at_flat_table_in(&root, 2, &out->header, err));
    AT_TRY(at_flat_integer(&root, 3, 8, 0, &n_body, err));
    AT_CHECK(version == VERSION_4 || version == VERSION_5, ATTRIB_EVERSION,
             "%s: Arrow data of metadata version V%lld, expected V4 or V5", arrow->name,
             (long long)version + 1);
    AT_CHECK(out->header.flat, ATTRIB_EFORMAT, "%s: an Arrow message without a header",
             arrow->name);
    AT_CHECK(n_body >= 0 && (uint64_t)n_body <= AT_ARROW_MAX_BODY, ATTRIB_ERANGE,
             "%s: an Arrow message of %lld bytes, at most %zu are read", arrow->name,
             (long long)n_body, AT_ARROW_MAX_BODY);
    out->n_body = (size_t)n_body;
done:
    return status;
}

/* Read a whole message, which stays in the source until drop_message(). The metadata is
 * looked at twice, as its bytes may move when those of the body come. */
static attrib_status read_message(at_arrow *arrow,
                                  message *out,
                                  bool *is_end,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint8_t *bytes = NULL;
    size_t n_prefix = 0;
    size_t n_metadata = 0;
    *out = (message){0};
    AT_TRY(read_sizes(arrow, &n_prefix, &n_metadata, is_end, err));
    if (*is_end) {
        goto done;
    }
    AT_TRY(show(arrow, n_prefix + n_metadata, &bytes, err));
    arrow->flat = (at_flat){bytes + n_prefix, n_metadata, arrow->name};
    AT_TRY(read_header(arrow, out, err));
    out->n_whole = n_prefix + n_metadata + out->n_body;
    AT_TRY(show(arrow, out->n_whole, &bytes, err));
    arrow->flat.bytes = bytes + n_prefix;
    out->body = bytes + n_prefix + n_metadata;
done:
    return status;
}

static void drop_message(at_arrow *arrow, size_t n)
{
    arrow->source.drop(arrow->source.context, n);
}

/* Behind the stream of a file stand its footer and the mark once more: without these it
 * was cut. */
static attrib_status read_footer(at_arrow *arrow, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t n_mark = sizeof FILE_MARK - 1;
    const size_t step = (size_t)64 << 10;
    const uint8_t *bytes = NULL;
    size_t n_there = 0;
    for (;;) {
        AT_TRY(arrow->source.show(arrow->source.context, step, &bytes, &n_there, err));
        if (n_there < step) {
            break;
        }
        drop_message(arrow, step - n_mark);
    }
    if (n_there < n_mark || memcmp(bytes + n_there - n_mark, FILE_MARK, n_mark) != 0) {
        status = fail_cut(arrow, err);
    }
done:
    return status;
}

/* 2. Dictionaries */

/* The first field, depth first, whose values a dictionary holds; one that is left out
 * where no other has it. */
static const at_arrow_field *find_field(const at_arrow_field *field, int64_t id)
{
    const at_arrow_field *left_out = NULL;
    if (field->has_dictionary && field->dictionary == id) {
        return field;
    }
    for (size_t i = 0; i < field->n_children; i++) {
        const at_arrow_field *found = find_field(&field->children[i], id);
        if (found && !found->is_left_out) {
            return found;
        }
        left_out = left_out ? left_out : found;
    }
    return left_out;
}

static void free_dictionaries(at_arrow_dictionaries *all)
{
    for (size_t i = 0; i < all->n; i++) {
        at_arena_free(all->items[i].arena);
        free(all->items[i].parts);
        free(all->items[i].ends);
    }
    free(all->items);
}

/* The dictionary of an id, made where there is none yet; emptied unless a delta comes. */
static attrib_status open_dictionary(at_arrow *arrow,
                                     const at_arrow_field *field,
                                     bool is_delta,
                                     at_arrow_dictionary **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow_dictionaries *all = &arrow->dictionaries;
    const int64_t id = field->dictionary;
    at_arrow_dictionary *found = at_arrow_dictionary_find(all, id);
    if (!found) {
        AT_TRY(at_grow(&all->items, &all->capacity, all->n + 1, sizeof *all->items, err));
        found = &all->items[all->n];
        *found = (at_arrow_dictionary){.id = id, .field = field};
        AT_TRY(at_arena_new(&found->arena, err));
        all->n++;
    }
    if (!is_delta) {
        at_arena_reset(found->arena, 0);
        found->n_parts = 0;
    }
    AT_CHECK(found->n_parts < MAX_PARTS, ATTRIB_ERANGE,
             "%s: more than %zu parts of dictionary %lld", arrow->name, MAX_PARTS,
             (long long)id);
    AT_TRY(at_grow(&found->parts, &found->parts_capacity, found->n_parts + 1,
                   sizeof *found->parts, err));
    AT_TRY(at_grow(&found->ends, &found->ends_capacity, found->n_parts + 1,
                   sizeof *found->ends, err));
    *out = found;
done:
    return status;
}

/* A file of many small messages must not hold more than one of a large one may. */
static attrib_status check_dictionaries(const at_arrow *arrow, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = 0;
    for (size_t i = 0; i < arrow->dictionaries.n; i++) {
        n_bytes += at_arena_mark(arrow->dictionaries.items[i].arena);
    }
    AT_CHECK(n_bytes <= AT_ARROW_MAX_BODY, ATTRIB_ERANGE,
             "%s: dictionaries of more than %zu bytes in all", arrow->name,
             AT_ARROW_MAX_BODY);
done:
    return status;
}

/* Read a DictionaryBatch: its values outlive its message, so its body is copied. */
static attrib_status read_dictionary(at_arrow *arrow, const message *m, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t id = 0;
    int64_t is_delta = 0;
    uint8_t *body = NULL;
    const at_arrow_field *field = NULL;
    at_arrow_dictionary *dictionary = NULL;
    at_column *part = NULL;
    size_t n_before = 0;
    at_arrow_batch batch = {.n_body = m->n_body, .limit = arrow->limit};
    AT_TRY(at_flat_integer(&m->header, 0, 8, 0, &id, err));
    AT_TRY(at_flat_table_in(&m->header, 1, &batch.table, err));
    AT_TRY(at_flat_integer(&m->header, 2, 1, 0, &is_delta, err));
    AT_CHECK(batch.table.flat, ATTRIB_EFORMAT, "%s: a dictionary without values",
             arrow->name);
    field = find_field(&arrow->schema, id);
    AT_CHECK(field, ATTRIB_EFORMAT, "%s: a dictionary %lld that no column has",
             arrow->name, (long long)id);
    if (field->is_left_out) {
        return ATTRIB_OK;
    }
    AT_TRY(open_dictionary(arrow, field, is_delta != 0, &dictionary, err));
    AT_TRY(at_arena_take(dictionary->arena, m->n_body, 1, &body, err));
    memcpy(body, m->body, m->n_body);
    batch.body = body;
    part = &dictionary->parts[dictionary->n_parts];
    AT_TRY(at_arrow_batch_decode(&batch, dictionary->field, true, &arrow->dictionaries,
                                 dictionary->arena, part, err));
    n_before = dictionary->n_parts ? dictionary->ends[dictionary->n_parts - 1] : 0;
    dictionary->ends[dictionary->n_parts++] = n_before + part->n;
    AT_TRY(check_dictionaries(arrow, err));
done:
    return status;
}

/* 3. Batches */

bool at_arrow_begins(const char bytes[4])
{
    return at_flat_word((const uint8_t *)bytes, 4) == UINT32_MAX;
}

bool at_arrow_is(const char *bytes, size_t n)
{
    const uint8_t *b = (const uint8_t *)bytes;
    if (n >= N_FILE_MARK && memcmp(bytes, FILE_MARK "\0\0", N_FILE_MARK) == 0) {
        return true;
    }
    if (n < 16 || !at_arrow_begins(bytes)) {
        return false;
    }
    const at_flat flat = {b + 8, at_smaller(n - 8, at_flat_word(b + 4, 4)), ""};
    at_flat_table root = {0};
    int64_t kind = 0;
    return at_flat_root(&flat, &root, NULL) == ATTRIB_OK &&
           at_flat_integer(&root, 1, 1, 0, &kind, NULL) == ATTRIB_OK &&
           kind == MESSAGE_SCHEMA;
}

/* Let the mark of a file go, where there is one. */
static attrib_status read_mark(at_arrow *arrow, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint8_t *bytes = NULL;
    size_t n = 0;
    AT_TRY(arrow->source.show(arrow->source.context, N_FILE_MARK, &bytes, &n, err));
    AT_CHECK(n < 4 || memcmp(bytes, "FEA1", 4) != 0, ATTRIB_ENOTSUP,
             "%s: Feather version 1: write it anew with a newer version", arrow->name);
    arrow->is_file =
        n == N_FILE_MARK && memcmp(bytes, FILE_MARK "\0\0", N_FILE_MARK) == 0;
    if (arrow->is_file) {
        drop_message(arrow, N_FILE_MARK);
    }
done:
    return status;
}

static attrib_status read_schema(at_arrow *arrow,
                                 const at_column_filter *filter,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    message m = {0};
    bool is_end = false;
    AT_TRY(read_mark(arrow, err));
    AT_TRY(read_message(arrow, &m, &is_end, err));
    AT_CHECK(!is_end && m.kind == MESSAGE_SCHEMA, ATTRIB_EFORMAT,
             "%s: no Arrow data: it does not begin with a schema", arrow->name);
    AT_TRY(at_arrow_schema_read(&m.header, arrow->schema_arena, &arrow->schema, err));
    if (filter) {
        AT_TRY(at_arrow_schema_choose(arrow->name, filter, &arrow->schema, err));
    }
    drop_message(arrow, m.n_whole);
done:
    return status;
}

attrib_status at_arrow_open(at_arrow_source source,
                            const char *name,
                            const at_column_filter *filter,
                            at_arrow **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow *arrow = NULL;
    AT_TRY(at_array(1, sizeof *arrow, &arrow, err));
    arrow->source = source;
    arrow->name = name;
    arrow->limit = filter ? filter->limit : NULL;
    AT_TRY(at_arena_new(&arrow->schema_arena, err));
    AT_TRY(at_arena_new(&arrow->batch_arena, err));
    AT_TRY(read_schema(arrow, filter, err));
    *out = arrow;
    arrow = NULL;
done:
    at_arrow_close(arrow);
    return status;
}

void at_arrow_close(at_arrow *arrow)
{
    if (!arrow) {
        return;
    }
    free_dictionaries(&arrow->dictionaries);
    at_arena_free(arrow->schema_arena);
    at_arena_free(arrow->batch_arena);
    free(arrow);
}

static attrib_status read_batch(at_arrow *arrow, const message *m, attrib_error *err)
{
    const at_arrow_batch batch = {m->header, m->body, m->n_body, arrow->limit};
    at_arena_reset(arrow->batch_arena, 0);
    return at_arrow_batch_decode(&batch, &arrow->schema, false, &arrow->dictionaries,
                                 arrow->batch_arena, &arrow->batch, err);
}

attrib_status at_arrow_next(at_arrow *arrow, const at_column **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    message m = {0};
    drop_message(arrow, arrow->n_to_drop);
    arrow->n_to_drop = 0;
    while (!arrow->is_at_end) {
        AT_TRY(read_message(arrow, &m, &arrow->is_at_end, err));
        if (arrow->is_at_end) {
            AT_TRY(arrow->is_file ? read_footer(arrow, err) : ATTRIB_OK);
            break;
        }
        if (m.kind == MESSAGE_BATCH) {
            AT_TRY(read_batch(arrow, &m, err));
            arrow->n_to_drop = m.n_whole;
            *out = &arrow->batch;
            return ATTRIB_OK;
        }
        AT_CHECK(m.kind == MESSAGE_DICTIONARY, ATTRIB_ENOTSUP,
                 "%s: an Arrow message of kind %lld, which is no batch of rows",
                 arrow->name, (long long)m.kind);
        AT_TRY(read_dictionary(arrow, &m, err));
        drop_message(arrow, m.n_whole);
    }
    status = ATTRIB_END;
done:
    return status;
}
