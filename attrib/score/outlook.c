/* SPDX-License-Identifier: MIT */
#include "score/outlook.h"

#include <math.h>

#include "baseline/candidates.h"
#include "refine/refine.h"

/* Sequences of a slice's documents that pass through the model. */
static size_t count_sequences(const at_setup *setup,
                              const attrib_run *run,
                              size_t i_slice)
{
    at_slice_place place = at_run_place(run, i_slice);
    size_t first = run->first + place.first;
    size_t n = 0;
    for (size_t i = first; i < first + place.n; i++) {
        attrib_document document;
        attrib_corpus_document(setup->corpus, i, &document);
        if (!setup->candidates || setup->candidates->is_passed[i]) {
            n += document.n_sequences;
        }
    }
    return n;
}

/* Count the sequences of the run's slices, and of those that are there already, over all
 * tiles. */
static attrib_status count_scored(const at_setup *setup,
                                  const attrib_run *run,
                                  size_t *n_all,
                                  size_t *n_scored,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < at_run_n_slices(run); k++) {
        size_t n = count_sequences(setup, run, k);
        *n_all += n * run->n_tiles;
        for (size_t i = 0; !run->held && i < run->n_tiles; i++) {
            bool is_there = false;
            AT_TRY(at_slice_exists(run, i, k, &is_there, err));
            *n_scored += is_there ? n : 0;
        }
    }
done:
    return status;
}

/* Sequences whose hidden states a baseline takes: of queries, of the documents that are
 * scored, and of those that it reports, of which there may be fewer. */
static void declare_hidden(const at_setup *setup,
                           double n_rows,
                           double n_all,
                           double n_scored)
{
    double n_reported = fmin((double)setup->n_documents, 2 * (double)setup->options.top) *
                        (double)setup->n_queries;
    size_t n_hidden = 0;
    for (size_t b = 0; b < setup->n_baselines; b++) {
        n_hidden += setup->baselines[b].strategy == ATTRIB_HIDDEN;
    }
    if (n_hidden > 0) {
        at_stage_declare(setup->session, "hidden", "sequences",
                         (double)n_hidden * (n_rows + n_all + n_reported),
                         (double)n_hidden * n_scored);
    }
}

static void declare_refinement(const at_setup *setup, const attrib_run *run)
{
    size_t n = 0;
    for (size_t i = 0; at_is_refined(setup) && i < run->n_tiles; i++) {
        n += at_refine_passes(setup, at_run_tile(run, i).n);
    }
    if (n > 0) {
        at_stage_declare(setup->session, "refine", "passes", (double)n, 0);
    }
}

void at_end_stages(const at_setup *setup)
{
    at_stage_skip(setup->session, "hidden", HUGE_VAL);
}

attrib_status at_declare_stages(const at_setup *setup,
                                const attrib_run *run,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_session *session = setup->session;
    size_t n_all = 0;
    size_t n_scored = 0;
    AT_TRY(count_scored(setup, run, &n_all, &n_scored, err));
    /* Baselines have stages of their own, and what an index has takes none. */
    if (setup->options.n_settings > 0 && !setup->indexed_self) {
        at_stage_declare(session, "score", "sequences", (double)n_all, (double)n_scored);
    }
    if (setup->n_queries > 0) {
        double n_rows = (double)setup->asked.first[setup->n_queries];
        /* Cut queries are prepared again, whole, for what is reported; of refined ones
         * the gradients are taken again. */
        bool is_twice = at_is_cut(setup) || at_is_refined(setup);
        at_stage_declare(session, "query", "rows", is_twice ? 2 * n_rows : n_rows, 0);
        declare_refinement(setup, run);
        declare_hidden(setup, n_rows, (double)n_all, (double)n_scored);
        if (setup->options.n_settings > 0) {
            at_stage_declare(session, "explain", "queries", (double)setup->n_queries, 0);
        }
    }
done:
    return status;
}
