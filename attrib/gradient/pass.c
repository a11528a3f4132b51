/* SPDX-License-Identifier: MIT */
/* The pass: blocks of sequences go through the decoder, and taps are handed each tracked
 * map.
 *
 * 1. One block: what a worker does.
 * 2. The pass. */
#include "gradient/pass.h"
#include "gradient/pass_scratch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "model/model.h"
#include "model/rounded.h"

/* 1. One block */

typedef struct run {
    const at_pass *pass;
    const at_source *source;
    const attrib_tap *taps;
    size_t n_taps;
    size_t *starts; /* [n_blocks + 1] block i is sequences [starts[i], starts[i + 1]) */
    size_t n_blocks;
    size_t *begin; /* [n_taps, n_tracked] the first block in which a tap sees a map */
    size_t first_block; /* the smallest of `begin` */
    bool *ends_part;    /* [n_blocks] whether a block is the last of its part */
    at_pass_size size;
    at_pass_worker *workers;
    size_t n_workers;
    at_rounded *rounded; /* weights, or NULL */
    at_turns *turns;     /* n_lanes() of each tap */
    at_stage stage;
    atomic_size_t n_done; /* sequences done, and tokens of this process */
    atomic_size_t n_tokens_done;
} run;

/* The block that a worker is in, for the decoder's callback. */
typedef struct place {
    run *self;
    size_t i_worker;
    const attrib_block *block;
} place;

/* Lanes of a tap: one for each map and vector, and one for finish(). */
static size_t n_lanes(const run *self)
{
    size_t n_vectors = self->taps[0].n_vectors;
    return self->pass->n_tracked * (n_vectors ? n_vectors : 1) + 1;
}

/* The lane of a tap for map i_tracked of a vector. */
static size_t lane_of(const run *self, size_t i_tap, size_t i_tracked, size_t i_vector)
{
    return i_tap * n_lanes(self) + i_vector * self->pass->n_tracked + i_tracked;
}

static size_t finish_lane_of(const run *self, size_t i_tap)
{
    return (i_tap + 1) * n_lanes(self) - 1;
}

/* Count a block that was committed, for a pass that may be resumed. */
static attrib_status count_commit(const run *self,
                                  size_t i_tap,
                                  const attrib_visit *visit,
                                  attrib_error *err)
{
    const at_resume *resume = self->pass->resume;
    if (!resume) {
        return ATTRIB_OK;
    }
    resume->done[i_tap * self->pass->n_tracked + visit->i_tracked] =
        visit->block->index + 1;
    return resume->committed ? resume->committed(resume->context, visit->i_tracked, err)
                             : ATTRIB_OK;
}

static attrib_status commit_visit(
    run *self, size_t i_tap, void *scratch, const attrib_visit *visit, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tap *tap = &self->taps[i_tap];
    size_t i_block = visit->block->index;
    size_t lane = lane_of(self, i_tap, visit->i_tracked, visit->i_vector);
    if (!tap->commit) {
        return ATTRIB_OK;
    }
    AT_TRY(at_turns_enter(self->turns, lane, i_block, err));
    AT_TRY(tap->commit(tap->context, scratch, visit, err));
    if (tap->merge && self->ends_part[i_block]) {
        AT_TRY(tap->merge(tap->context, visit->i_tracked, err));
    }
    AT_TRY(count_commit(self, i_tap, visit, err));
    at_turns_leave(self->turns, lane, i_block);
done:
    return status;
}

/* Where each sequence of a block begins among some of its rows. */
static void count_rows(const attrib_block *block,
                       const size_t *rows,
                       size_t n,
                       size_t *first_row)
{
    size_t k = 0;
    for (size_t s = 0; s < block->n_sequences; s++) {
        first_row[s] = k;
        while (k < n && rows[k] < block->first_row[s + 1]) {
            k++;
        }
    }
    first_row[block->n_sequences] = n;
}

static attrib_status visit_module(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const place *here = context;
    run *self = here->self;
    const at_pass *pass = self->pass;
    const at_pass_worker *w = &self->workers[here->i_worker];
    size_t n_rows = 0;
    const size_t *rows = at_decoder_handed_rows(w->decoder, &n_rows);
    if (rows) {
        count_rows(here->block, rows, n_rows, w->handed_first_row);
    }
    const attrib_visit visit = {
        here->block,
        i_tracked,
        attrib_model_module(pass->model, pass->tracked[i_tracked]),
        a,
        ds,
        w->desk,
        w->multiplier,
        n_rows,
        rows ? w->handed_first_row : here->block->first_row,
        rows,
        at_decoder_vector(w->decoder)};
    for (size_t k = 0; k < self->n_taps; k++) {
        const attrib_tap *tap = &self->taps[k];
        if (here->block->index < self->begin[k * pass->n_tracked + i_tracked]) {
            continue;
        }
        if (tap->module) {
            AT_TRY(tap->module(tap->context, w->scratch[k], &visit, err));
        }
        AT_TRY(commit_visit(self, k, w->scratch[k], &visit, err));
    }
done:
    return status;
}

static attrib_status visit_outputs(void *context,
                                   const attrib_outputs *outputs,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const run *self = ((const place *)context)->self;
    for (size_t k = 0; k < self->n_taps; k++) {
        AT_TRY(self->taps[k].direction(self->taps[k].context, outputs, err));
    }
done:
    return status;
}

static attrib_block pack_block(const run *self, at_pass_worker *w, size_t i_block)
{
    size_t first = self->starts[i_block];
    size_t n_sequences = self->starts[i_block + 1] - first;
    size_t n_rows = 0;
    size_t n_tokens = 0;
    for (size_t i = 0; i < n_sequences; i++) {
        self->source->get(self->source->context, first + i, &w->sequences[i]);
        w->first_row[i] = n_rows;
        n_rows += at_pass_rows(self->pass, &w->sequences[i]);
        n_tokens += w->sequences[i].n_tokens;
    }
    w->first_row[n_sequences] = n_rows;
    bool is_forward = self->taps[0].is_forward;
    return (attrib_block){.index = i_block,
                          .first_sequence = first,
                          .n_sequences = n_sequences,
                          .n_rows = n_rows,
                          .sequences = w->sequences,
                          .first_row = w->first_row,
                          .losses = w->losses,
                          .slopes = is_forward ? w->slopes : NULL,
                          .row_slopes = is_forward ? w->row_slopes : NULL,
                          .row_inputs =
                              self->taps[0].reaches_input ? w->row_inputs : NULL,
                          .states = self->taps[0].wants_states ? w->states : NULL,
                          .n_tokens = n_tokens};
}

/* Report a block that is done. */
static void count_done(run *self, const attrib_block *block)
{
    size_t n_done = atomic_fetch_add(&self->n_done, block->n_sequences);
    size_t n_tokens = atomic_fetch_add(&self->n_tokens_done, block->n_tokens);
    at_stage_report_tokens(&self->stage, n_done + block->n_sequences,
                           n_tokens + block->n_tokens);
}

static attrib_status finish_block(run *self,
                                  const at_pass_worker *w,
                                  const attrib_block *block,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < self->n_taps; k++) {
        const attrib_tap *tap = &self->taps[k];
        size_t lane = finish_lane_of(self, k);
        if (tap->finish) {
            AT_TRY(at_turns_enter(self->turns, lane, block->index, err));
            AT_TRY(tap->finish(tap->context, w->scratch[k], block, err));
            at_turns_leave(self->turns, lane, block->index);
        }
    }
    count_done(self, block);
done:
    return status;
}

static attrib_status run_block(void *context,
                               size_t i_worker,
                               size_t i_left,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    run *self = context;
    at_pass_worker *w = &self->workers[i_worker];
    attrib_block block = pack_block(self, w, self->first_block + i_left);
    at_batch batch = {block.n_sequences, block.sequences, block.first_row};
    place here = {self, i_worker, &block};
    const at_row_results rows = {
        block.slopes ? w->row_slopes : NULL, block.row_inputs ? w->row_inputs : NULL,
        block.states ? w->states : NULL, self->taps[0].state_layer};
    at_decoder_report_rows(w->decoder, rows);
    at_decoder_skip_uncounted(w->decoder, self->pass->skips_uncounted);
    if (block.slopes) {
        AT_TRY(at_decoder_run_along(w->decoder, &batch, visit_outputs, &here, w->losses,
                                    w->slopes, err));
    } else if (self->taps[0].n_vectors > 0) {
        memset(w->losses, 0, block.n_sequences * sizeof *w->losses);
        AT_TRY(at_decoder_run_products(w->decoder, &batch, self->taps[0].n_vectors,
                                       visit_outputs, visit_module, &here, err));
    } else {
        AT_TRY(at_decoder_run(w->decoder, &batch, self->pass->labels, self->pass->seed,
                              visit_module, &here, w->losses, err));
    }
    AT_TRY(at_multiplier_check(w->multiplier, err));
    AT_TRY(finish_block(self, w, &block, err));
done:
    if (status != ATTRIB_OK) {
        at_turns_stop(self->turns);
    }
    return status;
}

/* 2. The pass */

static attrib_status make_worker(const run *self,
                                 size_t desk_bytes,
                                 at_pass_worker *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pass *pass = self->pass;
    attrib_bank bank = {0};
    AT_TRY(
        at_decoder_new(pass->model, pass->tracked, pass->n_tracked, &out->decoder, err));
    AT_TRY(at_multiplier_new(pass->precision, &out->multiplier, err));
    at_decoder_multiply_by(out->decoder, out->multiplier, self->rounded);
    at_decoder_keep(out->decoder, pass->layers_limit);
    AT_TRY(at_decoder_reserve(out->decoder, at_pass_mode(self->taps),
                              self->size.most.n_rows, self->size.most.longest, err));
    out->desk_bytes = desk_bytes;
    out->state_width = at_pass_state_width(pass, self->taps);
    AT_TRY(at_pass_deal(&self->size, self->taps, self->n_taps, &bank, out, err));
    AT_TRY(at_array(bank.used, 1, &out->bank, err));
    bank = (attrib_bank){out->bank, 0};
    AT_TRY(at_pass_deal(&self->size, self->taps, self->n_taps, &bank, out, err));
done:
    return status;
}

/* Cut the source into blocks; find where its parts end and where each map begins. */
static attrib_status cut_blocks(run *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pass *pass = self->pass;
    size_t n_parts = pass->n_parts ? pass->n_parts : 1;
    size_t n = 0;
    AT_TRY(at_pass_blocks(self->source, pass->block_rows, &self->starts, &self->n_blocks,
                          err));
    AT_TRY(at_array(self->n_blocks, sizeof *self->ends_part, &self->ends_part, err));
    for (size_t p = 0; p < n_parts; p++) {
        size_t end = at_block_start(self->n_blocks, n_parts, p + 1);
        if (end > 0) {
            self->ends_part[end - 1] = true;
        }
    }
    AT_TRY(at_mul(self->n_taps, pass->n_tracked, &n, err));
    AT_TRY(at_array(n, sizeof *self->begin, &self->begin, err));
    self->first_block = pass->resume && n > 0 ? self->n_blocks : 0;
    for (size_t k = 0; pass->resume && k < n; k++) {
        self->begin[k] = pass->resume->done[k];
        if (self->begin[k] < self->first_block) {
            self->first_block = self->begin[k];
        }
    }
done:
    return status;
}

/* Make the turns; each lane begins at its own first block. */
static attrib_status make_turns(run *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_tracked = self->pass->n_tracked;
    AT_TRY(at_turns_new(self->n_taps * n_lanes(self), &self->turns, err));
    for (size_t k = 0; k < self->n_taps; k++) {
        for (size_t m = 0; m + 1 < n_lanes(self); m++) {
            at_turns_begin(self->turns, lane_of(self, k, m, 0),
                           self->begin[k * n_tracked + m % n_tracked]);
        }
        at_turns_begin(self->turns, finish_lane_of(self, k), self->first_block);
    }
done:
    return status;
}

static attrib_status prepare(run *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pass *pass = self->pass;
    size_t desk_bytes = 0;
    AT_TRY(at_pass_size_of(self->source, self->starts, self->n_blocks, &self->size, err));
    AT_TRY(at_pass_count_desk(pass, &self->size, self->taps, self->n_taps, &desk_bytes,
                              err));
    self->n_workers = at_n_workers(pass->session, self->n_blocks - self->first_block);
    at_blas_single_threaded();
    AT_TRY(at_blas_check_memory(self->n_workers, err));
    if (at_pass_rounds_once(pass)) {
        AT_TRY(at_rounded_new(pass->session, pass->model, &self->rounded, err));
    }
    AT_TRY(at_array(self->n_workers, sizeof *self->workers, &self->workers, err));
    for (size_t i = 0; i < self->n_workers; i++) {
        AT_TRY(make_worker(self, desk_bytes, &self->workers[i], err));
    }
    AT_TRY(make_turns(self, err));
done:
    return status;
}

static void release(run *self)
{
    for (size_t i = 0; self->workers && i < self->n_workers; i++) {
        at_decoder_free(self->workers[i].decoder);
        at_multiplier_free(self->workers[i].multiplier);
        free(self->workers[i].bank);
    }
    free(self->workers);
    at_turns_free(self->turns);
    at_rounded_free(self->rounded);
    at_pass_size_free(&self->size);
    free(self->begin);
    free(self->ends_part);
    free(self->starts);
}

attrib_status at_pass_check_model(const attrib_model *model, attrib_error *err)
{
    return at_model_check(model, err);
}

at_parameter at_pass_parameter(const attrib_model *model, size_t i_module)
{
    const at_architecture *architecture = model->config.architecture;
    const attrib_module *module = attrib_model_module(model, i_module);
    bool is_head = module->kind == ATTRIB_MODULE_HEAD;
    if (is_head && model->config.is_head_tied) {
        return (at_parameter){architecture->body, architecture->embedding, false};
    }
    return (at_parameter){"", module->name, architecture->is_transposed && !is_head};
}

/* Check that a tap wants as many products as the first of its pass, and nothing that
 * products do not go with. */
static attrib_status check_products(const at_pass *pass,
                                    const attrib_tap *first,
                                    const attrib_tap *tap,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(tap->n_vectors == first->n_vectors, ATTRIB_EINVAL,
             "taps %s and %s in one pass: products of %zu and %zu vectors", first->name,
             tap->name, first->n_vectors, tap->n_vectors);
    AT_CHECK(tap->n_vectors == 0 ||
                 (tap->direction && !tap->is_forward && !tap->reaches_input &&
                  !tap->wants_states && !tap->merge && !pass->resume &&
                  !pass->skips_uncounted),
             ATTRIB_EINVAL,
             "tap %s: products go without other modes, parts and what was summed before",
             tap->name);
done:
    return status;
}

/* Check that all taps want the same of the decoder. */
static attrib_status check_taps(const at_pass *pass,
                                const attrib_tap *taps,
                                size_t n_taps,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = attrib_model_describe(pass->model)->n_layers;
    for (size_t k = 0; k < n_taps; k++) {
        AT_CHECK(taps[k].is_forward == taps[0].is_forward, ATTRIB_EINVAL,
                 "taps %s and %s in one pass: one goes forward, the other in reverse",
                 taps[0].name, taps[k].name);
        AT_CHECK(taps[k].reaches_input == taps[0].reaches_input, ATTRIB_EINVAL,
                 "taps %s and %s in one pass: one reaches the input, the other does not",
                 taps[0].name, taps[k].name);
        AT_CHECK(taps[k].wants_states == taps[0].wants_states &&
                     taps[k].state_layer == taps[0].state_layer,
                 ATTRIB_EINVAL, "taps %s and %s in one pass: they want other states",
                 taps[0].name, taps[k].name);
        AT_CHECK(!taps[k].wants_states ||
                     (!taps[k].is_forward && taps[k].state_layer <= n_layers),
                 ATTRIB_EINVAL, "tap %s: states of layer %zu of %zu%s", taps[k].name,
                 taps[k].state_layer, n_layers,
                 taps[k].is_forward ? " in forward mode" : "");
        AT_TRY(check_products(pass, &taps[0], &taps[k], err));
    }
done:
    return status;
}

attrib_status at_pass_run(const at_pass *pass,
                          const at_source *source,
                          const attrib_tap *taps,
                          size_t n_taps,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    run self = {.pass = pass, .source = source, .taps = taps, .n_taps = n_taps};
    bool is_over = false;
    if (source->n_sequences == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(check_taps(pass, taps, n_taps, err));
    AT_TRY(cut_blocks(&self, err));
    if (self.first_block == self.n_blocks) {
        goto done; /* every map has every block already */
    }
    atomic_init(&self.n_done, self.starts[self.first_block]);
    atomic_init(&self.n_tokens_done, 0);
    at_memory_trim();
    AT_TRY(prepare(&self, err));
    at_stage_begin(&self.stage, pass->session, pass->stage, "sequences",
                   source->n_sequences);
    at_stage_set(&self.stage, pass->units, self.starts[self.first_block]);
    AT_TRY(at_parallel_for(pass->session, self.n_blocks - self.first_block, run_block,
                           &self, err));
    is_over = true;
done:
    release(&self); /* before the stage ends: much memory takes long, and belongs to it */
    if (is_over) {
        at_stage_end(&self.stage, source->n_sequences, atomic_load(&self.n_tokens_done));
    }
    return status;
}
