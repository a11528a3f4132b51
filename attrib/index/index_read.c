/* SPDX-License-Identifier: MIT */
/* Reading an index: whatever is in its files, nothing is read beyond them.
 *
 * 1. The record.   2. Scales.   3. Pieces. */
#include "index/index.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

/* 1. The record */

attrib_status at_index_new(const char *folder, attrib_index **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    AT_TRY(at_arena_new(&made->bank, err));
    AT_TRY(at_copy_text(folder, strlen(folder), &made->folder, err));
    *out = made;
    made = NULL;
done:
    attrib_index_close(made);
    return status;
}

void attrib_index_close(attrib_index *index)
{
    if (index) {
        at_index_shape_free(&index->shape);
        at_arena_free(index->bank);
        free(index->parts);
        at_checked_free(index->checked);
        free(index->folder);
        free(index);
    }
}

static attrib_status take_text(const at_record *record,
                               const char *key,
                               at_arena *bank,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, key, &text, &n, err));
    AT_TRY(at_arena_text(bank, text ? text : "", n, out, err));
done:
    return status;
}

static attrib_status take_hash(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(name, map, key, &text, &n, err));
    AT_CHECK(n == 0 || n == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: key \"%s\": %zu characters, expected the 32 digits of a hash", name,
             key, n);
    memcpy(out, text, n);
    out[n] = '\0';
done:
    return status;
}

static attrib_status find_array(const at_record *record,
                                const char *key,
                                const msgpack_object_array **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *found = at_record_find(&record->map, key);
    AT_CHECK(found && found->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"%s\": expected an array", record->name, key);
    *out = &found->via.array;
done:
    return status;
}

static attrib_status take_flag(const at_record *record,
                               const char *key,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t value = 0;
    AT_TRY(at_record_size(record->name, &record->map, key, &value, err));
    AT_CHECK(value <= 1, ATTRIB_EFORMAT, "%s: key \"%s\": %zu, expected 0 or 1",
             record->name, key, value);
    *out = value;
done:
    return status;
}

static attrib_status take_info(const at_record *record,
                               attrib_index *index,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index_info *info = &index->info;

    const struct {
        const char *key;
        const char **to;
    } texts[] = {
        {"model_hash", &info->model_hash},   {"factors_hash", &info->factors_hash},
        {"model_path", &info->model_path},   {"factors_path", &info->factors_path},
        {"corpus_date", &info->corpus_date}, {"directory", &info->directory},
        {"command", &info->command}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AT_TRY(take_text(record, texts[i].key, index->bank, texts[i].to, err));
    }
    if (at_record_find(&record->map, "method")) { /* 0 where there was no number yet */
        AT_TRY(at_record_size(record->name, &record->map, "method", &info->method, err));
    }
    AT_TRY(take_hash(record->name, &record->map, "hash", index->hash, err));
    AT_TRY(take_hash(record->name, &record->map, "scales_hash", index->scales, err));
    AT_TRY(take_hash(record->name, &record->map, "corpus_hash", index->corpus, err));
    info->hash = index->hash;
    info->corpus_hash = index->corpus;
    AT_TRY(at_record_number(record->name, &record->map, "damping", &info->damping, err));
    AT_TRY(take_flag(record, "damping_absolute", &info->is_damping_absolute, err));
    AT_TRY(take_flag(record, "whole", &info->is_whole, err));
    index->shape.is_whole = info->is_whole;
done:
    return status;
}

static attrib_status take_paths(const at_record *record,
                                attrib_index *index,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *list = NULL;
    const char **paths = NULL;
    AT_TRY(find_array(record, "corpus_paths", &list, err));
    AT_TRY(
        at_arena_take(index->bank, at_larger(list->size, 1), sizeof *paths, &paths, err));
    for (size_t i = 0; i < list->size; i++) {
        const msgpack_object *one = &list->ptr[i];
        AT_CHECK(one->type == MSGPACK_OBJECT_STR, ATTRIB_EFORMAT,
                 "%s: key \"corpus_paths\": expected texts", record->name);
        AT_TRY(at_arena_text(index->bank, one->via.str.ptr, one->via.str.size, &paths[i],
                             err));
    }
    index->info.corpus_paths = (attrib_paths){paths, list->size};
done:
    return status;
}

/* The reading options of an index of an earlier attrib are not known. */
static attrib_status take_readings(const at_record *record,
                                   attrib_index *index,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *list = NULL;
    attrib_reading *readings = NULL;
    if (!at_record_find(&record->map, "readings")) {
        return ATTRIB_OK;
    }
    AT_TRY(find_array(record, "readings", &list, err));
    AT_TRY(at_arena_take(index->bank, at_larger(list->size, 1), sizeof *readings,
                         &readings, err));
    for (size_t i = 0; i < list->size; i++) {
        const char *name = "";
        const char *value = "";
        size_t n_name = 0;
        size_t n_value = 0;
        AT_TRY(at_record_text(record->name, &list->ptr[i], "name", &name, &n_name, err));
        AT_TRY(
            at_record_text(record->name, &list->ptr[i], "value", &value, &n_value, err));
        AT_TRY(at_arena_text(index->bank, name, n_name, &readings[i].name, err));
        AT_TRY(at_arena_text(index->bank, value, n_value, &readings[i].value, err));
    }
    index->info.readings = readings;
    index->info.n_readings = list->size;
done:
    return status;
}

static attrib_status take_maps(const at_record *record,
                               attrib_index *index,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_index_shape *shape = &index->shape;
    const msgpack_object_array *list = NULL;
    AT_TRY(at_record_size(record->name, &record->map, "record_bytes",
                          &shape->record_bytes, err));
    AT_TRY(find_array(record, "modules", &list, err));
    AT_CHECK(list->size > 0 && shape->record_bytes <= AT_MOST_RECORD_BYTES &&
                 at_record_head(list->size) <= shape->record_bytes,
             ATTRIB_EFORMAT, "%s: %u maps in records of %zu bytes", record->name,
             list->size, shape->record_bytes);
    AT_TRY(at_array(list->size, sizeof *shape->maps, &shape->maps, err));
    shape->n_maps = list->size;
    for (size_t m = 0; m < shape->n_maps; m++) {
        at_index_map *map = &shape->maps[m];
        const char *name = "";
        size_t n = 0;
        AT_TRY(at_record_text(record->name, &list->ptr[m], "name", &name, &n, err));
        AT_TRY(at_copy_text(name, n, &map->name, err));
        AT_TRY(at_record_size(record->name, &list->ptr[m], "out", &map->out_dim, err));
        AT_TRY(at_record_size(record->name, &list->ptr[m], "in", &map->in_dim, err));
        AT_CHECK(map->out_dim > 0 && map->in_dim > 0 && map->out_dim <= INT_MAX &&
                     map->in_dim <= INT_MAX,
                 ATTRIB_EFORMAT, "%s: a map of [%zu, %zu]", record->name, map->out_dim,
                 map->in_dim);
    }
    index->info.n_modules = shape->n_maps;
    index->info.bytes_per_document = shape->record_bytes;
done:
    return status;
}

static attrib_status take_parts(const at_record *record,
                                attrib_index *index,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *list = NULL;
    AT_TRY(find_array(record, "pieces", &list, err));
    AT_TRY(at_array(at_larger(list->size, 1), sizeof *index->parts, &index->parts, err));
    index->n_parts = list->size;
    for (size_t i = 0; i < index->n_parts; i++) {
        at_index_part *part = &index->parts[i];
        AT_TRY(at_record_size(record->name, &list->ptr[i], "documents", &part->n, err));
        AT_TRY(take_hash(record->name, &list->ptr[i], "hash", part->hash, err));
        AT_CHECK(part->n >= 1 && part->n <= AT_PIECE_DOCUMENTS, ATTRIB_EFORMAT,
                 "%s: a piece of %zu documents", record->name, part->n);
        index->info.n_documents += part->n;
    }
done:
    return status;
}

static attrib_status check_version(const at_record *record, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *format = "";
    size_t n = 0;
    size_t version = 0;
    AT_TRY(at_record_text(record->name, &record->map, "format", &format, &n, err));
    AT_CHECK(n == strlen("attrib index") && memcmp(format, "attrib index", n) == 0,
             ATTRIB_EFORMAT, "%s: not the record of an index", record->name);
    AT_TRY(at_record_size(record->name, &record->map, "version", &version, err));
    AT_CHECK(version == AT_INDEX_VERSION, ATTRIB_EVERSION,
             "%s: an index of version %zu, this attrib reads %d: make it again",
             record->name, version, AT_INDEX_VERSION);
done:
    return status;
}

attrib_status at_index_read(const char *folder,
                            const char *name,
                            attrib_index **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *index = NULL;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_index_new(folder, &index, err));
    AT_TRY(at_index_path(index, name, &path, err));
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(check_version(&record, err));
    AT_TRY(take_info(&record, index, err));
    AT_TRY(take_paths(&record, index, err));
    AT_TRY(take_readings(&record, index, err));
    AT_TRY(take_maps(&record, index, err));
    AT_TRY(take_parts(&record, index, err));
    *out = index;
    index = NULL;
done:
    attrib_index_close(index);
    at_record_free(&record);
    free(path);
    return status;
}

/* 2. Scales */

static attrib_status take_scales(const char *path,
                                 size_t n,
                                 const unsigned char **from,
                                 float **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n, sizeof(float), out, err));
    memcpy(*out, *from, n * sizeof(float));
    *from += n * sizeof(float);
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(isnormal((*out)[i]) && (*out)[i] > 0, ATTRIB_EFORMAT,
                 "%s: a scale of %g", path, (double)(*out)[i]);
    }
done:
    return status;
}

static attrib_status read_scales(attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    char hash[AT_HASH_SIZE];
    char *path = NULL;
    size_t n = 0;
    const unsigned char *from = NULL;
    for (size_t m = 0; m < index->shape.n_maps; m++) {
        n += index->shape.maps[m].out_dim + index->shape.maps[m].in_dim;
    }
    AT_TRY(at_index_path(index, AT_INDEX_SCALES, &path, err));
    AT_TRY(at_map_open(path, &map, err));
    at_hash_bytes(map.bytes, map.n_bytes, hash);
    AT_CHECK(map.n_bytes == n * sizeof(float) && strcmp(hash, index->scales) == 0,
             ATTRIB_EFORMAT,
             "%s: changed since it was written, or damaged: make the index "
             "again",
             path);
    from = map.bytes;
    for (size_t m = 0; m < index->shape.n_maps; m++) {
        at_index_map *one = &index->shape.maps[m];
        AT_TRY(take_scales(path, one->out_dim, &from, &one->scale_out, err));
        AT_TRY(take_scales(path, one->in_dim, &from, &one->scale_in, err));
    }
done:
    at_map_close(&map);
    free(path);
    return status;
}

bool attrib_index_is(const char *path)
{
    char *name = NULL;
    bool is = at_join_path(path, AT_INDEX_MANIFEST, &name, NULL) == ATTRIB_OK &&
              at_is_file(name);
    free(name);
    return is;
}

static attrib_status find_store(attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    size_t n = 0;
    AT_TRY(at_index_path(index, AT_INDEX_STORE, &path, err));
    n = at_is_file(path) ? strlen(path) : 0;
    AT_TRY(at_arena_text(index->bank, path, n, &index->info.store_path, err));
done:
    free(path);
    return status;
}

attrib_status attrib_index_open(const char *folder, attrib_index **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *index = NULL;
    char hash[AT_HASH_SIZE];
    AT_CHECK(
        attrib_index_is(folder), ATTRIB_EIO,
        "%s: no %s: not an index, or one that is not finished: attrib index makes it",
        folder, AT_INDEX_MANIFEST);
    AT_TRY(at_index_read(folder, AT_INDEX_MANIFEST, &index, err));
    AT_TRY(read_scales(index, err));
    AT_TRY(at_checked_new(index->n_parts, &index->checked, err));
    AT_TRY(find_store(index, err));
    memcpy(hash, index->hash, sizeof hash);
    AT_TRY(at_index_name(index, err));
    AT_CHECK(strcmp(hash, index->hash) == 0, ATTRIB_EFORMAT,
             "%s: what it says of itself does not fit together", folder);
    *out = index;
    index = NULL;
done:
    attrib_index_close(index);
    return status;
}

const attrib_index_info *attrib_index_describe(const attrib_index *index)
{
    return &index->info;
}

/* 3. Pieces */

static attrib_status check_records(const attrib_index *index,
                                   const char *path,
                                   const at_piece_map *piece,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char hash[AT_HASH_SIZE];
    at_hash_bytes(piece->map.bytes + AT_PIECE_HEADER_BYTES,
                  piece->map.n_bytes - AT_PIECE_HEADER_BYTES, hash);
    AT_CHECK(strcmp(hash, piece->hash) == 0, ATTRIB_EFORMAT,
             "%s: changed since it was written, or damaged: make the index again", path);
    for (size_t d = 0; d < piece->content.n; d++) {
        AT_CHECK(isfinite(piece->content.self[d]) && piece->content.self[d] >= 0 &&
                     at_record_is(&index->shape,
                                  piece->content.records + d * index->shape.record_bytes),
                 ATTRIB_EFORMAT, "%s: document %zu has no record that can be read", path,
                 d);
    }
done:
    return status;
}

/* What the header says, and where the arrays are. */
static attrib_status take_piece(const attrib_index *index,
                                const char *path,
                                at_piece_map *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *bytes = out->map.bytes;
    uint64_t sizes[2] = {0, 0};
    char hash[AT_HASH_SIZE];
    size_t of_document = AT_DIGEST_BYTES + sizeof(float) + index->shape.record_bytes;
    AT_CHECK(out->map.n_bytes > AT_PIECE_HEADER_BYTES &&
                 memcmp(bytes, AT_PIECE_MAGIC, 8) == 0,
             ATTRIB_EFORMAT, "%s: not a piece of an index", path);
    memcpy(sizes, bytes + 8, sizeof sizes);
    AT_CHECK(memcmp(bytes + 24, index->hash, AT_HASH_SIZE - 1) == 0 &&
                 sizes[1] == index->shape.record_bytes,
             ATTRIB_EFORMAT, "%s: a piece of another index", path);
    AT_CHECK(sizes[0] >= 1 && sizes[0] <= AT_PIECE_DOCUMENTS &&
                 out->map.n_bytes ==
                     AT_PIECE_HEADER_BYTES + (size_t)sizes[0] * of_document,
             ATTRIB_EFORMAT, "%s: cut short, or damaged", path);
    memcpy(out->hash, bytes + 56, AT_HASH_SIZE - 1);
    out->hash[AT_HASH_SIZE - 1] = '\0';
    out->content.n = (size_t)sizes[0];
    out->content.digests = bytes + AT_PIECE_HEADER_BYTES;
    at_hash_bytes(out->content.digests, out->content.n * AT_DIGEST_BYTES, hash);
    AT_CHECK(memcmp(bytes + 88, hash, AT_HASH_SIZE - 1) == 0, ATTRIB_EFORMAT,
             "%s: changed since it was written, or damaged: make the index again", path);
    out->content.self =
        (const void *)(out->content.digests + out->content.n * AT_DIGEST_BYTES);
    out->content.records =
        (const uint8_t *)(const void *)(out->content.self + out->content.n);
done:
    return status;
}

attrib_status at_piece_open(const attrib_index *index,
                            size_t i_piece,
                            bool is_checked,
                            at_piece_map *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    at_piece_map piece = {0};
    AT_TRY(at_piece_path(index, i_piece, &path, err));
    AT_TRY(at_map_open(path, &piece.map, err));
    AT_TRY(take_piece(index, path, &piece, err));
    AT_CHECK(i_piece >= index->n_parts || index->parts[i_piece].n == 0 ||
                 (index->parts[i_piece].n == piece.content.n &&
                  strcmp(index->parts[i_piece].hash, piece.hash) == 0),
             ATTRIB_EFORMAT, "%s: not the piece that the index names", path);
    if (is_checked && !at_checked_has(index->checked, i_piece, &piece.map)) {
        AT_TRY(check_records(index, path, &piece, err));
        at_checked_note(index->checked, i_piece, &piece.map);
    }
    *out = piece;
    piece = (at_piece_map){0};
done:
    at_piece_close(&piece);
    free(path);
    return status;
}

void at_piece_close(at_piece_map *piece)
{
    at_map_close(&piece->map);
    *piece = (at_piece_map){0};
}
