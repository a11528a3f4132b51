/* SPDX-License-Identifier: MIT */
/* Answers: what queries, documents and pairs say, in the run's bank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/counted.h"
#include "run/bank.h"
#include "score/settle.h"

/* Copy the ids of a whole document, whose sequences overlap by one token. */
static void copy_ids(const attrib_corpus *corpus,
                     const attrib_document *document,
                     int32_t *ids)
{
    for (size_t s = 0; s < document->n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document->first_sequence + s, &sequence);
        memcpy(ids + sequence.offset, sequence.ids, sequence.n_tokens * sizeof *ids);
    }
}

static attrib_status bank_tokens(attrib_run *run,
                                 const at_setup *setup,
                                 const attrib_document *document,
                                 const at_pair *pair,
                                 attrib_result *result,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_token_score *tokens = NULL;
    int32_t *ids = NULL;
    size_t n = document->n_tokens;
    AT_TRY(at_array(n, sizeof *ids, &ids, err));
    AT_TRY(at_arena_take(run->bank, n, sizeof *tokens, &tokens, err));
    copy_ids(setup->corpus, document, ids);
    for (size_t t = 0; t < n; t++) {
        const char *piece = "";
        size_t n_bytes = 0;
        if (setup->tokenizer) {
            piece = attrib_tokenizer_piece(setup->tokenizer, ids[t], &n_bytes);
        }
        tokens[t] = (attrib_token_score){
            .n_bytes = n_bytes,
            .id = ids[t],
            .is_special =
                setup->tokenizer && attrib_tokenizer_is_special(setup->tokenizer, ids[t]),
            .score = pair->tokens[t]};
        AT_TRY(at_arena_text(run->bank, piece, n_bytes, &tokens[t].text, err));
    }
    result->tokens = tokens;
    result->n_tokens = n;
done:
    free(ids);
    return status;
}

static attrib_status bank_modules(attrib_run *run,
                                  const at_setup *setup,
                                  const at_pair *pair,
                                  attrib_result *result,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_module_score *modules = NULL;
    if (!pair->modules) { /* a baseline's */
        return ATTRIB_OK;
    }
    AT_TRY(at_arena_take(run->bank, setup->n_tracked, sizeof *modules, &modules, err));
    for (size_t m = 0; m < setup->n_tracked; m++) {
        modules[m].name = at_setup_module(setup, m)->name;
        modules[m].score = pair->modules[m];
        AT_TRY(at_bank_string(run->bank, &modules[m].name, err));
    }
    result->modules = modules;
    result->n_modules = setup->n_tracked;
done:
    return status;
}

/* What answers are built from. */
typedef struct assembly {
    attrib_run *run;
    const at_setup *setup;
    const at_settled *settled;
} assembly;

attrib_status at_result_explain(attrib_run *run,
                                const at_setup *setup,
                                const at_pair *pair,
                                attrib_result *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    attrib_corpus_document(setup->corpus, pair->document, &document);
    out->token_error = pair->token_error;
    AT_TRY(bank_tokens(run, setup, &document, pair, out, err));
    AT_TRY(bank_modules(run, setup, pair, out, err));
    AT_TRY(at_bank_document(run->bank, &document, err));
    out->document = document;
done:
    return status;
}

static attrib_status bank_result(const assembly *from,
                                 size_t i_case,
                                 at_ranked ranked,
                                 attrib_result *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pair key = {.i_case = i_case, .document = ranked.document};
    const at_pair *pair = bsearch(&key, from->settled->pairs, from->settled->n_pairs,
                                  sizeof key, at_compare_pairs);
    AT_TRY(at_result_explain(from->run, from->setup, pair, out, err));
    out->score = ranked.score;
    out->document.index -= from->run->first;
done:
    return status;
}

static attrib_status bank_best(const assembly *from,
                               size_t i_case,
                               attrib_answer *answer,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_result *results = NULL;
    const at_top *top = &from->settled->tops[i_case];
    AT_TRY(at_arena_take(from->run->bank, top->n_best, sizeof *results, &results, err));
    for (size_t i = 0; i < top->n_best; i++) {
        results[i] = (attrib_result){.rank = i + 1};
        AT_TRY(bank_result(from, i_case, top->best[i], &results[i], err));
    }
    answer->top = results;
    answer->n_top = top->n_best;
done:
    return status;
}

static attrib_status bank_worst(const assembly *from,
                                size_t i_case,
                                attrib_answer *answer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_result *results = NULL;
    const at_top *top = &from->settled->tops[i_case];
    AT_TRY(at_arena_take(from->run->bank, top->n_worst, sizeof *results, &results, err));
    for (size_t i = 0; i < top->n_worst; i++) {
        results[i] = (attrib_result){.rank = answer->n_scored - i};
        AT_TRY(bank_result(from, i_case, top->worst[i], &results[i], err));
    }
    answer->bottom = results;
    answer->n_bottom = top->n_worst;
done:
    return status;
}

/* The documents of the run that were scored for a query. */
static size_t count_scored(const assembly *from, size_t i_query)
{
    const at_candidates *candidates = from->setup->candidates;
    size_t n = from->run->info.n_documents;
    size_t first = from->run->first;
    return candidates ? at_candidates_count(candidates, i_query, first, first + n) : n;
}

/* Count the drawn documents that a filter missed, or keep them for a merge. */
static void take_drawn(const assembly *from, size_t i_case, size_t i_answer)
{
    attrib_run *run = from->run;
    attrib_answer *answer = &run->answers[i_answer];
    at_drawn *drawn = from->settled->drawn ? &from->settled->drawn[i_case] : NULL;
    if (drawn && run->drawn) {
        at_drawn_move(drawn, run->first);
        run->drawn[i_answer] = *drawn;
        *drawn = (at_drawn){0};
    } else if (drawn) {
        at_drawn_count(drawn, &answer->n_missed_top, &answer->n_missed_bottom);
    }
}

static attrib_status build_answer(const assembly *from,
                                  const at_prepared *prepared,
                                  size_t i_case,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = from->setup;
    size_t i_query = prepared->tile.first + i_case % prepared->tile.n;
    size_t i_setting = prepared->first_setting + i_case / prepared->tile.n;
    attrib_answer *answer = &from->run->answers[i_setting * setup->n_queries + i_query];
    answer->i_setting = i_setting;
    AT_TRY(at_bank_query(from->run->bank, at_query(setup, i_query), &answer->query, err));
    answer->n_rows = at_n_rows(setup, i_query);
    answer->loss = prepared->losses[i_case % prepared->tile.n];
    answer->measured = prepared->measured[i_case % prepared->tile.n];
    answer->self_influence = prepared->self[i_case];
    answer->residual = prepared->residuals ? prepared->residuals[i_case] : (double)NAN;
    for (size_t t = 1; t < attrib_query_side(&answer->query); t++) {
        answer->n_completion_tokens += answer->query.mask[t] != 0;
    }
    answer->n_scored = count_scored(from, i_query);
    take_drawn(from, i_case, i_setting * setup->n_queries + i_query);
    AT_TRY(bank_best(from, i_case, answer, err));
    AT_TRY(bank_worst(from, i_case, answer, err));
done:
    return status;
}

/* Every text in the bank takes at least one cache line. A token's text takes one line,
 * and the document's own text takes about 8 bytes a token. */
double at_answer_bytes(const at_setup *setup)
{
    double n = 2 * fmin((double)setup->options.top, (double)setup->n_documents);
    double line = 64;
    double of_token = sizeof(attrib_token_score) + line + 8;
    double of_module = sizeof(attrib_module_score) + line;
    double of_result = sizeof(attrib_result) + 4 * line;
    return at_tokens_of(setup, n) * of_token +
           n * (of_result + (double)setup->n_tracked * of_module);
}

attrib_status at_answers_build(attrib_run *run,
                               const at_setup *setup,
                               const at_prepared *prepared,
                               const at_settled *settled,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const assembly from = {run, setup, settled};
    for (size_t v = 0; v < settled->n_cases; v++) {
        AT_TRY(build_answer(&from, prepared, v, err));
    }
done:
    return status;
}
