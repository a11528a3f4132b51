/* SPDX-License-Identifier: MIT */
/* Parts of a run: what makes it stop and go on, and stream. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "rank/run.h"
#include "rank/sizes.h"

/* 1. Shapes */

size_t at_n_parts(size_t n_documents)
{
    return n_documents / AT_PART_DOCUMENTS + (n_documents % AT_PART_DOCUMENTS != 0);
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

double at_part_total(
    const double *of_part, size_t d, size_t n_columns, size_t n_sums, size_t c)
{
    double total = 0;
    for (size_t g = 0; g < n_sums; g++) {
        total += of_part[d * n_columns + g * (n_columns / n_sums) + c];
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

attrib_status at_run_place_parts(attrib_run *run, bool is_held, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = run->info.n_queries;
    size_t n = 0;
    run->n_tiles = n_queries / run->n_tile + (n_queries % run->n_tile != 0);
    if (is_held) {
        AT_TRY(at_mul(run->n_tiles, at_n_parts(run->info.n_documents), &n, err));
        AT_TRY(at_array(n, sizeof *run->held, &run->held, err));
    } else {
        AT_TRY(at_array(run->n_tiles, sizeof *run->read, &run->read, err));
    }
done:
    return status;
}

/* A part with its shape, and no sums yet. */
static attrib_status shape_part(
    const attrib_run *run, size_t i_tile, size_t i_part, at_part *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {.i_tile = i_tile, .first = i_part * AT_PART_DOCUMENTS};
    size_t left = run->info.n_documents - part.first;
    part.n_documents = left < AT_PART_DOCUMENTS ? left : AT_PART_DOCUMENTS;
    AT_TRY(at_mul(at_run_tile(run, i_tile).n, run->info.options.n_settings,
                  &part.n_columns, err));
    AT_TRY(at_mul(part.n_columns, at_run_n_sums(run), &part.n_columns, err));
    *out = part;
done:
    return status;
}

/* Documents are the same for all tiles: the first holds what is theirs alone. */
static bool has_self(const attrib_run *run, size_t i_tile)
{
    return run->info.options.with_self && i_tile == 0;
}

attrib_status at_part_new(
    const attrib_run *run, size_t i_tile, size_t i_part, at_part *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {0};
    size_t n = 0;
    AT_TRY(shape_part(run, i_tile, i_part, &part, err));
    AT_TRY(at_mul(part.n_documents, part.n_columns, &n, err));
    AT_TRY(at_array(n, sizeof *part.scores, &part.scores, err));
    if (run->info.query_rank > 0) {
        AT_TRY(at_array(n, sizeof *part.bounds, &part.bounds, err));
    }
    if (has_self(run, i_tile)) {
        AT_TRY(at_array(part.n_documents * run->info.options.n_settings,
                        sizeof *part.self, &part.self, err));
    }
    *out = part;
    part = (at_part){0};
done:
    at_part_free(&part);
    return status;
}

/* Columns of a part's tokens: those of one sum. */
static size_t n_cases_of(const attrib_run *run, const at_part *part)
{
    return part->n_columns / at_run_n_sums(run);
}

attrib_status at_part_add_tokens(const attrib_run *run, at_part *part, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_mul(part->first_token[part->n_documents], n_cases_of(run, part), &n, err));
    AT_TRY(at_array(n, sizeof *part->tokens, &part->tokens, err));
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "shares of %zu tokens",
                   part->first_token[part->n_documents]);
    }
    return status;
}

void at_part_free(at_part *part)
{
    free(part->scores);
    free(part->bounds);
    free(part->self);
    free(part->tokens);
    free(part->first_token);
    free(part->ids);
    free(part->id);
    *part = (at_part){0};
}

double at_part_bytes(const at_ranking *ranking,
                     double n_documents,
                     size_t rank,
                     double n_cases,
                     double n_tokens)
{
    double n_sums = (double)ranking->n_groups;
    double scores = sizeof(double) * n_documents * n_sums * n_cases;
    return scores * (rank ? 2 : 1) + sizeof(float) * n_tokens * n_cases;
}

/* 2. Files */

static attrib_status part_path(
    const attrib_run *run, size_t i_tile, size_t i_part, char **out, attrib_error *err)
{
    at_buffer name = {0};
    attrib_status status =
        at_buffer_print(&name, err, "part-%04zu-%06zu.safetensors", i_tile, i_part);
    if (status == ATTRIB_OK) {
        status = at_join_path(run->info.folder, name.bytes, out, err);
    }
    at_buffer_free(&name);
    return status;
}

attrib_status at_part_exists(
    const attrib_run *run, size_t i_tile, size_t i_part, bool *out, attrib_error *err)
{
    char *path = NULL;
    attrib_status status = part_path(run, i_tile, i_part, &path, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

/* One tensor of a part's file. */
typedef struct member {
    const char *name;
    attrib_dtype dtype;
    const void *data; /* NULL: not there */
    size_t n_dims, shape[2];
    size_t n_bytes;
} member;

/* The tokens of each document, owned by the caller. */
static attrib_status count_tokens(const at_part *part, int64_t **out, attrib_error *err)
{
    attrib_status status = at_array(part->n_documents, sizeof **out, out, err);
    for (size_t d = 0; status == ATTRIB_OK && d < part->n_documents; d++) {
        (*out)[d] = (int64_t)(part->first_token[d + 1] - part->first_token[d]);
    }
    return status;
}

static attrib_status write_members(const attrib_run *run,
                                   const at_part *part,
                                   const int64_t *counts,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    size_t n = part->n_documents;
    size_t n_settings = run->info.options.n_settings;
    size_t n_bytes = n * part->n_columns * sizeof *part->scores;
    size_t n_tokens = part->tokens ? part->first_token[n] : 0;
    size_t n_cases = n_cases_of(run, part);
    const member members[] = {
        {"scores", ATTRIB_F64, part->scores, 2, {n, part->n_columns}, n_bytes},
        {"bounds", ATTRIB_F64, part->bounds, 2, {n, part->n_columns}, n_bytes},
        {"self",
         ATTRIB_F64,
         part->self,
         2,
         {n, n_settings},
         n * n_settings * sizeof *part->self},
        {"token_counts", ATTRIB_I64, counts, 1, {n}, n * sizeof *counts},
        {"tokens",
         ATTRIB_F32,
         part->tokens,
         2,
         {n_tokens, n_cases},
         n_tokens * n_cases * sizeof *part->tokens},
        {"ids", ATTRIB_U8, part->ids, 1, {part->n_id_bytes}, part->n_id_bytes}};
    size_t n_members = sizeof members / sizeof *members;
    AT_TRY(part_path(run, part->i_tile, part->first / AT_PART_DOCUMENTS, &path, err));
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

attrib_status at_part_write(const attrib_run *run, const at_part *part, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t *counts = NULL;
    if (part->tokens) {
        AT_TRY(count_tokens(part, &counts, err));
    }
    AT_TRY(write_members(run, part, counts, err));
done:
    free(counts);
    return status;
}

/* Point id[i] at the i-th of the NUL-terminated ids. */
static attrib_status split_ids(at_part *part, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *next = part->ids;
    const char *end = part->ids + part->n_id_bytes;
    AT_TRY(at_array(part->n_documents, sizeof *part->id, &part->id, err));
    for (size_t i = 0; i < part->n_documents; i++) {
        const char *stop = next < end ? memchr(next, '\0', (size_t)(end - next)) : NULL;
        AT_CHECK(stop, ATTRIB_EFORMAT, "%s: %zu ids, expected %zu", path, i,
                 part->n_documents);
        part->id[i] = next;
        next = stop + 1;
    }
    AT_CHECK(next == end, ATTRIB_EFORMAT, "%s: more ids than documents", path);
done:
    return status;
}

/* Finite numbers [n_documents, n_columns]. */
static attrib_status read_numbers(const at_tensors *tensors,
                                  const char *name,
                                  const char *path,
                                  const size_t shape[2],
                                  double **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, name);
    AT_CHECK(tensor, ATTRIB_EFORMAT, "%s: not a part of this run: no tensor \"%s\"", path,
             name);
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
                                 at_part *part,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, "token_counts");
    const size_t shape[1] = {part->n_documents};
    AT_CHECK(tensor && tensor->dtype == ATTRIB_I64, ATTRIB_EFORMAT,
             "%s: not a part of this run: no tensor \"token_counts\" of I64", path);
    AT_TRY(at_tensor_expect(tensor, 1, shape, err));
    AT_TRY(at_array(part->n_documents + 1, sizeof *part->first_token, &part->first_token,
                    err));
    for (size_t d = 0; d < part->n_documents; d++) {
        int64_t count = 0;
        memcpy(&count, tensor->data + d * sizeof count, sizeof count);
        AT_CHECK(count >= 0, ATTRIB_EFORMAT, "%s: document %zu of %lld tokens", path,
                 part->first + d, (long long)count);
        AT_TRY(
            at_add(part->first_token[d], (size_t)count, &part->first_token[d + 1], err));
    }
done:
    return status;
}

static attrib_status read_tokens(const attrib_run *run,
                                 const at_tensors *tensors,
                                 const char *path,
                                 at_part *part,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = at_tensors_find(tensors, "tokens");
    const size_t shape[2] = {part->first_token[part->n_documents], n_cases_of(run, part)};
    AT_CHECK(tensor && tensor->dtype == ATTRIB_F32, ATTRIB_EFORMAT,
             "%s: not a part of this run: no tensor \"tokens\" of F32", path);
    AT_TRY(at_tensor_expect(tensor, 2, shape, err));
    AT_TRY(at_array(tensor->n_elements, sizeof *part->tokens, &part->tokens, err));
    memcpy(part->tokens, tensor->data, tensor->n_bytes);
    for (size_t i = 0; i < tensor->n_elements; i++) {
        AT_CHECK(isfinite(part->tokens[i]), ATTRIB_ENUMERIC,
                 "%s: tokens: number %zu is not finite", path, i);
    }
done:
    return status;
}

static attrib_status read_tensors(const attrib_run *run,
                                  const at_tensors *tensors,
                                  const char *path,
                                  at_part *part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *ids = at_tensors_find(tensors, "ids");
    const size_t shape[2] = {part->n_documents, part->n_columns};
    const size_t self_shape[2] = {part->n_documents, run->info.options.n_settings};
    AT_CHECK(part->i_tile > 0 || (ids && ids->dtype == ATTRIB_U8), ATTRIB_EFORMAT,
             "%s: not a part of a run", path);
    AT_TRY(read_numbers(tensors, "scores", path, shape, &part->scores, err));
    if (run->info.query_rank > 0) {
        AT_TRY(read_numbers(tensors, "bounds", path, shape, &part->bounds, err));
    }
    if (has_self(run, part->i_tile)) {
        AT_TRY(read_numbers(tensors, "self", path, self_shape, &part->self, err));
    }
    if (run->info.options.with_tokens) {
        AT_TRY(read_counts(tensors, path, part, err));
        AT_TRY(read_tokens(run, tensors, path, part, err));
    }
    if (part->i_tile == 0) {
        part->n_id_bytes = ids->n_bytes;
        AT_TRY(at_array(ids->n_bytes, 1, &part->ids, err));
        memcpy(part->ids, ids->data, ids->n_bytes);
        AT_TRY(split_ids(part, path, err));
    }
done:
    return status;
}

static attrib_status read_part(
    const attrib_run *run, size_t i_tile, size_t i_part, at_part *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    at_part part = {0};
    const char *identity = NULL;
    AT_TRY(shape_part(run, i_tile, i_part, &part, err));
    AT_TRY(part_path(run, i_tile, i_part, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    identity = at_tensors_metadata(tensors, "attrib_run");
    AT_CHECK(identity && strcmp(identity, run->identity) == 0, ATTRIB_ESHAPE,
             "%s: of another run (other model, factors, corpus, queries or options)",
             path);
    AT_TRY(read_tensors(run, tensors, path, &part, err));
    *out = part;
    part = (at_part){0};
done:
    at_part_free(&part);
    at_tensors_close(tensors);
    free(path);
    return status;
}

attrib_status at_part_peek(const attrib_run *run,
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
    AT_TRY(at_part_exists(run, 0, 0, &is_there, err));
    if (!is_there) {
        goto done;
    }
    AT_TRY(part_path(run, 0, 0, &path, err));
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

attrib_status at_run_part(
    attrib_run *run, size_t i_tile, size_t i_part, const at_part **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {0};
    if (run->held) {
        *out = &run->held[i_tile * at_n_parts(run->info.n_documents) + i_part];
        return ATTRIB_OK;
    }
    *out = &run->read[i_tile];
    if ((*out)->scores && (*out)->first == i_part * AT_PART_DOCUMENTS) {
        return ATTRIB_OK;
    }
    AT_TRY(read_part(run, i_tile, i_part, &part, err));
    at_part_free(&run->read[i_tile]);
    run->read[i_tile] = part;
done:
    return status;
}
