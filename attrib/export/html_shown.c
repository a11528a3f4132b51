/* SPDX-License-Identifier: MIT */
/* Which results and documents a page shows. */
#include <stdlib.h>

#include "export/html.h"

#define BLOCK_BYTES ((size_t)256 << 10) /* of text in a chunk, opened at once */

size_t at_shown_top(const at_shown *shown, const attrib_answer *answer)
{
    return at_smaller(answer->n_top, shown->n_each);
}

size_t at_shown_bottom(const at_shown *shown, const attrib_answer *answer)
{
    return at_smaller(answer->n_bottom, shown->n_each);
}

const attrib_result *at_shown_result(const at_shown *shown,
                                     const attrib_answer *answer,
                                     size_t i)
{
    size_t n_top = at_shown_top(shown, answer);
    if (i < n_top) {
        return &answer->top[i];
    }
    return i - n_top < at_shown_bottom(shown, answer) ? &answer->bottom[i - n_top] : NULL;
}

/* 1. How many */

/* Whether the first n_each results of each end of all answers have at most max_shares
 * tokens together. */
static bool fits(const at_shown *shown, size_t n_each, size_t max_shares)
{
    at_shown first = {.n_each = n_each};
    size_t n_shares = 0;
    for (size_t i = 0; i < shown->n_answers; i++) {
        const attrib_answer *answer = at_shown_answer(shown, i);
        const attrib_result *result = NULL;
        for (size_t j = 0; (result = at_shown_result(&first, answer, j)); j++) {
            if (result->document.n_tokens > max_shares - n_shares) {
                return false;
            }
            n_shares += result->document.n_tokens;
        }
    }
    return true;
}

/* The largest number at each end whose shares are within the limit, at least 1. */
static void choose_n_each(at_shown *shown, size_t max_shares)
{
    size_t least = 1;
    for (size_t i = 0; i < shown->n_answers; i++) {
        const attrib_answer *answer = at_shown_answer(shown, i);
        shown->n_reported =
            at_larger(shown->n_reported, at_larger(answer->n_top, answer->n_bottom));
    }
    shown->n_each = shown->n_reported;
    if (fits(shown, shown->n_each, max_shares)) {
        return;
    }
    /* `least` is within the limit, or 1; n_each is not. */
    while (shown->n_each - least > 1) {
        size_t middle = least + (shown->n_each - least) / 2;
        if (fits(shown, middle, max_shares)) {
            least = middle;
        } else {
            shown->n_each = middle;
        }
    }
    shown->n_each = least;
}

/* 2. Documents */

static int by_index(const void *a, const void *b)
{
    const size_t *x = a;
    const size_t *y = b;
    if (x[0] != y[0]) {
        return x[0] < y[0] ? -1 : 1;
    }
    return (x[1] > y[1]) - (x[1] < y[1]);
}

static int by_number(const void *a, const void *b)
{
    const size_t *x = a;
    const size_t *y = b;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

/* List {index, place among all results} of every result, and the results as documents. */
static attrib_status list_results(const at_shown *shown,
                                  size_t (**out)[2],
                                  at_shown_document **out_results,
                                  size_t *out_n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    size_t pair_capacity = 0;
    size_t n = 0;
    for (size_t i = 0; i < shown->n_answers; i++) {
        const attrib_answer *answer = at_shown_answer(shown, i);
        const attrib_result *result = NULL;
        for (size_t j = 0; (result = at_shown_result(shown, answer, j)); j++) {
            AT_TRY(at_grow(out_results, &capacity, n + 1, sizeof **out_results, err));
            AT_TRY(at_grow(out, &pair_capacity, n + 1, sizeof **out, err));
            (*out_results)[n] = (at_shown_document){i, result, 0};
            (*out)[n][0] = result->document.index;
            (*out)[n][1] = n;
            n++;
        }
    }
    *out_n = n;
done:
    return status;
}

/* Keep the first of the pairs with the same index. */
static size_t drop_repeated(size_t (*pairs)[2], size_t n)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_kept == 0 || pairs[i][0] != pairs[n_kept - 1][0]) {
            pairs[n_kept][0] = pairs[i][0];
            pairs[n_kept][1] = pairs[i][1];
            n_kept++;
        }
    }
    return n_kept;
}

/* Deal documents into blocks of about as much text. */
static void cut_blocks(at_shown *shown)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < shown->n_documents; i++) {
        at_shown_document *document = &shown->documents[i];
        document->block = shown->n_blocks;
        n_bytes += document->result->document.n_text_bytes +
                   2 * document->result->document.n_tokens;
        if (n_bytes >= BLOCK_BYTES || i + 1 == shown->n_documents) {
            shown->n_blocks++;
            n_bytes = 0;
        }
    }
}

static attrib_status choose_documents(at_shown *shown, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_shown_document *results = NULL;
    size_t n = 0;
    AT_TRY(list_results(shown, &shown->numbers, &results, &n, err));
    if (n == 0) {
        goto done;
    }
    qsort(shown->numbers, n, sizeof *shown->numbers, by_index);
    n = drop_repeated(shown->numbers, n);
    qsort(shown->numbers, n, sizeof *shown->numbers, by_number);
    AT_TRY(at_array(n, sizeof *shown->documents, &shown->documents, err));
    for (size_t i = 0; i < n; i++) {
        shown->documents[i] = results[shown->numbers[i][1]];
        shown->numbers[i][1] = i;
    }
    qsort(shown->numbers, n, sizeof *shown->numbers, by_index);
    shown->n_documents = n;
    cut_blocks(shown);
done:
    free(results);
    return status;
}

attrib_status at_shown_choose(attrib_run *const *runs,
                              size_t n_runs,
                              size_t max_shares,
                              at_shown *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_shown){.runs = runs,
                      .n_runs = n_runs,
                      .run = runs[0],
                      .info = attrib_run_describe(runs[0])};
    AT_TRY(at_shown_match(out, err));
    choose_n_each(out, max_shares);
    AT_TRY(choose_documents(out, err));
    AT_CHECK(out->info->n_documents <= UINT32_MAX, ATTRIB_ERANGE,
             "%zu documents are more than a page counts", out->info->n_documents);
done:
    return status;
}

void at_shown_free(at_shown *shown)
{
    free(shown->documents);
    free(shown->numbers);
    *shown = (at_shown){0};
}

size_t at_shown_first(const at_shown *shown)
{
    size_t n = 0;
    if (shown->n_answers) {
        const attrib_answer *answer = at_shown_answer(shown, 0);
        n = at_shown_top(shown, answer) + at_shown_bottom(shown, answer);
    }
    while (n > 0 && n < shown->n_documents &&
           shown->documents[n].block == shown->documents[n - 1].block) {
        n++;
    }
    return n;
}

size_t at_shown_number(const at_shown *shown, size_t index)
{
    size_t first = 0;
    size_t end = shown->n_documents;
    while (end - first > 1) {
        size_t middle = first + (end - first) / 2;
        if (shown->numbers[middle][0] <= index) {
            first = middle;
        } else {
            end = middle;
        }
    }
    return shown->numbers[first][1];
}
