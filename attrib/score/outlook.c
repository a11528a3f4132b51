/* SPDX-License-Identifier: MIT */
#include "score/outlook.h"

/* Sequences of a slice's documents. */
static size_t count_sequences(const at_setup *setup, size_t i_slice)
{
    attrib_document first;
    attrib_document last;
    size_t end = at_smaller((i_slice + 1) * AT_SLICE_DOCUMENTS, setup->n_documents);
    attrib_corpus_document(setup->corpus, i_slice * AT_SLICE_DOCUMENTS, &first);
    attrib_corpus_document(setup->corpus, end - 1, &last);
    return last.first_sequence + last.n_sequences - first.first_sequence;
}

/* Count the sequences of slices that are there already, over all tiles. */
static attrib_status count_scored(const at_setup *setup,
                                  const attrib_run *run,
                                  size_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; !run->held && i < run->n_tiles; i++) {
        for (size_t k = 0; k < at_n_slices(setup->n_documents); k++) {
            bool is_there = false;
            AT_TRY(at_slice_exists(run, i, k, &is_there, err));
            *out += is_there ? count_sequences(setup, k) : 0;
        }
    }
done:
    return status;
}

attrib_status at_declare_stages(const at_setup *setup,
                                const attrib_run *run,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_session *session = setup->session;
    const attrib_corpus_summary *corpus = attrib_corpus_summarize(setup->corpus);
    double n_sequences = (double)corpus->n_sequences * (double)run->n_tiles;
    size_t n_scored = 0;
    AT_TRY(count_scored(setup, run, &n_scored, err));
    at_stage_declare(session, "score", "sequences", n_sequences, (double)n_scored);
    if (setup->n_queries > 0) {
        double n_rows = (double)setup->asked.first[setup->n_queries];
        /* Cut queries are prepared again, whole, for what is reported. */
        at_stage_declare(session, "query", "rows", at_is_cut(setup) ? 2 * n_rows : n_rows,
                         0);
        at_stage_declare(session, "explain", "queries", (double)setup->n_queries, 0);
    }
done:
    return status;
}
