/* SPDX-License-Identifier: MIT */
/* 1. Options
 * 2. Keys
 * 3. Candidates: heaps of those with the smallest keys, one for each value of the tag
 * 4. The draw */
#include "corpus/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/tally.h"

#define MAX_STRATA 10000

/* A document that may be drawn. */
typedef struct candidate {
    uint64_t key;
    size_t ordinal, place;
} candidate;

/* The documents with one value of the tag, or all where there is no tag. */
typedef struct stratum {
    char *value; /* compact JSON, "" where documents have no such tag */
    size_t n_seen;
    candidate *heap; /* [n] the largest first */
    size_t n, capacity;
    size_t n_drawn;
} stratum;

struct at_selection {
    attrib_where *where; /* NULL: none */
    size_t max_tokens;   /* SIZE_MAX: any number */
    size_t n_sample;     /* 0: no sample is drawn */
    uint64_t seed;
    char *by; /* NULL: one stratum */
    bool has_tag;
    at_memory_limit limit; /* on what is kept of all documents */
    at_tally seen;         /* how often the same bytes were read */
    stratum *strata;
    size_t n_strata, capacity;
    at_tally places; /* of strata by the hash of their value, + 1 */
    size_t n_passed; /* came by without being looked at */
};

/* 1. Options */

static attrib_status check_options(const attrib_corpus_options *options,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(options->sample || !options->sample_by, ATTRIB_EINVAL,
             "sample by \"%.80s\", but no sample is drawn", options->sample_by);
    AT_CHECK(!options->sample_by || *options->sample_by, ATTRIB_EINVAL,
             "sample by: empty");
    AT_CHECK(options->sample || !options->sample_seed, ATTRIB_EINVAL,
             "a seed of a sample, but no sample is drawn");
    AT_CHECK(!options->sample || !options->max_documents, ATTRIB_EINVAL,
             "a sample of %zu, and the first %zu documents only: they exclude each other",
             options->sample, options->max_documents);
done:
    return status;
}

attrib_status at_selection_new(const attrib_corpus_options *options,
                               at_selection **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_selection *selection = NULL;
    AT_TRY(check_options(options, err));
    if (!options->n_where && !options->max_tokens && !options->sample) {
        *out = NULL;
        return ATTRIB_OK;
    }
    AT_TRY(at_array(1, sizeof *selection, &selection, err));
    if (options->n_where) {
        AT_TRY(
            attrib_where_new(options->where, options->n_where, &selection->where, err));
    }
    selection->max_tokens = options->max_tokens ? options->max_tokens : SIZE_MAX;
    selection->n_sample = options->sample;
    selection->seed = options->sample_seed;
    at_memory_limit_set(&selection->limit, (double)options->ram_limit, 0);
    selection->seen.limit = &selection->limit;
    selection->seen.what = "counting the rows that a sample is drawn from";
    if (options->sample_by) {
        AT_TRY(at_copy_text(options->sample_by, strlen(options->sample_by),
                            &selection->by, err));
    }
    *out = selection;
    selection = NULL;
done:
    at_selection_free(selection);
    return status;
}

void at_selection_free(at_selection *selection)
{
    if (!selection) {
        return;
    }
    for (size_t i = 0; i < selection->n_strata; i++) {
        free(selection->strata[i].value);
        free(selection->strata[i].heap);
    }
    attrib_where_free(selection->where);
    at_tally_free(&selection->seen);
    at_tally_free(&selection->places);
    free(selection->strata);
    free(selection->by);
    free(selection);
}

attrib_status at_selection_describe(const attrib_corpus_options *options,
                                    at_buffer *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "", 0, err));
    for (size_t i = 0; i < options->n_where; i++) {
        AT_TRY(
            at_buffer_print(out, err, "%s%s", i ? " and " : "where ", options->where[i]));
    }
    if (options->max_tokens) {
        AT_TRY(at_buffer_print(out, err, "%sat most %zu tokens", out->n_bytes ? "; " : "",
                               options->max_tokens));
    }
    if (options->sample) {
        AT_TRY(at_buffer_print(out, err, "%ssample of %zu%s%s, seed %llu",
                               out->n_bytes ? "; " : "", options->sample,
                               options->sample_by ? " by " : "",
                               options->sample_by ? options->sample_by : "",
                               (unsigned long long)options->sample_seed));
    }
    if (options->deduplicate) {
        AT_TRY(at_buffer_print(out, err, "%sone of each copy", out->n_bytes ? "; " : ""));
    }
done:
    return status;
}

/* 2. Keys */

/* The first 8 bytes of a digest, in the order that is the same on all machines. */
static uint64_t first_bytes(const unsigned char digest[AT_DIGEST_BYTES])
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof key; i++) {
        key = key << 8 | digest[i];
    }
    return key;
}

bool at_selection_draws(const at_selection *selection)
{
    return selection && selection->n_sample > 0;
}

attrib_status at_selection_key(at_selection *selection,
                               const unsigned char hash[AT_DIGEST_BYTES],
                               uint64_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned char bytes[AT_DIGEST_BYTES + 2 * sizeof(uint64_t)];
    unsigned char digest[AT_DIGEST_BYTES];
    uint32_t *n_seen = NULL;
    AT_TRY(at_tally_at(&selection->seen, first_bytes(hash), &n_seen, err));
    AT_CHECK(*n_seen < UINT32_MAX, ATTRIB_ERANGE, "a row with more than %u copies",
             UINT32_MAX);
    memcpy(bytes, hash, AT_DIGEST_BYTES);
    for (size_t i = 0; i < sizeof(uint64_t); i++) {
        bytes[AT_DIGEST_BYTES + i] = (unsigned char)(selection->seed >> 8 * i);
        bytes[AT_DIGEST_BYTES + sizeof(uint64_t) + i] =
            (unsigned char)((uint64_t)*n_seen >> 8 * i);
    }
    ++*n_seen;
    at_digest_bytes(bytes, sizeof bytes, digest);
    *out = first_bytes(digest);
done:
    return status;
}

/* 3. Candidates */

/* Documents of one row share its key, and come in their order. */
static bool comes_before(const candidate *a, const candidate *b)
{
    if (a->key != b->key) {
        return a->key < b->key;
    }
    return a->ordinal != b->ordinal ? a->ordinal < b->ordinal : a->place < b->place;
}

bool at_selection_may_draw(const at_selection *selection, uint64_t key)
{
    const stratum *all = selection->strata;
    bool is_full =
        !selection->by && selection->n_strata == 1 && all->n == selection->n_sample;
    return !is_full || key <= all->heap[0].key;
}

void at_selection_pass(at_selection *selection)
{
    selection->n_passed++;
}

static void swap(candidate *a, candidate *b)
{
    candidate kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(candidate *heap, size_t i)
{
    while (i > 0 && comes_before(&heap[(i - 1) / 2], &heap[i])) {
        swap(&heap[i], &heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(candidate *heap, size_t n)
{
    for (size_t i = 0;;) {
        size_t last = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            last = comes_before(&heap[last], &heap[child]) ? child : last;
        }
        if (last == i) {
            return;
        }
        swap(&heap[i], &heap[last]);
        i = last;
    }
}

/* The value of the tag; "" where there is none. */
static const char *value_of(at_selection *selection, const attrib_document *document)
{
    for (size_t i = 0; i < document->n_tags; i++) {
        if (strcmp(document->tags[i].key, selection->by) == 0) {
            selection->has_tag = true;
            return document->tags[i].value;
        }
    }
    return "";
}

static attrib_status find_stratum(at_selection *selection,
                                  const attrib_document *document,
                                  stratum **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned char digest[AT_DIGEST_BYTES];
    uint32_t *place = NULL;
    const char *value = selection->by ? value_of(selection, document) : "";
    at_digest_bytes(value, strlen(value), digest);
    AT_TRY(at_tally_at(&selection->places, first_bytes(digest), &place, err));
    if (*place == 0) {
        AT_CHECK(selection->n_strata < MAX_STRATA, ATTRIB_ERANGE,
                 "sample by \"%.80s\": more than %d values, each of which has its share "
                 "of the sample",
                 selection->by, MAX_STRATA);
        AT_TRY(at_grow(&selection->strata, &selection->capacity, selection->n_strata + 1,
                       sizeof *selection->strata, err));
        stratum fresh = {0};
        AT_TRY(at_copy_text(value, strlen(value), &fresh.value, err));
        selection->strata[selection->n_strata++] = fresh;
        *place = (uint32_t)selection->n_strata;
    }
    *out = &selection->strata[*place - 1];
done:
    return status;
}

/* Put a candidate among those with the smallest keys of its stratum. */
static attrib_status keep(const at_selection *selection,
                          stratum *of,
                          const candidate *one,
                          bool *is_kept,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t most = selection->n_sample;
    of->n_seen++;
    *is_kept = of->n < most || comes_before(one, &of->heap[0]);
    if (of->n < most) {
        AT_TRY(of->n < of->capacity
                   ? ATTRIB_OK
                   : at_memory_take(
                         &selection->limit, 2 * (double)of->n * sizeof *of->heap,
                         "keeping the documents that a sample may be drawn from", err));
        AT_TRY(at_grow(&of->heap, &of->capacity, of->n + 1, sizeof *of->heap, err));
        of->heap[of->n++] = *one;
        sift_up(of->heap, of->n - 1);
    } else if (*is_kept) {
        of->heap[0] = *one;
        sift_down(of->heap, of->n);
    }
done:
    return status;
}

attrib_status at_selection_judge(at_selection *selection,
                                 const attrib_document *document,
                                 uint64_t key,
                                 size_t ordinal,
                                 bool *is_taken,
                                 attrib_corpus_summary *counts,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const candidate one = {key, ordinal, document->index};
    stratum *of = NULL;
    *is_taken = false;
    if (!attrib_where_holds(selection->where, document)) {
        counts->n_unmet_documents++;
        return ATTRIB_OK;
    }
    if (document->n_tokens > selection->max_tokens) {
        counts->n_long_documents++;
        return ATTRIB_OK;
    }
    *is_taken = true;
    if (selection->n_sample) {
        AT_TRY(find_stratum(selection, document, &of, err));
        AT_TRY(keep(selection, of, &one, is_taken, err));
    }
done:
    return status;
}

/* 4. The draw */

static int compare_candidates(const void *a, const void *b)
{
    return comes_before(a, b) ? -1 : 1;
}

static int compare_places(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a;
    const size_t y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static int compare_values(const void *a, const void *b)
{
    const stratum *x = a;
    const stratum *y = b;
    return strcmp(x->value, y->value);
}

/* The part of its exact share that a stratum did not get; none where all of it is drawn.
 */
static double owed(const stratum *of, double share)
{
    return of->n_drawn < of->n ? share * (double)of->n_seen - (double)of->n_drawn
                               : -HUGE_VAL;
}

/* Every stratum gets its share of the sample, rounded down, and what is left goes one by
 * one to those that were rounded most, the first by value where these are equal. */
static void share_out(at_selection *selection, size_t n_seen, size_t n_sample)
{
    const double share = n_seen ? (double)n_sample / (double)n_seen : 0;
    size_t n_left = n_sample;
    qsort(selection->strata, selection->n_strata, sizeof *selection->strata,
          compare_values);
    for (size_t i = 0; i < selection->n_strata; i++) {
        stratum *of = &selection->strata[i];
        size_t n = (size_t)floor(share * (double)of->n_seen);
        of->n_drawn = at_smaller(at_smaller(n, of->n), n_left);
        n_left -= of->n_drawn;
    }
    for (; n_left > 0; n_left--) {
        stratum *most = &selection->strata[0];
        for (size_t i = 1; i < selection->n_strata; i++) {
            stratum *of = &selection->strata[i];
            most = owed(of, share) > owed(most, share) ? of : most;
        }
        most->n_drawn++;
    }
}

attrib_status at_selection_draw(at_selection *selection,
                                size_t **places,
                                size_t *n,
                                attrib_corpus_summary *counts,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_seen = 0;
    size_t most = 0;
    size_t *drawn = NULL;
    *n = 0;
    for (size_t i = 0; i < selection->n_strata; i++) {
        n_seen += selection->strata[i].n_seen;
    }
    AT_CHECK(!selection->by || selection->has_tag || n_seen == 0, ATTRIB_EINVAL,
             "sample by \"%.80s\": no document has this tag", selection->by);
    most = at_smaller(n_seen, selection->n_sample);
    AT_TRY(at_memory_take(&selection->limit, (double)most * sizeof *drawn,
                          "listing the documents of a sample", err));
    AT_TRY(at_array(most, sizeof *drawn, &drawn, err));
    share_out(selection, n_seen, most);
    for (size_t i = 0; i < selection->n_strata; i++) {
        const stratum *of = &selection->strata[i];
        qsort(of->heap, of->n, sizeof *of->heap, compare_candidates);
        for (size_t k = 0; k < of->n_drawn; k++) {
            drawn[(*n)++] = of->heap[k].place;
        }
    }
    qsort(drawn, *n, sizeof *drawn, compare_places);
    counts->n_unsampled_documents = selection->n_passed + n_seen - *n;
    *places = drawn;
    drawn = NULL;
done:
    free(drawn);
    return status;
}
