/* SPDX-License-Identifier: MIT */
/* What a run is cut into: groups of maps, tiles of queries, blocks of rows, and the rank
 * of queries. All from shapes and limits alone, before any work.
 *
 * 1. Groups.
 * 2. Cost.
 * 3. The choice. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rank/sizes.h"

/* What the activations of one worker's block may take. */
#define MAX_ACTIVATIONS ((double)((size_t)1 << 30))
/* Blocks that a corpus is cut into at least, if it is not smaller: workers share them. */
#define MIN_BLOCKS 16.0
/* A larger block must save so much of the predicted cost. */
#define WORTH_A_LARGER_BLOCK 0.03

/* 1. Groups */

static attrib_status name_group(const at_ranking *ranking,
                                const attrib_module *module,
                                attrib_run *run,
                                const char **out,
                                attrib_error *err)
{
    static const char *const kinds[] = {"mlp", "attention", "head"};
    char name[64];
    const char *text = name;
    if (ranking->options.split == ATTRIB_SPLIT_MODULE) {
        text = module->name;
    } else if (ranking->options.split == ATTRIB_SPLIT_KIND ||
               module->kind == ATTRIB_MODULE_HEAD) {
        text = kinds[module->kind];
    } else {
        snprintf(name, sizeof name, "layer.%zu", module->layer);
    }
    return at_arena_text(run->bank, text, strlen(text), out, err);
}

attrib_status at_group_maps(at_ranking *ranking, attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_array(ranking->n_tracked, sizeof *ranking->group, &ranking->group, err));
    AT_TRY(at_arena_take(run->bank, ranking->n_tracked, sizeof *run->groups, &run->groups,
                         err));
    ranking->n_groups = 1;
    for (size_t m = 0;
         ranking->options.split != ATTRIB_SPLIT_NONE && m < ranking->n_tracked; m++) {
        const char *name = NULL;
        size_t g = 0;
        AT_TRY(name_group(ranking,
                          attrib_model_module(ranking->model, ranking->tracked[m]), run,
                          &name, err));
        while (g < n && strcmp(run->groups[g], name) != 0) {
            g++;
        }
        if (g == n) {
            run->groups[n++] = name;
        }
        ranking->group[m] = g;
        ranking->n_groups = n;
    }
    run->info.n_groups = n;
    run->info.n_planes = ranking->options.n_settings * (1 + n);
done:
    return status;
}

/* The rank that was asked for, or 0 where no map is wider than it. */
static size_t effective_rank(const at_ranking *ranking)
{
    size_t rank = ranking->options.query_rank;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        if (rank < module->out_dim && rank < module->in_dim) {
            return rank;
        }
    }
    return 0;
}

/* 2. Cost, in multiply-adds */

static at_contracted contracted_of(const at_ranking *ranking,
                                   const attrib_module *module,
                                   size_t rank,
                                   size_t n_cases)
{
    bool is_cut = rank && rank < module->out_dim && rank < module->in_dim;
    return (at_contracted){module->out_dim, module->in_dim, is_cut ? rank : 0, n_cases,
                           ranking->n_queries * ranking->options.n_settings};
}

static at_contraction choose_way(const at_ranking *ranking,
                                 const at_contracted *map,
                                 size_t n_rows,
                                 size_t n_sequences,
                                 at_cost *cost)
{
    return ranking->options.with_tokens
               ? at_contraction_by_token(map, n_rows, n_sequences, cost)
               : at_contraction_choose(map, n_rows, n_sequences, cost);
}

/* Of contracting all documents, in blocks of n_rows, with n_cases cases of a rank. */
double at_contraction_cost(const at_ranking *ranking,
                           size_t n_rows,
                           size_t n_cases,
                           size_t rank)
{
    double n_tokens = ranking->counted.n_tokens;
    double length = n_tokens / ranking->counted.n_sequences;
    double n_sequences = (double)n_rows / length;
    double cost = 0;
    n_sequences = n_sequences < 1 ? 1 : n_sequences;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        at_contracted map = contracted_of(ranking, module, rank, n_cases);
        at_cost of_block = {0};
        choose_way(ranking, &map, (size_t)(n_sequences * length), (size_t)n_sequences,
                   &of_block);
        cost += of_block.with_traffic;
    }
    return cost * n_tokens / (n_sequences * length);
}

/* 3. The choice */

at_mode at_scoring_mode(const at_ranking *ranking)
{
    const attrib_score_options *options = &ranking->options;
    bool is_one = ranking->n_queries * options->n_settings == 1;
    bool is_sum = ranking->n_groups == 1 && !options->with_tokens && !options->with_self;
    return is_one && ranking->query_rank == 0 && is_sum ? AT_MODE_FORWARD
                                                        : AT_MODE_REVERSE;
}

/* Of a worker's activations with so many rows. */
static attrib_status activation_bytes(const at_ranking *ranking,
                                      size_t rows,
                                      double *out,
                                      attrib_error *err)
{
    size_t longest = (size_t)ceil(ranking->counted.longest);
    size_t bytes = 0;
    attrib_status status = at_decoder_bytes(
        ranking->model, at_scoring_mode(ranking), ranking->tracked, ranking->n_tracked,
        rows > longest ? rows : longest, longest, &bytes, err);
    *out = (double)bytes;
    return status;
}

/* The smallest block that costs little more than the best. */
static attrib_status choose_block(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = ranking->n_queries * ranking->options.n_settings;
    double n_tokens = ranking->counted.n_tokens;
    double pass = 2 * at_model_products_per_token(ranking->model) * n_tokens;
    double cost = 0;
    ranking->block_rows = AT_BLOCK_ROWS;
    cost =
        pass + at_contraction_cost(ranking, AT_BLOCK_ROWS, n_cases, ranking->query_rank);
    for (size_t rows = (size_t)2 * AT_BLOCK_ROWS; rows <= (size_t)8 * AT_BLOCK_ROWS;
         rows *= 2) {
        double bytes = 0;
        double larger =
            pass + at_contraction_cost(ranking, rows, n_cases, ranking->query_rank);
        AT_TRY(activation_bytes(ranking, rows, &bytes, err));
        if (bytes > MAX_ACTIVATIONS || (double)rows * MIN_BLOCKS > n_tokens ||
            larger > cost * (1 - WORTH_A_LARGER_BLOCK)) {
            break;
        }
        cost = larger;
        ranking->block_rows = rows;
    }
done:
    return status;
}

/* How each shape of map is contracted in a block of documents of mean length. */
static void log_contractions(const at_ranking *ranking)
{
    double length = ranking->counted.n_tokens / ranking->counted.n_sequences;
    double n = floor((double)ranking->block_rows / length);
    size_t n_sequences = n < 1 ? 1 : (size_t)n;
    size_t n_rows = (size_t)((double)n_sequences * length);
    double pass = 2 * at_model_products_per_token(ranking->model);
    bool is_along = at_scoring_mode(ranking) == AT_MODE_FORWARD;
    double all = 0;
    for (size_t m = 0, first = 0; m < ranking->n_tracked; m++) {
        const attrib_module *map =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        at_contracted contracted =
            contracted_of(ranking, map, ranking->query_rank,
                          ranking->n_tile * ranking->options.n_settings);
        at_cost cost = {0};
        at_contraction way = choose_way(ranking, &contracted, n_rows, n_sequences, &cost);
        all += cost.products;
        for (first = 0; first < m; first++) {
            const attrib_module *other =
                attrib_model_module(ranking->model, ranking->tracked[first]);
            if (other->in_dim == map->in_dim && other->out_dim == map->out_dim) {
                break;
            }
        }
        if (first == m) {
            at_log(ranking->session, ATTRIB_LOG_DETAIL,
                   "maps [%zu, %zu]: by %s, %.3g FLOP a token each", map->out_dim,
                   map->in_dim, is_along ? "direction" : at_contraction_name(way),
                   2 * cost.products / (double)n_rows);
        }
    }
    at_log(ranking->session, ATTRIB_LOG_DETAIL,
           "scoring takes %.3g FLOP a token: %.3g %s, %.3g contracting",
           2 * (pass + all / (double)n_rows), 2 * pass,
           is_along ? "forward with tangents" : "forward and backward",
           2 * all / (double)n_rows);
}

/* By what one worker leaves room for: a rank that depended on their number would make
 * other scores of more threads. */
static attrib_status choose_rank(at_ranking *ranking, attrib_error *err)
{
    size_t n_workers = ranking->n_workers;
    ranking->n_workers = 1;
    attrib_status status = at_choose_rank(ranking, err);
    ranking->n_workers = n_workers;
    return status;
}

attrib_status at_fit_sizes(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_auto = ranking->options.query_rank == ATTRIB_RANK_AUTO;
    ranking->query_rank = is_auto ? 0 : effective_rank(ranking);
    AT_TRY(choose_block(ranking, err));
    AT_TRY(at_measure_blocks(ranking, ranking->block_rows, &ranking->blocks, err));
    AT_TRY(at_choose_kept(ranking, err));
    if (is_auto) {
        AT_TRY(at_check_limit(ranking, err));
        AT_TRY(choose_rank(ranking, err));
    }
    AT_TRY(at_fitting_queries(ranking, ranking->query_rank, &ranking->n_tile, err));
    AT_TRY(at_fitting_whole(ranking, &ranking->n_tile_full, err));
    AT_TRY(at_choose_resident(ranking, err));
done:
    return status;
}

static double physical_memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
}

static attrib_status most_bytes(const at_ranking *ranking, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (at_run_stage stage = AT_RUN_QUERY; stage <= AT_RUN_EXPLAIN; stage++) {
        double bytes = 0;
        AT_TRY(at_stage_bytes(ranking, stage, &bytes, err));
        *out = fmax(*out, bytes);
    }
done:
    return status;
}

attrib_status at_choose_sizes(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double most = 0;
    ranking->n_workers =
        ranking->session ? attrib_session_n_threads(ranking->session) : 1;
    at_memory_limit_set(&ranking->memory,
                        ranking->options.ram_limit ? (double)ranking->options.ram_limit
                                                   : physical_memory() * 3 / 4,
                        at_pass_mapped_bytes(ranking->model, ranking->corpus));
    at_count_documents(ranking);
    at_measure_rows(ranking);
    for (size_t m = 0; ranking->factors && m < ranking->n_tracked; m++) {
        ranking->factor_bytes =
            fmax(ranking->factor_bytes, at_factor_load_bytes(ranking->factors, m));
        ranking->resident_bytes += at_factor_load_bytes(ranking->factors, m);
    }
    AT_TRY(at_fit_sizes(ranking, err));
    AT_TRY(at_check_limit(ranking, err));
    AT_TRY(most_bytes(ranking, &most, err));
    at_log(ranking->session, ATTRIB_LOG_DETAIL,
           "queries of rank %zu (0: whole), %zu of %zu at a time; blocks of %zu tokens; "
           "%.0f MiB in use at most",
           ranking->query_rank, ranking->n_tile, ranking->n_queries, ranking->block_rows,
           at_memory_peak(&ranking->memory, most) / 0x1p20);
    log_contractions(ranking);
done:
    return status;
}
