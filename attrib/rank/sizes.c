/* SPDX-License-Identifier: MIT */
/* What a run is cut into: groups of maps, tiles of queries, blocks of rows, and the rank
 * of queries. All from shapes and limits alone, before any work.
 *
 * 1. Groups.
 * 2. Memory.
 * 3. Cost.
 * 4. The choice. */
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
/* Tiles are multiples of this, where they can be: results then have the same bytes. */
#define TILE_STEP ((size_t)64)

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
    return at_bank_text(run->bank, text, strlen(text), out, err);
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

/* 2. Memory, in bytes; f64 holds more than any size of it */

static double physical_memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
}

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

/* Entries of the largest map. */
static double largest_entries(const at_ranking *ranking)
{
    double largest = 0;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        double entries = (double)module->out_dim * (double)module->in_dim;
        largest = entries > largest ? entries : largest;
    }
    return largest;
}

/* Of a worker beside its activations: preparing wants the gradient in two bases, the
 * divided one and scratch; scoring, the gradients it holds and cut queries rebuilt;
 * self-influences, the gradient with scratch and in two bases those of two open pieces.
 */
static double scratch_bytes(const at_ranking *ranking)
{
    double entries = largest_entries(ranking);
    double held =
        (double)AT_GRADIENT_FLOATS > entries ? (double)AT_GRADIENT_FLOATS : entries;
    double self = ranking->options.with_self ? 6 * entries : 0;
    if (ranking->options.query_rank != ATTRIB_RANK_FULL) {
        held += (double)AT_REBUILT_AT_A_TIME * entries;
    }
    return 4 * ((6 * entries > held ? 6 * entries : held) + self);
}

/* The largest of the factors that a worker reads map by map. */
static double factor_bytes(const at_ranking *ranking)
{
    double largest = 0;
    for (size_t m = 0; ranking->factors && m < ranking->n_tracked; m++) {
        double bytes = at_factor_load_bytes(ranking->factors, m);
        largest = bytes > largest ? bytes : largest;
    }
    return largest;
}

/* Gradients in two bases, as self-influences carry them for a document that spans blocks,
 * and sums of queries for the one under way. */
static double carried_bytes(const at_ranking *ranking)
{
    bool is_needed = ranking->options.with_self &&
                     attrib_corpus_summarize(ranking->corpus).n_split_documents > 0;
    bool is_summed = ranking->options.aggregate != NULL;
    return 2 * at_case_bytes(ranking, 0) * (is_needed + is_summed);
}

/* Tokens of the longest sequence of the corpus, at least 1. */
static size_t longest_sequence(const at_ranking *ranking)
{
    size_t longest = 1;
    size_t n = attrib_corpus_summarize(ranking->corpus).n_sequences;
    for (size_t i = 0; i < n; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(ranking->corpus, i, &sequence);
        longest = sequence.n_tokens > longest ? sequence.n_tokens : longest;
    }
    return longest;
}

/* Of a worker's activations, for blocks of n_rows whose longest sequence fills them or
 * the context. A block holds one sequence at least, however long that is. */
static attrib_status activation_bytes(const at_ranking *ranking,
                                      size_t n_rows,
                                      double *out,
                                      attrib_error *err)
{
    size_t context = attrib_model_describe(ranking->model)->context;
    size_t longest = longest_sequence(ranking);
    size_t rows = n_rows > longest ? n_rows : longest;
    size_t bytes = 0;
    attrib_status status =
        at_decoder_bytes(ranking->model, ranking->tracked, ranking->n_tracked, rows,
                         rows < context ? rows : context, &bytes, err);
    *out = (double)bytes;
    return status;
}

/* Of one case's shares of tokens, in the part that has most of them. */
static double token_bytes(const at_ranking *ranking)
{
    size_t largest = 0;
    size_t of_part = 0;
    for (size_t i = 0; ranking->options.with_tokens && i < ranking->n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(ranking->corpus, i, &document);
        of_part = (i % AT_PART_DOCUMENTS ? of_part : 0) + document.n_tokens;
        largest = of_part > largest ? of_part : largest;
    }
    return sizeof(float) * (double)largest;
}

/* Of one case's scores of a part's documents, and of their bounds. */
static double score_bytes(const at_ranking *ranking, size_t rank)
{
    size_t n = ranking->n_documents < AT_PART_DOCUMENTS ? ranking->n_documents
                                                        : AT_PART_DOCUMENTS;
    return sizeof(double) * (double)n * (double)ranking->n_groups * (rank ? 2 : 1);
}

/* Of one query under every setting. */
static double query_bytes(const at_ranking *ranking, size_t rank)
{
    return (at_case_bytes(ranking, rank) + score_bytes(ranking, rank) +
            token_bytes(ranking)) *
           (double)ranking->options.n_settings;
}

/* The rest is for queries, whole ones at the end at least. */
static attrib_status query_budget(const at_ranking *ranking,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_workers = ranking->session ? attrib_session_n_threads(ranking->session) : 1;
    double limit = ranking->options.ram_limit ? (double)ranking->options.ram_limit
                                              : physical_memory() * 3 / 4;
    double activations = 0;
    double fixed = 0;
    double needed = 0;
    AT_TRY(activation_bytes(ranking, ranking->block_rows, &activations, err));
    fixed = (double)n_workers *
                (activations + scratch_bytes(ranking) + factor_bytes(ranking)) +
            at_kept_bytes(ranking) + carried_bytes(ranking);
    needed = fixed + query_bytes(ranking, 0);
    AT_CHECK(limit >= needed, ATTRIB_EINVAL,
             "a limit of %.0f MiB of memory, scoring with %zu threads needs %.0f MiB",
             limit / 0x1p20, n_workers, needed / 0x1p20);
    *out = limit - fixed;
done:
    return status;
}

/* How many queries fit, under every setting. */
size_t at_fitting_queries(const at_ranking *ranking, double budget, size_t rank)
{
    double n = budget / query_bytes(ranking, rank);
    if (n >= (double)ranking->n_queries) {
        return ranking->n_queries;
    }
    size_t whole = n < 1 ? 1 : (size_t)n;
    return whole > TILE_STEP ? whole - whole % TILE_STEP : whole;
}

/* 3. Cost, in multiply-adds */

static at_contracted contracted_of(const attrib_module *module,
                                   size_t rank,
                                   size_t n_cases)
{
    bool is_cut = rank && rank < module->out_dim && rank < module->in_dim;
    return (at_contracted){module->out_dim, module->in_dim, is_cut ? rank : 0, n_cases};
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
    attrib_corpus_summary summary = attrib_corpus_summarize(ranking->corpus);
    double length = (double)summary.n_tokens / (double)summary.n_sequences;
    double n_sequences = (double)n_rows / length;
    double cost = 0;
    n_sequences = n_sequences < 1 ? 1 : n_sequences;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        at_contracted map = contracted_of(module, rank, n_cases);
        at_cost of_block = {0};
        choose_way(ranking, &map, (size_t)(n_sequences * length), (size_t)n_sequences,
                   &of_block);
        cost += of_block.with_traffic;
    }
    return cost * (double)summary.n_tokens / (n_sequences * length);
}

/* 4. The choice */

/* The smallest block that costs little more than the best. */
static attrib_status choose_block(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = ranking->n_queries * ranking->options.n_settings;
    double n_tokens = (double)attrib_corpus_summarize(ranking->corpus).n_tokens;
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
    attrib_corpus_summary summary = attrib_corpus_summarize(ranking->corpus);
    double length = (double)summary.n_tokens / (double)summary.n_sequences;
    double n = floor((double)ranking->block_rows / length);
    size_t n_sequences = n < 1 ? 1 : (size_t)n;
    size_t n_rows = (size_t)((double)n_sequences * length);
    double pass = 2 * at_model_products_per_token(ranking->model);
    double all = 0;
    for (size_t m = 0, first = 0; m < ranking->n_tracked; m++) {
        const attrib_module *map =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        at_contracted contracted = contracted_of(
            map, ranking->query_rank, ranking->n_tile * ranking->options.n_settings);
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
                   map->in_dim, at_contraction_name(way),
                   2 * cost.products / (double)n_rows);
        }
    }
    at_log(ranking->session, ATTRIB_LOG_DETAIL,
           "scoring takes %.3g FLOP a token: %.3g forward and backward, %.3g contracting",
           2 * (pass + all / (double)n_rows), 2 * pass, 2 * all / (double)n_rows);
}

attrib_status at_choose_sizes(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double budget = 0;
    bool is_auto = ranking->options.query_rank == ATTRIB_RANK_AUTO;
    ranking->query_rank = is_auto ? 0 : effective_rank(ranking);
    AT_TRY(choose_block(ranking, err));
    AT_TRY(query_budget(ranking, &budget, err));
    if (is_auto) {
        AT_TRY(at_choose_rank(ranking, budget, err));
    }
    ranking->n_tile = at_fitting_queries(ranking, budget, ranking->query_rank);
    ranking->n_tile_full = at_fitting_queries(ranking, budget, 0);
    at_log(ranking->session, ATTRIB_LOG_DETAIL,
           "queries of rank %zu (0: whole), %zu of %zu at a time; blocks of %zu tokens",
           ranking->query_rank, ranking->n_tile, ranking->n_queries, ranking->block_rows);
    log_contractions(ranking);
done:
    return status;
}
