/* SPDX-License-Identifier: MIT */
/* All scores of a run as tensors, row-major:
 *
 *     scores         [Q, N] f64, one tensor for each setting and group of maps
 *     bounds         [Q, N] f64 for each of these, where queries were cut
 *     raw_scores     [Q, N] f64 for each of these, where scores were normalized
 *     all_modules    [Q, N] f32 the totals, under Kronfluence's name; other groups have
 *                    their own, and settings after the first have ".SETTING" at the end
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

/* One plane: where its numbers come from. */
typedef struct plane {
    at_plane_fn read;
    size_t i;
} plane;

static attrib_status turn_scores(attrib_run *run,
                                 plane from,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t block = at_block_documents(info);
    double *scores = NULL;
    AT_TRY(at_array(block * info->n_queries, sizeof *scores, &scores, err));
    for (size_t first = 0; first < info->n_documents; first += block) {
        size_t left = info->n_documents - first;
        size_t n = left < block ? left : block;
        AT_TRY(from.read(run, from.i, first, n, scores, err));
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

static attrib_status write_scores(attrib_run *run,
                                  plane from,
                                  at_tensor_writer *writer,
                                  size_t n_bytes,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_spill scratch = {.descriptor = -1};
    AT_TRY(open_scratch(n_bytes, &scratch, err));
    AT_TRY(turn_scores(run, from, scratch.mapping, err));
    AT_TRY(at_tensor_writer_write(writer, scratch.mapping, n_bytes, err));
    if (from.read == attrib_run_scores) {
        AT_TRY(write_narrowed(attrib_run_describe(run), scratch.mapping, writer, err));
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
        const char *id = NULL;
        AT_TRY(attrib_run_document_id(run, i, &id, err));
        AT_TRY(append_id(&ids, id, err));
    }
    AT_TRY(at_buffer_append(&ids, "]", 1, err));
    AT_TRY(at_tensor_writer_metadata(writer, "document_ids", ids.bytes, err));
done:
    at_buffer_free(&ids);
    return status;
}

static attrib_status declare_info(const attrib_run_info *info,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    const char *strategy = attrib_strategy_name(info->options.settings[0].strategy);
    const char *const texts[][2] = {
        {"strategy", strategy},
        {"normalize", attrib_normalize_name(info->options.normalize)},
        {"model_hash", info->model_hash},
        {"corpus_hash", info->corpus_hash},
        {"factors_hash", info->factors_hash}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AT_TRY(at_tensor_writer_metadata(writer, texts[i][0],
                                         texts[i][1] ? texts[i][1] : "", err));
    }
    AT_TRY(at_append_damping(&text, &info->options.settings[0], err));
    AT_TRY(at_tensor_writer_metadata(writer, "damping", text.bytes, err));
    at_buffer_clear(&text);
    AT_TRY(at_append_scale(&text, info, &info->options.settings[0], err));
    AT_TRY(at_tensor_writer_metadata(writer, "meaning", text.bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

/* 3. The file */

/* Planes of scores, of bounds where queries were cut, of raw scores where they were
 * divided. */
static size_t n_planes_of(const attrib_run_info *info)
{
    size_t n_kinds = 1;
    n_kinds += info->query_rank > 0;
    n_kinds += info->options.normalize != ATTRIB_NORMALIZE_NONE;
    return n_kinds * info->n_planes;
}

static plane plane_at(const attrib_run_info *info, size_t i)
{
    size_t kind = i / info->n_planes;
    plane out = {attrib_run_scores, i % info->n_planes};
    if (kind == 1 && info->query_rank) {
        out.read = attrib_run_bounds;
    } else if (kind > 0) {
        out.read = attrib_run_raw_scores;
    }
    return out;
}

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
            out, &attrib_run_describe(run)->options.settings[of.i_setting], err));
    }
done:
    return status;
}

static attrib_status declare_plane(const attrib_run *run,
                                   at_tensor_writer *writer,
                                   plane from,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    const size_t shape[2] = {info->n_queries, info->n_documents};
    bool is_scores = from.read == attrib_run_scores;
    at_buffer name = {0};
    const char *base = is_scores                        ? "scores"
                       : from.read == attrib_run_bounds ? "bounds"
                                                        : "raw_scores";
    AT_TRY(at_append_plane(&name, run, base, from.i, err));
    AT_TRY(at_tensor_writer_declare(writer, name.bytes, ATTRIB_F64, 2, shape, err));
    if (is_scores) {
        at_buffer_clear(&name);
        AT_TRY(append_their_name(&name, run, from.i, err));
        AT_TRY(at_tensor_writer_declare(writer, name.bytes, ATTRIB_F32, 2, shape, err));
    }
done:
    at_buffer_free(&name);
    return status;
}

/* Self-influences, a setting's row at a time. */
static attrib_status write_self(attrib_run *run,
                                at_tensor_writer *writer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    double *row = NULL;
    AT_TRY(at_array(info->n_documents, sizeof *row, &row, err));
    for (size_t s = 0; s < info->options.n_settings; s++) {
        AT_TRY(attrib_run_self(run, s, 0, info->n_documents, row, err));
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

static attrib_status declare_tokens(attrib_run *run,
                                    at_tensor_writer *writer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t shape[2] = {0, info->n_queries};
    const size_t offsets_shape[1] = {info->n_documents + 1};
    at_buffer name = {0};
    AT_TRY(at_count_all_tokens(run, &shape[0], err));
    for (size_t s = 0; s < info->options.n_settings; s++) {
        at_buffer_clear(&name);
        AT_TRY(at_append_tokens_name(&name, run, s, err));
        AT_TRY(at_tensor_writer_declare(writer, name.bytes, ATTRIB_F32, 2, shape, err));
    }
    AT_TRY(at_tensor_writer_declare(writer, "token_offsets", ATTRIB_I64, 1, offsets_shape,
                                    err));
done:
    at_buffer_free(&name);
    return status;
}

static attrib_status write_tokens(attrib_run *run,
                                  at_tensor_writer *writer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t s = 0; s < attrib_run_describe(run)->options.n_settings; s++) {
        AT_TRY(at_write_tokens(run, s, write_bytes, writer, err));
    }
    AT_TRY(at_write_token_offsets(run, write_bytes, writer, err));
done:
    return status;
}

attrib_status at_export_safetensors(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_tensor_writer *writer = NULL;
    size_t n_planes = n_planes_of(info);
    size_t n_bytes = 0;
    AT_TRY(at_mul(info->n_queries, info->n_documents, &n_bytes, err));
    AT_TRY(at_mul(n_bytes, sizeof(double), &n_bytes, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_info(info, writer, err));
    AT_TRY(declare_ids(run, writer, err));
    for (size_t i = 0; i < n_planes; i++) {
        AT_TRY(declare_plane(run, writer, plane_at(info, i), err));
    }
    if (info->options.with_self) {
        const size_t shape[2] = {info->options.n_settings, info->n_documents};
        AT_TRY(at_tensor_writer_declare(writer, "self", ATTRIB_F64, 2, shape, err));
    }
    if (info->options.with_tokens) {
        AT_TRY(declare_tokens(run, writer, err));
    }
    for (size_t i = 0; n_bytes && i < n_planes; i++) {
        AT_TRY(write_scores(run, plane_at(info, i), writer, n_bytes, err));
    }
    if (info->options.with_self) {
        AT_TRY(write_self(run, writer, err));
    }
    if (info->options.with_tokens) {
        AT_TRY(write_tokens(run, writer, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    return status;
}
