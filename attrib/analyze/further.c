/* SPDX-License-Identifier: MIT */
#include "analyze/further.h"

#include <stdlib.h>

#include "run/top.h"

typedef struct further_list {
    at_further *items; /* [n] by document and query */
    size_t n;
} further_list;

/* 1. Which documents */

/* The first documents of each query that is asked about, by the scores of all. */
typedef struct firsts {
    const at_inquiry *inquiry;
    const bool *is_asked; /* [Q] */
    at_top *tops;         /* [Q] */
} firsts;

static size_t n_first(const at_inquiry *inquiry)
{
    return at_smaller(inquiry->options.top, inquiry->subject.info->n_documents);
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    const firsts *f = context;
    size_t n_queries = f->inquiry->subject.info->n_queries;
    (void)err;
    for (size_t i = 0; i < n * n_queries; i++) {
        if (f->is_asked[i % n_queries]) {
            at_top_add_best(&f->tops[i % n_queries], first + i / n_queries, scores[i]);
        }
    }
    return ATTRIB_OK;
}

static bool is_reported(const attrib_answer *answer, size_t document)
{
    for (size_t i = 0; i < answer->n_top; i++) {
        if (answer->top[i].document.index == document) {
            return true;
        }
    }
    return false;
}

static int compare_further(const void *a, const void *b)
{
    const at_further *x = a;
    const at_further *y = b;
    if (x->document != y->document) {
        return x->document < y->document ? -1 : 1;
    }
    return (x->query > y->query) - (x->query < y->query);
}

/* Those that stand after the reported ones, which are the exact ones of their ranks. */
static attrib_status list_further(const firsts *f, further_list *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &f->inquiry->subject;
    size_t capacity = 0;
    for (size_t q = 0; q < subject->info->n_queries; q++) {
        const attrib_answer *answer = at_subject_answer(subject, q);
        const at_top *top = &f->tops[q];
        size_t rank = answer->n_top;
        for (size_t i = 0; i < top->n_best && rank < n_first(f->inquiry); i++) {
            if (!is_reported(answer, top->best[i].document)) {
                AT_TRY(
                    at_grow(&out->items, &capacity, out->n + 1, sizeof *out->items, err));
                out->items[out->n++] =
                    (at_further){top->best[i].document, q, ++rank, NULL};
            }
        }
    }
    if (out->n) {
        qsort(out->items, out->n, sizeof *out->items, compare_further);
    }
done:
    return status;
}

/* Whether a query that is asked about has more first documents than are reported. */
static bool is_needed(const at_inquiry *inquiry, const bool *is_asked)
{
    for (size_t q = 0; q < inquiry->subject.info->n_queries; q++) {
        if (is_asked[q] &&
            at_subject_answer(&inquiry->subject, q)->n_top < n_first(inquiry)) {
            return true;
        }
    }
    return false;
}

/* Find the documents of ranks up to options.top that are not reported. Reads all scores
 * once, and none where the run reports as many. */
static attrib_status find_further(const at_inquiry *inquiry,
                                  const bool *is_asked,
                                  further_list *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = inquiry->subject.info->n_queries;
    firsts f = {inquiry, is_asked, NULL};
    *out = (further_list){0};
    if (!is_needed(inquiry, is_asked)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n_queries, sizeof *f.tops, (void *)&f.tops, err));
    for (size_t q = 0; q < n_queries; q++) {
        AT_TRY(at_top_new(is_asked[q] ? n_first(inquiry) : 0, &f.tops[q], err));
    }
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, &f, err));
    AT_TRY(list_further(&f, out, err));
done:
    for (size_t q = 0; f.tops && q < n_queries; q++) {
        at_top_free(&f.tops[q]);
    }
    free(f.tops);
    return status;
}

/* 2. Their texts */

typedef struct reading {
    const further_list *list;
    at_further_fn fn;
    void *context;
    at_unread *unread;
} reading;

/* The first item of a document, which has one. */
static size_t find_item(const further_list *list, size_t document)
{
    size_t low = 0;
    size_t high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].document < document) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static attrib_status take_text(void *context,
                               size_t document,
                               const char *text,
                               size_t n_bytes,
                               const attrib_error *why,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const reading *self = context;
    const further_list *list = self->list;
    if (why) {
        self->unread->why = self->unread->n ? self->unread->why : *why;
        self->unread->n++;
        return ATTRIB_OK;
    }
    for (size_t i = find_item(list, document);
         i < list->n && list->items[i].document == document; i++) {
        AT_TRY(self->fn(self->context, &list->items[i], text, n_bytes, err));
    }
done:
    return status;
}

/* Hand on those that the run does not report. `unread` counts those that cannot be read.
 */
static attrib_status read_rest(const at_inquiry *inquiry,
                               const bool *is_asked,
                               at_further_fn fn,
                               void *context,
                               at_unread *unread,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *documents = NULL;
    size_t n = 0;
    further_list list = {0};
    reading self = {&list, fn, context, unread};
    AT_TRY(find_further(inquiry, is_asked, &list, err));
    AT_TRY(at_array(at_larger(list.n, 1), sizeof *documents, (void *)&documents, err));
    for (size_t i = 0; i < list.n; i++) {
        if (i == 0 || list.items[i].document != list.items[i - 1].document) {
            documents[n++] = list.items[i].document;
        }
    }
    if (n) {
        AT_TRY(attrib_run_texts(inquiry->session, inquiry->subject.run, documents, n,
                                (attrib_original_sink){take_text, &self}, err));
    }
done:
    free(documents);
    free(list.items);
    return status;
}

/* Hand on those of a query that the run reports. */
static attrib_status read_reported(const at_inquiry *inquiry,
                                   size_t q,
                                   at_further_fn fn,
                                   void *context,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = at_subject_answer(&inquiry->subject, q);
    AT_TRY(at_subject_load(&inquiry->subject, q, err));
    for (size_t i = 0; i < at_smaller(answer->n_top, inquiry->options.top); i++) {
        const attrib_document *document = &answer->top[i].document;
        const at_further of = {document->index, q, answer->top[i].rank, document->id};
        AT_TRY(fn(context, &of, document->text, document->n_text_bytes, err));
    }
done:
    return status;
}

attrib_status at_further_read(const at_inquiry *inquiry,
                              const bool *is_asked,
                              at_further_fn fn,
                              void *context,
                              attrib_analysis *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_unread unread = {0};
    for (size_t q = 0; q < inquiry->subject.info->n_queries; q++) {
        if (is_asked[q]) {
            AT_TRY(read_reported(inquiry, q, fn, context, err));
        }
    }
    AT_TRY(read_rest(inquiry, is_asked, fn, context, &unread, err));
    if (unread.n > 0) {
        AT_TRY(at_analysis_say(out, err,
                               "%zu documents could not be read again and are not "
                               "searched; the first: %s.",
                               unread.n, unread.why.message));
    }
done:
    return status;
}
