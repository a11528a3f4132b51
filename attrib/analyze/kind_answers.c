/* SPDX-License-Identifier: MIT */
/* Whether the answers that queries list stand in the documents that they put first.
 * Source: Ruis et al. 2024, arXiv:2411.12580, section 5.2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/labels.h"
#include "analyze/word_list.h"

/* Words of the pieces of an answer that are looked for where the whole is not there. */
#define PIECE_WORDS ((size_t)3)

static const attrib_column answer_columns[] = {
    {"query", "text", "id of the query", false},
    {"answer", "text", "that it lists", false},
    {"searched", "documents", "first ones of the query whose texts the run holds", false},
    {"found", "documents", "of these that have the words of the answer in order", false},
    {"first_rank", "number", "of the first document that has them", false},
    {"best_share", "share", "of the answer's runs of 3 words, in the document with most",
     false},
    {"in_prompt", "text", "yes where the prompt has the answer itself", false},
};

static const attrib_column query_columns[] = {
    {"query", "text", "id of the query", false},
    {"answers", "number", "that it lists", false},
    {"answered", "number", "of these that a first document has", false},
};

/* A query whose answers come by. */
typedef struct search {
    const attrib_answer *answer;
    size_t n_searched;
    at_word_list *documents; /* [n_searched] */
    at_word_list prompt, wanted;
    size_t n_answers, n_answered;
    attrib_analysis *out;
} search;

static void search_free(search *s)
{
    for (size_t i = 0; s->documents && i < s->n_searched; i++) {
        at_word_list_free(&s->documents[i]);
    }
    free(s->documents);
    at_word_list_free(&s->prompt);
    at_word_list_free(&s->wanted);
}

static attrib_status search_new(const at_inquiry *inquiry,
                                size_t q,
                                attrib_analysis *out,
                                search *s,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = at_subject_answer(&inquiry->subject, q);
    const char *prompt = answer->query.prompt ? answer->query.prompt : "";
    *s = (search){.answer = answer, .out = out};
    s->n_searched = at_smaller(answer->n_top, inquiry->options.top);
    AT_TRY(at_array(s->n_searched, sizeof *s->documents, (void *)&s->documents, err));
    AT_TRY(at_word_list_read(&s->prompt, prompt, strlen(prompt), err));
    for (size_t i = 0; i < s->n_searched; i++) {
        const attrib_document *document = &answer->top[i].document;
        AT_CHECK(document->text, ATTRIB_ENOTSUP,
                 "document \"%s\" came as tokens: it has no text to look for answers in",
                 document->id);
        AT_TRY(at_word_list_read(&s->documents[i], document->text, document->n_text_bytes,
                                 err));
    }
done:
    return status;
}

/* Where the answer that is wanted stands. */
typedef struct finding {
    size_t n_found;
    double first_rank, best_share; /* NAN: none, or nothing was searched */
} finding;

static finding find_wanted(const search *s)
{
    finding out = {0, (double)NAN, s->n_searched ? 0 : (double)NAN};
    for (size_t i = 0; i < s->n_searched; i++) {
        out.best_share =
            fmax(out.best_share,
                 at_word_list_share(&s->documents[i], &s->wanted, PIECE_WORDS));
        if (at_word_list_contains(&s->documents[i], &s->wanted)) {
            out.first_rank =
                out.n_found ? out.first_rank : (double)s->answer->top[i].rank;
            out.n_found++;
        }
    }
    return out;
}

static attrib_status add_row(const search *s,
                             const char *answer,
                             const finding *f,
                             attrib_error *err)
{
    const attrib_cell row[] = {
        at_text_cell(s->answer->query.id),
        at_text_cell(answer),
        at_count_cell(s->n_searched),
        at_count_cell(f->n_found),
        at_number_cell(f->first_rank),
        at_number_cell(f->best_share),
        at_text_cell(at_word_list_contains(&s->prompt, &s->wanted) ? "yes" : "no")};
    return at_analysis_row(s->out, row, err);
}

static attrib_status look_for(void *context, const at_label *label, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    search *s = context;
    finding found = {0};
    AT_TRY(at_word_list_read(&s->wanted, label->text, strlen(label->text), err));
    AT_CHECK(s->wanted.n > 0, ATTRIB_EINVAL,
             "query \"%s\": the answer \"%s\" has no word", s->answer->query.id,
             label->text);
    found = find_wanted(s);
    s->n_answers++;
    s->n_answered += found.n_found > 0;
    AT_TRY(add_row(s, label->text, &found, err));
done:
    return status;
}

/* Counts of a query's answers. */
typedef struct counts {
    size_t n_answers, n_answered, n_searched;
} counts;

static attrib_status search_query(const at_inquiry *inquiry,
                                  size_t q,
                                  attrib_analysis *out,
                                  counts *found,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &at_subject_answer(&inquiry->subject, q)->query;
    const attrib_tag *tag =
        at_find_tag(query->tags, query->n_tags, inquiry->options.answers_tag);
    search s = {0};
    if (!tag) {
        return ATTRIB_OK;
    }
    AT_TRY(search_new(inquiry, q, out, &s, err));
    AT_TRY(at_each_label(tag->value, look_for, &s, err));
    *found = (counts){s.n_answers, s.n_answered, s.n_searched};
done:
    search_free(&s);
    return status;
}

static attrib_status add_queries(const at_inquiry *inquiry,
                                 const counts *found,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_asked = 0;
    size_t n_answered = 0;
    size_t n_searched = 0;
    AT_TRY(at_analysis_begin(out, "queries", "Queries with answers", query_columns,
                             AT_N_COLUMNS(query_columns), err));
    for (size_t q = 0; q < inquiry->subject.info->n_queries; q++) {
        if (found[q].n_answers == 0) {
            continue;
        }
        n_asked++;
        n_answered += found[q].n_answered > 0;
        n_searched = at_larger(n_searched, found[q].n_searched);
        const attrib_cell row[] = {
            at_text_cell(at_subject_answer(&inquiry->subject, q)->query.id),
            at_count_cell(found[q].n_answers), at_count_cell(found[q].n_answered)};
        AT_TRY(at_analysis_row(out, row, err));
    }
    AT_CHECK(n_asked > 0, ATTRIB_ESHAPE, "no query has a tag %s with answers",
             inquiry->options.answers_tag);
    AT_TRY(
        at_analysis_say(out, err,
                        "%zu of %zu queries with answers have one in their first %zu "
                        "documents, whose texts the run holds (score --top holds more).",
                        n_answered, n_asked, n_searched));
done:
    return status;
}

attrib_status at_analyze_answers(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    counts *found = NULL;
    AT_TRY(at_array(n_queries, sizeof *found, (void *)&found, err));
    AT_TRY(at_analysis_begin(out, "answers", "Answers in the first documents of queries",
                             answer_columns, AT_N_COLUMNS(answer_columns), err));
    for (size_t q = 0; q < n_queries; q++) {
        AT_TRY(search_query(inquiry, q, out, &found[q], err));
    }
    AT_TRY(add_queries(inquiry, found, out, err));
done:
    free(found);
    return status;
}
