/* SPDX-License-Identifier: MIT */
/* Counts of documents and tokens, and the cost of contracting them. */
#include "score/counted.h"
#include "score/source.h"

#include <math.h>

void at_count_documents(at_setup *setup)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(setup->corpus);
    at_counted *counted = &setup->counted;
    double of_slice = 0;
    double of_record = 0;
    *counted = (at_counted){.n_sequences = (double)summary.n_sequences,
                            .n_tokens = (double)summary.n_tokens,
                            .shortest = (double)summary.n_tokens,
                            .longest = 1,
                            .has_split = summary.n_split_documents > 0};
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(setup->corpus, i, &sequence);
        counted->longest = fmax(counted->longest, (double)sequence.n_tokens);
        counted->shortest = fmin(counted->shortest, (double)sequence.n_tokens);
    }
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(setup->corpus, i, &document);
        double n = (double)document.n_tokens;
        bool is_first = i % AT_SLICE_DOCUMENTS == 0;
        of_slice = (is_first ? 0 : of_slice) + n;
        of_record = (is_first ? 0 : of_record) + AT_DOCUMENT_BYTES +
                    AT_TAG_BYTES * (double)document.n_tags;
        counted->longest_document = fmax(counted->longest_document, n);
        counted->slice_tokens = fmax(counted->slice_tokens, of_slice);
        counted->slice_record = fmax(counted->slice_record, of_record);
        counted->most_sequences =
            fmax(counted->most_sequences, (double)document.n_sequences);
    }
}

/* The sizes of the blocks of all passes: each passes over the documents of one slice. */
static attrib_status measure_slices(const at_setup *setup,
                                    size_t block_rows,
                                    at_pass_size *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass_size all = {0};
    at_pass_size slice = {0};
    at_scored scored = {0};
    for (size_t i = 0; i < at_n_slices(setup->n_documents); i++) {
        size_t first = i * AT_SLICE_DOCUMENTS;
        size_t left = setup->n_documents - first;
        at_source source = {0};
        AT_TRY(at_scored_list(setup, first, at_smaller(left, AT_SLICE_DOCUMENTS), &scored,
                              err));
        source = at_scored_source(&scored);
        AT_TRY(at_pass_measure(&source, block_rows, &slice, err));
        AT_TRY(at_pass_size_add(&all, &slice, err));
        at_pass_size_free(&slice);
        at_scored_free(&scored);
    }
    *out = all;
    all = (at_pass_size){0};
done:
    at_pass_size_free(&all);
    at_pass_size_free(&slice);
    at_scored_free(&scored);
    return status;
}

/* One block of documents of mean length, where only counts are known. */
static attrib_status outline_block(const at_setup *setup,
                                   size_t block_rows,
                                   at_pass_size *out,
                                   attrib_error *err)
{
    const at_counted *counted = &setup->counted;
    double rows = fmax(fmin((double)block_rows, counted->n_tokens), counted->longest);
    double length = counted->n_tokens / counted->n_sequences;
    double n = fmax(1, floor(rows / length));
    return at_pass_size_one(
        &(attrib_block_size){(size_t)n, (size_t)rows, (size_t)ceil(counted->longest)},
        out, err);
}

attrib_status at_measure_blocks(const at_setup *setup,
                                size_t block_rows,
                                at_pass_size *out,
                                attrib_error *err)
{
    return setup->corpus ? measure_slices(setup, block_rows, out, err)
                         : outline_block(setup, block_rows, out, err);
}

double at_tokens_of(const at_setup *setup, double n_documents)
{
    return fmin(n_documents * setup->counted.longest_document, setup->counted.n_tokens);
}

at_contracted at_contracted_map(const at_setup *setup,
                                size_t i_tracked,
                                size_t rank,
                                size_t n_cases)
{
    const attrib_module *module = at_setup_module(setup, i_tracked);
    size_t n_settings = setup->options.n_settings;
    size_t n_all = at_larger(setup->n_queries, setup->n_run_queries);
    size_t n_first = setup->n_first ? setup->n_first : n_all;
    size_t n_many = n_all * n_settings == 1 ? 1 : AT_MANY_QUERIES;
    bool is_longer = setup->first_query + setup->n_queries > n_first;
    return (at_contracted){.out_dim = module->out_dim,
                           .in_dim = module->in_dim,
                           .rank = rank,
                           .n_queries = n_cases,
                           .n_of_run = rank ? n_first * n_settings : n_many,
                           .by_token = at_setup_holds(setup, AT_TOKENS),
                           .n_first = n_first,
                           .is_longer = is_longer,
                           .has_parts = is_longer || n_cases < n_all * n_settings};
}

double at_contraction_cost(const at_setup *setup, size_t n_rows, size_t n_cases)
{
    double n_tokens = setup->counted.n_tokens;
    double length = n_tokens / setup->counted.n_sequences;
    double n_sequences = (double)n_rows / length;
    double cost = 0;
    n_sequences = n_sequences < 1 ? 1 : n_sequences;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        at_contracted map = at_contracted_map(setup, m, at_map_rank(setup, m), n_cases);
        at_cost of_block = {0};
        at_contraction_choose(&map, (size_t)(n_sequences * length), (size_t)n_sequences,
                              &of_block);
        cost += of_block.with_traffic;
    }
    return cost * n_tokens / (n_sequences * length);
}

size_t at_pilot_queries(const at_setup *setup)
{
    return setup->n_queries < AT_PILOT_QUERIES ? setup->n_queries : AT_PILOT_QUERIES;
}

bool at_has_pilot(const at_setup *setup)
{
    return setup->options.query_rank == ATTRIB_RANK_AUTO &&
           setup->options.max_rescored == 0 &&
           setup->n_documents >= AT_PILOT_SHARE * AT_PILOT_DOCUMENTS;
}

static const size_t ranks_of_auto[AT_N_AUTO_RANKS] = {0, 8, 16, 32, 64, 128};

size_t at_auto_rank(size_t i)
{
    return ranks_of_auto[i];
}
