/* SPDX-License-Identifier: MIT */
/* The folder of an index: its paths, its manifest and its list of documents written. */
#include "index/index.h"

#include <stdlib.h>
#include <string.h>

#include "format/pack.h"

/* 1. Names */

attrib_status at_index_path(const attrib_index *index,
                            const char *name,
                            char **out,
                            attrib_error *err)
{
    return at_join_path(index->folder, name, out, err);
}

attrib_status at_piece_path(const attrib_index *index,
                            size_t i_piece,
                            char **out,
                            attrib_error *err)
{
    char name[40];
    snprintf(name, sizeof name, AT_PIECE_NAME "%06zu", i_piece);
    return at_index_path(index, name, out, err);
}

static attrib_status join_scales(const attrib_index *index,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t m = 0; m < index->shape.n_maps; m++) {
        const at_index_map *map = &index->shape.maps[m];
        AT_TRY(at_buffer_append(out, map->scale_out, map->out_dim * sizeof(float), err));
        AT_TRY(at_buffer_append(out, map->scale_in, map->in_dim * sizeof(float), err));
    }
done:
    return status;
}

attrib_status at_index_name(attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_index_info *info = &index->info;
    at_buffer text = {0};
    AT_TRY(join_scales(index, &text, err));
    at_hash_bytes(text.bytes, text.n_bytes, index->scales);
    at_buffer_clear(&text);
    AT_TRY(at_buffer_print(&text, err, "index %d", AT_INDEX_VERSION));
    if (info->method > 0) { /* the names of indexes that have none are as they were */
        AT_TRY(at_buffer_print(&text, err, " method %zu", info->method));
    }
    AT_TRY(at_buffer_print(
        &text, err, " model %s factors %s damping %.17g %d bytes %zu whole %d scales %s",
        info->model_hash, info->factors_hash, info->damping, info->is_damping_absolute,
        index->shape.record_bytes, index->shape.is_whole, index->scales));
    at_hash_bytes(text.bytes, text.n_bytes, index->hash);
    index->info.hash = index->hash;
done:
    at_buffer_free(&text);
    return status;
}

/* 2. The record */

static attrib_status pack_maps(const attrib_index *index,
                               msgpack_packer *packer,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "modules", index->shape.n_maps, err));
    for (size_t m = 0; m < index->shape.n_maps; m++) {
        const at_index_map *map = &index->shape.maps[m];
        AT_TRY(at_pack_map(packer, 3, err));
        AT_TRY(at_pack_text_member(packer, "name", map->name, err));
        AT_TRY(at_pack_size_member(packer, "out", map->out_dim, err));
        AT_TRY(at_pack_size_member(packer, "in", map->in_dim, err));
    }
done:
    return status;
}

static attrib_status pack_parts(const attrib_index *index,
                                msgpack_packer *packer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "pieces", index->n_parts, err));
    for (size_t i = 0; i < index->n_parts; i++) {
        AT_TRY(at_pack_map(packer, 2, err));
        AT_TRY(at_pack_size_member(packer, "documents", index->parts[i].n, err));
        AT_TRY(at_pack_text_member(packer, "hash", index->parts[i].hash, err));
    }
done:
    return status;
}

static attrib_status pack_paths(const attrib_index *index,
                                msgpack_packer *packer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_paths *paths = &index->info.corpus_paths;
    AT_TRY(at_pack_array_member(packer, "corpus_paths", paths->n, err));
    for (size_t i = 0; i < paths->n; i++) {
        AT_TRY(at_pack_text(packer, paths->paths[i], strlen(paths->paths[i]), err));
    }
done:
    return status;
}

static attrib_status pack_readings(const attrib_index_info *info,
                                   msgpack_packer *packer,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "readings", info->n_readings, err));
    for (size_t i = 0; i < info->n_readings; i++) {
        const attrib_reading *one = &info->readings[i];
        AT_TRY(at_pack_map(packer, 2, err));
        AT_TRY(at_pack_text_member(packer, "name", one->name, err));
        AT_TRY(at_pack_text_member(packer, "value", one->value, err));
    }
done:
    return status;
}

/* What the index was made of, and how. */
static attrib_status pack_origin(const attrib_index_info *info,
                                 msgpack_packer *packer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_text_member(packer, "corpus_date", info->corpus_date, err));
    AT_TRY(at_pack_text_member(packer, "model_hash", info->model_hash, err));
    AT_TRY(at_pack_text_member(packer, "factors_hash", info->factors_hash, err));
    AT_TRY(at_pack_text_member(packer, "model_path", info->model_path, err));
    AT_TRY(at_pack_text_member(packer, "factors_path", info->factors_path, err));
    AT_TRY(at_pack_text_member(packer, "directory", info->directory, err));
    AT_TRY(at_pack_text_member(packer, "command", info->command, err));
done:
    return status;
}

static attrib_status pack_index(const attrib_index *index,
                                msgpack_packer *packer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_index_info *info = &index->info;
    AT_TRY(at_pack_map(packer, 22, err));
    AT_TRY(at_pack_text_member(packer, "format", "attrib index", err));
    AT_TRY(at_pack_size_member(packer, "version", AT_INDEX_VERSION, err));
    AT_TRY(at_pack_text_member(packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_size_member(packer, "method", info->method, err));
    AT_TRY(at_pack_text_member(packer, "hash", index->hash, err));
    AT_TRY(at_pack_text_member(packer, "scales_hash", index->scales, err));
    AT_TRY(at_pack_text_member(packer, "corpus_hash", index->corpus, err));
    AT_TRY(pack_origin(info, packer, err));
    AT_TRY(at_pack_number_member(packer, "damping", info->damping, err));
    AT_TRY(
        at_pack_size_member(packer, "damping_absolute", info->is_damping_absolute, err));
    AT_TRY(at_pack_size_member(packer, "whole", index->shape.is_whole, err));
    AT_TRY(at_pack_size_member(packer, "record_bytes", index->shape.record_bytes, err));
    AT_TRY(pack_paths(index, packer, err));
    AT_TRY(pack_readings(info, packer, err));
    AT_TRY(pack_maps(index, packer, err));
    AT_TRY(pack_parts(index, packer, err));
done:
    return status;
}

attrib_status at_index_write(const attrib_index *index,
                             const char *name,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char *path = NULL;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(pack_index(index, &packer, err));
    AT_TRY(at_index_path(index, name, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    msgpack_sbuffer_destroy(&bytes);
    free(path);
    return status;
}

/* 3. Numbers */

attrib_status at_index_write_scales(const attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    at_output output = {0};
    char *path = NULL;
    AT_TRY(join_scales(index, &bytes, err));
    AT_TRY(at_index_path(index, AT_INDEX_SCALES, &path, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, bytes.bytes, bytes.n_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_buffer_free(&bytes);
    free(path);
    return status;
}

static attrib_status hash_content(const attrib_index *index,
                                  const at_piece_content *content,
                                  char out[AT_HASH_SIZE],
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    at_hash_add(hash, content->digests, content->n * AT_DIGEST_BYTES);
    at_hash_add(hash, content->self, content->n * sizeof *content->self);
    at_hash_add(hash, content->records, content->n * index->shape.record_bytes);
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

attrib_status at_piece_write(attrib_index *index,
                             size_t i_piece,
                             const at_piece_content *content,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char header[AT_PIECE_HEADER_BYTES] = AT_PIECE_MAGIC;
    const uint64_t sizes[2] = {content->n, index->shape.record_bytes};
    at_index_part *part = &index->parts[i_piece];
    char of_digests[AT_HASH_SIZE];
    at_output output = {0};
    char *path = NULL;
    part->n = content->n;
    AT_TRY(hash_content(index, content, part->hash, err));
    memcpy(header + 8, sizes, sizeof sizes);
    memcpy(header + 24, index->hash, AT_HASH_SIZE - 1);
    memcpy(header + 56, part->hash, AT_HASH_SIZE - 1);
    at_hash_bytes(content->digests, content->n * AT_DIGEST_BYTES, of_digests);
    memcpy(header + 88, of_digests, AT_HASH_SIZE - 1);
    AT_TRY(at_piece_path(index, i_piece, &path, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, header, sizeof header, err));
    AT_TRY(at_output_write(&output, content->digests, content->n * AT_DIGEST_BYTES, err));
    AT_TRY(at_output_write(&output, content->self, content->n * sizeof(float), err));
    AT_TRY(at_output_write(&output, content->records,
                           content->n * index->shape.record_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    free(path);
    return status;
}
