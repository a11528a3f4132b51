/* SPDX-License-Identifier: MIT */
/* What the stages of a run take, by counts and shapes alone, and how many queries that
 * leaves room for. In bytes; f64 holds more than any size of it.
 *
 * 1. Documents, counted.
 * 2. Workers.
 * 3. Queries.
 * 4. Stages. */
#include <math.h>

#include "linalg/linalg.h"
#include "rank/sizes.h"

/* Tiles are multiples of this, where they can be: products then take whole groups of
 * cases. */
#define TILE_STEP ((size_t)64)
/* Bytes that are kept of the passes of one turn of all maps, and the part of a limit of
 * memory that they may take; one row may take more. */
#define KEPT_BYTES ((double)((size_t)256 << 20))
#define KEPT_SHARE 0.125

/* 1. Documents */

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

/* 2. Workers */

/* The most rows and sequences of a block. A block holds one sequence at least, however
 * long that is. */
static double rows_of_block(const at_ranking *ranking, double block_rows)
{
    return fmax(block_rows, ranking->counted.longest);
}

static double sequences_of_block(const at_ranking *ranking)
{
    double n = floor((double)ranking->block_rows / ranking->counted.shortest);
    return fmin(fmax(n, 1), ranking->counted.n_sequences);
}

/* What scoring takes memory for: while a rank is to be chosen, the pilot's passes too,
 * which are in reverse whatever comes of them. */
static at_mode counted_mode(const at_ranking *ranking)
{
    return ranking->options.query_rank == ATTRIB_RANK_AUTO ? AT_MODE_REVERSE
                                                           : at_scoring_mode(ranking);
}

/* Of a worker's activations in a stage, with documents in blocks of block_rows. */
attrib_status at_activation_bytes(const at_ranking *ranking,
                                  at_run_stage stage,
                                  size_t block_rows,
                                  double *out,
                                  attrib_error *err)
{
    double longest = ranking->counted.longest;
    at_mode mode = AT_MODE_REVERSE;
    double rows = 0;
    size_t bytes = 0;
    switch (stage) {
    case AT_RUN_QUERY:
        rows = longest = ranking->longest_row;
        break;
    case AT_RUN_SCORE:
        mode = counted_mode(ranking);
        rows = rows_of_block(ranking, (double)block_rows);
        break;
    case AT_RUN_EXPLAIN:
        rows = rows_of_block(ranking, (double)AT_BLOCK_ROWS);
        break;
    }
    attrib_status status =
        at_decoder_bytes(ranking->model, mode, ranking->tracked, ranking->n_tracked,
                         (size_t)ceil(rows), (size_t)ceil(longest), &bytes, err);
    *out = (double)bytes;
    return status;
}

/* Floats of the gradients, and of cut queries rebuilt, that a worker may hold for one map
 * while it scores. Nothing gathers gradients that does not in a block of one sequence,
 * with all queries: that is where it pays most. */
static double gathered_floats(const at_ranking *ranking, const attrib_module *module)
{
    size_t rank = ranking->options.query_rank;
    double entries = (double)module->out_dim * (double)module->in_dim;
    double rows = rows_of_block(ranking, (double)ranking->block_rows);
    bool is_cut = rank && (rank == ATTRIB_RANK_AUTO ||
                           (rank < module->out_dim && rank < module->in_dim));
    size_t n_cases = ranking->n_queries * ranking->options.n_settings;
    at_contracted map = {module->out_dim, module->in_dim, is_cut ? rank : 0, n_cases,
                         n_cases};
    double held = (double)at_gradients_held(&map, (size_t)sequences_of_block(ranking));
    at_cost cost = {0};
    if (rank == ATTRIB_RANK_AUTO) {
        return (held + (double)AT_REBUILT_AT_A_TIME) * entries;
    }
    switch (ranking->options.with_tokens
                ? at_contraction_by_token(&map, (size_t)rows, 1, &cost)
                : at_contraction_choose(&map, (size_t)rows, 1, &cost)) {
    case AT_BY_GRADIENTS:
        return held * entries;
    case AT_BY_REBUILDING:
        return (held + (double)AT_REBUILT_AT_A_TIME) * entries;
    case AT_BY_FACTORS: /* columns of a part of a group of cases */
        return entries + fmax((double)module->out_dim, (double)module->in_dim) *
                             (double)(rank * at_factors_at_a_time(&map, (size_t)rows));
    case AT_BY_ROWS:
        break;
    }
    return rank ? entries : 0; /* for a norm */
}

/* Of a worker beside its activations, for one map: preparing wants the gradient in two
 * bases, the divided one and scratch; scoring, what it gathers or products of rows;
 * self-influences, the gradient with scratch and in two bases those of two open pieces;
 * explaining, products of rows. */
static double scratch_floats(const at_ranking *ranking,
                             at_run_stage stage,
                             const attrib_module *module)
{
    double o = (double)module->out_dim;
    double i = (double)module->in_dim;
    double rows = rows_of_block(ranking, (double)ranking->block_rows);
    double self = ranking->options.with_self ? 6 * o * i + rows * (o + i) : 0;
    switch (stage) {
    case AT_RUN_QUERY:
        return 6 * o * i + ranking->longest_row * (o + i);
    case AT_RUN_SCORE:
        if (counted_mode(ranking) == AT_MODE_FORWARD) {
            return 0;
        }
        return fmax(gathered_floats(ranking, module), rows * i) + self;
    case AT_RUN_EXPLAIN:
        return ranking->counted.longest * i;
    }
    return 0;
}

static double scratch_bytes(const at_ranking *ranking, at_run_stage stage)
{
    double most = 0;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        most = fmax(most, scratch_floats(
                              ranking, stage,
                              attrib_model_module(ranking->model, ranking->tracked[m])));
    }
    return sizeof(float) * most;
}

/* Of a worker's products. */
static size_t widest(const at_ranking *ranking)
{
    size_t most = (size_t)rows_of_block(ranking, (double)ranking->block_rows);
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        most = module->out_dim > most ? module->out_dim : most;
        most = module->in_dim > most ? module->in_dim : most;
    }
    return most;
}

/* 3. Queries */

/* Of one case: whole where rank is 0, else its factors. */
double at_case_bytes(const at_ranking *ranking, size_t rank)
{
    double bytes = 0;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        double o = (double)module->out_dim;
        double i = (double)module->in_dim;
        bool is_cut = rank && rank < module->out_dim && rank < module->in_dim;
        bytes += 4 * (is_cut ? (double)rank * (o + i) : o * i);
    }
    return bytes;
}

/* Gradients in two bases: sums of queries for the one under way, and what
 * self-influences carry of a document that spans blocks. */
static double carried_bytes(const at_ranking *ranking, at_run_stage stage)
{
    bool is_needed = stage == AT_RUN_QUERY ? ranking->options.aggregate != NULL
                     : stage == AT_RUN_SCORE
                         ? ranking->options.with_self && ranking->counted.has_split
                         : false;
    return is_needed ? 2 * at_case_bytes(ranking, 0) : 0;
}

/* Of so many documents' scores of a case, and of their bounds. */
static double score_bytes(const at_ranking *ranking, double n_documents, size_t rank)
{
    return sizeof(double) * n_documents * (double)ranking->n_groups * (rank ? 2 : 1);
}

static double part_documents(const at_ranking *ranking)
{
    return fmin((double)ranking->n_documents, (double)AT_PART_DOCUMENTS);
}

/* Of one query under every setting, while documents are scored: itself, its columns of a
 * part, and those of the block that each worker has under way. */
static double scoring_bytes(const at_ranking *ranking, size_t rank)
{
    double rows = rows_of_block(ranking, (double)ranking->block_rows);
    double of_workers = score_bytes(ranking, sequences_of_block(ranking), rank);
    double bytes = at_case_bytes(ranking, rank) +
                   score_bytes(ranking, part_documents(ranking), rank);
    if (ranking->options.with_tokens) {
        bytes += sizeof(float) * ranking->counted.part_tokens;
        of_workers += sizeof(double) * rows;
    }
    bytes += (double)ranking->n_workers * of_workers;
    return bytes * (double)ranking->options.n_settings;
}

double at_tokens_of(const at_ranking *ranking, double n_documents)
{
    return fmin(n_documents * ranking->counted.longest_document,
                ranking->counted.n_tokens);
}

/* Of one whole query under every setting, while its first and last documents are made
 * sure of and explained; `rank` is that of the scores. */
static double explaining_bytes(const at_ranking *ranking, size_t rank)
{
    double bytes = at_case_bytes(ranking, 0) + at_settling_bytes(ranking, rank);
    if (rank == 0) { /* else the tile's, of which this is a part */
        bytes += score_bytes(ranking, part_documents(ranking), rank);
    }
    return bytes * (double)ranking->options.n_settings;
}

/* Of the answers, which stay until the run is written, and of scores that are not. */
static double answer_bytes(const at_ranking *ranking)
{
    double of_case = at_answer_bytes(ranking);
    if (ranking->is_held) {
        of_case += score_bytes(ranking, (double)ranking->n_documents,
                               ranking->options.query_rank);
    }
    return of_case * (double)ranking->n_queries * (double)ranking->options.n_settings;
}

/* 4. Stages */

/* Of a stage without its queries. */
static attrib_status fixed_bytes(const at_ranking *ranking,
                                 at_run_stage stage,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double activations = 0;
    AT_TRY(at_activation_bytes(ranking, stage, ranking->block_rows, &activations, err));
    *out = (double)ranking->n_workers * (activations + scratch_bytes(ranking, stage) +
                                         at_blas_bytes(widest(ranking), sizeof(float))) +
           carried_bytes(ranking, stage) + answer_bytes(ranking);
    if (stage == AT_RUN_QUERY || ranking->options.with_self) {
        *out += (double)ranking->n_workers * ranking->factor_bytes;
    }
done:
    return status;
}

static double room_for_stages(const at_ranking *ranking)
{
    return ranking->memory.bytes - ranking->memory.base;
}

/* What preparing keeps of its passes at a time: all rows, or what leaves room for one
 * query and for others, or one row. */
static double choose_kept(const at_ranking *ranking)
{
    double room = room_for_stages(ranking) - ranking->fixed_bytes[AT_RUN_QUERY] -
                  at_case_bytes(ranking, 0) * (double)ranking->options.n_settings;
    double limit = fmin(KEPT_BYTES, KEPT_SHARE * ranking->memory.bytes);
    return fmax(ranking->kept_row, fmin(ranking->kept_all, fmin(limit, room)));
}

attrib_status at_measure_stages(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (at_run_stage stage = AT_RUN_QUERY; stage <= AT_RUN_EXPLAIN; stage++) {
        AT_TRY(fixed_bytes(ranking, stage, &ranking->fixed_bytes[stage], err));
    }
    ranking->kept_bytes = choose_kept(ranking);
    ranking->fixed_bytes[AT_RUN_QUERY] += ranking->kept_bytes;
done:
    return status;
}

/* How many queries fit where one takes `each`; multiples of TILE_STEP where they can be.
 */
static size_t fitting(const at_ranking *ranking, double bytes, double each)
{
    double n = bytes / each;
    if (n >= (double)ranking->n_queries) {
        return ranking->n_queries;
    }
    size_t whole = n < 1 ? 1 : (size_t)n;
    return whole > TILE_STEP ? whole - whole % TILE_STEP : whole;
}

size_t at_fitting_queries(const at_ranking *ranking, size_t rank)
{
    double limit = room_for_stages(ranking);
    const double *fixed = ranking->fixed_bytes;
    size_t n = fitting(ranking, limit - fmax(fixed[AT_RUN_QUERY], fixed[AT_RUN_SCORE]),
                       scoring_bytes(ranking, rank));
    size_t n_explained =
        fitting(ranking, limit - fixed[AT_RUN_EXPLAIN], explaining_bytes(ranking, rank));
    return rank || n < n_explained ? n : n_explained;
}

/* Cut queries are made whole in the end, beside the scores of all of the tile. */
static double cut_bytes(const at_ranking *ranking)
{
    return (double)(ranking->n_tile * ranking->options.n_settings) *
           score_bytes(ranking, part_documents(ranking), ranking->query_rank);
}

size_t at_fitting_whole(const at_ranking *ranking)
{
    const double *fixed = ranking->fixed_bytes;
    if (ranking->query_rank == 0) {
        return ranking->n_tile;
    }
    return fitting(ranking,
                   room_for_stages(ranking) - cut_bytes(ranking) -
                       fmax(fixed[AT_RUN_QUERY], fixed[AT_RUN_EXPLAIN]),
                   explaining_bytes(ranking, ranking->query_rank));
}

double at_stage_bytes(const at_ranking *ranking, at_run_stage stage)
{
    double n = (double)ranking->n_tile;
    double rank = (double)ranking->query_rank;
    double settings = (double)ranking->options.n_settings;
    double bytes = ranking->fixed_bytes[stage];
    switch (stage) {
    case AT_RUN_QUERY: /* the whole ones take more than those that are cut */
        n = rank > 0 ? fmax(n * at_case_bytes(ranking, ranking->query_rank),
                            (double)ranking->n_tile_full * at_case_bytes(ranking, 0))
                     : n * at_case_bytes(ranking, 0);
        return bytes + n * settings;
    case AT_RUN_SCORE:
        return bytes + n * scoring_bytes(ranking, ranking->query_rank);
    case AT_RUN_EXPLAIN:
        return bytes + (rank > 0 ? cut_bytes(ranking) : 0) +
               (double)ranking->n_tile_full *
                   explaining_bytes(ranking, ranking->query_rank);
    }
    return bytes;
}

/* One query at a time needs so much. */
attrib_status at_check_limit(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double *fixed = ranking->fixed_bytes;
    size_t rank = ranking->options.query_rank == ATTRIB_RANK_FULL ? 0 : 1;
    double settings = (double)ranking->options.n_settings;
    double needed = fixed[AT_RUN_QUERY] - ranking->kept_bytes + ranking->kept_row +
                    at_case_bytes(ranking, 0) * settings;
    needed = fmax(needed, fixed[AT_RUN_SCORE] + scoring_bytes(ranking, 0));
    needed = fmax(needed, fixed[AT_RUN_EXPLAIN] + explaining_bytes(ranking, rank) +
                              (double)rank * settings *
                                  score_bytes(ranking, part_documents(ranking), rank));
    AT_TRY(at_memory_check(&ranking->memory, needed, "scoring", ranking->n_workers, err));
done:
    return status;
}
