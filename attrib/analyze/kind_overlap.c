/* SPDX-License-Identifier: MIT */
/* The longest span of tokens that a reported document shares with the completion: a
 * document that is copied has a long one, one that is generalised from has not. */
#include <math.h>
#include <stdlib.h>

#include "analyze/analyze.h"

static const attrib_column span_columns[] = {
    {"query", "text", "id of the query", false},
    {"rank", "number", "of the document, 1 the first", false},
    {"score", "score", "of the document", true},
    {"document", "text", "id of the document", false},
    {"span", "tokens", "of the completion, one after the other in the document", false},
    {"completion", "share", "span over the tokens of the completion", false},
    {"influence", "share", "of the score, of the tokens of the span", false},
    {"text", "text", "of the span", false},
};

static const attrib_column mean_columns[] = {
    {"query", "text", "id of the query", false},
    {"tokens", "tokens", "of the completion", false},
    {"first", "tokens", "span in the mean of the first documents", false},
    {"last", "tokens", "span in the mean of the last documents", false},
    {"longest", "tokens", "span of any of the first documents", false},
};

/* The completion of a query whose documents come by. */
typedef struct completion {
    const attrib_answer *answer;
    attrib_analysis *out;
    int32_t *ids; /* [n] */
    size_t n;
    size_t *lengths; /* [n + 1] scratch: spans that end at each token */
} completion;

static attrib_status completion_new(const attrib_answer *answer,
                                    attrib_analysis *out,
                                    completion *c,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    size_t n_side = attrib_query_side(query);
    *c = (completion){.answer = answer, .out = out};
    AT_TRY(at_array(n_side, sizeof *c->ids, (void *)&c->ids, err));
    AT_TRY(at_array(n_side + 1, sizeof *c->lengths, (void *)&c->lengths, err));
    for (size_t i = 0; i < n_side; i++) {
        if (query->mask[i]) {
            c->ids[c->n++] = query->ids[i];
        }
    }
done:
    return status;
}

static void completion_free(completion *c)
{
    free(c->ids);
    free(c->lengths);
}

/* Tokens first .. first + n of a document. */
typedef struct span {
    size_t first, n;
} span;

/* The longest common run of tokens; of equal ones the first of the document. Special
 * tokens are no text, and end runs. */
static span longest_span(const attrib_result *result, const completion *c)
{
    span best = {0, 0};
    for (size_t j = 0; j <= c->n; j++) {
        c->lengths[j] = 0;
    }
    for (size_t i = 0; i < result->n_tokens; i++) {
        const attrib_token_score *token = &result->tokens[i];
        /* lengths[j] is of the run that ends at the token before and at j - 1. */
        for (size_t j = c->n; j > 0; j--) {
            bool is_same = !token->is_special && token->id == c->ids[j - 1];
            c->lengths[j] = is_same ? c->lengths[j - 1] + 1 : 0;
            if (c->lengths[j] > best.n) {
                best = (span){i + 1 - c->lengths[j], c->lengths[j]};
            }
        }
    }
    return best;
}

static attrib_status add_row(const completion *c,
                             const attrib_result *result,
                             const span *s,
                             const char *text,
                             attrib_error *err)
{
    double influence = 0;
    for (size_t i = s->first; i < s->first + s->n; i++) {
        influence += result->tokens[i].score;
    }
    const attrib_cell row[] = {
        at_text_cell(c->answer->query.id),
        at_count_cell(result->rank),
        at_number_cell(result->score),
        at_text_cell(result->document.id),
        at_count_cell(s->n),
        at_number_cell((double)s->n / (double)c->n),
        at_number_cell(result->score != 0 ? influence / result->score : (double)NAN),
        at_text_cell(text)};
    return at_analysis_row(c->out, row, err);
}

static attrib_status add_span(const completion *c,
                              const attrib_result *result,
                              const span *s,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    for (size_t i = s->first; i < s->first + s->n; i++) {
        const attrib_token_score *token = &result->tokens[i];
        AT_TRY(at_buffer_append(&text, token->text, token->n_bytes, err));
    }
    AT_TRY(add_row(c, result, s, text.bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

/* The spans of a query's documents at one end, in the mean; NAN where there are none. */
typedef struct end_spans {
    double mean;
    size_t longest;
} end_spans;

static attrib_status add_end(const completion *c,
                             const attrib_result *results,
                             size_t n,
                             end_spans *found,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *found = (end_spans){n ? 0 : (double)NAN, 0};
    for (size_t i = 0; i < n; i++) {
        span s = longest_span(&results[i], c);
        found->mean += (double)s.n / (double)n;
        found->longest = at_larger(found->longest, s.n);
        AT_TRY(add_span(c, &results[i], &s, err));
    }
done:
    return status;
}

/* What is found of a query. */
typedef struct query_spans {
    size_t n_tokens;
    end_spans first, last;
} query_spans;

static attrib_status add_query(const attrib_answer *answer,
                               query_spans *found,
                               attrib_analysis *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    completion c = {0};
    AT_TRY(completion_new(answer, out, &c, err));
    found->n_tokens = c.n;
    AT_TRY(add_end(&c, answer->top, answer->n_top, &found->first, err));
    AT_TRY(add_end(&c, answer->bottom, answer->n_bottom, &found->last, err));
done:
    completion_free(&c);
    return status;
}

attrib_status at_analyze_overlap(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    query_spans *found = NULL;
    AT_TRY(at_array(n_queries, sizeof *found, (void *)&found, err));
    AT_TRY(at_analysis_begin(out, "overlap",
                             "Longest spans that documents share with the completion",
                             span_columns, AT_N_COLUMNS(span_columns), err));
    for (size_t q = 0; q < n_queries; q++) {
        AT_TRY(at_subject_load(&inquiry->subject, q, err));
        AT_TRY(add_query(at_subject_answer(&inquiry->subject, q), &found[q], out, err));
    }
    AT_TRY(at_analysis_begin(out, "queries", "In the mean of each query", mean_columns,
                             AT_N_COLUMNS(mean_columns), err));
    for (size_t q = 0; q < n_queries; q++) {
        const attrib_cell row[] = {
            at_text_cell(at_subject_answer(&inquiry->subject, q)->query.id),
            at_count_cell(found[q].n_tokens), at_number_cell(found[q].first.mean),
            at_number_cell(found[q].last.mean), at_count_cell(found[q].first.longest)};
        AT_TRY(at_analysis_row(out, row, err));
    }
    AT_TRY(at_add_overlap_words(inquiry, out, err));
    AT_TRY(at_analysis_say(
        out, err,
        "Documents of spans are the reported ones. Spans of the last documents "
        "tell how long they are by chance and by topic."));
done:
    free(found);
    return status;
}
