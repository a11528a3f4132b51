/* SPDX-License-Identifier: MIT */
/* The order in which a merge adds the sums of folders, and which parts it lacks. Sums are
 * f64, so their bytes depend on the order in which they are added. */
#include "curvature/merge_order.h"

#include <stdlib.h>
#include <string.h>

const at_origins *at_merge_origins(const at_folder *folder, bool is_lambda)
{
    return is_lambda ? &folder->factors->of_lambda : &folder->factors->of_covariances;
}

static bool of_same_cut(const at_origin *a, const at_origin *b)
{
    return strcmp(a->corpus_hash, b->corpus_hash) == 0 && a->n_parts == b->n_parts &&
           a->seed == b->seed;
}

/* 1. Order */

typedef struct entry {
    at_folder *folder;
    size_t group; /* place of its first folder among those given */
    size_t part, given;
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

/* A folder that was merged from several runs of documents is a group of its own: what it
 * holds is one sum. */
static size_t find_group(at_folder *const *folders, size_t i, bool is_lambda)
{
    const at_origins *own = at_merge_origins(folders[i], is_lambda);
    for (size_t k = 0; own->n == 1 && k < i; k++) {
        const at_origins *other = at_merge_origins(folders[k], is_lambda);
        if (other->n == 1 && of_same_cut(&other->list[0], &own->list[0])) {
            return k;
        }
    }
    return i;
}

attrib_status at_merge_sort(
    at_folder **folders, size_t n, bool is_lambda, bool *ends_group, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    entry *entries = NULL;
    AT_TRY(at_array(n, sizeof *entries, &entries, err));
    for (size_t i = 0; i < n; i++) {
        const at_origins *own = at_merge_origins(folders[i], is_lambda);
        entries[i] = (entry){folders[i], find_group(folders, i, is_lambda),
                             own->n ? own->list[0].first_part : 0, i};
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        folders[i] = entries[i].folder;
        ends_group[i] = i + 1 == n || entries[i + 1].group != entries[i].group;
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

attrib_status at_merge_join(at_folder *const *folders,
                            size_t n,
                            bool is_lambda,
                            const bool *ends_group,
                            at_origins *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_origins_add(out, at_merge_origins(folders[i], is_lambda),
                              folders[i]->path, err));
        if (i == 0 || ends_group[i - 1] || out->n < 2) {
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

/* Whether some run of this corpus has a part, and the first part behind it of which that
 * is no longer so. */
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
