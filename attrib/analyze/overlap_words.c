/* SPDX-License-Identifier: MIT */
/* The longest run of words of the completion in the first documents of each query, as
 * many as are asked for: the texts of those that the run does not report are read again.
 * Runs of words, as there are no tokens of texts without the model's tokenizer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/further.h"
#include "analyze/word_list.h"

/* What is found of a query. */
typedef struct finding {
    at_word_list completion;
    size_t n_searched, longest;
    double sum;  /* of the longest runs of its documents */
    size_t rank; /* of the first document that has the longest; 0: none */
} finding;

typedef struct search {
    const at_inquiry *inquiry;
    finding *findings; /* [Q] */
    bool *is_asked;    /* [Q] */
    at_word_list words;
    size_t *lengths; /* scratch: runs that end at each word of a completion */
    size_t capacity;
} search;

static void search_free(search *s)
{
    for (size_t q = 0; s->findings && q < s->inquiry->subject.info->n_queries; q++) {
        at_word_list_free(&s->findings[q].completion);
    }
    free(s->findings);
    free(s->is_asked);
    free(s->lengths);
    at_word_list_free(&s->words);
}

static attrib_status search_new(const at_inquiry *inquiry, search *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    *s = (search){.inquiry = inquiry};
    AT_TRY(at_array(n_queries, sizeof *s->findings, (void *)&s->findings, err));
    AT_TRY(at_array(n_queries, sizeof *s->is_asked, (void *)&s->is_asked, err));
    for (size_t q = 0; q < n_queries; q++) {
        at_word_list *words = &s->findings[q].completion;
        const char *text = at_subject_answer(&inquiry->subject, q)->query.completion;
        if (text) {
            AT_TRY(at_word_list_read(words, text, strlen(text), err));
        }
        s->is_asked[q] = words->n > 0;
        AT_TRY(at_grow(&s->lengths, &s->capacity, words->n + 1, sizeof *s->lengths, err));
    }
done:
    return status;
}

/* The longest common run of the completion's words and of those that were read. */
static size_t longest_run(search *s, const at_word_list *completion)
{
    size_t longest = 0;
    memset(s->lengths, 0, (completion->n + 1) * sizeof *s->lengths);
    for (size_t i = 0; i < s->words.n; i++) {
        /* lengths[j] is of the run that ends at the word before and at j - 1. */
        for (size_t j = completion->n; j > 0; j--) {
            bool is_same = s->words.hashes[i] == completion->hashes[j - 1];
            s->lengths[j] = is_same ? s->lengths[j - 1] + 1 : 0;
            longest = at_larger(longest, s->lengths[j]);
        }
    }
    return longest;
}

/* Documents that came as tokens have no words. */
static attrib_status search_text(void *context,
                                 const at_further *of,
                                 const char *text,
                                 size_t n_bytes,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    search *s = context;
    finding *f = &s->findings[of->query];
    size_t n = 0;
    if (!text) {
        return ATTRIB_OK;
    }
    AT_TRY(at_word_list_read(&s->words, text, n_bytes, err));
    n = longest_run(s, &f->completion);
    f->n_searched++;
    f->sum += (double)n;
    if (n > f->longest || (n == f->longest && n > 0 && of->rank < f->rank)) {
        f->longest = n;
        f->rank = of->rank;
    }
done:
    return status;
}

static const attrib_column columns[] = {
    {"query", "text", "id of the query", false},
    {"words", "words", "of the completion", false},
    {"searched", "documents", "first ones of the query whose texts are at hand", false},
    {"mean", "words", "of the completion in a row, in the mean of these documents",
     false},
    {"longest", "words", "of the completion in a row, in any of them", false},
    {"rank", "number", "of the first document that has the longest run", false},
};

attrib_status at_add_overlap_words(const at_inquiry *inquiry,
                                   attrib_analysis *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    search s = {0};
    AT_TRY(search_new(inquiry, &s, err));
    AT_TRY(at_further_read(inquiry, s.is_asked, search_text, &s, out, err));
    AT_TRY(at_analysis_begin(out, "words",
                             "Longest runs of words of the completion in the first "
                             "documents",
                             columns, AT_N_COLUMNS(columns), err));
    for (size_t q = 0; q < inquiry->subject.info->n_queries; q++) {
        const finding *f = &s.findings[q];
        if (!s.is_asked[q]) {
            continue;
        }
        const attrib_cell row[] = {
            at_text_cell(at_subject_answer(&inquiry->subject, q)->query.id),
            at_count_cell(f->completion.n),
            at_count_cell(f->n_searched),
            at_number_cell(f->n_searched ? f->sum / (double)f->n_searched : (double)NAN),
            at_number_cell(f->n_searched ? (double)f->longest : (double)NAN),
            at_number_cell(f->rank ? (double)f->rank : (double)NAN)};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    search_free(&s);
    return status;
}
