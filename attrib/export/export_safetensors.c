/* SPDX-License-Identifier: MIT */
/* All scores of a run as tensors, row-major:
 *
 *     scores         [Q, N] f64, one tensor for each setting and group of maps
 *     bounds         [Q, N] f64 for each of these, where queries were cut
 *     raw_scores     [Q, N] f64 for each of these, where scores were normalized
 *     all_modules    [Q, N] f32 the totals, under Kronfluence's name; other groups have
 *                    their own, and settings after the first have ".SETTING" at the end
 *     checkpoint_scores.K  [Q, N] f64 before they were normalized, of run K from 1 of
 *                    those that a sum is of
 *     self           [settings, N] f64, where a run has self-influences
 *     tokens         [all tokens, Q] f32, where a run has shares of tokens
 *     token_offsets  [N + 1] i64, where each document begins in tokens
 *
 * Ids and what the run was made with are texts of the header.
 *
 * A run gives its scores by documents, [n, Q]. They are transposed a block at a time into
 * a scratch mapping, so that memory does not grow with the run.
 *
 * 1. Scores.
 * 2. The header.
 * 3. The file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/spill.h"
#include "export/write.h"
#include "format/json.h"
#include "format/safetensors.h"

#define PIECE 4096 /* scores that are narrowed at once */

/* 1. Scores */

/* Turn a block of scores [n, Q] into columns first .. first + n of out [Q, N]. */
static void turn_block(const attrib_run_info *info,
                       const double *scores,
                       size_t first,
                       size_t n,
                       double *out)
{
    for (size_t q = 0; q < info->n_queries; q++) {
        double *row = out + q * info->n_documents + first;
        for (size_t i = 0; i < n; i++) {
            row[i] = scores[i * info->n_queries + q];
        }
    }
}

static attrib_status turn_scores(attrib_run *run,
                                 const attrib_array *array,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t block = at_block_documents(info);
    double *scores = NULL;
    AT_TRY(at_array(block * info->n_queries, sizeof *scores, &scores, err));
    for (size_t first = 0; first < info->n_documents; first += block) {
        size_t n = at_smaller(info->n_documents - first, block);
        AT_TRY(attrib_run_read(run, array, first, n, scores, err));
        turn_block(info, scores, first, n, out);
    }
done:
    free(scores);
    return status;
}

/* A scratch file of n_bytes, mapped; its pages go to the disk where memory is short. It
 * is filled first, so that a full disk is an error and not a signal. */
static attrib_status open_scratch(size_t n_bytes, at_spill *out, attrib_error *err)
{
    static const char zeros[1 << 16];
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_spill_open(NULL, out, err));
    for (size_t done_bytes = 0; done_bytes < n_bytes; done_bytes += sizeof zeros) {
        size_t left = n_bytes - done_bytes;
        AT_TRY(
            at_spill_append(out, zeros, left < sizeof zeros ? left : sizeof zeros, err));
    }
    AT_TRY(at_spill_map(out, err));
done:
    return status;
}

/* The scores [Q, N] as f32. */
static attrib_status write_narrowed(const attrib_run_info *info,
                                    const double *scores,
                                    at_tensor_writer *writer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float piece[PIECE];
    size_t n_scores = info->n_queries * info->n_documents;
    for (size_t first = 0, n = 0; first < n_scores; first += n) {
        n = n_scores - first < PIECE ? n_scores - first : PIECE;
        for (size_t i = 0; i < n; i++) {
            double score = scores[first + i];
            piece[i] = (float)score;
            AT_CHECK(!isfinite(score) || isfinite(piece[i]), ATTRIB_ENOTSUP,
                     "query %zu, document %zu: a score of %g, F32 does not hold it",
                     (first + i) / info->n_documents, (first + i) % info->n_documents,
                     score);
        }
        AT_TRY(at_tensor_writer_write(writer, piece, n * sizeof *piece, err));
    }
done:
    return status;
}

/* Kronfluence reads the scores themselves, under its own names. */
static bool has_their_name(const attrib_array *array)
{
    return strcmp(array->name, "scores") == 0;
}

static attrib_status write_plane(attrib_run *run,
                                 const attrib_array *array,
                                 at_tensor_writer *writer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_spill scratch = {.descriptor = -1};
    size_t n_bytes = 0;
    AT_TRY(at_mul(info->n_queries, info->n_documents, &n_bytes, err));
    AT_TRY(at_mul(n_bytes, sizeof(double), &n_bytes, err));
    if (n_bytes == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(open_scratch(n_bytes, &scratch, err));
    AT_TRY(turn_scores(run, array, scratch.mapping, err));
    AT_TRY(at_tensor_writer_write(writer, scratch.mapping, n_bytes, err));
    if (has_their_name(array)) {
        AT_TRY(write_narrowed(info, scratch.mapping, writer, err));
    }
done:
    at_spill_close(&scratch);
    return status;
}

/* 2. The header */

/* Leaves room for the header's escapes: JSON within JSON doubles the quotes. */
#define MAX_ID_BYTES ((size_t)40 << 20)

/* Append an id to a JSON array. */
static attrib_status append_id(at_buffer *ids, const char *id, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(ids, ids->n_bytes ? "," : "[", 1, err));
    AT_TRY(at_json_append_text(ids, id, strlen(id), err));
    AT_CHECK(ids->n_bytes <= MAX_ID_BYTES, ATTRIB_ENOTSUP,
             "the ids take more than %zu bytes, a safetensors header does not hold them",
             MAX_ID_BYTES);
done:
    return status;
}

static attrib_status declare_ids(attrib_run *run,
                                 at_tensor_writer *writer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_buffer ids = {0};
    for (size_t i = 0; i < info->n_queries; i++) {
        AT_TRY(append_id(&ids, attrib_run_answer(run, i)->query.id, err));
    }
    AT_TRY(at_buffer_append(&ids, "]", 1, err));
    AT_TRY(at_tensor_writer_metadata(writer, "query_ids", ids.bytes, err));
    at_buffer_clear(&ids);
    for (size_t i = 0; i < info->n_documents; i++) {
        attrib_document document;
        AT_TRY(attrib_run_document(run, i, &document, err));
        AT_TRY(append_id(&ids, document.id, err));
    }
    AT_TRY(at_buffer_append(&ids, "]", 1, err));
    AT_TRY(at_tensor_writer_metadata(writer, "document_ids", ids.bytes, err));
done:
    at_buffer_free(&ids);
    return status;
}

static attrib_status declare_info(const attrib_run *run,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_buffer text = {0};
    const char *strategy = attrib_strategy_name(info->options->settings[0].strategy);
    const char *const texts[][2] = {
        {"strategy", strategy},
        {"normalize", attrib_normalize_name(info->options->normalize)},
        {"model_hash", info->model_hash},
        {"corpus_hash", info->corpus_hash},
        {"factors_hash", info->factors_hash}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AT_TRY(at_tensor_writer_metadata(writer, texts[i][0],
                                         texts[i][1] ? texts[i][1] : "", err));
    }
    AT_TRY(at_append_damping(&text, &info->options->settings[0], err));
    AT_TRY(at_tensor_writer_metadata(writer, "damping", text.bytes, err));
    at_buffer_clear(&text);
    AT_TRY(at_append_scale(&text, info, &info->options->settings[0], at_common_query(run),
                           err));
    AT_TRY(at_tensor_writer_metadata(writer, "meaning", text.bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

/* 3. The file */

/* Kronfluence's name of a plane of scores. */
static attrib_status append_their_name(at_buffer *out,
                                       const attrib_run *run,
                                       size_t i_plane,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_plane of = attrib_run_plane(run, i_plane);
    AT_TRY(at_buffer_print(out, err, "%s", *of.group ? of.group : "all_modules"));
    if (of.i_setting > 0) {
        AT_TRY(at_buffer_print(out, err, "."));
        AT_TRY(at_append_setting(
            out, &attrib_run_describe(run)->options->settings[of.i_setting], err));
    }
done:
    return status;
}

static attrib_status declare_matrix(attrib_run *run,
                                    const attrib_array *array,
                                    at_tensor_writer *writer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    bool is_tokens = array->shape == ATTRIB_ARRAY_TOKENS;
    bool is_settings = array->shape == ATTRIB_ARRAY_SETTINGS;
    size_t shape[2] = {is_settings ? info->options->n_settings : info->n_queries,
                       info->n_documents};
    at_buffer name = {0};
    if (is_tokens) {
        shape[1] = info->n_queries;
        AT_TRY(at_count_all_tokens(run, &shape[0], err));
    }
    AT_TRY(at_append_matrix(&name, run, array, err));
    AT_TRY(at_tensor_writer_declare(writer, name.bytes,
                                    is_tokens ? ATTRIB_F32 : ATTRIB_F64, 2, shape, err));
    if (has_their_name(array)) {
        at_buffer_clear(&name);
        AT_TRY(append_their_name(&name, run, array->i, err));
        AT_TRY(at_tensor_writer_declare(writer, name.bytes, ATTRIB_F32, 2, shape, err));
    }
done:
    at_buffer_free(&name);
    return status;
}

/* A setting's row at a time. */
static attrib_status write_settings(attrib_run *run,
                                    attrib_array array,
                                    at_tensor_writer *writer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    double *row = NULL;
    AT_TRY(at_array(info->n_documents, sizeof *row, &row, err));
    for (; array.i < info->options->n_settings; array.i++) {
        AT_TRY(attrib_run_read(run, &array, 0, info->n_documents, row, err));
        AT_TRY(at_tensor_writer_write(writer, row, info->n_documents * sizeof *row, err));
    }
done:
    free(row);
    return status;
}

static attrib_status write_bytes(void *context,
                                 const void *bytes,
                                 size_t n,
                                 attrib_error *err)
{
    return at_tensor_writer_write(context, bytes, n, err);
}

static attrib_status write_matrix(attrib_run *run,
                                  const attrib_array *array,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    switch (array->shape) {
    case ATTRIB_ARRAY_PLANES:
    case ATTRIB_ARRAY_CHECKPOINTS:
        return write_plane(run, array, writer, err);
    case ATTRIB_ARRAY_SETTINGS:
        return write_settings(run, *array, writer, err);
    case ATTRIB_ARRAY_TOKENS:
        break;
    }
    return at_write_tokens(run, array, write_bytes, writer, err);
}

/* declare_matrix() or write_matrix() */
typedef attrib_status (*matrix_fn)(attrib_run *,
                                   const attrib_array *,
                                   at_tensor_writer *,
                                   attrib_error *);

/* Declare or write every matrix of every array; *has_tokens says whether any is of
 * tokens, whose offsets come last. */
static attrib_status go_through(attrib_run *run,
                                matrix_fn visit,
                                at_tensor_writer *writer,
                                bool *has_tokens,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_array array = {0};
    *has_tokens = false;
    for (size_t k = 0; attrib_run_array(run, k, &array); k++) {
        size_t n = at_n_matrices(attrib_run_describe(run), array.shape);
        *has_tokens = *has_tokens || array.shape == ATTRIB_ARRAY_TOKENS;
        for (; array.i < n; array.i++) {
            AT_TRY(visit(run, &array, writer, err));
        }
    }
done:
    return status;
}

attrib_status at_export_safetensors(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    const size_t n_offsets = info->n_documents + 1;
    at_tensor_writer *writer = NULL;
    bool has_tokens = false;
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_info(run, writer, err));
    AT_TRY(declare_ids(run, writer, err));
    AT_TRY(go_through(run, declare_matrix, writer, &has_tokens, err));
    if (has_tokens) {
        AT_TRY(at_tensor_writer_declare(writer, "token_offsets", ATTRIB_I64, 1,
                                        &n_offsets, err));
    }
    AT_TRY(go_through(run, write_matrix, writer, &has_tokens, err));
    if (has_tokens) {
        AT_TRY(at_write_token_offsets(run, write_bytes, writer, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    return status;
}
