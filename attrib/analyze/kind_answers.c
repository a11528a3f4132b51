/* SPDX-License-Identifier: MIT */
/* Whether the answers that queries list stand in the documents that they put first.
 * Source: Ruis et al. 2024, arXiv:2411.12580, section 5.2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/answers.h"
#include "analyze/further.h"

/* Words of the pieces of an answer that are looked for where the whole is not there. */
#define PIECE_WORDS ((size_t)3)

static const attrib_column answer_columns[] = {
    {"query", "text", "id of the query", false},
    {"answer", "text", "that it lists", false},
    {"searched", "documents", "first ones of the query whose texts are at hand", false},
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

/* What is found of an answer. */
typedef struct finding {
    bool is_given; /* the prompt has it */
    size_t n_found;
    double first_rank, best_share; /* NAN: none, or nothing was searched */
} finding;

/* A search for the answers of all queries. */
typedef struct search {
    const at_inquiry *inquiry;
    const at_wanted_list *list;
    size_t *first;      /* [Q + 1] where the answers of a query begin in the list */
    size_t *n_searched; /* [Q] documents */
    bool *has_answers;  /* [Q] */
    finding *findings;  /* [list->n] */
    at_word_list words; /* of the text that is being searched */
} search;

static void search_free(search *s)
{
    free(s->first);
    free(s->n_searched);
    free(s->has_answers);
    free(s->findings);
    at_word_list_free(&s->words);
}

static attrib_status search_new(const at_inquiry *inquiry,
                                const at_wanted_list *list,
                                search *s,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    *s = (search){.inquiry = inquiry, .list = list};
    AT_TRY(at_array(n_queries + 1, sizeof *s->first, (void *)&s->first, err));
    AT_TRY(at_array(n_queries, sizeof *s->n_searched, (void *)&s->n_searched, err));
    AT_TRY(at_array(n_queries, sizeof *s->has_answers, (void *)&s->has_answers, err));
    AT_TRY(at_array(list->n, sizeof *s->findings, (void *)&s->findings, err));
    for (size_t i = 0; i < list->n; i++) {
        s->first[list->items[i].query + 1]++;
        s->findings[i] = (finding){.first_rank = (double)NAN, .best_share = (double)NAN};
    }
    for (size_t q = 0; q < n_queries; q++) {
        s->has_answers[q] = s->first[q + 1] > 0;
        s->first[q + 1] += s->first[q];
    }
done:
    return status;
}

/* Look for the answers of a query in the words of its document of a rank. */
static void search_words(search *s, size_t q, size_t rank)
{
    s->n_searched[q]++;
    for (size_t i = s->first[q]; i < s->first[q + 1]; i++) {
        const at_word_list *wanted = &s->list->items[i].words;
        finding *f = &s->findings[i];
        f->best_share =
            fmax(f->best_share, at_word_list_share(&s->words, wanted, PIECE_WORDS));
        if (at_word_list_contains(&s->words, wanted)) {
            f->first_rank = fmin(f->first_rank, (double)rank);
            f->n_found++;
        }
    }
}

/* Search the prompt of a query. */
static attrib_status search_prompt(search *s, size_t q, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = at_subject_answer(&s->inquiry->subject, q);
    const char *prompt = answer->query.prompt ? answer->query.prompt : "";
    AT_TRY(at_word_list_read(&s->words, prompt, strlen(prompt), err));
    for (size_t i = s->first[q]; i < s->first[q + 1]; i++) {
        s->findings[i].is_given =
            at_word_list_contains(&s->words, &s->list->items[i].words);
    }
done:
    return status;
}

static attrib_status search_text(void *context,
                                 const at_further *of,
                                 const char *text,
                                 size_t n_bytes,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    search *s = context;
    AT_CHECK(text, ATTRIB_ENOTSUP,
             "document \"%s\" came as tokens: it has no text to look for answers in",
             of->id);
    AT_TRY(at_word_list_read(&s->words, text, n_bytes, err));
    search_words(s, of->query, of->rank);
done:
    return status;
}

/* Search prompts and first documents. */
static attrib_status search_all(search *s, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t q = 0; q < s->inquiry->subject.info->n_queries; q++) {
        if (s->has_answers[q]) {
            AT_TRY(search_prompt(s, q, err));
        }
    }
    AT_TRY(at_further_read(s->inquiry, s->has_answers, search_text, s, out, err));
done:
    return status;
}

static attrib_status add_answers(const search *s, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &s->inquiry->subject;
    double n_documents = (double)subject->info->n_documents;
    for (size_t i = 0; i < s->list->n; i++) {
        const at_wanted *wanted = &s->list->items[i];
        const finding *f = &s->findings[i];
        size_t n_searched = s->n_searched[wanted->query];
        double in_corpus =
            s->inquiry->options.is_counted ? (double)wanted->n_in_corpus : (double)NAN;
        const attrib_cell row[] = {
            at_text_cell(at_subject_answer(subject, wanted->query)->query.id),
            at_text_cell(wanted->text),
            at_count_cell(n_searched),
            at_count_cell(f->n_found),
            at_number_cell(f->first_rank),
            at_number_cell(f->best_share),
            at_number_cell(in_corpus),
            at_number_cell(in_corpus * (double)n_searched / n_documents),
            at_text_cell(f->is_given ? "yes" : "no")};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    return status;
}

static size_t count_answered(const search *s, size_t q)
{
    size_t n = 0;
    for (size_t i = s->first[q]; i < s->first[q + 1]; i++) {
        n += s->findings[i].n_found > 0;
    }
    return n;
}

static attrib_status add_queries(const search *s, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &s->inquiry->subject;
    size_t n_asked = 0;
    size_t n_answered = 0;
    size_t n_searched = 0;
    AT_TRY(at_analysis_begin(out, "queries", "Queries with answers", query_columns,
                             AT_N_COLUMNS(query_columns), err));
    for (size_t q = 0; q < subject->info->n_queries; q++) {
        size_t n = count_answered(s, q);
        if (!s->has_answers[q]) {
            continue;
        }
        n_asked++;
        n_answered += n > 0;
        n_searched = at_larger(n_searched, s->n_searched[q]);
        const attrib_cell row[] = {at_text_cell(at_subject_answer(subject, q)->query.id),
                                   at_count_cell(s->first[q + 1] - s->first[q]),
                                   at_count_cell(n)};
        AT_TRY(at_analysis_row(out, row, err));
    }
    AT_TRY(at_analysis_say(out, err,
                           "%zu of %zu queries with answers have one in their first %zu "
                           "documents (--top searches others).",
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
    search s = {0};
    AT_TRY(at_wanted_collect(inquiry, &list, err));
    AT_TRY(count_all(inquiry, &list, out, err));
    AT_TRY(search_new(inquiry, &list, &s, err));
    AT_TRY(search_all(&s, out, err));
    AT_TRY(at_analysis_begin(out, "answers", "Answers in the first documents of queries",
                             answer_columns, AT_N_COLUMNS(answer_columns), err));
    AT_TRY(add_answers(&s, out, err));
    AT_TRY(add_queries(&s, out, err));
done:
    search_free(&s);
    at_wanted_free(&list);
    return status;
}
