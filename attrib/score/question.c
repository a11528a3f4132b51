/* SPDX-License-Identifier: MIT */
/* Questions to an index.
 *
 *     scan      an estimate of every document's score, within a bound
 *     rounds    some documents, the likeliest of both ends, are scored exactly and
 *               explained, until what the question asks for is reached
 *
 * 1. The scan.   2. Rounds.   3. Stages.   4. Questions. */
#include "score/question.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/session.h"
#include "base/sized.h"
#include "base/thread.h"
#include "query/staged.h"
#include "refine/refine.h"
#include "score/candidates.h"
#include "score/refusals.h"
#include "score/score_run.h"
#include "score/token_kind.h"

struct attrib_asking {
    attrib_session *session;
    attrib_score_job job;
    attrib_score_options options; /* of the job */
    at_index_match match;
};

/* Documents of an end in the first round, and the most in one. */
#define FIRST_ROUND ((size_t)5)
#define MOST_ROUND  ((size_t)64)

/* 1. The scan */

/* The factor that normalizes the score of a document. */
static double scale_of(const at_question *self, double document_self)
{
    return at_score_scale(self->setup.options.normalize, self->prepared.losses[0],
                          self->prepared.self[0], document_self);
}

static attrib_status take_estimates(void *context,
                                    const at_estimates *from,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_question *self = context;
    at_likely *list = &self->list;
    AT_TRY(at_grow(&list->items, &list->capacity, list->n + from->n, sizeof *list->items,
                   err));
    for (size_t i = 0; i < from->n; i++) {
        size_t row = from->rows[i];
        double document_self = (double)from->self[row];
        double scale = scale_of(self, document_self);
        at_likely_document *one = &list->items[list->n++];
        *one = (at_likely_document){.document = from->documents[i],
                                    .score = from->scores[row] * scale,
                                    .bound = from->bounds[row] * fabs(scale),
                                    .self = document_self};
        AT_CHECK(isfinite(one->score) && isfinite(one->bound), ATTRIB_ENUMERIC,
                 "document %zu: its estimate is %g, give or take %g: not a number that "
                 "can be ordered",
                 one->document, one->score, one->bound);
        if (self->self) {
            self->self[one->document] = document_self;
        }
    }
done:
    return status;
}

/* Which documents meet the question's conditions, out [n_documents]. */
static attrib_status list_taken(const at_question *self, uint8_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->setup.n_documents;
    AT_TRY(at_array(n, 1, out, err));
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        attrib_corpus_document(self->setup.corpus, i, &document);
        (*out)[i] = attrib_where_holds(self->question.where, &document);
    }
done:
    return status;
}

static attrib_status scan(at_question *self,
                          const at_index_match *match,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_estimates_taker taker = {take_estimates, self, true};
    at_index_match narrow = {0};
    uint8_t *taken = NULL;
    at_stage stage;
    if (self->question.where) {
        AT_TRY(list_taken(self, &taken, err));
        AT_TRY(at_index_match_narrow(match, taken, &narrow, err));
        match = &narrow;
        AT_CHECK(match->n > 0, ATTRIB_EINVAL, "no documents meet the conditions");
    }
    at_stage_declare(self->setup.session, "scan", "documents", (double)match->n, 0);
    at_stage_begin(&stage, self->setup.session, "scan", "documents", match->n);
    AT_TRY(at_index_scan(&self->setup, match, &self->prepared, &taker, &stage, err));
    at_stage_end(&stage, match->n, 0);
    AT_TRY(at_likely_open(&self->list, self->setup.options.top, self->question.certify,
                          err));
done:
    at_index_match_free(&narrow);
    free(taken);
    return status;
}

/* 2. Rounds */

/* Keep the sums of a pair's shares, as slices hold them. */
static void keep_scores(at_question *self, const at_pair *pair)
{
    const at_setup *setup = &self->setup;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        self->scores[pair->document * setup->n_groups + setup->group[m]] +=
            pair->modules[m];
    }
}

static attrib_status normalize(const at_question *self, at_pair *pair, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    attrib_corpus_document(self->setup.corpus, pair->document, &document);
    pair->scale = scale_of(self, at_likely_find(&self->list, pair->document)->self);
    pair->score *= pair->scale;
    AT_CHECK(isfinite(pair->score), ATTRIB_ENUMERIC,
             "document %zu: its score is not finite", pair->document);
    for (size_t t = 0; t < document.n_tokens; t++) {
        pair->tokens[t] *= pair->scale;
    }
    for (size_t m = 0; m < self->setup.n_tracked; m++) {
        pair->modules[m] *= pair->scale;
    }
done:
    return status;
}

/* Score the documents of a round exactly. */
static attrib_status score_round(at_question *self,
                                 at_pair_list *round,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double most = self->question.n_exact > 0 ? 2.0 * (double)self->question.n_exact
                                             : (double)self->list.n;
    double left = fmax(most - (double)self->list.n_exact, (double)round->n);
    double units = self->units * (double)round->n / left;
    self->units -= units;
    qsort(round->pairs, round->n, sizeof *round->pairs, at_compare_pairs);
    AT_TRY(at_explain(&self->setup, &self->prepared, round->pairs, round->n, units, err));
    for (size_t i = 0; i < round->n; i++) {
        keep_scores(self, &round->pairs[i]);
        AT_TRY(normalize(self, &round->pairs[i], err));
    }
    AT_TRY(at_likely_enter(&self->list, round->pairs, round->n, err));
    for (size_t i = 0; i < round->n; i++) {
        at_top_add(&self->settled.tops[0], round->pairs[i].document,
                   round->pairs[i].score);
    }
    AT_TRY(at_settled_keep(&self->settled, round->pairs, round->n, err));
done:
    return status;
}

/* Documents of an end that a round may take: as many as all rounds before it, and where
 * time is limited no more than fit into what is left by the rate until now. */
static size_t round_size(const at_question *self, size_t end)
{
    const attrib_question *asked = &self->question;
    size_t n_before = self->list.n_scored[end];
    size_t n = at_smaller(at_larger(n_before, FIRST_ROUND), MOST_ROUND);
    if (asked->n_exact > 0) {
        n = at_smaller(n, asked->n_exact - at_smaller(n_before, asked->n_exact));
    }
    if (asked->seconds > 0) {
        double spent = at_now() - self->start;
        double rate = (double)self->list.n_exact / fmax(spent, 1e-3);
        double fits = rate * fmax(asked->seconds - spent, 0) / AT_LIKELY_ENDS;
        n = at_smaller(n, at_larger((size_t)fmin(fits, 1e6), 1));
    }
    return n;
}

static bool is_over(const at_question *self)
{
    double limit = self->question.seconds;
    return limit > 0 && at_now() - self->start >= limit;
}

/* List what is scored next: what is likeliest; then, where errors are measured, a sample;
 * then, where the question certifies, what may stand among the first or last. */
static attrib_status list_round(at_question *self, at_pair_list *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double certify = self->question.certify;
    bool has_begun = self->list.n_exact > 0;
    bool takes_sample = has_begun && certify > 0 && certify < 1 && !self->has_sample;
    if (is_over(self)) {
        return ATTRIB_OK;
    }
    if (takes_sample) {
        self->has_sample = true;
        AT_TRY(at_likely_spread(&self->list, AT_SAMPLED, out, err));
        if (out->n > 0) {
            goto done;
        }
    }
    for (size_t e = 0; e < AT_LIKELY_ENDS; e++) {
        AT_TRY(at_likely_take(&self->list, e, round_size(self, e),
                              has_begun && certify > 0, out, err));
    }
done:
    return status;
}

/* 3. Stages */

static attrib_status tell(at_question *self, bool is_last, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_likely *list = &self->list;
    size_t n_open = at_likely_count_open(list);
    attrib_listing listing = {
        .i_stage = self->i_stage++,
        .is_last = is_last,
        .n_exact = list->n_exact,
        .n_documents = list->n,
        .n_open = n_open,
        .seconds = at_now() - self->start,
        .error = self->question.certify > 0 ? list->share : 0,
    };
    AT_TRY(at_likely_rank(&self->list, self->question.certify > 0 && n_open == 0, err));
    listing.first = list->listed[AT_LIKELY_FIRST];
    listing.n_first = list->n_listed[AT_LIKELY_FIRST];
    listing.last = list->listed[AT_LIKELY_LAST];
    listing.n_last = list->n_listed[AT_LIKELY_LAST];
    AT_TRY(self->question.stage
               ? self->question.stage(self->question.context, &listing, err)
               : ATTRIB_OK);
done:
    return status;
}

static attrib_status refine(at_question *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair_list round = {0};
    AT_TRY(tell(self, false, err));
    AT_TRY(list_round(self, &round, err));
    while (round.n > 0) {
        AT_TRY(score_round(self, &round, err));
        at_pairs_free(round.pairs, round.n);
        round = (at_pair_list){0};
        AT_TRY(list_round(self, &round, err));
        AT_TRY(round.n > 0 ? tell(self, false, err) : ATTRIB_OK);
    }
    at_stage_skip(self->setup.session, "explain", self->units);
    AT_TRY(tell(self, true, err));
done:
    at_pairs_free(round.pairs, round.n);
    return status;
}

/* 4. Questions */

void attrib_question_init(attrib_question *question, size_t size)
{
    const attrib_question standard = {.n_exact = 10};
    at_sized_fill(&standard, sizeof standard, question, size);
}

/* Whether an index has the self-influences that cosines divide by. */
static bool has_cosines(const attrib_index *index, const attrib_setting *setting)
{
    const attrib_index_info *info = attrib_index_describe(index);
    return setting->strategy == ATTRIB_EKFAC && setting->damping == info->damping &&
           setting->is_damping_absolute == info->is_damping_absolute;
}

bool attrib_asking_takes(const attrib_score_job *job)
{
    const attrib_score_options *options = job->options;
    return job->index &&
           at_refuse_options(AT_QUESTION_TO_INDEX, options, NULL) == ATTRIB_OK &&
           (options->normalize != ATTRIB_NORMALIZE_UNIT ||
            has_cosines(job->index, &options->settings[0]));
}

/* Refuse what the run of an answer cannot hold. */
static attrib_status check_options(const at_question *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = self->job.options;
    const attrib_question *asked = &self->question;
    AT_CHECK(options->n_settings == 1 &&
                 !attrib_strategy_is_baseline(options->settings[0].strategy),
             ATTRIB_EINVAL, "a question to an index takes one strategy and one damping");
    AT_TRY(at_refuse_options(AT_QUESTION_TO_INDEX, options, err));
    AT_CHECK(asked->certify >= 0 && asked->certify <= 1 && asked->seconds >= 0 &&
                 isfinite(asked->seconds),
             ATTRIB_EINVAL,
             "certify %g and %g seconds, expected a share from 0 to 1 and a time",
             asked->certify, asked->seconds);
    AT_CHECK(attrib_queries_count(self->job.queries) == 1, ATTRIB_EINVAL,
             "%zu queries, a question is one", attrib_queries_count(self->job.queries));
done:
    return status;
}

static attrib_status prepare(at_question *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = &self->setup;
    AT_TRY(at_score_begin(&self->job, setup, &self->preparing, err));
    AT_TRY(at_index_check(setup, self->job.index, err));
    if (setup->options.with_self) {
        AT_TRY(at_index_check_self(setup, self->job.index, err));
    }
    AT_TRY(at_array(setup->n_documents * setup->n_groups, sizeof *self->scores,
                    &self->scores, err));
    if (setup->options.with_self) {
        AT_TRY(at_array(setup->n_documents, sizeof *self->self, &self->self, err));
    }
    at_stage_declare(setup->session, "explain", "queries", 1, 0);
    self->units = 1 - at_token_kinds_share(setup);
    AT_TRY(at_prepare_staged(setup, (at_tile){0, 1}, &self->prepared, err));
    AT_TRY(at_refine_queries(setup, &self->prepared, err));
done:
    return status;
}

static void close_question(at_question *self)
{
    at_settled_free(&self->settled);
    at_likely_free(&self->list);
    at_candidates_free(&self->candidates);
    at_prepared_free(&self->prepared);
    free(self->scores);
    free(self->self);
    attrib_run_close(self->preparing.run);
    at_score_end(&self->setup, &self->preparing);
}

/* The filter that the run names: the documents of an end, of which all that are reported
 * are some. */
static void name_filter(at_question *self, attrib_score_options *options)
{
    size_t n = self->question.n_exact ? self->question.n_exact : self->setup.n_documents;
    snprintf(self->filter, sizeof self->filter, "index:%zu", at_larger(n, options->top));
    options->prefilter = self->filter;
}

attrib_status attrib_asking_answer(attrib_asking *asking,
                                   attrib_queries *queries,
                                   const attrib_score_options *options,
                                   const attrib_question *question,
                                   attrib_run **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_options taken = asking->options;
    at_question self = {
        .setup = {.session = asking->session}, .job = asking->job, .start = at_now()};
    self.preparing =
        (at_preparing){.job = &self.job, .setup = &self.setup, .is_asked = true};
    attrib_question_default(&self.question);
    AT_TRY(at_sized_take(question, "question", &self.question, err));
    AT_TRY(at_sized_take(options, "score_options", &taken, err));
    self.setup.n_documents = attrib_corpus_summarize(self.job.corpus)->n_documents;
    name_filter(&self, &taken);
    self.job.queries = queries;
    self.job.options = &taken;
    AT_TRY(check_options(&self, err));
    AT_TRY(prepare(&self, err));
    AT_TRY(scan(&self, &asking->match, err));
    AT_TRY(at_array(1, sizeof *self.settled.tops, &self.settled.tops, err));
    self.settled.n_cases = 1;
    AT_TRY(at_top_new(self.list.k, &self.settled.tops[0], err));
    AT_TRY(refine(&self, err));
    AT_TRY(at_question_finish(&self, err));
    *out = self.preparing.run;
    self.preparing.run = NULL;
done:
    close_question(&self);
    return status;
}

attrib_status attrib_asking_open(attrib_session *session,
                                 const attrib_score_job *job,
                                 attrib_asking **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_asking *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    made->session = session;
    attrib_score_job_default(&made->job);
    AT_TRY(at_sized_take(job, "score_job", &made->job, err));
    AT_CHECK(
        made->job.model && made->job.corpus && made->job.factors && made->job.index &&
            !made->job.folder && !made->job.queries,
        ATTRIB_EINVAL,
        "questions take a model, factors, a corpus and an index, and neither queries "
        "nor a folder");
    attrib_score_options_default(&made->options);
    AT_TRY(at_sized_take(made->job.options, "score_options", &made->options, err));
    AT_TRY(at_index_match_new(made->job.index, made->job.corpus, &made->match, err));
    *out = made;
    made = NULL;
done:
    attrib_asking_close(made);
    return status;
}

void attrib_asking_close(attrib_asking *asking)
{
    if (asking) {
        at_index_match_free(&asking->match);
        free(asking);
    }
}
