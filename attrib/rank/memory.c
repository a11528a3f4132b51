/* SPDX-License-Identifier: MIT */
/* What the stages of a run take: dry runs of the code that allocates, and how many
 * queries they leave room for.
 *
 * 1. Documents, counted.
 * 2. Stages.
 * 3. How many queries fit. */
#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "rank/prepare.h"
#include "rank/sizes.h"
#include "rank/taps.h"

/* Tiles are multiples of this, where they can be: products then take whole groups of
 * cases. */
#define TILE_STEP ((size_t)64)
/* Bytes that are kept of the passes of one turn of all maps, and the part of a limit of
 * memory that they may take; one row may take more. */
#define KEPT_BYTES ((double)((size_t)256 << 20))
#define KEPT_SHARE 0.125

/* 1. Documents, counted */

void at_count_documents(at_ranking *ranking)
{
    attrib_corpus_summary summary = attrib_corpus_summarize(ranking->corpus);
    at_counted *counted = &ranking->counted;
    double of_part = 0;
    *counted = (at_counted){.n_sequences = (double)summary.n_sequences,
                            .n_tokens = (double)summary.n_tokens,
                            .shortest = (double)summary.n_tokens,
                            .longest = 1,
                            .has_split = summary.n_split_documents > 0};
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(ranking->corpus, i, &sequence);
        counted->longest = fmax(counted->longest, (double)sequence.n_tokens);
        counted->shortest = fmin(counted->shortest, (double)sequence.n_tokens);
    }
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(ranking->corpus, i, &document);
        double n = (double)document.n_tokens;
        of_part = (i % AT_PART_DOCUMENTS ? of_part : 0) + n;
        counted->longest_document = fmax(counted->longest_document, n);
        counted->part_tokens = fmax(counted->part_tokens, of_part);
        counted->most_sequences =
            fmax(counted->most_sequences, (double)document.n_sequences);
    }
}

/* The blocks of a pass over each part's documents. */
static attrib_status measure_parts(const at_ranking *ranking,
                                   size_t block_rows,
                                   at_pass_size *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass_size all = {0};
    at_pass_size part = {0};
    for (size_t i = 0; i < at_n_parts(ranking->n_documents); i++) {
        size_t first = i * AT_PART_DOCUMENTS;
        size_t end = first + AT_PART_DOCUMENTS;
        attrib_document from;
        attrib_document to;
        end = end < ranking->n_documents ? end : ranking->n_documents;
        attrib_corpus_document(ranking->corpus, first, &from);
        attrib_corpus_document(ranking->corpus, end - 1, &to);
        at_range range = {ranking->corpus, from.first_sequence};
        at_source source = at_source_range(&range, to.first_sequence + to.n_sequences -
                                                       from.first_sequence);
        AT_TRY(at_pass_measure(&source, block_rows, &part, err));
        AT_TRY(at_pass_size_add(&all, &part, err));
        at_pass_size_free(&part);
    }
    *out = all;
    all = (at_pass_size){0};
done:
    at_pass_size_free(&all);
    at_pass_size_free(&part);
    return status;
}

/* A block of documents of mean length, where only counts are known. */
static attrib_status outline_block(const at_ranking *ranking,
                                   size_t block_rows,
                                   at_pass_size *out,
                                   attrib_error *err)
{
    const at_counted *counted = &ranking->counted;
    double rows = fmax(fmin((double)block_rows, counted->n_tokens), counted->longest);
    double length = counted->n_tokens / counted->n_sequences;
    double n = fmax(1, floor(rows / length));
    return at_pass_size_one(
        &(attrib_block_size){(size_t)n, (size_t)rows, (size_t)ceil(counted->longest)},
        out, err);
}

attrib_status at_measure_blocks(const at_ranking *ranking,
                                size_t block_rows,
                                at_pass_size *out,
                                attrib_error *err)
{
    return ranking->corpus ? measure_parts(ranking, block_rows, out, err)
                           : outline_block(ranking, block_rows, out, err);
}

double at_tokens_of(const at_ranking *ranking, double n_documents)
{
    return fmin(n_documents * ranking->counted.longest_document,
                ranking->counted.n_tokens);
}

/* 2. Stages, in bytes beside what is there before a run */

/* Queries held at a time: in a tile of their rank, and whole ones. */
typedef struct held {
    size_t n_tile, n_whole;
} held;

static attrib_status query_bytes(
    const at_ranking *ranking, size_t n, size_t rank, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    AT_TRY(at_prepared_outline(ranking, (at_tile){0, n}, rank, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, out, err));
done:
    at_prepared_free(&prepared);
    return status;
}

/* Of answers, which stay until the run is written, and of scores that are not. */
static double answer_bytes(const at_ranking *ranking)
{
    double of_case = at_answer_bytes(ranking);
    if (ranking->is_held) {
        of_case += at_part_bytes(ranking, (double)ranking->n_documents,
                                 ranking->query_rank, 1, 0);
    }
    return of_case * (double)ranking->n_queries * (double)ranking->options.n_settings;
}

/* The columns of a part's documents for so many queries under every setting. */
static double part_bytes(const at_ranking *ranking, size_t n, size_t rank)
{
    double n_documents = fmin((double)ranking->n_documents, (double)AT_PART_DOCUMENTS);
    double n_tokens = ranking->options.with_tokens ? ranking->counted.part_tokens : 0;
    return at_part_bytes(ranking, n_documents, rank,
                         (double)(n * ranking->options.n_settings), n_tokens);
}

/* The pass over rows, and then the maps in turn, with what is kept between them. */
static attrib_status preparing_bytes(
    const at_ranking *ranking, size_t n, size_t rank, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tap tap = {.name = "query"};
    at_pass pass = at_ranking_pass(ranking, 1, tap.name);
    at_prepared prepared = {0};
    at_pass_size row = {0};
    size_t longest = (size_t)ranking->longest_row;
    size_t desk = 0;
    double of_queries = 0;
    double of_pass = 0;
    double of_map = 0;
    double n_workers = (double)ranking->n_workers;
    AT_TRY(at_prepared_outline(ranking, (at_tile){0, n}, rank, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    AT_TRY(at_prepare_desk(ranking, &prepared, &desk, err));
    AT_TRY(at_pass_size_one(&(attrib_block_size){1, longest, longest}, &row, err));
    AT_TRY(at_pass_bytes(&pass, &row, &tap, 1, &of_pass, err));
    of_map = (double)desk + ranking->factor_bytes +
             at_blas_bytes(at_widest_map(ranking), sizeof(float));
    *out =
        of_queries + ranking->kept_bytes + at_carried_bytes(ranking) +
        fmax(n_workers * of_pass, fmin(n_workers, (double)ranking->n_tracked) * of_map) +
        answer_bytes(ranking);
done:
    at_pass_size_free(&row);
    at_prepared_free(&prepared);
    return status;
}

static attrib_status scoring_bytes(
    const at_ranking *ranking, size_t n, size_t rank, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    at_self *self = NULL;
    at_scoring scoring = {ranking, &prepared, ranking->options.with_tokens, 0, {0}};
    at_pass pass = at_ranking_pass(ranking, ranking->block_rows, "score");
    attrib_tap taps[2];
    size_t n_taps = 0;
    double of_queries = 0;
    double of_worker = 0;
    AT_TRY(at_prepared_outline(ranking, (at_tile){0, n}, rank, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    if (ranking->options.with_self) {
        AT_TRY(at_self_new(ranking, 0, 0, NULL, &self, err));
    }
    n_taps = at_scoring_taps(&scoring, self, taps);
    AT_TRY(at_pass_bytes(&pass, &ranking->blocks, taps, n_taps, &of_worker, err));
    *out = of_queries + part_bytes(ranking, n, rank) +
           (double)ranking->n_workers * of_worker + answer_bytes(ranking);
    if (self) {
        *out += at_self_bytes(self) + (ranking->is_resident ? ranking->resident_bytes
                                                            : (double)ranking->n_workers *
                                                                  ranking->factor_bytes);
    }
done:
    at_self_free(self);
    at_prepared_free(&prepared);
    return status;
}

/* Whole queries, with the scores of all of the tile, which may be of cut ones. */
static attrib_status explaining_bytes(const at_ranking *ranking,
                                      held n,
                                      double *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explaining *explaining = NULL;
    at_pass pass = at_ranking_pass(ranking, AT_BLOCK_ROWS, "explain");
    at_pass_size blocks = {0};
    attrib_tap tap;
    double longest = ranking->counted.longest;
    double rows = fmax((double)AT_BLOCK_ROWS, longest);
    double sequences =
        fmin(rows / ranking->counted.shortest, ranking->counted.n_sequences);
    double of_queries = 0;
    double of_worker = 0;
    size_t rank = ranking->query_rank;
    AT_TRY(at_explaining_outline(ranking, &explaining, err));
    tap = at_explain_tap(explaining);
    AT_TRY(query_bytes(ranking, n.n_whole, 0, &of_queries, err));
    AT_TRY(
        at_pass_size_one(&(attrib_block_size){(size_t)ceil(sequences), (size_t)ceil(rows),
                                              (size_t)ceil(longest)},
                         &blocks, err));
    AT_TRY(at_pass_bytes(&pass, &blocks, &tap, 1, &of_worker, err));
    *out = of_queries +
           (double)(n.n_whole * ranking->options.n_settings) *
               at_settling_bytes(ranking, rank) +
           part_bytes(ranking, rank ? n.n_tile : n.n_whole, rank) +
           (double)ranking->n_workers * of_worker + answer_bytes(ranking);
done:
    at_pass_size_free(&blocks);
    free(explaining);
    return status;
}

/* With so many queries of ranking->query_rank at a time, and so many whole ones. */
static attrib_status stage_bytes(
    const at_ranking *ranking, at_run_stage stage, held n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double whole = 0;
    *out = 0;
    switch (stage) {
    case AT_RUN_QUERY:
        AT_TRY(preparing_bytes(ranking, n.n_tile, ranking->query_rank, out, err));
        if (ranking->query_rank) {
            AT_TRY(preparing_bytes(ranking, n.n_whole, 0, &whole, err));
        }
        *out = fmax(*out, whole);
        break;
    case AT_RUN_SCORE:
        AT_TRY(scoring_bytes(ranking, n.n_tile, ranking->query_rank, out, err));
        break;
    case AT_RUN_EXPLAIN:
        AT_TRY(explaining_bytes(ranking, n, out, err));
        break;
    }
done:
    return status;
}

attrib_status at_stage_bytes(const at_ranking *ranking,
                             at_run_stage stage,
                             double *out,
                             attrib_error *err)
{
    return stage_bytes(ranking, stage, (held){ranking->n_tile, ranking->n_tile_full}, out,
                       err);
}

/* 3. How many queries fit */

static double room_of(const at_ranking *ranking)
{
    return ranking->memory.bytes - ranking->memory.base;
}

attrib_status at_choose_kept(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = 0;
    double limit = fmin(KEPT_BYTES, KEPT_SHARE * ranking->memory.bytes);
    ranking->kept_bytes = 0;
    AT_TRY(preparing_bytes(ranking, 1, 0, &bytes, err));
    limit = fmin(limit, room_of(ranking) - bytes);
    ranking->kept_bytes = fmax(ranking->kept_row, fmin(ranking->kept_all, limit));
done:
    return status;
}

/* The pilot that chooses a rank prepares and scores queries cut to any of them. */
static attrib_status pilot_bytes(const at_ranking *ranking,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_ranking cut = *ranking;
    size_t n = at_pilot_queries(ranking);
    double scoring = 0;
    cut.query_rank = AT_LARGEST_RANK;
    AT_TRY(preparing_bytes(&cut, n, cut.query_rank, out, err));
    AT_TRY(scoring_bytes(&cut, n, cut.query_rank, &scoring, err));
    *out = fmax(*out, scoring);
done:
    return status;
}

attrib_status at_check_limit(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_ranking least = *ranking;
    double needed = 0;
    double pilot = 0;
    least.kept_bytes = ranking->kept_row;
    least.is_resident = false;
    for (at_run_stage stage = AT_RUN_QUERY; stage <= AT_RUN_EXPLAIN; stage++) {
        double bytes = 0;
        AT_TRY(stage_bytes(&least, stage, (held){1, 1}, &bytes, err));
        needed = fmax(needed, bytes);
    }
    if (ranking->options.query_rank == ATTRIB_RANK_AUTO) {
        AT_TRY(pilot_bytes(&least, &pilot, err));
        needed = fmax(needed, pilot);
    }
    AT_TRY(at_memory_check(&ranking->memory, needed, "scoring", ranking->n_workers, err));
done:
    return status;
}

/* Whether a run with so many queries at a time stays within the limit. What explains
 * queries that are cut is chosen by itself. */
static attrib_status tile_fits(const at_ranking *ranking,
                               size_t n,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_run_stage last = ranking->query_rank ? AT_RUN_SCORE : AT_RUN_EXPLAIN;
    *out = true;
    for (at_run_stage stage = AT_RUN_QUERY; *out && stage <= last; stage++) {
        double bytes = 0;
        held at = {n, ranking->query_rank ? 1 : n};
        AT_TRY(stage_bytes(ranking, stage, at, &bytes, err));
        *out = bytes <= room_of(ranking);
    }
done:
    return status;
}

static attrib_status whole_fit(const at_ranking *ranking,
                               size_t n,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double preparing = 0;
    double explaining = 0;
    AT_TRY(preparing_bytes(ranking, n, 0, &preparing, err));
    AT_TRY(explaining_bytes(ranking, (held){ranking->n_tile, n}, &explaining, err));
    *out = fmax(preparing, explaining) <= room_of(ranking);
done:
    return status;
}

typedef attrib_status (*fits_fn)(const at_ranking *, size_t, bool *, attrib_error *);

/* The most queries of 1 .. n_queries that fit, 1 where none do; multiples of TILE_STEP
 * where they can be. */
static attrib_status most_that_fit(const at_ranking *ranking,
                                   fits_fn fits,
                                   size_t *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t low = 1;
    size_t high = ranking->n_queries;
    bool is_fine = false;
    AT_TRY(fits(ranking, high, &is_fine, err));
    low = is_fine ? high : low;
    while (low + 1 < high) { /* low fits or is 1, high does not */
        size_t middle = low + (high - low) / 2;
        AT_TRY(fits(ranking, middle, &is_fine, err));
        if (is_fine) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *out = low > TILE_STEP && low < ranking->n_queries ? low - low % TILE_STEP : low;
done:
    return status;
}

attrib_status at_fitting_queries(const at_ranking *ranking,
                                 size_t rank,
                                 size_t *out,
                                 attrib_error *err)
{
    at_ranking cut = *ranking;
    cut.query_rank = rank;
    return most_that_fit(&cut, tile_fits, out, err);
}

attrib_status at_fitting_whole(const at_ranking *ranking, size_t *out, attrib_error *err)
{
    if (ranking->query_rank == 0) {
        *out = ranking->n_tile;
        return ATTRIB_OK;
    }
    return most_that_fit(ranking, whole_fit, out, err);
}

attrib_status at_choose_resident(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = 0;
    ranking->is_resident = ranking->options.with_self && ranking->factors;
    if (ranking->is_resident) {
        AT_TRY(at_stage_bytes(ranking, AT_RUN_SCORE, &bytes, err));
        ranking->is_resident = bytes <= room_of(ranking);
    }
done:
    return status;
}
