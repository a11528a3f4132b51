/* SPDX-License-Identifier: MIT */
/* Answers of a sum of runs: what is reported, with shares that are summed up where every
 * run has them.
 *
 * 1. Queries.
 * 2. Shares of a document.
 * 3. Documents without shares.
 * 4. Results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/session.h"
#include "run/bank.h"
#include "run/sum.h"

/* 1. Queries */

static attrib_status check_divisors(const at_summing *self,
                                    const attrib_answer *answer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &self->out->options;
    if (attrib_strategy_is_baseline(options->settings[answer->i_setting].strategy)) {
        return ATTRIB_OK;
    }
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_NATS || answer->loss > 0,
             ATTRIB_ENUMERIC,
             "query \"%.80s\": losses sum up to %g with these weights, which divides no "
             "score: score with another --normalize",
             answer->query.id, answer->loss);
done:
    return status;
}

/* What the query of run r counts for: all segments of one training have the same one, the
 * last model's. Runs that are sums over segments already count by their weights. */
static double weight_of_query(const at_summing *self, size_t r)
{
    bool is_segment =
        self->out->options.segments && self->runs[r]->info.n_checkpoints == 0;
    return is_segment ? 1 / (double)self->n_runs : self->weights[r];
}

static attrib_status add_answer(const at_summing *self, size_t a, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_answer *out = &self->out->answers[a];
    *out = self->runs[0]->answers[a];
    out->loss = out->measured = out->self_influence = 0;
    out->top = out->bottom = NULL;
    out->n_top = out->n_bottom = 0;
    AT_TRY(at_bank_query(self->out->bank, &out->query, &out->query, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_answer *from = &self->runs[r]->answers[a];
        AT_CHECK(from->n_scored == out->n_scored, ATTRIB_EFORMAT,
                 "%s: %zu documents scored for query \"%.80s\", expected %zu",
                 self->runs[r]->info.folder, from->n_scored, out->query.id,
                 out->n_scored);
        out->loss += weight_of_query(self, r) * from->loss;
        out->measured += weight_of_query(self, r) * from->measured;
        out->self_influence += fabs(self->weights[r]) * from->self_influence;
    }
    AT_TRY(check_divisors(self, out, err));
done:
    return status;
}

attrib_status at_sum_queries(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    AT_TRY(at_array(out->info.n_answers, sizeof *out->answers, &out->answers, err));
    for (size_t a = 0; a < out->info.n_answers; a++) {
        AT_TRY(add_answer(self, a, err));
    }
done:
    return status;
}

/* 2. Shares of a document */

/* What is reported of a document on its way. */
typedef struct report {
    const at_summing *sum;
    size_t i_answer, document;
    attrib_result *out;   /* in the bank of the sum */
    const char **modules; /* [n_modules] of all runs */
    size_t n_modules;
} report;

/* The factor that shares of run r are multiplied by: w_r / scale_r, times the scale of
 * the sum. */
static attrib_status factor_of(const report *self,
                               size_t r,
                               double *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_summing *sum = self->sum;
    double of_run = 0;
    double of_sum = 0;
    AT_TRY(at_run_scale(sum->runs[r], self->i_answer, self->document, &of_run, err));
    AT_TRY(at_run_scale(sum->out, self->i_answer, self->document, &of_sum, err));
    *out = of_run > 0 ? sum->weights[r] / of_run * of_sum : 0;
done:
    return status;
}

static attrib_status add_tokens(const report *self,
                                const attrib_result *from,
                                double factor,
                                attrib_token_score *tokens,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(from->n_tokens == self->out->n_tokens, ATTRIB_EFORMAT,
             "document \"%.80s\": %zu tokens in one run, %zu in another",
             from->document.id, from->n_tokens, self->out->n_tokens);
    for (size_t t = 0; t < from->n_tokens; t++) {
        AT_CHECK(from->tokens[t].id == tokens[t].id, ATTRIB_EFORMAT,
                 "document \"%.80s\": token %zu is another in another run",
                 from->document.id, t + 1);
        tokens[t].score += factor * from->tokens[t].score;
    }
done:
    return status;
}

/* Maps that only some runs have count by what these say. */
static void add_modules(const report *self,
                        const attrib_result *from,
                        double factor,
                        attrib_module_score *modules)
{
    size_t n = self->out->n_modules > 0 ? from->n_modules : 0;
    for (size_t m = 0, k = 0; m < n; m++) {
        while (strcmp(self->modules[k], from->modules[m].name) != 0) {
            k = k + 1 < self->n_modules ? k + 1 : 0;
        }
        modules[k].score += factor * from->modules[m].score;
    }
}

static bool has_shares(const attrib_result *result)
{
    return result && (result->n_tokens > 0 || result->document.n_tokens == 0);
}

/* Read the document as run r reports it; *out is NULL where that has no shares of it. */
static attrib_status load(const report *self,
                          size_t r,
                          const attrib_result **out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_result *found =
        at_sum_reported(self->sum, r, self->i_answer, self->document);
    *out = at_sum_explained(self->sum, r, self->i_answer, self->document);
    if (found) {
        AT_TRY(attrib_run_load_result(self->sum->runs[r], self->i_answer, found, err));
        *out = found;
    }
    if (!has_shares(*out)) {
        *out = NULL;
    }
done:
    return status;
}

/* Make room for the sums of a document, as a run reports it. */
static attrib_status open_shares(const report *self,
                                 const attrib_result *from,
                                 attrib_token_score **tokens,
                                 attrib_module_score **modules,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_result *out = self->out;
    const attrib_result kept = *out;
    AT_TRY(at_bank_result(self->sum->out->bank, from, out, err));
    out->rank = kept.rank;
    out->score = kept.score;
    out->token_error = 0;
    AT_TRY(
        at_arena_take(self->sum->out->bank, out->n_tokens, sizeof **tokens, tokens, err));
    for (size_t t = 0; t < out->n_tokens; t++) {
        (*tokens)[t] = out->tokens[t];
        (*tokens)[t].score = 0;
    }
    out->tokens = *tokens;
    out->n_modules = from->n_modules ? self->n_modules : 0;
    AT_TRY(at_arena_take(self->sum->out->bank, out->n_modules, sizeof **modules, modules,
                         err));
    for (size_t m = 0; m < out->n_modules; m++) {
        (*modules)[m] = (attrib_module_score){self->modules[m], 0};
    }
    out->modules = *modules;
done:
    return status;
}

/* Sum up the shares of a document; *is_whole where every run has them. */
static attrib_status sum_shares(const report *self, bool *is_whole, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_token_score *tokens = NULL;
    attrib_module_score *modules = NULL;
    *is_whole = true;
    for (size_t r = 0; *is_whole && r < self->sum->n_runs; r++) {
        const attrib_result *one = NULL;
        double factor = 0;
        AT_TRY(load(self, r, &one, err));
        *is_whole = one != NULL;
        if (!one) {
            break;
        }
        if (!tokens) {
            AT_TRY(open_shares(self, one, &tokens, &modules, err));
        }
        AT_TRY(factor_of(self, r, &factor, err));
        AT_TRY(add_tokens(self, one, factor, tokens, err));
        add_modules(self, one, factor, modules);
        self->out->token_error += fabs(factor) * one->token_error;
    }
done:
    return status;
}

/* 3. Documents without shares */

/* Documents whose texts are read again. */
typedef struct unread {
    attrib_run *out;
    attrib_result **results; /* [n] */
    size_t n, capacity;
    size_t n_missing;
    char why[ATTRIB_ERROR_SIZE]; /* of the first text that is not at hand */
} unread;

static int compare_indices(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static int compare_unread(const void *left, const void *right)
{
    const attrib_result *a = *(attrib_result *const *)left;
    const attrib_result *b = *(attrib_result *const *)right;
    return compare_indices(&a->document.index, &b->document.index);
}

/* Say what the document is, and note that its text is to be read. */
static attrib_status report_bare(const report *self, unread *texts, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_result *out = self->out;
    out->tokens = NULL;
    out->modules = NULL;
    out->n_tokens = out->n_modules = 0;
    AT_TRY(attrib_run_document(self->sum->runs[0], self->document, &out->document, err));
    AT_TRY(at_bank_document(self->sum->out->bank, &out->document, err));
    out->document.n_text_bytes = 0;
    out->document.rejected_token = out->document.rejected_byte = 0;
    AT_TRY(at_grow(&texts->results, &texts->capacity, texts->n + 1,
                   sizeof *texts->results, err));
    texts->results[texts->n++] = out;
done:
    return status;
}

static attrib_status take_text(void *context,
                               size_t i,
                               const char *bytes,
                               size_t n_bytes,
                               const attrib_error *why,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unread *self = context;
    const char *text = NULL;
    if (why) {
        if (self->n_missing++ == 0) {
            memcpy(self->why, why->message, sizeof self->why);
        }
        return ATTRIB_OK;
    }
    AT_TRY(at_arena_text(self->out->bank, bytes, n_bytes, &text, err));
    for (size_t k = 0; k < self->n; k++) {
        attrib_document *document = &self->results[k]->document;
        if (document->index == i) {
            document->text = text;
            document->n_text_bytes = n_bytes;
        }
    }
done:
    return status;
}

/* Read the texts of documents that have no shares, each once. */
static attrib_status read_texts(const at_summing *self, unread *texts, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *documents = NULL;
    size_t n = 0;
    if (texts->n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(texts->n, sizeof *documents, &documents, err));
    qsort(texts->results, texts->n, sizeof(attrib_result *), compare_unread);
    for (size_t k = 0; k < texts->n; k++) {
        size_t i = texts->results[k]->document.index;
        if (n == 0 || documents[n - 1] != i) {
            documents[n++] = i;
        }
    }
    AT_TRY(attrib_run_texts(self->session, self->runs[0], documents, n,
                            (attrib_original_sink){take_text, texts}, err));
    at_log(self->session, ATTRIB_LOG_WARNING,
           "%zu of the reported pairs were not reported by every run: they have scores, "
           "and no shares of tokens (score the runs with a larger --top, or merge with a "
           "smaller one)",
           texts->n);
    if (texts->n_missing > 0) {
        at_log(self->session, ATTRIB_LOG_WARNING, "%zu texts are not at hand: %s",
               texts->n_missing, texts->why);
    }
done:
    free(documents);
    return status;
}

/* 4. Results */

/* The names of all maps that runs have, in the order in which these are named. */
static attrib_status list_modules(const at_summing *self, report *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(at_add(n, self->runs[r]->explained->n_modules, &n, err));
    }
    AT_TRY(at_arena_take(self->out->bank, n, sizeof *out->modules, (void *)&out->modules,
                         err));
    for (size_t r = 0; r < self->n_runs; r++) {
        const at_explained *from = self->runs[r]->explained;
        for (size_t m = 0; m < from->n_modules; m++) {
            size_t k = 0;
            while (k < out->n_modules && strcmp(out->modules[k], from->modules[m]) != 0) {
                k++;
            }
            if (k == out->n_modules) {
                out->modules[k] = from->modules[m];
                AT_TRY(at_bank_string(self->out->bank, &out->modules[k], err));
                out->n_modules++;
            }
        }
    }
done:
    return status;
}

/* Room for what an answer reports, with ranks and scores. */
static attrib_status open_results(const at_summing *self,
                                  size_t a,
                                  attrib_result **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_top *top = &self->tops[a];
    attrib_answer *answer = &self->out->answers[a];
    size_t n = top->n_best + top->n_worst;
    AT_TRY(at_arena_take(self->out->bank, n, sizeof **out, out, err));
    for (size_t i = 0; i < n; i++) {
        bool is_best = i < top->n_best;
        size_t k = is_best ? i : i - top->n_best;
        const at_ranked *from = is_best ? &top->best[k] : &top->worst[k];
        (*out)[i] = (attrib_result){.rank = is_best ? k + 1 : answer->n_scored - k,
                                    .score = from->score,
                                    .document.index = from->document};
    }
    answer->top = *out;
    answer->n_top = top->n_best;
    answer->bottom = *out + top->n_best;
    answer->n_bottom = top->n_worst;
done:
    return status;
}

static attrib_status report_answer(const at_summing *self,
                                   size_t a,
                                   const report *shared,
                                   unread *texts,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_result *results = NULL;
    AT_TRY(open_results(self, a, &results, err));
    for (size_t i = 0; i < self->tops[a].n_best + self->tops[a].n_worst; i++) {
        report one = *shared;
        bool is_whole = false;
        one.i_answer = a;
        one.document = results[i].document.index;
        one.out = &results[i];
        AT_TRY(sum_shares(&one, &is_whole, err));
        AT_TRY(is_whole ? ATTRIB_OK : report_bare(&one, texts, err));
    }
done:
    return status;
}

attrib_status at_sum_results(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    report shared = {.sum = self};
    unread texts = {.out = self->out};
    if (self->out->info.n_answers > 0) {
        AT_TRY(list_modules(self, &shared, err));
    }
    for (size_t a = 0; a < self->out->info.n_answers; a++) {
        AT_TRY(at_poll_cancel(self->session, err));
        AT_TRY(report_answer(self, a, &shared, &texts, err));
    }
    self->out->info.n_modules = at_larger(shared.n_modules, self->out->info.n_modules);
    AT_TRY(read_texts(self, &texts, err));
done:
    free(texts.results);
    return status;
}
