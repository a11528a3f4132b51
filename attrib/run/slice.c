/* SPDX-License-Identifier: MIT */
/* Slices of a run: the scores of 512 documents against the queries of a tile. Each is a
 * file of its own, so that a run can be stopped and resumed, and need not fit into
 * memory.
 *
 * 1. Shapes.
 * 2. Files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "run/run.h"

/* 1. Shapes */

size_t at_n_slices(size_t n_documents)
{
    return n_documents / AT_SLICE_DOCUMENTS + (n_documents % AT_SLICE_DOCUMENTS != 0);
}

at_tile at_run_tile(const attrib_run *run, size_t i_tile)
{
    size_t first = i_tile * run->n_tile;
    size_t left = run->info.n_queries - first;
    return (at_tile){first, left < run->n_tile ? left : run->n_tile};
}

size_t at_run_n_sums(const attrib_run *run)
{
    return run->info.n_groups ? run->info.n_groups : 1;
}

double at_slice_total(
    const double *of_slice, size_t d, size_t n_columns, size_t n_sums, size_t c)
{
    double total = 0;
    for (size_t g = 0; g < n_sums; g++) {
        total += of_slice[d * n_columns + g * (n_columns / n_sums) + c];
    }
    return total;
}

double at_score_scale(attrib_normalize how,
                      double loss,
                      double query_self,
                      double document_self)
{
    switch (how) {
    case ATTRIB_NORMALIZE_NONE:
        break;
    case ATTRIB_NORMALIZE_NATS:
        return 1 / loss;
    case ATTRIB_NORMALIZE_UNIT:
        return document_self > 0 ? 1 / (sqrt(query_self) * sqrt(document_self)) : 0;
    }
    return 1;
}

attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = run->info.n_queries;
    size_t n = 0;
    run->n_tiles = n_queries / run->n_tile + (n_queries % run->n_tile != 0);
    if (is_held) {
        AT_TRY(at_mul(run->n_tiles, at_n_slices(run->info.n_documents), &n, err));
        AT_TRY(at_array(n, sizeof *run->held, &run->held, err));
    } else {
        AT_TRY(at_array(run->n_tiles, sizeof *run->read, &run->read, err));
    }
done:
    return status;
}

/* Set the shape of a slice; it has no arrays yet. */
static attrib_status shape_slice(const attrib_run *run,
                                 size_t i_tile,
                                 size_t i_slice,
                                 at_slice *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {.i_tile = i_tile, .first = i_slice * AT_SLICE_DOCUMENTS};
    size_t left = run->info.n_documents - slice.first;
    slice.n_documents = left < AT_SLICE_DOCUMENTS ? left : AT_SLICE_DOCUMENTS;
    AT_TRY(at_mul(at_run_tile(run, i_tile).n, run->info.options.n_settings,
                  &slice.n_columns, err));
    AT_TRY(at_mul(slice.n_columns, at_run_n_sums(run), &slice.n_columns, err));
    *out = slice;
done:
    return status;
}

/* Whether slices of a tile hold self-influences. These depend on documents alone, which
 * all tiles share, so tile 0 holds them. */
static bool has_self(const attrib_run *run, size_t i_tile)
{
    return run->info.options.with_self && i_tile == 0;
}

attrib_status at_slice_new(const attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           at_slice *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    size_t n = 0;
    AT_TRY(shape_slice(run, i_tile, i_slice, &slice, err));
    AT_TRY(at_mul(slice.n_documents, slice.n_columns, &n, err));
    AT_TRY(at_array(n, sizeof *slice.scores, &slice.scores, err));
    if (run->info.query_rank > 0) {
        AT_TRY(at_array(n, sizeof *slice.bounds, &slice.bounds, err));
    }
    if (has_self(run, i_tile)) {
        AT_TRY(at_array(slice.n_documents * run->info.options.n_settings,
                        sizeof *slice.self, &slice.self, err));
    }
    *out = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
    return status;
}

/* The number of columns of a slice's shares of tokens: V, the columns of one sum. */
static size_t n_cases_of(const attrib_run *run, const at_slice *slice)
{
    return slice->n_columns / at_run_n_sums(run);
}

attrib_status at_slice_add_tokens(const attrib_run *run,
                                  at_slice *slice,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(
        at_mul(slice->first_token[slice->n_documents], n_cases_of(run, slice), &n, err));
    AT_TRY(at_array(n, sizeof *slice->tokens, &slice->tokens, err));
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "shares of %zu tokens",
                   slice->first_token[slice->n_documents]);
    }
    return status;
}

void at_slice_free(at_slice *slice)
{
    free(slice->scores);
    free(slice->bounds);
    free(slice->self);
    free(slice->tokens);
    free(slice->first_token);
    free(slice->ids);
    free(slice->id);
    *slice = (at_slice){0};
}

double at_slice_bytes(double n_documents, double n_columns, bool has_bounds)
{
    return sizeof(double) * n_documents * n_columns * (has_bounds ? 2 : 1);
}

/* 2. Files */

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

/* One tensor of a slice's file. */
typedef struct member {
    const char *name;
    attrib_dtype dtype;
    const void *data; /* NULL: the file does not have the tensor */
    size_t n_dims, shape[2];
    size_t n_bytes;
} member;

/* Make an array of the number of tokens of each document, owned by the caller. */
static attrib_status count_tokens(const at_slice *slice, int64_t **out, attrib_error *err)
{
    attrib_status status = at_array(slice->n_documents, sizeof **out, out, err);
    for (size_t d = 0; status == ATTRIB_OK && d < slice->n_documents; d++) {
        (*out)[d] = (int64_t)(slice->first_token[d + 1] - slice->first_token[d]);
    }
    return status;
}

static attrib_status write_members(const attrib_run *run,
                                   const at_slice *slice,
                                   const int64_t *counts,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    size_t n = slice->n_documents;
    size_t n_settings = run->info.options.n_settings;
    size_t n_bytes = n * slice->n_columns * sizeof *slice->scores;
    size_t n_tokens = slice->tokens ? slice->first_token[n] : 0;
    size_t n_cases = n_cases_of(run, slice);
    const member members[] = {
        {"scores", ATTRIB_F64, slice->scores, 2, {n, slice->n_columns}, n_bytes},
        {"bounds", ATTRIB_F64, slice->bounds, 2, {n, slice->n_columns}, n_bytes},
        {"self",
         ATTRIB_F64,
         slice->self,
         2,
         {n, n_settings},
         n * n_settings * sizeof *slice->self},
        {"token_counts", ATTRIB_I64, counts, 1, {n}, n * sizeof *counts},
        {"tokens",
         ATTRIB_F32,
         slice->tokens,
         2,
         {n_tokens, n_cases},
         n_tokens * n_cases * sizeof *slice->tokens},
        {"ids", ATTRIB_U8, slice->ids, 1, {slice->n_id_bytes}, slice->n_id_bytes}};
    size_t n_members = sizeof members / sizeof *members;
    AT_TRY(slice_path(run, slice->i_tile, slice->first / AT_SLICE_DOCUMENTS, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_run", run->identity, err));
    for (const member *m = members; m < members + n_members; m++) {
        if (m->data) {
            AT_TRY(at_tensor_writer_declare(writer, m->name, m->dtype, m->n_dims,
                                            m->shape, err));
        }
    }
    for (const member *m = members; m < members + n_members; m++) {
        if (m->data) {
            AT_TRY(at_tensor_writer_write(writer, m->data, m->n_bytes, err));
        }
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t *counts = NULL;
    if (slice->tokens) {
        AT_TRY(count_tokens(slice, &counts, err));
    }
    AT_TRY(write_members(run, slice, counts, err));
done:
    free(counts);
    return status;
}

/* Point id[i] to the i-th of the NUL-terminated ids. */
static attrib_status split_ids(at_slice *slice, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *next = slice->ids;
    const char *end = slice->ids + slice->n_id_bytes;
    AT_TRY(at_array(slice->n_documents, sizeof *slice->id, &slice->id, err));
    for (size_t i = 0; i < slice->n_documents; i++) {
        const char *stop = next < end ? memchr(next, '\0', (size_t)(end - next)) : NULL;
        AT_CHECK(stop, ATTRIB_EFORMAT, "%s: %zu ids, expected %zu", path, i,
                 slice->n_documents);
        slice->id[i] = next;
        next = stop + 1;
    }
    AT_CHECK(next == end, ATTRIB_EFORMAT, "%s: more ids than documents", path);
done:
    return status;
}

/* Read a tensor [n_documents, n_columns], whose numbers must be finite. */
static attrib_status read_numbers(const at_tensors *tensors,
                                  const char *name,
                                  const char *path,
                                  const size_t shape[2],
                                  double **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, name);
    AT_CHECK(tensor, ATTRIB_EFORMAT, "%s: not a slice of this run: no tensor \"%s\"",
             path, name);
    AT_TRY(at_tensor_expect(tensor, 2, shape, err));
    AT_TRY(at_array(tensor->n_elements, sizeof **out, out, err));
    AT_TRY(at_tensor_to_f64(tensor, 0, tensor->n_elements, *out, err));
    for (size_t i = 0; i < tensor->n_elements; i++) {
        AT_CHECK(isfinite((*out)[i]), ATTRIB_ENUMERIC, "%s: %s: number %zu is not finite",
                 path, tensor->name, i);
    }
done:
    return status;
}

static attrib_status read_counts(const at_tensors *tensors,
                                 const char *path,
                                 at_slice *slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, "token_counts");
    const size_t shape[1] = {slice->n_documents};
    AT_CHECK(tensor && tensor->dtype == ATTRIB_I64, ATTRIB_EFORMAT,
             "%s: not a slice of this run: no tensor \"token_counts\" of I64", path);
    AT_TRY(at_tensor_expect(tensor, 1, shape, err));
    AT_TRY(at_array(slice->n_documents + 1, sizeof *slice->first_token,
                    &slice->first_token, err));
    for (size_t d = 0; d < slice->n_documents; d++) {
        int64_t count = 0;
        memcpy(&count, tensor->data + d * sizeof count, sizeof count);
        AT_CHECK(count >= 0, ATTRIB_EFORMAT, "%s: document %zu of %lld tokens", path,
                 slice->first + d, (long long)count);
        AT_TRY(at_add(slice->first_token[d], (size_t)count, &slice->first_token[d + 1],
                      err));
    }
done:
    return status;
}

static attrib_status read_tokens(const attrib_run *run,
                                 const at_tensors *tensors,
                                 const char *path,
                                 at_slice *slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, "tokens");
    const size_t shape[2] = {slice->first_token[slice->n_documents],
                             n_cases_of(run, slice)};
    AT_CHECK(tensor && tensor->dtype == ATTRIB_F32, ATTRIB_EFORMAT,
             "%s: not a slice of this run: no tensor \"tokens\" of F32", path);
    AT_TRY(at_tensor_expect(tensor, 2, shape, err));
    AT_TRY(at_array(tensor->n_elements, sizeof *slice->tokens, &slice->tokens, err));
    memcpy(slice->tokens, tensor->data, tensor->n_bytes);
    for (size_t i = 0; i < tensor->n_elements; i++) {
        AT_CHECK(isfinite(slice->tokens[i]), ATTRIB_ENUMERIC,
                 "%s: tokens: number %zu is not finite", path, i);
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
    const at_tensor *ids = at_tensors_find(tensors, "ids");
    const size_t shape[2] = {slice->n_documents, slice->n_columns};
    const size_t self_shape[2] = {slice->n_documents, run->info.options.n_settings};
    AT_CHECK(slice->i_tile > 0 || (ids && ids->dtype == ATTRIB_U8), ATTRIB_EFORMAT,
             "%s: not a slice of a run", path);
    AT_TRY(read_numbers(tensors, "scores", path, shape, &slice->scores, err));
    if (run->info.query_rank > 0) {
        AT_TRY(read_numbers(tensors, "bounds", path, shape, &slice->bounds, err));
    }
    if (has_self(run, slice->i_tile)) {
        AT_TRY(read_numbers(tensors, "self", path, self_shape, &slice->self, err));
    }
    if (run->info.options.with_tokens) {
        AT_TRY(read_counts(tensors, path, slice, err));
        AT_TRY(read_tokens(run, tensors, path, slice, err));
    }
    if (slice->i_tile == 0) {
        slice->n_id_bytes = ids->n_bytes;
        AT_TRY(at_array(ids->n_bytes, 1, &slice->ids, err));
        memcpy(slice->ids, ids->data, ids->n_bytes);
        AT_TRY(split_ids(slice, path, err));
    }
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
    const char *identity = NULL;
    AT_TRY(shape_slice(run, i_tile, i_slice, &slice, err));
    AT_TRY(slice_path(run, i_tile, i_slice, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    identity = at_tensors_metadata(tensors, "attrib_run");
    AT_CHECK(identity && strcmp(identity, run->identity) == 0, ATTRIB_ESHAPE,
             "%s: of another run (other model, factors, corpus, queries or options)",
             path);
    AT_TRY(read_tensors(run, tensors, path, &slice, err));
    *out = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
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
    scores = at_tensors_find(tensors, "scores");
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
    if ((*out)->scores && (*out)->first == i_slice * AT_SLICE_DOCUMENTS) {
        return ATTRIB_OK;
    }
    AT_TRY(read_slice(run, i_tile, i_slice, &slice, err));
    at_slice_free(&run->read[i_tile]);
    run->read[i_tile] = slice;
done:
    return status;
}
