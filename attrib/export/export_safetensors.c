/* SPDX-License-Identifier: MIT */
/* All scores: a tensor `scores` [Q, N] f64, and the same as Kronfluence keeps them, in a
 * tensor `all_modules` [Q, N] f32; both row-major, with the ids and what the run was made
 * with as texts of the header.
 *
 * A run gives its scores by documents, [n, Q]. They are turned around a block at a time
 * into a scratch mapping, so that memory does not grow with the run. */
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

static attrib_status turn_scores(attrib_run *run, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    size_t block = at_block_documents(info);
    double *scores = NULL;
    AT_TRY(at_array(block * info->n_queries, sizeof *scores, &scores, err));
    for (size_t first = 0; first < info->n_documents; first += block) {
        size_t left = info->n_documents - first;
        size_t n = left < block ? left : block;
        AT_TRY(attrib_run_scores(run, first, n, scores, err));
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
                                  at_tensor_writer *writer,
                                  size_t n_bytes,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_spill scratch = {.descriptor = -1};
    AT_TRY(open_scratch(n_bytes, &scratch, err));
    AT_TRY(turn_scores(run, scratch.mapping, err));
    AT_TRY(at_tensor_writer_write(writer, scratch.mapping, n_bytes, err));
    AT_TRY(write_narrowed(attrib_run_describe(run), scratch.mapping, writer, err));
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
    const char *const texts[][2] = {{"strategy", attrib_strategy_name(info->strategy)},
                                    {"model_hash", info->model_hash},
                                    {"corpus_hash", info->corpus_hash},
                                    {"factors_hash", info->factors_hash}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AT_TRY(at_tensor_writer_metadata(writer, texts[i][0],
                                         texts[i][1] ? texts[i][1] : "", err));
    }
    AT_TRY(at_append_damping(&text, info, err));
    AT_TRY(at_tensor_writer_metadata(writer, "damping", text.bytes, err));
    at_buffer_clear(&text);
    AT_TRY(at_append_scale(&text, info, err));
    AT_TRY(at_tensor_writer_metadata(writer, "meaning", text.bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_export_safetensors(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_tensor_writer *writer = NULL;
    const size_t shape[2] = {info->n_queries, info->n_documents};
    size_t n_bytes = 0;
    AT_TRY(at_mul(shape[0], shape[1], &n_bytes, err));
    AT_TRY(at_mul(n_bytes, sizeof(double), &n_bytes, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_info(info, writer, err));
    AT_TRY(declare_ids(run, writer, err));
    AT_TRY(at_tensor_writer_declare(writer, "scores", ATTRIB_F64, 2, shape, err));
    AT_TRY(at_tensor_writer_declare(writer, "all_modules", ATTRIB_F32, 2, shape, err));
    if (n_bytes) {
        AT_TRY(write_scores(run, writer, n_bytes, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    return status;
}
