/* SPDX-License-Identifier: MIT */
/* Slices as files: safetensors with the arrays that the run holds (run.h).
 *
 * 1. Writing.
 * 2. Reading. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "run/run.h"

#define TOKEN_COUNTS "token_counts"
#define DOCUMENTS    "documents"
#define SEAL         "attrib_seal"

static attrib_status slice_path(
    const attrib_run *run, size_t i_tile, size_t i_slice, char **out, attrib_error *err)
{
    at_buffer name = {0};
    attrib_status status =
        at_buffer_print(&name, err, "scores-%04zu-%06zu.safetensors", i_tile, i_slice);
    if (status == ATTRIB_OK) {
        status = at_join_path(run->info.folder, name.bytes, out, err);
    }
    at_buffer_free(&name);
    return status;
}

attrib_status at_slice_exists(
    const attrib_run *run, size_t i_tile, size_t i_slice, bool *out, attrib_error *err)
{
    char *path = NULL;
    attrib_status status = slice_path(run, i_tile, i_slice, &path, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

/* Hash the numbers of a slice, by which changes are noticed: all arrays in their order,
 * and where the tokens of documents begin. The record of documents has a hash of its own.
 */
static attrib_status seal(const at_slice *slice,
                          char out[AT_HASH_SIZE],
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t dims[2] = {0};
        if (slice->arrays[k]) {
            AT_TRY(at_array_dims(k, &slice->counts, dims, err));
            at_hash_add(hash, slice->arrays[k],
                        dims[0] * dims[1] *
                            attrib_dtype_bytes(at_array_layout_of(k)->dtype));
        }
    }
    if (slice->first_token) {
        at_hash_add(hash, slice->first_token,
                    (slice->counts.n_documents + 1) * sizeof *slice->first_token);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

/* 1. Writing */

static attrib_status declare_array(const at_slice *slice,
                                   at_array_kind kind,
                                   at_tensor_writer *writer,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    size_t dims[2] = {0};
    AT_TRY(at_array_dims(kind, &slice->counts, dims, err));
    AT_TRY(at_tensor_writer_declare(writer, layout->name, layout->dtype, 2, dims, err));
done:
    return status;
}

static attrib_status write_array(const at_slice *slice,
                                 at_array_kind kind,
                                 at_tensor_writer *writer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t dims[2] = {0};
    AT_TRY(at_array_dims(kind, &slice->counts, dims, err));
    AT_TRY(at_tensor_writer_write(
        writer, slice->arrays[kind],
        dims[0] * dims[1] * attrib_dtype_bytes(at_array_layout_of(kind)->dtype), err));
done:
    return status;
}

/* Counts of tokens stand before the first array of tokens. */
static bool follows_counts(const at_slice *slice, at_array_kind kind)
{
    for (at_array_kind k = 0; k < kind; k++) {
        if (slice->arrays[k] && at_array_layout_of(k)->shape == ATTRIB_ARRAY_TOKENS) {
            return false;
        }
    }
    return at_array_layout_of(kind)->shape == ATTRIB_ARRAY_TOKENS;
}

static attrib_status write_counts(const at_slice *slice,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t d = 0; d < slice->counts.n_documents; d++) {
        int64_t n = (int64_t)(slice->first_token[d + 1] - slice->first_token[d]);
        AT_TRY(at_tensor_writer_write(writer, &n, sizeof n, err));
    }
done:
    return status;
}

/* Declare the tensors of a slice, or write their data: both go through the same list. */
static attrib_status write_tensors(const at_slice *slice,
                                   bool is_declared,
                                   at_tensor_writer *writer,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t n_documents = slice->counts.n_documents;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        if (!slice->arrays[k]) {
            continue;
        }
        if (follows_counts(slice, k)) {
            AT_TRY(is_declared
                       ? write_counts(slice, writer, err)
                       : at_tensor_writer_declare(writer, TOKEN_COUNTS, ATTRIB_I64, 1,
                                                  &n_documents, err));
        }
        AT_TRY(is_declared ? write_array(slice, k, writer, err)
                           : declare_array(slice, k, writer, err));
    }
    if (slice->documents.n_bytes) {
        const at_buffer *record = &slice->documents;
        AT_TRY(is_declared
                   ? at_tensor_writer_write(writer, record->bytes, record->n_bytes, err)
                   : at_tensor_writer_declare(writer, DOCUMENTS, ATTRIB_U8, 1,
                                              &record->n_bytes, err));
    }
done:
    return status;
}

attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    char hash[AT_HASH_SIZE];
    AT_TRY(slice_path(run, slice->i_tile, slice->first / AT_SLICE_DOCUMENTS, &path, err));
    AT_TRY(seal(slice, hash, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_run", run->identity, err));
    AT_TRY(at_tensor_writer_metadata(writer, SEAL, hash, err));
    AT_TRY(write_tensors(slice, false, writer, err));
    AT_TRY(write_tensors(slice, true, writer, err));
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

/* 2. Reading */

/* Find a tensor of a type; EFORMAT where it is missing. */
static attrib_status find_tensor(const at_tensors *tensors,
                                 const char *path,
                                 const char *name,
                                 attrib_dtype dtype,
                                 const at_tensor **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = at_tensors_find(tensors, name);
    AT_CHECK(*out && (*out)->dtype == dtype, ATTRIB_EFORMAT,
             "%s: not a slice of this run: no tensor \"%s\" of %s", path, name,
             attrib_dtype_name(dtype));
done:
    return status;
}

static attrib_status read_counts(const at_tensors *tensors,
                                 const char *path,
                                 at_slice *slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    const size_t n = slice->counts.n_documents;
    AT_TRY(find_tensor(tensors, path, TOKEN_COUNTS, ATTRIB_I64, &tensor, err));
    AT_TRY(at_tensor_expect(tensor, 1, &n, err));
    AT_TRY(at_array(n + 1, sizeof *slice->first_token, &slice->first_token, err));
    for (size_t d = 0; d < n; d++) {
        int64_t count = 0;
        memcpy(&count, tensor->data + d * sizeof count, sizeof count);
        AT_CHECK(count >= 0, ATTRIB_EFORMAT, "%s: document %zu of %lld tokens", path,
                 slice->first + d, (long long)count);
        AT_TRY(at_add(slice->first_token[d], (size_t)count, &slice->first_token[d + 1],
                      err));
    }
    slice->counts.n_tokens = slice->first_token[n];
done:
    return status;
}

static double number_at(const void *numbers, attrib_dtype dtype, size_t i)
{
    return dtype == ATTRIB_F64 ? ((const double *)numbers)[i]
                               : (double)((const float *)numbers)[i];
}

/* Read an array, whose numbers must be finite. */
static attrib_status read_array(const at_tensors *tensors,
                                const char *path,
                                at_array_kind kind,
                                at_slice *slice,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    const at_tensor *tensor = NULL;
    size_t dims[2] = {0};
    char *numbers = NULL;
    if (layout->shape == ATTRIB_ARRAY_TOKENS && !slice->first_token) {
        AT_TRY(read_counts(tensors, path, slice, err));
    }
    AT_TRY(find_tensor(tensors, path, layout->name, layout->dtype, &tensor, err));
    AT_TRY(at_array_dims(kind, &slice->counts, dims, err));
    AT_TRY(at_tensor_expect(tensor, 2, dims, err));
    AT_TRY(at_array(tensor->n_bytes, 1, &numbers, err));
    memcpy(numbers, tensor->data, tensor->n_bytes);
    slice->arrays[kind] = numbers;
    for (size_t i = 0; i < tensor->n_elements; i++) {
        AT_CHECK(isfinite(number_at(numbers, layout->dtype, i)), ATTRIB_ENUMERIC,
                 "%s: %s: number %zu is not finite", path, layout->name, i);
    }
done:
    return status;
}

static attrib_status read_tensors(const attrib_run *run,
                                  const at_tensors *tensors,
                                  const char *path,
                                  at_slice *slice,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *record = NULL;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        if (at_slice_holds(run, slice, k)) {
            AT_TRY(read_array(tensors, path, k, slice, err));
        }
    }
    if (slice->i_tile == 0) { /* which is read where it is asked for */
        AT_TRY(find_tensor(tensors, path, DOCUMENTS, ATTRIB_U8, &record, err));
    }
done:
    return status;
}

/* Open a slice's file, which must belong to the run. */
static attrib_status open_slice(const attrib_run *run,
                                const char *path,
                                at_tensors **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    const char *identity = NULL;
    AT_TRY(at_tensors_open(path, &tensors, err));
    identity = at_tensors_metadata(tensors, "attrib_run");
    AT_CHECK(identity && strcmp(identity, run->identity) == 0, ATTRIB_ESHAPE,
             "%s: of another run (other model, factors, corpus, queries or options)",
             path);
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    return status;
}

static attrib_status check_seal(const at_slice *slice,
                                const at_tensors *tensors,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *kept = at_tensors_metadata(tensors, SEAL);
    char hash[AT_HASH_SIZE];
    AT_TRY(seal(slice, hash, err));
    AT_CHECK(kept && strcmp(kept, hash) == 0, ATTRIB_EFORMAT,
             "%s: changed since it was written: copy the run again, or score again",
             path);
done:
    return status;
}

static attrib_status read_slice(const attrib_run *run,
                                size_t i_tile,
                                size_t i_slice,
                                at_slice *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    at_slice slice = {0};
    AT_TRY(at_slice_outline(run, i_tile, i_slice, &slice, err));
    AT_TRY(slice_path(run, i_tile, i_slice, &path, err));
    AT_TRY(open_slice(run, path, &tensors, err));
    AT_TRY(read_tensors(run, tensors, path, &slice, err));
    AT_TRY(check_seal(&slice, tensors, path, err));
    *out = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
    at_tensors_close(tensors);
    free(path);
    return status;
}

attrib_status at_slice_documents(const attrib_run *run,
                                 size_t i_slice,
                                 at_record *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    const at_tensor *record = NULL;
    char *path = NULL;
    at_buffer bytes = {0};
    AT_TRY(slice_path(run, 0, i_slice, &path, err));
    AT_TRY(open_slice(run, path, &tensors, err));
    AT_TRY(find_tensor(tensors, path, DOCUMENTS, ATTRIB_U8, &record, err));
    AT_TRY(at_buffer_append(&bytes, record->data, record->n_bytes, err));
    AT_TRY(at_record_parse(path, &bytes, out, err));
done:
    at_buffer_free(&bytes);
    at_tensors_close(tensors);
    free(path);
    return status;
}

attrib_status at_slice_peek(const attrib_run *run,
                            char identity[AT_HASH_SIZE],
                            size_t *n_columns,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    const at_tensor *scores = NULL;
    const char *name = NULL;
    char *path = NULL;
    bool is_there = false;
    *n_columns = 0;
    AT_TRY(at_slice_exists(run, 0, 0, &is_there, err));
    if (!is_there) {
        goto done;
    }
    AT_TRY(slice_path(run, 0, 0, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    name = at_tensors_metadata(tensors, "attrib_run");
    scores = at_tensors_find(tensors, at_array_layout_of(AT_SCORES)->name);
    if (name && strlen(name) == AT_HASH_SIZE - 1 && scores && scores->n_dims == 2) {
        memcpy(identity, name, AT_HASH_SIZE);
        *n_columns = scores->shape[1];
    }
done:
    at_tensors_close(tensors);
    free(path);
    return status;
}

attrib_status at_run_slice(attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           const at_slice **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    if (run->held) {
        *out = &run->held[i_tile * at_n_slices(run->info.n_documents) + i_slice];
        return ATTRIB_OK;
    }
    *out = &run->read[i_tile];
    if ((*out)->counts.n_documents > 0 && (*out)->first == i_slice * AT_SLICE_DOCUMENTS) {
        return ATTRIB_OK;
    }
    AT_TRY(read_slice(run, i_tile, i_slice, &slice, err));
    at_slice_free(&run->read[i_tile]);
    run->read[i_tile] = slice;
done:
    return status;
}
