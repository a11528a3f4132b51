/* SPDX-License-Identifier: MIT */
/* Which documents the runs of a merge have, and which are doubled or missing.
 *
 * 1. Order.
 * 2. Doubled and missing documents.
 * 3. The merged run. */
#include <stdlib.h>
#include <string.h>

#include "run/merge.h"

/* 1. Order */

static int compare_parts(const void *left, const void *right)
{
    const at_merged_part *a = left;
    const at_merged_part *b = right;
    if (a->i_column != b->i_column) {
        return a->i_column < b->i_column ? -1 : 1;
    }
    if (a->i_group != b->i_group) {
        return a->i_group < b->i_group ? -1 : 1;
    }
    if (a->part.first != b->part.first) {
        return a->part.first < b->part.first ? -1 : 1;
    }
    return (a->i_run > b->i_run) - (a->i_run < b->i_run);
}

static bool same_corpus(const at_part *a, const at_part *b)
{
    return strcmp(a->corpus_hash, b->corpus_hash) == 0 && a->n_corpus == b->n_corpus;
}

/* List the parts of a run after those before. */
static void list_parts(at_merging *self, size_t i_run)
{
    const at_merged_run *run = &self->runs[i_run];
    size_t i_slice = 0;
    size_t first = 0;
    for (size_t p = 0; p < run->n_parts; p++) {
        at_merged_part *out = &self->parts[self->n_parts];
        size_t n = run->parts[p].end - run->parts[p].first;
        *out = (at_merged_part){.i_run = i_run,
                                .i_column = run->i_column,
                                .i_slice = i_slice,
                                .n_slices = at_n_slices(n),
                                .first = first,
                                .part = run->parts[p],
                                .i_group = self->n_parts};
        for (size_t k = self->n_parts; k-- > 0;) {
            if (same_corpus(&self->parts[k].part, &out->part)) {
                out->i_group = self->parts[k].i_group;
            }
        }
        self->n_parts++;
        i_slice += out->n_slices;
        first += n;
    }
}

/* 2. Doubled and missing documents */

static attrib_status check_doubles(const at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 1; i < self->n_parts; i++) {
        const at_merged_part *a = &self->parts[i - 1];
        const at_merged_part *b = &self->parts[i];
        AT_CHECK(a->i_column != b->i_column || a->i_group != b->i_group ||
                     a->part.end <= b->part.first,
                 ATTRIB_EINVAL, "%s: documents %zu to %zu of its corpus are in %s too",
                 self->runs[b->i_run].run->info.folder, b->part.first + 1,
                 at_smaller(a->part.end, b->part.end),
                 self->runs[a->i_run].run->info.folder);
    }
done:
    return status;
}

/* Whether parts first .. end, of one corpus, are all shards of n. */
static bool are_shards(const at_merging *self, size_t first, size_t end, size_t n)
{
    size_t n_corpus = self->parts[first].part.n_corpus;
    size_t n_slices = at_n_slices(n_corpus);
    for (size_t i = first; i < end; i++) {
        const at_part *part = &self->parts[i].part;
        size_t k = 0;
        while (k < n &&
               at_block_start(n_slices, n, k) * AT_SLICE_DOCUMENTS < part->first) {
            k++;
        }
        if (at_block_start(n_slices, n, k) * AT_SLICE_DOCUMENTS != part->first ||
            at_smaller(at_block_start(n_slices, n, k + 1) * AT_SLICE_DOCUMENTS,
                       n_corpus) != part->end) {
            return false;
        }
    }
    return true;
}

/* The number of shards that parts first .. end are some of; 0 where they are none. */
static size_t count_shards(const at_merging *self, size_t first, size_t end)
{
    size_t n_slices = at_n_slices(self->parts[first].part.n_corpus);
    for (size_t n = end - first + 1; n <= n_slices; n++) {
        if (are_shards(self, first, end, n)) {
            return n;
        }
    }
    return 0;
}

/* "3, 7 to 9" of shards, or of documents where `n` is 0. */
static attrib_status print_gap(
    size_t from, size_t to, size_t n, size_t n_slices, at_buffer *text, attrib_error *err)
{
    size_t first = from + 1;
    size_t last = to;
    if (n) {
        first = last = 0;
        for (size_t k = 0; k < n; k++) {
            size_t start = at_block_start(n_slices, n, k) * AT_SLICE_DOCUMENTS;
            first += start <= from;
            last += start < to;
        }
    }
    const char *comma = text->n_bytes ? ", " : "";
    return first == last ? at_buffer_print(text, err, "%s%zu", comma, first)
                         : at_buffer_print(text, err, "%s%zu to %zu", comma, first, last);
}

/* What is missing of the corpus of parts first .. end. */
static attrib_status check_whole(const at_merging *self,
                                 size_t first,
                                 size_t end,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t n_corpus = self->parts[first].part.n_corpus;
    size_t n_slices = at_n_slices(n_corpus);
    size_t n = count_shards(self, first, end);
    size_t at = 0;
    for (size_t i = first; i <= end; i++) {
        size_t next = i < end ? self->parts[i].part.first : n_corpus;
        if (at < next) {
            AT_TRY(print_gap(at, next, n, n_slices, &text, err));
        }
        at = i < end ? self->parts[i].part.end : at;
    }
    if (text.n_bytes) {
        status = n ? at_fail(err, ATTRIB_EINVAL,
                             "missing of %zu shards: %.120s (--partial merges without "
                             "them)",
                             n, text.bytes)
                   : at_fail(err, ATTRIB_EINVAL,
                             "missing of the %zu documents of corpus %.8s...: %.120s "
                             "(--partial merges without them)",
                             n_corpus, self->parts[first].part.corpus_hash, text.bytes);
    }
done:
    at_buffer_free(&text);
    return status;
}

/* Corpora of a column, one after the other, must be whole. */
static attrib_status check_corpora(const at_merging *self,
                                   const at_merged_column *column,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t last = column->first_part + column->n_parts;
    for (size_t i = column->first_part, end = i; i < last; i = end) {
        while (end < last && self->parts[end].i_group == self->parts[i].i_group) {
            end++;
        }
        AT_TRY(check_whole(self, i, end, err));
    }
done:
    return status;
}

/* Whether documents of a part are in a column, from document *at on, which is moved
 * after those that are found. */
static bool covers(const at_merging *self,
                   const at_merged_column *column,
                   const at_part *part,
                   size_t *at)
{
    for (size_t i = 0; i < column->n_parts; i++) {
        const at_part *other = &self->parts[column->first_part + i].part;
        if (same_corpus(part, other) && other->first <= *at && *at < other->end) {
            *at = other->end;
        }
    }
    return *at >= part->end;
}

/* Every document of column a must be in column b. */
static attrib_status check_covered(const at_merging *self,
                                   const at_merged_column *a,
                                   const at_merged_column *b,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < a->n_parts; i++) {
        const at_merged_part *part = &self->parts[a->first_part + i];
        size_t at = part->part.first;
        AT_CHECK(covers(self, b, &part->part, &at), ATTRIB_EINVAL,
                 "%s: documents %zu to %zu of its corpus have no scores for the queries "
                 "of %s: all runs of a merge have the same documents for each query",
                 self->runs[part->i_run].run->info.folder, at + 1, part->part.end,
                 self->runs[b->i_run].run->info.folder);
    }
done:
    return status;
}

static attrib_status list_all(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_CHECK(self->runs[r].n_parts > 0, ATTRIB_EINVAL,
                 "%s: does not say which documents it is of",
                 self->runs[r].run->info.folder);
        n += self->runs[r].n_parts;
    }
    AT_TRY(at_array(n, sizeof *self->parts, &self->parts, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        list_parts(self, r);
    }
    qsort(self->parts, self->n_parts, sizeof *self->parts, compare_parts);
    for (size_t i = self->n_parts; i-- > 0;) {
        at_merged_column *column = &self->columns[self->parts[i].i_column];
        column->first_part = i;
        column->n_parts++;
    }
done:
    return status;
}

attrib_status at_merge_parts(at_merging *self, bool is_partial, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(list_all(self, err));
    AT_TRY(check_doubles(self, err));
    for (size_t c = 0; c < self->n_columns; c++) {
        at_merged_column *column = &self->columns[c];
        size_t start = 0;
        AT_TRY(is_partial ? ATTRIB_OK : check_corpora(self, column, err));
        AT_TRY(check_covered(self, &self->columns[0], column, err));
        AT_TRY(check_covered(self, column, &self->columns[0], err));
        for (size_t i = 0; i < column->n_parts; i++) {
            at_merged_part *part = &self->parts[column->first_part + i];
            part->start = start;
            AT_TRY(at_add(start, part->part.end - part->part.first, &start, err));
        }
    }
done:
    return status;
}

/* 3. The merged run */

/* Whether part b goes on where a ends, at the border of a slice. */
static bool follows(const at_part *a, const at_part *b)
{
    return same_corpus(a, b) && a->end == b->first && a->block_rows == b->block_rows &&
           (a->end - a->first) % AT_SLICE_DOCUMENTS == 0;
}

/* One hash for all documents: that of the corpus where there is one only. */
static attrib_status name_corpus(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    char hash[AT_HASH_SIZE];
    bool is_one = true;
    for (size_t i = 0; i < run->n_parts; i++) {
        const char *own = run->parts[i].corpus_hash;
        is_one = is_one && strcmp(own, run->parts[0].corpus_hash) == 0;
        AT_TRY(at_buffer_print(&text, err, "%s ", own));
    }
    at_hash_bytes(text.bytes, text.n_bytes, hash);
    AT_TRY(at_arena_text(run->bank, is_one ? run->parts[0].corpus_hash : hash,
                         AT_HASH_SIZE - 1, &run->info.corpus_hash, err));
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_merge_describe(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->out;
    at_part *parts = NULL;
    size_t n = 0;
    AT_TRY(at_array(self->n_parts, sizeof *parts, &parts, err));
    run->info.n_documents = 0;
    for (size_t i = 0; i < self->columns[0].n_parts; i++) {
        const at_merged_part *from = &self->parts[i];
        if (n > 0 && follows(&parts[n - 1], &from->part)) {
            parts[n - 1].end = from->part.end;
        } else {
            parts[n++] = from->part;
        }
        AT_TRY(at_add(run->info.n_documents, from->part.end - from->part.first,
                      &run->info.n_documents, err));
    }
    run->info.n_passed = 0;
    run->info.n_sampled = 0;
    run->info.n_tokens = 0;
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run_info *info = &self->runs[r].run->info;
        if (self->runs[r].i_column == 0) {
            run->info.n_passed += info->n_passed;
            run->info.n_sampled += info->n_sampled;
            run->info.n_tokens += info->n_tokens;
        }
    }
    free(run->parts);
    run->parts = parts;
    run->n_parts = n;
    parts = NULL;
    AT_TRY(name_corpus(run, err));
    AT_TRY(at_run_name(run, err));
done:
    free(parts);
    return status;
}
