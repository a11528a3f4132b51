/* SPDX-License-Identifier: MIT */
/* The order in which a merge adds the sums of factors, and which parts are missing. Sums
 * are f64, so their bytes depend on the order in which they are added.
 *
 * 1. Order.   2. Documents.   3. What is missing. */
#include "curvature/merge_order.h"

#include <stdlib.h>
#include <string.h>

#include "curvature/factor_files.h"

/* The documents of the sums that are added. */
static const at_origins *origins_of(const at_summands *self, size_t i)
{
    return self->stage == AT_FIT_LAMBDA ? &self->list[i]->of_lambda
                                        : &self->list[i]->of_covariances;
}

/* Whether two runs of documents belong to the same corpus, cut into the same parts. */
static bool of_same_cut(const at_origin *a, const at_origin *b)
{
    return strcmp(a->corpus_hash, b->corpus_hash) == 0 && a->n_parts == b->n_parts &&
           a->seed == b->seed;
}

/* 1. Order */

typedef struct entry {
    attrib_factors *factors;
    size_t group; /* `given` of the first member of its group */
    size_t part;  /* the first one */
    size_t given; /* place in the list as the caller gave it */
} entry;

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->part != b->part) {
        return a->part < b->part ? -1 : 1;
    }
    return (a->given > b->given) - (a->given < b->given);
}

/* Factors that were merged of several runs of documents are a group by themselves, as
 * they hold one sum. */
static size_t find_group(const at_summands *self, size_t i)
{
    const at_origins *own = origins_of(self, i);
    for (size_t k = 0; own->n == 1 && k < i; k++) {
        const at_origins *other = origins_of(self, k);
        if (other->n == 1 && of_same_cut(&other->list[0], &own->list[0])) {
            return k;
        }
    }
    return i;
}

attrib_status at_merge_sort(at_summands *summands, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = summands->n;
    entry *entries = NULL;
    AT_TRY(at_array(n, sizeof *summands->ends_group, &summands->ends_group, err));
    AT_TRY(at_array(n, sizeof *entries, &entries, err));
    for (size_t i = 0; i < n; i++) {
        const at_origins *own = origins_of(summands, i);
        entries[i] = (entry){summands->list[i], find_group(summands, i),
                             own->n ? own->list[0].first_part : 0, i};
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        summands->list[i] = entries[i].factors;
        summands->ends_group[i] = i + 1 == n || entries[i + 1].group != entries[i].group;
    }
done:
    free(entries);
    return status;
}

/* 2. Documents */

/* Whether the sum of `a` and then `b` is the sum of their parts one after the other. */
static bool follows(const at_origin *a, const at_origin *b)
{
    return of_same_cut(a, b) && b->first == a->end && b->first_part == a->end_part &&
           b->end_part == b->first_part + 1;
}

attrib_status at_merge_join(const at_summands *summands,
                            at_origins *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < summands->n; i++) {
        AT_TRY(at_origins_add(out, origins_of(summands, i),
                              summands->list[i]->files->path, err));
        if (i == 0 || summands->ends_group[i - 1] || out->n < 2) {
            continue;
        }
        at_origin *run = &out->list[out->n - 2];
        const at_origin *next = &out->list[out->n - 1];
        if (follows(run, next)) {
            AT_TRY(at_add(run->count, next->count, &run->count, err));
            run->end = next->end;
            run->end_part = next->end_part;
            out->n--;
        }
    }
done:
    return status;
}

/* 3. What is missing */

/* Whether some run of this corpus has `part`; and where the parts end that are there like
 * it, or missing like it. */
static bool has_part(const at_origins *origins,
                     const at_origin *corpus,
                     size_t part,
                     size_t *end)
{
    *end = corpus->n_parts;
    for (size_t i = 0; i < origins->n; i++) {
        const at_origin *o = &origins->list[i];
        if (!of_same_cut(o, corpus)) {
            continue;
        }
        if (o->first_part <= part && part < o->end_part) {
            *end = o->end_part;
            return true;
        }
        if (o->first_part > part && o->first_part < *end) {
            *end = o->first_part;
        }
    }
    return false;
}

/* "2, 4 to 6" */
static attrib_status print_gaps(const at_origins *origins,
                                const at_origin *corpus,
                                at_buffer *text,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t end = 0;
    for (size_t part = 0; part < corpus->n_parts; part = end) {
        if (has_part(origins, corpus, part, &end)) {
            continue;
        }
        const char *comma = text->n_bytes ? ", " : "";
        if (end == part + 1) {
            AT_TRY(at_buffer_print(text, err, "%s%zu", comma, part + 1));
        } else {
            AT_TRY(at_buffer_print(text, err, "%s%zu to %zu", comma, part + 1, end));
        }
    }
done:
    return status;
}

attrib_status at_merge_check_whole(const at_origins *origins, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    for (size_t i = 0; i < origins->n; i++) {
        const at_origin *corpus = &origins->list[i];
        at_buffer_clear(&text);
        AT_TRY(print_gaps(origins, corpus, &text, err));
        AT_CHECK(text.n_bytes == 0, ATTRIB_EINVAL,
                 "corpus %.8s..., seed %llu: missing of its %zu parts: %.120s (--partial "
                 "merges without them)",
                 corpus->corpus_hash, (unsigned long long)corpus->seed, corpus->n_parts,
                 text.bytes);
    }
done:
    at_buffer_free(&text);
    return status;
}
