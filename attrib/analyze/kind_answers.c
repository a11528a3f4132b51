/* SPDX-License-Identifier: MIT */
/* Whether the answers that queries list stand in the documents that they put first.
 * Source: Ruis et al. 2024, arXiv:2411.12580, section 5.2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/answers.h"

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
    {"in_corpus", "documents", "of all that have them, with --count", false},
    {"expected", "documents", "of those searched that have them by chance, with --count",
     true},
    {"in_prompt", "text", "yes where the prompt has the answer itself", false},
};

static const attrib_column query_columns[] = {
    {"query", "text", "id of the query", false},
    {"answers", "number", "that it lists", false},
    {"answered", "number", "of these that a first document has", false},
};

/* A query whose answers are looked for. */
typedef struct search {
    const at_inquiry *inquiry;
    const attrib_answer *answer;
    size_t n_searched;
    at_word_list *documents; /* [n_searched] */
    at_word_list prompt;
    size_t n_answers, n_answered;
} search;

static void search_free(search *s)
{
    for (size_t i = 0; s->documents && i < s->n_searched; i++) {
        at_word_list_free(&s->documents[i]);
    }
    free(s->documents);
    at_word_list_free(&s->prompt);
}

static attrib_status search_new(const at_inquiry *inquiry,
                                size_t q,
                                search *s,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = at_subject_answer(&inquiry->subject, q);
    const char *prompt = answer->query.prompt ? answer->query.prompt : "";
    *s = (search){.inquiry = inquiry, .answer = answer};
    s->n_searched = at_smaller(answer->n_top, inquiry->options.top);
    AT_TRY(at_array(s->n_searched, sizeof *s->documents, (void *)&s->documents, err));
    AT_TRY(at_word_list_read(&s->prompt, prompt, strlen(prompt), err));
    AT_TRY(at_subject_load(&inquiry->subject, q, err));
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

/* Where an answer stands among the first documents. */
typedef struct finding {
    size_t n_found;
    double first_rank, best_share; /* NAN: none, or nothing was searched */
} finding;

static finding find_wanted(const search *s, const at_wanted *wanted)
{
    finding out = {0, (double)NAN, s->n_searched ? 0 : (double)NAN};
    for (size_t i = 0; i < s->n_searched; i++) {
        out.best_share =
            fmax(out.best_share,
                 at_word_list_share(&s->documents[i], &wanted->words, PIECE_WORDS));
        if (at_word_list_contains(&s->documents[i], &wanted->words)) {
            out.first_rank =
                out.n_found ? out.first_rank : (double)s->answer->top[i].rank;
            out.n_found++;
        }
    }
    return out;
}

static attrib_status add_answer(search *s,
                                const at_wanted *wanted,
                                attrib_analysis *out,
                                attrib_error *err)
{
    finding f = find_wanted(s, wanted);
    bool is_counted = s->inquiry->options.is_counted;
    double in_corpus = is_counted ? (double)wanted->n_in_corpus : (double)NAN;
    double n_documents = (double)s->inquiry->subject.info->n_documents;
    bool is_given = at_word_list_contains(&s->prompt, &wanted->words);
    const attrib_cell row[] = {
        at_text_cell(s->answer->query.id),
        at_text_cell(wanted->text),
        at_count_cell(s->n_searched),
        at_count_cell(f.n_found),
        at_number_cell(f.first_rank),
        at_number_cell(f.best_share),
        at_number_cell(in_corpus),
        at_number_cell(in_corpus * (double)s->n_searched / n_documents),
        at_text_cell(is_given ? "yes" : "no")};
    s->n_answers++;
    s->n_answered += f.n_found > 0;
    return at_analysis_row(out, row, err);
}

/* Counts of a query's answers. */
typedef struct counts {
    size_t n_answers, n_answered, n_searched;
} counts;

/* Look for the answers of all queries; found [Q]. */
static attrib_status search_all(const at_inquiry *inquiry,
                                const at_wanted_list *list,
                                counts *found,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    search s = {0};
    for (size_t i = 0; i < list->n;) {
        size_t q = list->items[i].query;
        search_free(&s);
        AT_TRY(search_new(inquiry, q, &s, err));
        for (; i < list->n && list->items[i].query == q; i++) {
            AT_TRY(add_answer(&s, &list->items[i], out, err));
        }
        found[q] = (counts){s.n_answers, s.n_answered, s.n_searched};
    }
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
    AT_TRY(
        at_analysis_say(out, err,
                        "%zu of %zu queries with answers have one in their first %zu "
                        "documents, whose texts the run holds (score --top holds more).",
                        n_answered, n_asked, n_searched));
done:
    return status;
}

/* Count answers in the corpus where that is asked for. */
static attrib_status count_all(const at_inquiry *inquiry,
                               at_wanted_list *list,
                               attrib_analysis *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_unread unread = {0};
    if (!inquiry->options.is_counted) {
        return ATTRIB_OK;
    }
    AT_TRY(at_wanted_count(inquiry, list, &unread, err));
    if (unread.n > 0) {
        AT_TRY(at_analysis_say(out, err,
                               "%zu documents could not be read again and are not "
                               "counted; the first: %s.",
                               unread.n, unread.why.message));
    }
done:
    return status;
}

attrib_status at_analyze_answers(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_wanted_list list = {0};
    counts *found = NULL;
    AT_TRY(at_wanted_collect(inquiry, &list, err));
    AT_TRY(count_all(inquiry, &list, out, err));
    AT_TRY(
        at_array(inquiry->subject.info->n_queries, sizeof *found, (void *)&found, err));
    AT_TRY(at_analysis_begin(out, "answers", "Answers in the first documents of queries",
                             answer_columns, AT_N_COLUMNS(answer_columns), err));
    AT_TRY(search_all(inquiry, &list, found, out, err));
    AT_TRY(add_queries(inquiry, found, out, err));
done:
    at_wanted_free(&list);
    free(found);
    return status;
}
