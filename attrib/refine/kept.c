/* SPDX-License-Identifier: MIT */
/* Refined queries in the folder of attrib prepare, one file a tile, which all shards of
 * the run read in place of refining: FOLDER/refined-QQQQQQ.safetensors, of the tile that
 * begins with query Q, with
 *
 *     {map}      [V, O, I] f32  P
 *     self       [V] f64        <P, G>
 *     residuals  [V] f64        where queries were refined, and not scaled alone
 *
 * and in its header the run that they are of, and the hash of all of these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "refine/refine.h"

#define VERSION   "1"
#define SELF      "self"
#define RESIDUALS "residuals"

static attrib_status path_of(const at_setup *setup,
                             size_t first_query,
                             char **out,
                             attrib_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "refined-%06zu.safetensors", first_query);
    return at_join_path(setup->refined.folder, name, out, err);
}

static size_t map_bytes(const at_prepared *prepared, size_t m)
{
    const at_prepared_map *map = &prepared->maps[m];
    return prepared->n_cases * map->out_dim * map->in_dim * sizeof *map->p;
}

/* The hash of the hashes of all arrays. */
static attrib_status hash_all(const at_prepared *prepared,
                              char out[AT_HASH_SIZE],
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer hashes = {0};
    char hash[AT_HASH_SIZE];
    size_t n_bytes = prepared->n_cases * sizeof *prepared->self;
    for (size_t m = 0; m < prepared->n_maps; m++) {
        at_hash_bytes(prepared->maps[m].p, map_bytes(prepared, m), hash);
        AT_TRY(at_buffer_append(&hashes, hash, AT_HASH_SIZE, err));
    }
    at_hash_bytes(prepared->self, n_bytes, hash);
    AT_TRY(at_buffer_append(&hashes, hash, AT_HASH_SIZE, err));
    if (prepared->residuals) {
        at_hash_bytes(prepared->residuals, n_bytes, hash);
        AT_TRY(at_buffer_append(&hashes, hash, AT_HASH_SIZE, err));
    }
    at_hash_bytes(hashes.bytes, hashes.n_bytes, out);
done:
    at_buffer_free(&hashes);
    return status;
}

/* 1. Writing */

static attrib_status declare(at_tensor_writer *writer,
                             const at_setup *setup,
                             const at_prepared *prepared,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char hash[AT_HASH_SIZE];
    const size_t n[] = {prepared->n_cases};
    AT_TRY(hash_all(prepared, hash, err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_refined", VERSION, err));
    AT_TRY(at_tensor_writer_metadata(writer, "run", setup->refined.identity, err));
    AT_TRY(at_tensor_writer_metadata(writer, "hash", hash, err));
    for (size_t m = 0; m < prepared->n_maps; m++) {
        const at_prepared_map *map = &prepared->maps[m];
        const size_t shape[] = {prepared->n_cases, map->out_dim, map->in_dim};
        AT_TRY(at_tensor_writer_declare(writer, at_setup_module(setup, m)->name,
                                        ATTRIB_F32, 3, shape, err));
    }
    AT_TRY(at_tensor_writer_declare(writer, SELF, ATTRIB_F64, 1, n, err));
    if (prepared->residuals) {
        AT_TRY(at_tensor_writer_declare(writer, RESIDUALS, ATTRIB_F64, 1, n, err));
    }
done:
    return status;
}

attrib_status at_refined_write(const at_setup *setup,
                               const at_prepared *prepared,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    size_t n_bytes = prepared->n_cases * sizeof *prepared->self;
    AT_TRY(path_of(setup, prepared->tile.first, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare(writer, setup, prepared, err));
    for (size_t m = 0; m < prepared->n_maps; m++) {
        AT_TRY(at_tensor_writer_write(writer, prepared->maps[m].p, map_bytes(prepared, m),
                                      err));
    }
    AT_TRY(at_tensor_writer_write(writer, prepared->self, n_bytes, err));
    if (prepared->residuals) {
        AT_TRY(at_tensor_writer_write(writer, prepared->residuals, n_bytes, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

/* 2. Reading */

static attrib_status find(const at_tensors *tensors,
                          const char *path,
                          const char *name,
                          size_t n_dims,
                          const size_t *shape,
                          const at_tensor **out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = at_tensors_find(tensors, name);
    AT_CHECK(*out, ATTRIB_EFORMAT, "%s: has no %s: prepare again", path, name);
    AT_TRY(at_tensor_expect(*out, n_dims, shape, err));
done:
    return status;
}

static bool says(const at_tensors *tensors, const char *key, const char *value)
{
    const char *found = at_tensors_metadata(tensors, key);
    return found && strcmp(found, value) == 0;
}

static attrib_status take(const at_setup *setup,
                          const at_tensors *tensors,
                          const char *path,
                          at_prepared *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    size_t n = out->n_cases;
    for (size_t m = 0; m < out->n_maps; m++) {
        const at_prepared_map *map = &out->maps[m];
        const size_t shape[] = {n, map->out_dim, map->in_dim};
        AT_TRY(
            find(tensors, path, at_setup_module(setup, m)->name, 3, shape, &tensor, err));
        AT_TRY(at_tensor_to_f32(tensor, 0, tensor->n_elements, map->p, err));
    }
    AT_TRY(find(tensors, path, SELF, 1, &n, &tensor, err));
    AT_TRY(at_tensor_to_f64(tensor, 0, n, out->self, err));
    if (out->residuals) {
        AT_TRY(find(tensors, path, RESIDUALS, 1, &n, &tensor, err));
        AT_TRY(at_tensor_to_f64(tensor, 0, n, out->residuals, err));
    }
done:
    return status;
}

attrib_status at_refined_read(const at_setup *setup,
                              at_prepared *prepared,
                              bool *is_there,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    char hash[AT_HASH_SIZE];
    *is_there = false;
    if (!setup->refined.folder) {
        return ATTRIB_OK;
    }
    AT_TRY(path_of(setup, prepared->tile.first, &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_tensors_open(path, &tensors, err));
    AT_CHECK(says(tensors, "attrib_refined", VERSION), ATTRIB_EVERSION,
             "%s: not of version " VERSION " of refined queries: prepare again", path);
    AT_CHECK(says(tensors, "run", setup->refined.identity), ATTRIB_ESHAPE,
             "%s: refined for another run: prepare again in another folder", path);
    AT_TRY(take(setup, tensors, path, prepared, err));
    AT_TRY(hash_all(prepared, hash, err));
    AT_CHECK(says(tensors, "hash", hash), ATTRIB_EFORMAT,
             "%s: changed since it was written: prepare again", path);
    *is_there = true;
done:
    at_tensors_close(tensors);
    free(path);
    return status;
}
