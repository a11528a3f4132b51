/* SPDX-License-Identifier: MIT */
/* The pass: blocks of sequences through the decoder, each tracked map handed to a tap.
 *
 * 1. Blocks: where they begin depends on the sequences and block_rows alone.
 * 2. One block: what a worker does.
 * 3. The pass. */
#include "gradient/pass.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"
#include "corpus/store.h"
#include "linalg/linalg.h"
#include "model/model.h"

static void get_of_corpus(const void *context, size_t i, attrib_sequence *out)
{
    attrib_corpus_sequence(context, i, out);
}

at_source at_source_corpus(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    return (at_source){corpus, summary.n_sequences, get_of_corpus};
}

/* 1. Blocks */

/* Sequences [starts[i], starts[i + 1]) make block i. */
typedef struct blocks {
    size_t *starts; /* [n_blocks + 1] */
    size_t n_blocks;
    size_t n_rows;
    size_t max_sequences, max_rows; /* of any block */
    size_t longest;                 /* sequence */
} blocks;

static attrib_status cut_blocks(const at_source *source,
                                size_t block_rows,
                                blocks *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    blocks cut = {0};
    size_t capacity = 0;
    size_t rows = 0;
    for (size_t i = 0; i < source->n_sequences; i++) {
        attrib_sequence sequence;
        source->get(source->context, i, &sequence);
        bool is_first = cut.n_blocks == 0 || rows + sequence.n_tokens > block_rows;
        if (is_first) {
            AT_TRY(at_grow(&cut.starts, &capacity, cut.n_blocks + 2, sizeof *cut.starts,
                           err));
            cut.starts[cut.n_blocks++] = i;
            rows = 0;
        }
        rows += sequence.n_tokens;
        cut.longest = sequence.n_tokens > cut.longest ? sequence.n_tokens : cut.longest;
        cut.n_rows += sequence.n_tokens;
        cut.max_rows = rows > cut.max_rows ? rows : cut.max_rows;
        cut.starts[cut.n_blocks] = i + 1;
        size_t n_sequences = i + 1 - cut.starts[cut.n_blocks - 1];
        if (n_sequences > cut.max_sequences) {
            cut.max_sequences = n_sequences;
        }
    }
    *out = cut;
    cut.starts = NULL;
done:
    free(cut.starts);
    return status;
}

/* 2. One block */

typedef struct worker {
    at_decoder *decoder;
    attrib_sequence *sequences; /* [max_sequences] */
    size_t *first_row;          /* [max_sequences + 1] */
    double *losses, *slopes;    /* [max_sequences] */
} worker;

typedef struct run {
    const at_pass *pass;
    const at_source *source;
    const at_tap *tap;
    blocks cut;
    worker *workers;
    size_t n_workers;
    at_turns *turns; /* a lane for each map, and one more for finish() */
    at_stage stage;
    atomic_size_t n_done; /* sequences */
} run;

/* What the decoder's callback needs to know of the block it is in. */
typedef struct visit {
    run *self;
    size_t i_worker;
    const at_block *block;
} visit;

static attrib_status visit_module(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const visit *here = context;
    const at_tap *tap = here->self->tap;
    if (tap->module) {
        AT_TRY(tap->module(tap->context, here->i_worker, here->block, i_tracked, a, ds,
                           err));
    }
    if (tap->commit) {
        AT_TRY(at_turns_enter(here->self->turns, i_tracked, here->block->index, err));
        AT_TRY(tap->commit(tap->context, here->i_worker, here->block, i_tracked, err));
        at_turns_leave(here->self->turns, i_tracked, here->block->index);
    }
done:
    return status;
}

static attrib_status visit_outputs(void *context,
                                   const at_outputs *outputs,
                                   attrib_error *err)
{
    const visit *here = context;
    const at_tap *tap = here->self->tap;
    return tap->direction(tap->context, outputs, err);
}

static at_block pack_block(const run *self, worker *scratch, size_t i_block)
{
    size_t first = self->cut.starts[i_block];
    size_t n_sequences = self->cut.starts[i_block + 1] - first;
    size_t n_rows = 0;
    for (size_t i = 0; i < n_sequences; i++) {
        self->source->get(self->source->context, first + i, &scratch->sequences[i]);
        scratch->first_row[i] = n_rows;
        n_rows += scratch->sequences[i].n_tokens;
    }
    scratch->first_row[n_sequences] = n_rows;
    at_batch batch = {n_sequences, scratch->sequences, scratch->first_row};
    return (at_block){i_block, first, batch, n_rows,
                      self->tap->direction ? scratch->slopes : NULL};
}

static attrib_status finish_block(run *self,
                                  size_t i_worker,
                                  const at_block *block,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tap *tap = self->tap;
    if (tap->finish) {
        size_t lane = self->pass->n_tracked;
        AT_TRY(at_turns_enter(self->turns, lane, block->index, err));
        AT_TRY(tap->finish(tap->context, i_worker, block, self->workers[i_worker].losses,
                           err));
        at_turns_leave(self->turns, lane, block->index);
    }
    at_stage_report(&self->stage,
                    atomic_fetch_add(&self->n_done, block->batch.n_sequences) +
                        block->batch.n_sequences);
done:
    return status;
}

static attrib_status run_block(void *context,
                               size_t i_worker,
                               size_t i_block,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    run *self = context;
    worker *scratch = &self->workers[i_worker];
    at_block block = pack_block(self, scratch, i_block);
    visit here = {self, i_worker, &block};
    if (self->tap->direction) {
        AT_TRY(at_decoder_run_along(scratch->decoder, &block.batch, visit_outputs, &here,
                                    scratch->losses, scratch->slopes, err));
    } else {
        AT_TRY(at_decoder_run(scratch->decoder, &block.batch, self->pass->labels,
                              self->pass->seed, visit_module, &here, scratch->losses,
                              err));
    }
    AT_TRY(finish_block(self, i_worker, &block, err));
done:
    if (status != ATTRIB_OK) {
        at_turns_stop(self->turns);
    }
    return status;
}

/* 3. The pass */

static attrib_status prepare_workers(run *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pass *pass = self->pass;
    size_t n = self->cut.max_sequences;
    self->n_workers = at_n_workers(pass->session, self->cut.n_blocks);
    AT_TRY(at_blas_check_memory(self->n_workers, err));
    AT_TRY(at_array(self->n_workers, sizeof *self->workers, &self->workers, err));
    for (size_t i = 0; i < self->n_workers; i++) {
        worker *w = &self->workers[i];
        AT_TRY(at_decoder_new(pass->model, pass->tracked, pass->n_tracked, &w->decoder,
                              err));
        AT_TRY(at_decoder_reserve(
            w->decoder, self->tap->direction ? AT_MODE_FORWARD : AT_MODE_REVERSE,
            self->cut.max_rows, self->cut.longest, err));
        AT_TRY(at_array(n, sizeof *w->sequences, &w->sequences, err));
        AT_TRY(at_array(n + 1, sizeof *w->first_row, &w->first_row, err));
        AT_TRY(at_array(n, sizeof *w->losses, &w->losses, err));
        AT_TRY(at_array(n, sizeof *w->slopes, &w->slopes, err));
    }
    AT_TRY(at_turns_new(pass->n_tracked + 1, &self->turns, err));
done:
    return status;
}

static void release(run *self)
{
    for (size_t i = 0; self->workers && i < self->n_workers; i++) {
        at_decoder_free(self->workers[i].decoder);
        free(self->workers[i].sequences);
        free(self->workers[i].first_row);
        free(self->workers[i].losses);
        free(self->workers[i].slopes);
    }
    free(self->workers);
    at_turns_free(self->turns);
    free(self->cut.starts);
}

attrib_status at_pass_blocks(const at_source *source,
                             size_t block_rows,
                             size_t **starts,
                             size_t *n_blocks,
                             attrib_error *err)
{
    blocks cut = {0};
    attrib_status status = cut_blocks(source, block_rows, &cut, err);
    if (status == ATTRIB_OK) {
        *starts = cut.starts;
        *n_blocks = cut.n_blocks;
    }
    return status;
}

attrib_status at_pass_measure(const at_pass *pass,
                              const at_source *source,
                              at_pass_size *out,
                              attrib_error *err)
{
    blocks cut = {0};
    attrib_status status = cut_blocks(source, pass->block_rows, &cut, err);
    if (status == ATTRIB_OK) {
        *out = (at_pass_size){at_n_workers(pass->session, cut.n_blocks), cut.n_blocks,
                              cut.n_rows, cut.max_sequences, cut.max_rows};
    }
    free(cut.starts);
    return status;
}

attrib_status at_pass_n_workers(const at_pass *pass,
                                const at_source *source,
                                size_t *out,
                                attrib_error *err)
{
    at_pass_size size = {0};
    attrib_status status = at_pass_measure(pass, source, &size, err);
    if (status == ATTRIB_OK) {
        *out = size.n_workers;
    }
    return status;
}

double at_pass_mapped_bytes(const attrib_model *model, const attrib_corpus *corpus)
{
    return (model ? at_model_mapped_bytes(model) : 0) +
           (corpus ? at_corpus_mapped_bytes(corpus) : 0);
}

attrib_status at_pass_run(const at_pass *pass,
                          const at_source *source,
                          const at_tap *tap,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    run self = {.pass = pass, .source = source, .tap = tap};
    if (source->n_sequences == 0) {
        return ATTRIB_OK;
    }
    atomic_init(&self.n_done, 0);
    at_memory_trim();
    AT_TRY(cut_blocks(source, pass->block_rows, &self.cut, err));
    AT_TRY(prepare_workers(&self, err));
    at_stage_begin(&self.stage, pass->session, pass->stage, "sequences",
                   source->n_sequences);
    AT_TRY(at_parallel_for(pass->session, self.cut.n_blocks, run_block, &self, err));
    at_stage_end(&self.stage, source->n_sequences);
done:
    release(&self);
    return status;
}
