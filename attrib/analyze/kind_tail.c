/* SPDX-License-Identifier: MIT */
/* The largest scores of each query: the law that they follow, and how few documents hold
 * the influence. Source: Grosse et al. 2023, arXiv:2308.03296, section 5.2. */
#include <math.h>
#include <stdlib.h>

#include "analyze/analyze.h"
#include "analyze/stats.h"
#include "base/thread.h"

/* The documents that "as strong as those found" is about. */
#define N_FOUND ((size_t)10)

static const attrib_column tail_columns[] = {
    {"query", "text", "id of the query", false},
    {"positive", "documents", "documents with a score above 0", true},
    {"alpha", "exponent", "P(score > x) falls as x^-alpha", false},
    {"alpha_low", "exponent", "95 % by bootstrap", false},
    {"alpha_high", "exponent", "95 % by bootstrap", false},
    {"x_min", "score", "the law holds from here on", true},
    {"n_tail", "documents", "documents at or above x_min", false},
    {"ks", "distance", "Kolmogorov-Smirnov distance to the law", true},
    {"p", "probability", "samples of the law that fit worse: below 0.1 it is refused",
     false},
    {"hill", "exponent", "Hill's alpha of the tenth of the largest scores", true},
    {"top_1_percent", "share", "of the positive influence, of the first 1 % of documents",
     false},
    {"gini", "index", "0: all documents alike, 1: one has all", false},
    {"participation", "share", "(sum |s|)^2 / (N sum s^2)", true},
    {"effective", "documents", "participation times N", false},
    {"n50", "documents", "the fewest that have half of the positive influence", false},
    {"scan_for_ten", "documents", "to scan for ten as strong as those found", false},
};

typedef struct tail_row {
    at_power_law law;
    at_tail_check check;
    double hill, scan_for_ten;
    at_concentration concentration;
} tail_row;

/* The columns of consecutive queries, and what becomes of them. */
typedef struct batch {
    const at_inquiry *inquiry;
    size_t first;          /* query */
    double *scores;        /* [n, N] */
    const size_t *matches; /* [Q] queries of the other run; NULL: there is none */
    tail_row *rows;        /* [n] */
} batch;

/* The score that "as strong as those found" means: the last of the documents found by the
 * other run, or else the largest of all. */
static double found_score(const batch *b, size_t q, const double *scores)
{
    if (!b->matches) {
        return scores[0];
    }
    if (b->matches[q] == SIZE_MAX) {
        return (double)NAN;
    }
    const attrib_answer *found = at_subject_answer(&b->inquiry->other, b->matches[q]);
    return found->n_top >= N_FOUND ? found->top[N_FOUND - 1].score : (double)NAN;
}

/* Documents to scan for ten with at least this score:  10 / P(score >= x), P by the law
 * above x_min and counted below it. */
static double scan_for_ten(const tail_row *row, const double *scores, size_t n, double x)
{
    double share = 0;
    if (row->law.n_tail == 0 || isnan(x)) {
        return (double)NAN;
    }
    if (x >= row->law.x_min) {
        share = (double)row->law.n_tail / (double)n *
                pow(x / row->law.x_min, -row->law.alpha);
    } else {
        size_t n_above = 0;
        while (n_above < n && scores[n_above] >= x) {
            n_above++;
        }
        share = (double)n_above / (double)n;
    }
    return ceil((double)N_FOUND / share);
}

static attrib_status fit_law(
    const batch *b, size_t q, const double *scores, tail_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_analyze_options *options = &b->inquiry->options;
    size_t n = at_smaller(options->tail, row->concentration.n_positive);
    double *logs = NULL;
    AT_TRY(at_array(n, sizeof *logs, (void *)&logs, err));
    row->law = at_power_law_fit(scores, n, logs);
    row->hill = at_hill(scores, n, n / 10);
    row->check = (at_tail_check){(double)NAN, {(double)NAN, (double)NAN}};
    if (row->law.n_tail > 0) {
        AT_TRY(at_power_law_check(scores, n, &row->law, options->seed, 3 * q,
                                  options->replicates, &row->check, err));
    }
done:
    free(logs);
    return status;
}

static attrib_status study_query(void *context,
                                 size_t i_worker,
                                 size_t i,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const batch *b = context;
    size_t n = b->inquiry->subject.info->n_documents;
    size_t q = b->first + i;
    double *scores = b->scores + i * n;
    tail_row *row = &b->rows[i];
    (void)i_worker;
    at_sort_descending(scores, n);
    row->concentration = at_concentrate(scores, n);
    AT_TRY(fit_law(b, q, scores, row, err));
    row->scan_for_ten = scan_for_ten(row, scores, n, found_score(b, q, scores));
done:
    return status;
}

static attrib_status add_row(const batch *b,
                             size_t i,
                             attrib_analysis *out,
                             attrib_error *err)
{
    const tail_row *r = &b->rows[i];
    const at_concentration *c = &r->concentration;
    const at_subject *subject = &b->inquiry->subject;
    const attrib_cell row[] = {
        at_text_cell(at_subject_answer(subject, b->first + i)->query.id),
        at_count_cell(c->n_positive),
        at_number_cell(r->law.alpha),
        at_number_cell(r->check.alpha.low),
        at_number_cell(r->check.alpha.high),
        at_number_cell(r->law.x_min),
        at_count_cell(r->law.n_tail),
        at_number_cell(r->law.ks),
        at_number_cell(r->check.p),
        at_number_cell(r->hill),
        at_number_cell(c->top_share),
        at_number_cell(c->gini),
        at_number_cell(c->participation),
        at_number_cell(c->participation * (double)subject->info->n_documents),
        at_count_cell(c->n50),
        at_number_cell(r->scan_for_ten),
    };
    return at_analysis_row(out, row, err);
}

/* Study queries first .. first + n, whose columns fit into memory together. */
static attrib_status study_batch(batch *b,
                                 size_t n,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_inquiry *inquiry = b->inquiry;
    AT_TRY(at_scan_columns(inquiry, &inquiry->subject, b->first, n, b->scores, err));
    AT_TRY(at_parallel_for(inquiry->session, n, study_query, b, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_row(b, i, out, err));
    }
done:
    return status;
}

attrib_status at_analyze_tail(const at_inquiry *inquiry,
                              attrib_analysis *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = inquiry->subject.info;
    size_t n_batch = AT_COLUMN_BYTES / sizeof(double) / info->n_documents;
    size_t n_scores = 0;
    size_t *matches = NULL;
    batch b = {.inquiry = inquiry};
    n_batch = at_larger(at_smaller(n_batch, info->n_queries), 1);
    AT_TRY(at_analysis_begin(out, "tail", "The largest scores of each query",
                             tail_columns, AT_N_COLUMNS(tail_columns), err));
    AT_TRY(at_mul(n_batch, info->n_documents, &n_scores, err));
    AT_TRY(at_array(n_scores, sizeof *b.scores, (void *)&b.scores, err));
    AT_TRY(at_array(n_batch, sizeof *b.rows, (void *)&b.rows, err));
    if (inquiry->other.run) {
        AT_TRY(at_match_queries(inquiry, &matches, err));
        b.matches = matches;
    }
    for (; b.first < info->n_queries; b.first += n_batch) {
        AT_TRY(study_batch(&b, at_smaller(n_batch, info->n_queries - b.first), out, err));
    }
    AT_TRY(at_analysis_say(out, err,
                           "The law is fitted to the %zu largest positive scores at "
                           "most; p is of %zu samples. \"Those found\" are %s.",
                           inquiry->options.tail, inquiry->options.replicates,
                           inquiry->other.run ? "the first ten of the second run"
                                              : "the first document"));
done:
    free(matches);
    free(b.scores);
    free(b.rows);
    return status;
}
