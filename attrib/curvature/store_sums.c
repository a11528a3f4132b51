/* SPDX-License-Identifier: MIT */
/* Checkpoints of sums, in FOLDER.partial/sums: one safetensors file for each map of a
 * stage, written under a temporary name and renamed, so that it is there whole or not at
 * all. It names the fit, the map and the blocks that were summed, and holds a hash of its
 * numbers.
 *
 * 1. What a file holds.   2. Writing.   3. Reading.   4. Dropping. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curvature/store_files.h"

#define FOLDER  "sums"
#define FORMAT  "attrib sums"
#define VERSION "1"

/* Numbers that are read before their memory is given back: 1 MiB of f64, so that a file
 * of many GB is never in memory as well as the array that it fills. */
#define NUMBERS_AT_A_TIME ((size_t)1 << 17)

/* 1. What a file holds */

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

/* The arrays that the two sums of a map have. */
typedef struct sums_arrays {
    const char *names[4];
    double *numbers[4]; /* [sizes[k]] */
    size_t sizes[4], n;
} sums_arrays;

static sums_arrays list_arrays(const at_running *sums)
{
    static const char *const names[2][2] = {{"total_0", "part_0"}, {"total_1", "part_1"}};
    sums_arrays list = {.n = 0};
    for (size_t k = 0; k < 4; k++) {
        const at_running *sum = &sums[k / 2];
        double *numbers = k % 2 ? sum->part : sum->total;
        if (numbers) {
            list.names[list.n] = names[k / 2][k % 2];
            list.numbers[list.n] = numbers;
            list.sizes[list.n++] = sum->n;
        }
    }
    return list;
}

static attrib_status hash_arrays(const sums_arrays *arrays,
                                 char out[AT_HASH_SIZE],
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t k = 0; k < arrays->n; k++) {
        at_hash_add(hash, arrays->numbers[k], arrays->sizes[k] * sizeof(double));
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

/* The metadata of a file; `code` is the error where it has another value. */
typedef struct sums_member {
    const char *key, *value;
    attrib_status code;
} sums_member;

#define N_MEMBERS 6

/* All but "blocks" and "hash"; `total` has room for "of". */
static void list_members(const at_store *self,
                         const at_sums_place *place,
                         char total[32],
                         sums_member out[N_MEMBERS])
{
    snprintf(total, 32, "%zu", place->n_blocks);
    out[0] = (sums_member){"format", FORMAT, ATTRIB_EFORMAT};
    out[1] = (sums_member){"version", VERSION, ATTRIB_EVERSION};
    out[2] = (sums_member){"attrib_fit", self->factors->identity, ATTRIB_ESHAPE};
    out[3] = (sums_member){"stage", at_fit_stage_names[place->stage], ATTRIB_ESHAPE};
    out[4] = (sums_member){"map", self->factors->factors[place->i].name, ATTRIB_ESHAPE};
    out[5] = (sums_member){"of", total, ATTRIB_ESHAPE};
}

/* 2. Writing */

static attrib_status write_members(const at_store *self,
                                   const at_sums_place *place,
                                   const char *hash,
                                   at_tensor_writer *writer,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sums_member members[N_MEMBERS];
    char total[32];
    char done[32];
    list_members(self, place, total, members);
    for (size_t k = 0; k < N_MEMBERS; k++) {
        AT_TRY(at_tensor_writer_metadata(writer, members[k].key, members[k].value, err));
    }
    snprintf(done, sizeof done, "%zu", place->n_done);
    AT_TRY(at_tensor_writer_metadata(writer, "blocks", done, err));
    AT_TRY(at_tensor_writer_metadata(writer, "hash", hash, err));
done:
    return status;
}

static attrib_status write_arrays(const sums_arrays *arrays,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < arrays->n; k++) {
        AT_TRY(at_tensor_writer_declare(writer, arrays->names[k], ATTRIB_F64, 1,
                                        &arrays->sizes[k], err));
    }
    for (size_t k = 0; k < arrays->n; k++) {
        AT_TRY(at_tensor_writer_write(writer, arrays->numbers[k],
                                      arrays->sizes[k] * sizeof(double), err));
    }
done:
    return status;
}

attrib_status at_store_put_sums(const at_store *store,
                                const at_sums_place *place,
                                const at_running *sums,
                                bool is_synced,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    const sums_arrays arrays = list_arrays(sums);
    char hash[AT_HASH_SIZE];
    char *folder = NULL;
    char *path = NULL;
    AT_TRY(hash_arrays(&arrays, hash, err));
    AT_TRY(at_store_sums_folder(store, &folder, err));
    AT_TRY(at_make_folder(folder, err));
    AT_TRY(sums_path(store, place->stage, place->i, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(write_members(store, place, hash, writer, err));
    AT_TRY(write_arrays(&arrays, writer, err));
    AT_TRY(is_synced ? at_tensor_writer_commit(writer, err)
                     : at_tensor_writer_place(writer, err));
done:
    at_tensor_writer_free(writer);
    free(folder);
    free(path);
    return status;
}

/* 3. Reading */

static attrib_status expect(const char *path,
                            const at_tensors *tensors,
                            const sums_member *member,
                            attrib_error *err)
{
    const char *text = at_tensors_metadata(tensors, member->key);
    if (!text || strcmp(text, member->value) != 0) {
        return at_fail(err, member->code, "%s: %s \"%.40s\", expected \"%.40s\"", path,
                       member->key, text ? text : "", member->value);
    }
    return ATTRIB_OK;
}

static attrib_status read_members(const at_store *self,
                                  const char *path,
                                  const at_tensors *tensors,
                                  at_sums_place *place,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = at_tensors_metadata(tensors, "blocks");
    sums_member members[N_MEMBERS];
    char total[32];
    char *end = NULL;
    unsigned long long n_done = 0;
    list_members(self, place, total, members);
    for (size_t k = 0; k < N_MEMBERS; k++) {
        AT_TRY(expect(path, tensors, &members[k], err));
    }
    AT_CHECK(text && text[0] >= '0' && text[0] <= '9', ATTRIB_EFORMAT,
             "%s: no number of blocks", path);
    errno = 0;
    n_done = strtoull(text, &end, 10);
    AT_CHECK(!*end && !errno && n_done > 0 && n_done <= place->n_blocks, ATTRIB_EFORMAT,
             "%s: \"%.40s\" blocks of %s", path, text, total);
    place->n_done = (size_t)n_done;
done:
    return status;
}

static attrib_status read_array(const char *path,
                                const at_tensors *tensors,
                                const sums_arrays *arrays,
                                size_t k,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = arrays->sizes[k];
    const at_tensor *tensor = at_tensors_find(tensors, arrays->names[k]);
    AT_CHECK(tensor && tensor->dtype == ATTRIB_F64, ATTRIB_ESHAPE, "%s: no f64 %s", path,
             arrays->names[k]);
    AT_TRY(at_tensor_expect(tensor, 1, &n, err));
    for (size_t first = 0; first < n; first += NUMBERS_AT_A_TIME) {
        size_t m = at_smaller(n - first, NUMBERS_AT_A_TIME);
        AT_TRY(at_tensor_to_f64(tensor, first, m, arrays->numbers[k] + first, err));
        at_tensors_forget(tensors);
    }
done:
    return status;
}

attrib_status at_store_get_sums(const at_store *store,
                                at_sums_place *place,
                                const at_running *sums,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    const sums_arrays arrays = list_arrays(sums);
    char hash[AT_HASH_SIZE];
    const sums_member hashed = {"hash", hash, ATTRIB_EFORMAT};
    place->n_done = 0;
    AT_TRY(sums_path(store, place->stage, place->i, &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_tensors_open(path, &tensors, err));
    AT_TRY(read_members(store, path, tensors, place, err));
    for (size_t k = 0; k < arrays.n; k++) {
        AT_TRY(read_array(path, tensors, &arrays, k, err));
    }
    AT_TRY(hash_arrays(&arrays, hash, err));
    AT_TRY(expect(path, tensors, &hashed, err));
done:
    at_tensors_close(tensors);
    free(path);
    return status;
}

/* 4. Dropping */

void at_store_drop_sums(const at_store *self,
                        at_fit_stage stage,
                        size_t first,
                        size_t end)
{
    for (size_t i = first; i < end; i++) {
        char *path = NULL;
        if (sums_path(self, stage, i, &path, NULL) == ATTRIB_OK) {
            unlink(path); /* a file that stays is dropped with the folder at the end */
        }
        free(path);
    }
}
