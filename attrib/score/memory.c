/* SPDX-License-Identifier: MIT */
/* Bytes that the stages of a run take, by dry runs of the code that allocates, and how
 * many queries the limit of memory leaves room for.
 *
 * 1. Stages.
 * 2. How many queries fit. */
#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "refine/refine.h"
#include "query/prepare_map.h"
#include "score/baselines.h"
#include "score/counted.h"
#include "score/settle.h"
#include "score/sizes.h"
#include "score/taps.h"
#include "score/token_kind.h"

/* Tiles are multiples of this where they can be, so that most products take whole groups
 * of cut queries. */
#define TILE_STEP ((size_t)64)
/* The most bytes of activations and gradients of queries' rows that are kept for one turn
 * of all maps: 256 MiB, or this share of the limit of memory if that is less, so that
 * most of it is left for the queries. A single row may take more. Every turn reads all
 * factors again. For the MLP maps of GPT-2's shape these are 1.2 GB, which take 0.1 s
 * from a cache of the system and about 1 s from a disk, while the 11 rows of 64 tokens
 * that fit into 256 MiB take 30 s to prepare (2.985 s a query, tests/bench/README.md). */
#define KEPT_BYTES ((double)((size_t)256 << 20))
#define KEPT_SHARE 0.125

/* 1. Stages, in bytes that are taken in addition to what is there before a run */

/* Queries held at a time: those of a tile, and whole ones. */
typedef struct held {
    size_t n_tile, n_whole;
} held;

/* Bytes of the answers, which stay in memory until the run is written, and of the scores
 * where these are held in memory and not in files. */
static double answer_bytes(const at_setup *setup)
{
    size_t n_settings = setup->options.n_settings + setup->n_baselines;
    size_t n_cases = setup->n_queries * n_settings;
    const at_counts all = {.n_documents = setup->n_documents,
                           .n_tokens = (size_t)setup->counted.n_tokens,
                           .n_sums = setup->n_groups,
                           .n_cases = n_cases,
                           .n_settings = n_settings};
    double of_scores =
        setup->is_held ? at_arrays_bytes(&setup->options, at_is_cut(setup), &all) : 0;
    return at_answer_bytes(setup) * (double)n_cases + of_scores;
}

/* A slice's record is there packed, whole and sealed while it is made. */
#define RECORD_COPIES 3

/* Bytes of one slice for n queries under every setting. */
static double slice_bytes(const at_setup *setup, size_t n)
{
    size_t n_settings = setup->options.n_settings + setup->n_baselines;
    const at_counts counts = {.n_documents =
                                  at_smaller(setup->n_documents, AT_SLICE_DOCUMENTS),
                              .n_tokens = (size_t)setup->counted.slice_tokens,
                              .n_sums = setup->n_groups,
                              .n_cases = n * n_settings,
                              .n_settings = n_settings};
    double of_record = setup->is_held ? 0 : setup->counted.slice_record * RECORD_COPIES;
    return at_arrays_bytes(&setup->options, at_is_cut(setup), &counts) + of_record;
}

/* Bytes of preparing n queries. The pass over their rows and the work on the maps follow
 * one another; what is kept between them is there during both. */
static attrib_status preparing_bytes(const at_setup *setup,
                                     size_t n,
                                     double *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tap tap = {.name = "query"};
    at_pass pass = at_setup_pass(setup, 1, tap.name);
    at_prepared prepared = {0};
    at_pass_size row = {0};
    size_t longest = (size_t)setup->longest_row;
    size_t desk = 0;
    double of_queries = 0;
    double of_pass = 0;
    double of_map = 0;
    double of_refinement = 0;
    double n_workers = (double)setup->n_workers;
    AT_TRY(at_prepared_outline(setup, (at_tile){0, n}, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    AT_TRY(at_prepare_desk(setup, &prepared, &desk, err));
    AT_TRY(at_pass_size_one(&(attrib_block_size){2, longest, longest}, &row, err));
    AT_TRY(at_pass_bytes(&pass, &row, &tap, 1, &of_pass, err));
    of_map = (double)desk + setup->factor_bytes +
             at_blas_bytes(at_widest_map(setup), sizeof(float));
    *out = of_queries + setup->kept_bytes + at_carried_bytes(setup) +
           fmax(n_workers * of_pass, fmin(n_workers, (double)setup->n_tracked) * of_map);
    AT_TRY(at_refine_bytes(setup, n, &of_refinement, err));
    *out += of_refinement;
done:
    at_pass_size_free(&row);
    at_prepared_free(&prepared);
    return status;
}

static attrib_status scoring_bytes(const at_setup *setup,
                                   size_t n,
                                   double *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    at_scoring scoring = {0};
    at_pass pass = at_scoring_pass(setup);
    double of_shared = 0;
    double of_queries = 0;
    double of_worker = 0;
    double of_baselines = 0;
    if (setup->n_queries > 0) {
        AT_TRY(at_prepared_outline(setup, (at_tile){0, n}, &prepared, err));
        AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    }
    AT_TRY(at_scoring_open(setup, &prepared, NULL, &scoring, err));
    AT_TRY(at_pass_bytes(&pass, &setup->blocks, scoring.taps, scoring.n_taps, &of_worker,
                         err));
    AT_TRY(at_pass_shared_bytes(&pass, &of_shared, err));
    AT_TRY(at_baselines_bytes(setup, n, &of_baselines, err));
    /* Baselines follow the pass that takes gradients. */
    *out = of_queries + slice_bytes(setup, n) +
           fmax(of_shared + (double)setup->n_workers * of_worker, of_baselines);
    *out += scoring.self ? at_self_bytes(scoring.self) : 0;
done:
    at_scoring_close(&scoring);
    at_prepared_free(&prepared);
    return status;
}

/* Bytes of explaining with n.n_whole whole queries. The slice holds the scores of all
 * queries of the tile, which may be cut. */
static attrib_status explaining_bytes(const at_setup *setup,
                                      held n,
                                      double *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explaining *explaining = NULL;
    at_pass pass = at_explaining_pass(setup);
    at_pass_size blocks = {0};
    attrib_tap tap;
    double longest = setup->counted.longest;
    double rows = fmin(fmax((double)AT_BLOCK_ROWS, longest), /* of one document */
                       fmax(setup->counted.longest_document, longest));
    double sequences = fmin(rows / setup->counted.shortest, setup->counted.n_sequences);
    double of_queries = 0;
    double of_worker = 0;
    double of_tokens = 0;
    at_setup whole = at_setup_cut(setup, 0);
    at_prepared prepared = {0};
    AT_TRY(at_explaining_outline(setup, &explaining, err));
    tap = at_explain_tap(explaining);
    AT_TRY(at_prepared_outline(&whole, (at_tile){0, n.n_whole}, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    AT_TRY(
        at_pass_size_one(&(attrib_block_size){(size_t)ceil(sequences), (size_t)ceil(rows),
                                              (size_t)ceil(longest)},
                         &blocks, err));
    AT_TRY(at_pass_bytes(&pass, &blocks, &tap, 1, &of_worker, err));
    AT_TRY(at_token_kinds_bytes(setup, &blocks, &of_tokens, err));
    *out = of_queries +
           (double)(n.n_whole * (setup->options.n_settings + setup->n_baselines)) *
               at_settling_bytes(setup) +
           slice_bytes(setup, at_is_cut(setup) ? n.n_tile : n.n_whole) +
           fmax((double)setup->n_workers * of_worker, of_tokens);
done:
    at_pass_size_free(&blocks);
    at_prepared_free(&prepared);
    free(explaining);
    return status;
}

/* Bytes of preparing n.n_tile queries, of the scan of an index that follows, and of the
 * whole queries too where these are cut. */
static attrib_status all_preparing_bytes(const at_setup *setup,
                                         held n,
                                         double *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup whole = at_setup_cut(setup, 0);
    double of_whole = 0;
    double of_scan = 0;
    AT_TRY(preparing_bytes(setup, n.n_tile, out, err));
    AT_TRY(at_scanning_bytes(setup, n.n_tile, &of_scan, err));
    if (at_is_cut(setup)) {
        AT_TRY(preparing_bytes(&whole, n.n_whole, &of_whole, err));
    }
    *out = fmax(fmax(*out, of_whole), of_scan);
done:
    return status;
}

/* Bytes of a stage with n.n_tile queries at a time, and n.n_whole whole ones. */
static attrib_status stage_bytes(
    const at_setup *setup, at_run_stage stage, held n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    if (setup->n_queries == 0 && stage != AT_RUN_SCORE) { /* none to prepare or explain */
        return stage == AT_RUN_QUERY ? at_scanning_bytes(setup, 0, out, err) : ATTRIB_OK;
    }
    switch (stage) {
    case AT_RUN_QUERY:
        AT_TRY(all_preparing_bytes(setup, n, out, err));
        break;
    case AT_RUN_SCORE:
        AT_TRY(scoring_bytes(setup, n.n_tile, out, err));
        break;
    case AT_RUN_EXPLAIN:
        AT_TRY(explaining_bytes(setup, n, out, err));
        break;
    }
    *out += answer_bytes(setup);
done:
    return status;
}

attrib_status at_stage_bytes(const at_setup *setup,
                             at_run_stage stage,
                             double *out,
                             attrib_error *err)
{
    return stage_bytes(setup, stage, (held){setup->n_tile, setup->n_tile_full}, out, err);
}

/* 2. How many queries fit */

static double room_of(const at_setup *setup)
{
    return setup->memory.bytes - setup->memory.base;
}

attrib_status at_choose_kept(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = 0;
    double limit = fmin(KEPT_BYTES, KEPT_SHARE * setup->memory.bytes);
    at_setup whole = at_setup_cut(setup, 0);
    if (setup->n_queries == 0) {
        return ATTRIB_OK;
    }
    whole.kept_bytes = 0;
    AT_TRY(preparing_bytes(&whole, 1, &bytes, err));
    limit = fmin(limit, room_of(setup) - bytes - answer_bytes(setup));
    setup->kept_bytes = fmax(setup->kept_row, fmin(setup->kept_all, limit));
done:
    return status;
}

/* Bytes of the pilot that chooses a rank. It prepares and scores queries cut to any rank
 * that cuts a map; the largest one takes most. */
static attrib_status pilot_bytes(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup cut = at_setup_cut(setup, 0);
    size_t n = at_pilot_queries(setup);
    double scoring = 0;
    for (size_t i = AT_N_AUTO_RANKS; i-- > 0 && !at_is_cut(&cut);) {
        cut = at_setup_cut(setup, at_auto_rank(i));
    }
    AT_TRY(preparing_bytes(&cut, n, out, err));
    AT_TRY(scoring_bytes(&cut, n, &scoring, err));
    *out = fmax(*out, scoring) + answer_bytes(&cut);
done:
    return status;
}

attrib_status at_least_bytes(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup least = *setup;
    double pilot = 0;
    *out = 0;
    least.kept_bytes = setup->kept_row;
    least.is_resident = false;
    for (at_run_stage stage = AT_RUN_QUERY; stage <= AT_RUN_EXPLAIN; stage++) {
        double bytes = 0;
        AT_TRY(stage_bytes(&least, stage, (held){1, 1}, &bytes, err));
        *out = fmax(*out, bytes);
    }
    if (at_has_pilot(setup)) {
        AT_TRY(pilot_bytes(&least, &pilot, err));
        *out = fmax(*out, pilot);
    }
done:
    return status;
}

attrib_status at_check_limit(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double needed = 0;
    AT_TRY(at_least_bytes(setup, &needed, err));
    AT_TRY(at_memory_check(&setup->memory, needed, "scoring", setup->n_workers, err));
done:
    return status;
}

/* Whether a run with n queries at a time stays within the limit. For cut queries the
 * number of whole ones that are held while documents are explained is chosen apart
 * (whole_fit()). */
static attrib_status tile_fits(const at_setup *setup,
                               size_t n,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_run_stage last = at_is_cut(setup) ? AT_RUN_SCORE : AT_RUN_EXPLAIN;
    *out = true;
    for (at_run_stage stage = AT_RUN_QUERY; *out && stage <= last; stage++) {
        double bytes = 0;
        held at = {n, at_is_cut(setup) ? 1 : n};
        AT_TRY(stage_bytes(setup, stage, at, &bytes, err));
        *out = bytes <= room_of(setup);
    }
done:
    return status;
}

static attrib_status whole_fit(const at_setup *setup,
                               size_t n,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double preparing = 0;
    double explaining = 0;
    at_setup whole = at_setup_cut(setup, 0);
    AT_TRY(preparing_bytes(&whole, n, &preparing, err));
    AT_TRY(explaining_bytes(setup, (held){setup->n_tile, n}, &explaining, err));
    *out = fmax(preparing, explaining) + answer_bytes(setup) <= room_of(setup);
done:
    return status;
}

typedef attrib_status (*fits_fn)(const at_setup *, size_t, bool *, attrib_error *);

/* The most queries of 1 .. n_queries that fit, or 1 where none do. More than TILE_STEP
 * are rounded down to a multiple of it, unless all fit. */
static attrib_status most_that_fit(const at_setup *setup,
                                   fits_fn fits,
                                   size_t *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t low = 1;
    size_t high = at_larger(setup->n_queries, 1);
    bool is_fine = false;
    AT_TRY(fits(setup, high, &is_fine, err));
    low = is_fine ? high : low;
    while (low + 1 < high) { /* low fits or is 1, high does not */
        size_t middle = low + (high - low) / 2;
        AT_TRY(fits(setup, middle, &is_fine, err));
        if (is_fine) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *out = low > TILE_STEP && low < setup->n_queries ? low - low % TILE_STEP : low;
done:
    return status;
}

attrib_status at_fitting_queries(const at_setup *setup, size_t *out, attrib_error *err)
{
    return most_that_fit(setup, tile_fits, out, err);
}

attrib_status at_fitting_whole(const at_setup *setup, size_t *out, attrib_error *err)
{
    if (!at_is_cut(setup)) {
        *out = setup->n_tile;
        return ATTRIB_OK;
    }
    return most_that_fit(setup, whole_fit, out, err);
}

/* A stage of a run whose passes are given a layers_limit. */
typedef struct kept_stage {
    const at_setup *setup;
    at_run_stage stage;
} kept_stage;

static attrib_status bytes_with_layers(const void *context,
                                       double layers_limit,
                                       double *out,
                                       attrib_error *err)
{
    const kept_stage *of = context;
    at_setup setup = *of->setup;
    setup.layers_limit[of->stage] = layers_limit;
    return at_stage_bytes(&setup, of->stage, out, err);
}

attrib_status at_choose_layers(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (at_run_stage stage = AT_RUN_SCORE; stage <= AT_RUN_EXPLAIN; stage++) {
        const kept_stage of = {setup, stage};
        AT_TRY(at_pass_choose_layers(bytes_with_layers, &of, room_of(setup),
                                     setup->n_workers, &setup->layers_limit[stage], err));
    }
done:
    return status;
}

attrib_status at_choose_resident(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = 0;
    setup->is_resident = at_setup_holds(setup, AT_SELF) && setup->factors;
    if (setup->is_resident) {
        AT_TRY(at_stage_bytes(setup, AT_RUN_SCORE, &bytes, err));
        setup->is_resident = bytes <= room_of(setup);
    }
done:
    return status;
}
