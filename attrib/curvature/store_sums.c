/* SPDX-License-Identifier: MIT */
/* Sums that are not whole yet, in FOLDER.partial/sums: a file for each map of a stage,
 * written under another name and renamed, so that it is there whole or not at all. It
 * names the fit, the map and the blocks that were summed, and holds a hash of its
 * numbers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curvature/store_files.h"

#define FOLDER  "sums"
#define FORMAT  "attrib sums"
#define VERSION "1"

/* Numbers that are read before their memory is given back. */
#define NUMBERS_AT_A_TIME ((size_t)1 << 17)

static const char *const tensor_names[2][2] = {{"total_0", "part_0"},
                                               {"total_1", "part_1"}};

attrib_status at_store_sums_folder(const at_store *self, char **out, attrib_error *err)
{
    return at_join_path(self->partial, FOLDER, out, err);
}

static attrib_status sums_path(
    const at_store *self, at_fit_stage stage, size_t i, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    AT_TRY(at_buffer_print(&name, err, FOLDER "/%s-%zu.safetensors",
                           at_fit_stage_names[stage], i));
    AT_TRY(at_join_path(self->partial, name.bytes, out, err));
done:
    at_buffer_free(&name);
    return status;
}

/* Array 0 or 1, total or part, of the two sums of a map; NULL where it has none. */
static double *array_of(const at_running *sums, size_t k, size_t is_part)
{
    return is_part ? sums[k].part : sums[k].total;
}

static attrib_status hash_sums(const at_running *sums,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t k = 0; k < 4; k++) {
        const double *numbers = array_of(sums, k / 2, k % 2);
        if (numbers) {
            at_hash_add(hash, numbers, sums[k / 2].n * sizeof *numbers);
        }
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

/* 1. Writing */

static attrib_status describe(const at_store *self,
                              at_fit_stage stage,
                              size_t i,
                              const at_running *sums,
                              const at_sums_place *place,
                              at_tensor_writer *writer,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char hash[AT_HASH_SIZE];
    char done[32];
    char of[32];
    snprintf(done, sizeof done, "%zu", place->n_done);
    snprintf(of, sizeof of, "%zu", place->n_blocks);
    const char *const members[][2] = {{"format", FORMAT},
                                      {"version", VERSION},
                                      {"attrib_fit", self->factors->identity},
                                      {"stage", at_fit_stage_names[stage]},
                                      {"map", self->factors->factors[i].name},
                                      {"blocks", done},
                                      {"of", of},
                                      {"hash", hash}};
    AT_TRY(hash_sums(sums, hash, err));
    for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
        AT_TRY(at_tensor_writer_metadata(writer, members[k][0], members[k][1], err));
    }
done:
    return status;
}

attrib_status at_store_put_sums(const at_store *store,
                                at_fit_stage stage,
                                size_t i,
                                const at_running *sums,
                                const at_sums_place *place,
                                bool is_synced,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *folder = NULL;
    char *path = NULL;
    AT_TRY(at_store_sums_folder(store, &folder, err));
    AT_TRY(at_make_folder(folder, err));
    AT_TRY(sums_path(store, stage, i, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(describe(store, stage, i, sums, place, writer, err));
    for (size_t k = 0; k < 4; k++) {
        if (array_of(sums, k / 2, k % 2)) {
            AT_TRY(at_tensor_writer_declare(writer, tensor_names[k / 2][k % 2],
                                            ATTRIB_F64, 1, &sums[k / 2].n, err));
        }
    }
    for (size_t k = 0; k < 4; k++) {
        const double *numbers = array_of(sums, k / 2, k % 2);
        if (numbers) {
            AT_TRY(at_tensor_writer_write(writer, numbers,
                                          sums[k / 2].n * sizeof *numbers, err));
        }
    }
    AT_TRY(is_synced ? at_tensor_writer_commit(writer, err)
                     : at_tensor_writer_place(writer, err));
done:
    at_tensor_writer_free(writer);
    free(folder);
    free(path);
    return status;
}

/* 2. Reading */

static attrib_status expect(const char *path,
                            const at_tensors *tensors,
                            const char *key,
                            const char *value,
                            attrib_status code,
                            attrib_error *err)
{
    const char *text = at_tensors_metadata(tensors, key);
    if (!text || strcmp(text, value) != 0) {
        return at_fail(err, code, "%s: %s \"%.40s\", expected \"%.40s\"", path, key,
                       text ? text : "", value);
    }
    return ATTRIB_OK;
}

static attrib_status read_description(const at_store *self,
                                      const char *path,
                                      const at_tensors *tensors,
                                      at_fit_stage stage,
                                      size_t i,
                                      at_sums_place *place,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = at_tensors_metadata(tensors, "blocks");
    char *end = NULL;
    unsigned long long n_done = 0;
    char of[32];
    snprintf(of, sizeof of, "%zu", place->n_blocks);
    AT_TRY(expect(path, tensors, "format", FORMAT, ATTRIB_EFORMAT, err));
    AT_TRY(expect(path, tensors, "version", VERSION, ATTRIB_EVERSION, err));
    AT_TRY(
        expect(path, tensors, "attrib_fit", self->factors->identity, ATTRIB_ESHAPE, err));
    AT_TRY(expect(path, tensors, "stage", at_fit_stage_names[stage], ATTRIB_ESHAPE, err));
    AT_TRY(
        expect(path, tensors, "map", self->factors->factors[i].name, ATTRIB_ESHAPE, err));
    AT_TRY(expect(path, tensors, "of", of, ATTRIB_ESHAPE, err));
    AT_CHECK(text && text[0] >= '0' && text[0] <= '9', ATTRIB_EFORMAT,
             "%s: no number of blocks", path);
    errno = 0;
    n_done = strtoull(text, &end, 10);
    AT_CHECK(!*end && !errno && n_done > 0 && n_done <= place->n_blocks, ATTRIB_EFORMAT,
             "%s: \"%.40s\" blocks of %s", path, text, of);
    place->n_done = (size_t)n_done;
done:
    return status;
}

static attrib_status read_array(const char *path,
                                const at_tensors *tensors,
                                const char *name,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, name);
    AT_CHECK(tensor && tensor->dtype == ATTRIB_F64, ATTRIB_ESHAPE, "%s: no f64 %s", path,
             name);
    AT_TRY(at_tensor_expect(tensor, 1, &n, err));
    for (size_t first = 0; first < n; first += NUMBERS_AT_A_TIME) {
        size_t left = n - first;
        size_t m = left < NUMBERS_AT_A_TIME ? left : NUMBERS_AT_A_TIME;
        AT_TRY(at_tensor_to_f64(tensor, first, m, out + first, err));
        at_tensors_forget(tensors);
    }
done:
    return status;
}

attrib_status at_store_get_sums(const at_store *store,
                                at_fit_stage stage,
                                size_t i,
                                const at_running *sums,
                                at_sums_place *place,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    char hash[AT_HASH_SIZE];
    place->n_done = 0;
    AT_TRY(sums_path(store, stage, i, &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_tensors_open(path, &tensors, err));
    AT_TRY(read_description(store, path, tensors, stage, i, place, err));
    for (size_t k = 0; k < 4; k++) {
        double *numbers = array_of(sums, k / 2, k % 2);
        if (numbers) {
            AT_TRY(read_array(path, tensors, tensor_names[k / 2][k % 2], sums[k / 2].n,
                              numbers, err));
        }
    }
    AT_TRY(hash_sums(sums, hash, err));
    AT_TRY(expect(path, tensors, "hash", hash, ATTRIB_EFORMAT, err));
done:
    at_tensors_close(tensors);
    free(path);
    return status;
}

void at_store_drop_sums(const at_store *self,
                        at_fit_stage stage,
                        size_t first,
                        size_t end)
{
    for (size_t i = first; i < end; i++) {
        char *path = NULL;
        if (sums_path(self, stage, i, &path, NULL) == ATTRIB_OK) {
            unlink(path); /* where there is none, or it stays, it is dropped at the end */
        }
        free(path);
    }
}
