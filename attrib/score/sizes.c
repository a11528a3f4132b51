/* SPDX-License-Identifier: MIT */
/* How a run is divided: groups of maps, tiles of queries, blocks of rows, and the rank of
 * queries. All follow from shapes and limits before any work is done; only the choice of
 * a rank may look at some documents (query_rank.c).
 *
 * 1. Groups.
 * 2. The choice. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/session.h"
#include "score/counted.h"
#include "score/sizes.h"
#include "score/taps.h"

/* The most bytes that the activations of one worker's block may take for a block to be
 * made larger: 1 GiB, which GPT-2's shape reaches between 2,048 and 4,096 rows, where
 * queries are read four times less often than at AT_BLOCK_ROWS. The machine's memory is
 * not asked, because the sizes of blocks decide the last bits of scores. */
#define MAX_ACTIVATIONS ((double)((size_t)1 << 30))
/* The fewest blocks that a larger size may leave of a corpus, so that workers can share
 * them. With 32 whole queries and 4 documents of 512 tokens, blocks of 2,048 tokens left
 * one of two workers idle: 251 tokens/s, and 545 with smaller blocks. */
#define MIN_BLOCKS 16.0
/* The share of the predicted cost that a larger block must save to be chosen. The last
 * block leaves the other workers idle, on average for half of its time: with MIN_BLOCKS
 * blocks, 1/32 of the run. */
#define WORTH_A_LARGER_BLOCK 0.03

/* 1. Groups */

static attrib_status name_group(const at_setup *setup,
                                const attrib_module *module,
                                attrib_run *run,
                                const char **out,
                                attrib_error *err)
{
    static const char *const kinds[] = {"mlp", "attention", "head"};
    char name[64];
    const char *text = name;
    if (setup->options.split == ATTRIB_SPLIT_MODULE) {
        text = module->name;
    } else if (setup->options.split == ATTRIB_SPLIT_KIND ||
               module->kind == ATTRIB_MODULE_HEAD) {
        text = kinds[module->kind];
    } else {
        snprintf(name, sizeof name, "layer.%zu", module->layer);
    }
    return at_arena_text(run->bank, text, strlen(text), out, err);
}

attrib_status at_group_maps(at_setup *setup, attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_array(setup->n_tracked, sizeof *setup->group, &setup->group, err));
    AT_TRY(at_arena_take(run->bank, setup->n_tracked, sizeof *run->groups, &run->groups,
                         err));
    setup->n_groups = 1;
    for (size_t m = 0; setup->options.split != ATTRIB_SPLIT_NONE && m < setup->n_tracked;
         m++) {
        const char *name = NULL;
        size_t g = 0;
        AT_TRY(name_group(setup, at_setup_module(setup, m), run, &name, err));
        while (g < n && strcmp(run->groups[g], name) != 0) {
            g++;
        }
        if (g == n) {
            run->groups[n++] = name;
        }
        setup->group[m] = g;
        setup->n_groups = n;
    }
    run->info.n_groups = n;
    run->info.n_planes = setup->options.n_settings * (1 + n);
done:
    return status;
}

/* 2. The choice */

/* Bytes of one worker's activations in a block of `rows` rows, as layers usually keep
 * them. */
static attrib_status activation_bytes(const at_setup *setup,
                                      size_t rows,
                                      double *out,
                                      attrib_error *err)
{
    size_t longest = (size_t)ceil(setup->counted.longest);
    size_t bytes = 0;
    const at_decoding how = {setup->model, at_scoring_mode(setup), setup->tracked,
                             setup->n_tracked, 0};
    attrib_status status =
        at_decoder_bytes(&how, at_larger(rows, longest), longest, &bytes, err);
    *out = (double)bytes;
    return status;
}

/* Choose block_rows: double it as long as that saves enough of the predicted cost, and
 * memory and the number of blocks allow it. */
static attrib_status choose_block(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = setup->n_queries * setup->options.n_settings;
    double n_tokens = setup->counted.n_tokens;
    double pass = 2 * at_model_products_per_token(setup->model) * n_tokens;
    double cost = 0;
    setup->block_rows = setup->kept_rows ? setup->kept_rows : AT_BLOCK_ROWS;
    if (n_cases == 0 || setup->kept_rows) {
        return ATTRIB_OK;
    }
    cost = pass + at_contraction_cost(setup, AT_BLOCK_ROWS, n_cases);
    for (size_t rows = (size_t)2 * AT_BLOCK_ROWS; rows <= (size_t)8 * AT_BLOCK_ROWS;
         rows *= 2) {
        double bytes = 0;
        double larger = pass + at_contraction_cost(setup, rows, n_cases);
        AT_TRY(activation_bytes(setup, rows, &bytes, err));
        if (bytes > MAX_ACTIVATIONS || (double)rows * MIN_BLOCKS > n_tokens ||
            larger > cost * (1 - WORTH_A_LARGER_BLOCK)) {
            break;
        }
        cost = larger;
        setup->block_rows = rows;
    }
done:
    return status;
}

/* Log how each shape of map is contracted in a block of documents of mean length. */
static void log_contractions(const at_setup *setup)
{
    double length = setup->counted.n_tokens / setup->counted.n_sequences;
    double n = floor((double)setup->block_rows / length);
    size_t n_sequences = n < 1 ? 1 : (size_t)n;
    size_t n_rows = (size_t)((double)n_sequences * length);
    double pass = 2 * at_model_products_per_token(setup->model);
    bool is_along = at_scoring_mode(setup) == AT_MODE_FORWARD;
    double all = 0;
    for (size_t m = 0, first = 0; m < setup->n_tracked; m++) {
        const attrib_module *map = at_setup_module(setup, m);
        at_contracted contracted = at_contracted_map(
            setup, m, at_map_rank(setup, m), setup->n_tile * setup->options.n_settings);
        at_cost cost = {0};
        at_contraction way =
            at_contraction_choose(&contracted, n_rows, n_sequences, &cost);
        all += cost.products;
        for (first = 0; first < m; first++) {
            const attrib_module *other = at_setup_module(setup, first);
            if (other->in_dim == map->in_dim && other->out_dim == map->out_dim) {
                break;
            }
        }
        if (first == m) {
            at_log(setup->session, ATTRIB_LOG_DETAIL,
                   "maps [%zu, %zu]: by %s, %.3g FLOP a token each", map->out_dim,
                   map->in_dim, is_along ? "direction" : at_contraction_name(way),
                   2 * cost.products / (double)n_rows);
        }
    }
    at_log(setup->session, ATTRIB_LOG_DETAIL,
           "scoring takes %.3g FLOP a token: %.3g %s, %.3g contracting",
           2 * (pass + all / (double)n_rows), 2 * pass,
           is_along ? "forward with tangents" : "forward and backward",
           2 * all / (double)n_rows);
}

/* Choose a rank by the room that one worker leaves, however many there are: the rank, and
 * so the scores, may not depend on the number of threads. */
static attrib_status choose_rank(at_setup *setup, attrib_error *err)
{
    size_t n_workers = setup->n_workers;
    setup->n_workers = 1;
    attrib_status status = at_choose_rank(setup, err);
    setup->n_workers = n_workers;
    return status;
}

/* Choose blocks, and how much is kept between passes, for a rank that was asked for. */
static attrib_status choose_blocks(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_auto = setup->options.query_rank == ATTRIB_RANK_AUTO;
    at_take_rank(setup, is_auto ? 0 : setup->options.query_rank);
    AT_TRY(choose_block(setup, err));
    AT_TRY(at_measure_blocks(setup, setup->block_rows, &setup->blocks, err));
    AT_TRY(at_choose_kept(setup, err));
done:
    return status;
}

attrib_status at_fit_sizes(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(choose_blocks(setup, err));
    if (setup->options.query_rank == ATTRIB_RANK_AUTO) {
        AT_TRY(at_check_limit(setup, err));
        AT_TRY(choose_rank(setup, err));
    }
    AT_TRY(at_fitting_queries(setup, &setup->n_tile, err));
    AT_TRY(at_fitting_whole(setup, &setup->n_tile_full, err));
    AT_TRY(at_choose_resident(setup, err));
    AT_TRY(at_choose_layers(setup, err));
done:
    return status;
}

/* The limit where none is given: three quarters of the machine's memory, of which the
 * processes that share the work share what is mapped, and the rest evenly. */
static double usual_limit(const at_setup *setup, double mapped_bytes)
{
    double all = at_memory_usual();
    double n = (double)at_session_n_processes(setup->session);
    return mapped_bytes + (all - mapped_bytes) / n;
}

static attrib_status most_bytes(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (at_run_stage stage = AT_RUN_QUERY; stage <= AT_RUN_EXPLAIN; stage++) {
        double bytes = 0;
        AT_TRY(at_stage_bytes(setup, stage, &bytes, err));
        *out = fmax(*out, bytes);
    }
done:
    return status;
}

/* Set all that sizes are chosen by. */
static attrib_status count_all(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double mapped_bytes = at_pass_mapped_bytes(setup->model, setup->corpus);
    setup->n_workers = setup->session ? attrib_session_n_threads(setup->session) : 1;
    at_memory_limit_set(&setup->memory,
                        setup->options.ram_limit ? (double)setup->options.ram_limit
                                                 : usual_limit(setup, mapped_bytes),
                        mapped_bytes);
    AT_TRY(at_pass_choose_rounding(setup->model, setup->options.precision,
                                   setup->memory.bytes - setup->memory.base,
                                   &setup->rounds_weights, err));
    at_count_documents(setup);
    at_measure_rows(setup);
    for (size_t m = 0; setup->factors && m < setup->n_tracked; m++) {
        setup->factor_bytes =
            fmax(setup->factor_bytes, at_factor_load_bytes(setup->factors, m));
        setup->resident_bytes += at_factor_load_bytes(setup->factors, m);
    }
done:
    return status;
}

attrib_status at_measure_least(at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(count_all(setup, err));
    AT_TRY(choose_blocks(setup, err));
    AT_TRY(at_least_bytes(setup, out, err));
done:
    return status;
}

attrib_status at_choose_sizes(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double most = 0;
    AT_TRY(count_all(setup, err));
    AT_TRY(at_fit_sizes(setup, err));
    AT_TRY(at_check_limit(setup, err));
    AT_TRY(most_bytes(setup, &most, err));
    at_log(setup->session, ATTRIB_LOG_DETAIL,
           "queries of rank %zu (0: whole), %zu of %zu at a time; blocks of %zu tokens; "
           "%.0f MiB in use at most",
           setup->query_rank, setup->n_tile, setup->n_queries, setup->block_rows,
           at_memory_peak(&setup->memory, most) / 0x1p20);
    if (setup->n_queries > 0) {
        log_contractions(setup);
    }
done:
    return status;
}
