/* SPDX-License-Identifier: MIT */
/* The blocks of a pass: where they begin depends on the sequences and block_rows alone.
 *
 * 1. Sources   2. Blocks   3. Their sizes */
#include <stdlib.h>
#include <string.h>

#include "gradient/pass.h"

/* 1. Sources */

static void get_of_corpus(const void *context, size_t i, attrib_sequence *out)
{
    attrib_corpus_sequence(context, i, out);
}

at_source at_source_corpus(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    return (at_source){
        .context = corpus, .n_sequences = summary.n_sequences, .get = get_of_corpus};
}

static void get_of_range(const void *context, size_t i, attrib_sequence *out)
{
    const at_range *range = context;
    attrib_corpus_sequence(range->corpus, range->first + i, out);
}

at_source at_source_range(const at_range *range, size_t n_sequences)
{
    return (at_source){.context = range, .n_sequences = n_sequences, .get = get_of_range};
}

/* 2. Blocks */

size_t at_pass_rows(const at_pass *pass, const attrib_sequence *sequence)
{
    size_t n = sequence->n_tokens;
    if (!pass->skips_uncounted || sequence->direction) {
        return n;
    }
    while (n > 1 && !sequence->mask[n - 1]) {
        n--;
    }
    return n > 1 ? n - 1 : 1; /* row t predicts token t + 1 */
}

attrib_status at_pass_blocks(const at_source *source,
                             size_t block_rows,
                             size_t **starts,
                             size_t *n_blocks,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *cut = NULL;
    size_t capacity = 0;
    size_t n = 0;
    size_t rows = 0;
    for (size_t i = 0; i < source->n_sequences; i++) {
        attrib_sequence sequence;
        source->get(source->context, i, &sequence);
        bool is_joined = i > 0 && source->joins && source->joins(source->context, i);
        bool is_first = i > 0 && source->begins && source->begins(source->context, i);
        if (n == 0 ||
            (!is_joined && (is_first || rows + sequence.n_tokens > block_rows))) {
            AT_TRY(at_grow(&cut, &capacity, n + 2, sizeof *cut, err));
            cut[n++] = i;
            rows = 0;
        }
        rows += sequence.n_tokens;
        cut[n] = i + 1;
    }
    *starts = cut;
    *n_blocks = n;
    cut = NULL;
done:
    free(cut);
    return status;
}

/* 3. Their sizes */

static attrib_block_size size_of_block(const at_source *source, size_t first, size_t end)
{
    attrib_block_size size = {.n_sequences = end - first};
    for (size_t i = first; i < end; i++) {
        attrib_sequence sequence;
        source->get(source->context, i, &sequence);
        size.n_rows += sequence.n_tokens;
        size.longest = at_larger(size.longest, sequence.n_tokens);
    }
    return size;
}

static int compare_sizes(const void *left, const void *right)
{
    const attrib_block_size *a = left;
    const attrib_block_size *b = right;
    if (a->n_rows != b->n_rows) {
        return a->n_rows < b->n_rows ? -1 : 1;
    }
    return (a->n_sequences > b->n_sequences) - (a->n_sequences < b->n_sequences);
}

/* Unite equal sizes: keep one for each number of rows and sequences, with the longest
 * sequence of all of them. */
static void unite_sizes(at_pass_size *size)
{
    size_t n = 0;
    qsort(size->sizes, size->n_sizes, sizeof *size->sizes, compare_sizes);
    for (size_t i = 0; i < size->n_sizes; i++) {
        const attrib_block_size *next = &size->sizes[i];
        if (n == 0 || compare_sizes(&size->sizes[n - 1], next) != 0) {
            size->sizes[n++] = *next;
        }
        size->sizes[n - 1].longest = at_larger(size->sizes[n - 1].longest, next->longest);
    }
    size->n_sizes = n;
}

static void count_block(at_pass_size *size, const attrib_block_size *block)
{
    size->most.n_rows = at_larger(size->most.n_rows, block->n_rows);
    size->most.n_sequences = at_larger(size->most.n_sequences, block->n_sequences);
    size->most.longest = at_larger(size->most.longest, block->longest);
}

attrib_status at_pass_size_add(at_pass_size *to,
                               const at_pass_size *more,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = to->n_sizes;
    AT_TRY(at_grow(&to->sizes, &capacity, to->n_sizes + more->n_sizes, sizeof *to->sizes,
                   err));
    memcpy(to->sizes + to->n_sizes, more->sizes, more->n_sizes * sizeof *to->sizes);
    to->n_sizes += more->n_sizes;
    to->n_blocks += more->n_blocks;
    to->n_rows += more->n_rows;
    count_block(to, &more->most);
    unite_sizes(to);
done:
    return status;
}

attrib_status at_pass_size_one(const attrib_block_size *block,
                               at_pass_size *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass_size size = {.n_blocks = 1, .n_rows = block->n_rows, .n_sizes = 1};
    AT_TRY(at_array(1, sizeof *size.sizes, &size.sizes, err));
    size.sizes[0] = *block;
    size.most = *block;
    *out = size;
done:
    return status;
}

attrib_status at_pass_size_of(const at_source *source,
                              const size_t *starts,
                              size_t n_blocks,
                              at_pass_size *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass_size size = {.n_blocks = n_blocks, .n_sizes = n_blocks};
    AT_TRY(at_array(n_blocks, sizeof *size.sizes, &size.sizes, err));
    for (size_t i = 0; i < n_blocks; i++) {
        attrib_block_size block = size_of_block(source, starts[i], starts[i + 1]);
        size.sizes[i] = block;
        size.n_rows += block.n_rows;
        count_block(&size, &block);
    }
    unite_sizes(&size);
    *out = size;
done:
    return status;
}

attrib_status at_pass_measure(const at_source *source,
                              size_t block_rows,
                              at_pass_size *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *starts = NULL;
    size_t n_blocks = 0;
    AT_TRY(at_pass_blocks(source, block_rows, &starts, &n_blocks, err));
    AT_TRY(at_pass_size_of(source, starts, n_blocks, out, err));
done:
    free(starts);
    return status;
}

void at_pass_size_free(at_pass_size *size)
{
    free(size->sizes);
    *size = (at_pass_size){0};
}
