/* SPDX-License-Identifier: MIT */
/* Candidates: the likeliest documents of each query, and a random sample.
 *
 * 1. The largest of a stream.   2. Scores of the filter.   3. Candidates.   4. All. */
#include "baseline/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "baseline/lexical.h"
#include "run/top.h"

/* 1. The largest of a stream */

/* The n first documents of the order of rankings, as a heap with the last of them at the
 * root. Documents come by ascending index. */
typedef struct heap {
    at_ranked *items; /* [capacity] */
    size_t n, capacity;
} heap;

static bool precedes(const at_ranked *a, const at_ranked *b)
{
    return a->score != b->score ? a->score > b->score : a->document < b->document;
}

static void swap(at_ranked *a, at_ranked *b)
{
    at_ranked kept = *a;
    *a = *b;
    *b = kept;
}

/* Move the root down to its place. */
static void sink(heap *self)
{
    size_t at = 0;
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->n; child++) {
            if (precedes(&self->items[last], &self->items[child])) {
                last = child;
            }
        }
        if (last == at) {
            return;
        }
        swap(&self->items[at], &self->items[last]);
        at = last;
    }
}

static void push(heap *self, at_ranked item)
{
    if (self->n == self->capacity) {
        if (precedes(&item, &self->items[0])) {
            self->items[0] = item;
            sink(self);
        }
        return;
    }
    size_t at = self->n++;
    self->items[at] = item;
    while (at > 0 && precedes(&self->items[(at - 1) / 2], &self->items[at])) {
        swap(&self->items[at], &self->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* The documents of a heap, ascending: out [heap->n]. */
static void list_heap(const heap *self, size_t *out)
{
    for (size_t i = 0; i < self->n; i++) {
        out[i] = self->items[i].document;
    }
    qsort(out, self->n, sizeof *out, compare_sizes);
}

/* 2. Scores of the filter */

/* Documents that are scored between two turns of the heaps, and of those the ones that a
 * worker takes at a time. */
#define ROUND_DOCUMENTS ((size_t)4096)
#define BLOCK_DOCUMENTS ((size_t)128)
/* Bytes that the heaps, and the scores of a round, may take: as many queries share a pass
 * over the tokens. */
#define SHARED_BYTES ((size_t)64 << 20)

/* Queries that share a pass over all documents. */
typedef struct filtering {
    const at_setup *setup;
    at_lexical lexical;
    at_bag *bags; /* [n_workers] */
    size_t n_workers;
    heap *heaps;     /* [n queries] */
    double *scores;  /* [ROUND_DOCUMENTS, n queries] */
    size_t first, n; /* documents of the round */
} filtering;

static attrib_status score_block(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const filtering *self = context;
    const attrib_corpus *corpus = self->setup->corpus;
    size_t end = at_smaller((i_block + 1) * BLOCK_DOCUMENTS, self->n);
    for (size_t i = i_block * BLOCK_DOCUMENTS; i < end; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, self->first + i, &document);
        AT_TRY(at_bag_fill(&self->bags[i_worker], corpus, &document, err));
        at_lexical_score(&self->lexical, &self->bags[i_worker],
                         self->scores + i * self->lexical.n_queries);
    }
done:
    return status;
}

/* Give the scores of the round to the heap of one query. */
static attrib_status push_query(void *context,
                                size_t i_worker,
                                size_t i_query,
                                attrib_error *err)
{
    const filtering *self = context;
    (void)i_worker;
    (void)err;
    for (size_t i = 0; i < self->n; i++) {
        double score = self->scores[i * self->lexical.n_queries + i_query];
        push(&self->heaps[i_query], (at_ranked){self->first + i, score});
    }
    return ATTRIB_OK;
}

static attrib_status open_filtering(const at_setup *setup,
                                    at_tile queries,
                                    size_t n_each,
                                    filtering *self,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_frequencies *frequencies = setup->frequencies;
    self->setup = setup;
    self->n_workers = at_n_workers(setup->session, ROUND_DOCUMENTS / BLOCK_DOCUMENTS);
    AT_TRY(at_lexical_new(setup, AT_TFIDF, queries, frequencies, &self->lexical, err));
    AT_TRY(at_array(self->n_workers, sizeof *self->bags, &self->bags, err));
    for (size_t w = 0; w < self->n_workers; w++) {
        AT_TRY(at_bag_new(frequencies->n_vocabulary, &self->bags[w], err));
    }
    AT_TRY(at_array(queries.n, sizeof *self->heaps, &self->heaps, err));
    for (size_t q = 0; q < queries.n; q++) {
        self->heaps[q].capacity = n_each;
        AT_TRY(at_array(n_each, sizeof(at_ranked), &self->heaps[q].items, err));
    }
    AT_TRY(
        at_array(ROUND_DOCUMENTS * queries.n, sizeof *self->scores, &self->scores, err));
done:
    return status;
}

static void close_filtering(filtering *self)
{
    for (size_t w = 0; self->bags && w < self->n_workers; w++) {
        at_bag_free(&self->bags[w]);
    }
    for (size_t q = 0; self->heaps && q < self->lexical.n_queries; q++) {
        free(self->heaps[q].items);
    }
    free(self->bags);
    free(self->heaps);
    free(self->scores);
    at_lexical_free(&self->lexical);
}

/* Fill the candidates of some queries, in a pass over the tokens of all documents. */
static attrib_status filter(const at_setup *setup,
                            at_tile queries,
                            const at_stage *stage,
                            at_candidates *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    filtering self = {0};
    AT_TRY(open_filtering(setup, queries, out->n_each, &self, err));
    for (; self.first < out->n_documents; self.first += self.n) {
        self.n = at_smaller(out->n_documents - self.first, ROUND_DOCUMENTS);
        AT_TRY(at_parallel_for(setup->session,
                               (self.n + BLOCK_DOCUMENTS - 1) / BLOCK_DOCUMENTS,
                               score_block, &self, err));
        AT_TRY(at_parallel_for(setup->session, queries.n, push_query, &self, err));
        at_stage_report(stage, self.first);
    }
    for (size_t q = 0; q < queries.n; q++) {
        list_heap(&self.heaps[q], out->documents + (queries.first + q) * out->n_each);
    }
done:
    close_filtering(&self);
    return status;
}

/* 3. Candidates */

attrib_status at_prefilter_read(const char *text, at_filter *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_filter){0};
    if (!text) {
        return ATTRIB_OK;
    }
    out->by_index = strncmp(text, "index:", 6) == 0;
    bool is_known = out->by_index || strncmp(text, "tfidf:", 6) == 0;
    const char *digits = is_known ? text + 6 : "";
    size_t length = strlen(digits);
    AT_CHECK(
        length > 0 && length <= 15 && digits[0] != '0' &&
            strspn(digits, "0123456789") == length,
        ATTRIB_EINVAL,
        "prefilter: \"%.80s\", expected tfidf:N or index:N with a number of documents "
        "from 1 on",
        text);
    out->n = strtoul(digits, NULL, 10);
done:
    return status;
}

/* The draw of the sample: the documents with the largest of these numbers. */
#define SAMPLE_SEED 0x7f1d

static attrib_status draw_sample(size_t n_sample, at_candidates *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    heap drawn = {.capacity = at_smaller(n_sample, out->n_documents)};
    AT_TRY(at_array(drawn.capacity, sizeof *drawn.items, &drawn.items, err));
    for (size_t i = 0; drawn.capacity > 0 && i < out->n_documents; i++) {
        push(&drawn, (at_ranked){i, at_uniform(SAMPLE_SEED, 0, i)});
    }
    for (size_t i = 0; i < drawn.n; i++) {
        out->is_sampled[drawn.items[i].document] = 1;
    }
    out->n_sampled = drawn.n;
done:
    free(drawn.items);
    return status;
}

/* Note every document that is scored against any query. */
static void join_candidates(at_candidates *out)
{
    memcpy(out->is_passed, out->is_sampled, out->n_documents);
    for (size_t k = 0; k < out->n_queries * out->n_each; k++) {
        out->is_passed[out->documents[k]] = 1;
    }
    for (size_t i = 0; i < out->n_documents; i++) {
        out->n_passed += out->is_passed[i];
    }
}

attrib_status at_candidates_new(const at_setup *setup,
                                size_t n_each,
                                at_candidates *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    at_candidates made = {.n_queries = setup->n_queries,
                          .n_documents = setup->n_documents,
                          .n_each = at_smaller(n_each, setup->n_documents)};
    AT_TRY(at_mul(made.n_queries, made.n_each, &n, err));
    AT_TRY(at_array(n, sizeof *made.documents, &made.documents, err));
    AT_TRY(at_array(made.n_documents, 1, &made.is_sampled, err));
    AT_TRY(at_array(made.n_documents, 1, &made.is_passed, err));
    *out = made;
    made = (at_candidates){0};
done:
    at_candidates_free(&made);
    return status;
}

attrib_status at_candidates_finish(const at_setup *setup,
                                   at_candidates *candidates,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(draw_sample(setup->options.prefilter_sample, candidates, err));
    join_candidates(candidates);
done:
    return status;
}

/* Find the documents with the largest TF-IDF scores of each query, equal ones by index,
 * and finish. */
static attrib_status choose_candidates(const at_setup *setup,
                                       size_t n_each,
                                       at_candidates *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_stage stage;
    size_t n_turns = 0;
    at_candidates made = {0};
    size_t of_query = at_smaller(n_each, setup->n_documents) * sizeof(at_ranked) +
                      ROUND_DOCUMENTS * sizeof(double);
    size_t n_shared = at_larger(SHARED_BYTES / of_query, 1);
    AT_TRY(at_candidates_new(setup, n_each, &made, err));
    n_turns = (made.n_queries + n_shared - 1) / n_shared;
    at_stage_declare(setup->session, "prefilter", "documents",
                     (double)made.n_documents * (double)n_turns, 0);
    for (size_t q = 0; q < made.n_queries; q += n_shared) {
        at_tile queries = {q, at_smaller(n_shared, made.n_queries - q)};
        at_stage_begin(&stage, setup->session, "prefilter", "documents",
                       made.n_documents);
        AT_TRY(filter(setup, queries, &stage, &made, err));
        at_stage_end(&stage, made.n_documents, 0);
    }
    AT_TRY(at_candidates_finish(setup, &made, err));
    *out = made;
    made = (at_candidates){0};
done:
    at_candidates_free(&made);
    return status;
}

void at_candidates_free(at_candidates *candidates)
{
    free(candidates->documents);
    free(candidates->is_sampled);
    free(candidates->is_passed);
    *candidates = (at_candidates){0};
}

bool at_candidates_have(const at_candidates *candidates, size_t i_query, size_t document)
{
    return bsearch(&document, candidates->documents + i_query * candidates->n_each,
                   candidates->n_each, sizeof document, compare_sizes) != NULL;
}

bool at_candidates_score(const at_candidates *candidates, size_t i_query, size_t document)
{
    return !candidates || (candidates->is_passed[document] &&
                           (candidates->is_sampled[document] ||
                            at_candidates_have(candidates, i_query, document)));
}

size_t at_candidates_count(const at_candidates *candidates,
                           size_t i_query,
                           size_t first,
                           size_t end)
{
    const size_t *documents = candidates->documents + i_query * candidates->n_each;
    size_t n = 0;
    for (size_t i = first; candidates->n_sampled > 0 && i < end; i++) {
        n += candidates->is_sampled[i];
    }
    for (size_t k = 0; k < candidates->n_each; k++) {
        size_t i = documents[k];
        n += i >= first && i < end && !candidates->is_sampled[i];
    }
    return n;
}

/* 4. All */

attrib_status at_by_tokens_choose(at_setup *setup, at_by_tokens *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_filter filtered = {0};
    size_t n_each = 0;
    bool is_needed = false;
    AT_TRY(at_prefilter_read(setup->options.prefilter, &filtered, err));
    n_each = filtered.by_index ? 0 : filtered.n;
    for (size_t b = 0; b < setup->n_baselines; b++) {
        is_needed = is_needed || setup->baselines[b].strategy == ATTRIB_BM25;
    }
    if (!is_needed && n_each == 0) {
        goto done;
    }
    AT_TRY(at_frequencies_count(setup->session, setup->corpus,
                                attrib_model_describe(setup->model)->n_vocabulary,
                                &out->frequencies, err));
    setup->frequencies = &out->frequencies;
    if (n_each > 0) {
        AT_TRY(choose_candidates(setup, n_each, &out->candidates, err));
        setup->candidates = &out->candidates;
    }
done:
    return status;
}

void at_by_tokens_free(at_by_tokens *by_tokens)
{
    at_frequencies_free(&by_tokens->frequencies);
    at_candidates_free(&by_tokens->candidates);
}
