/* SPDX-License-Identifier: MIT */
/* What a filter missed: the ends of the candidates' ranking are compared with the scores
 * of the drawn documents that are no candidates. */
#include "score/recall.h"

#include "base/memory.h"

typedef struct finding {
    const at_stream *scores;
    const at_candidates *candidates;
    at_drawn *drawn; /* [n_cases] */
} finding;

static bool is_candidate(const finding *self, size_t i_case, size_t document)
{
    const at_prepared *prepared = self->scores->prepared;
    size_t i_query = prepared->tile.first + i_case % prepared->tile.n;
    return at_candidates_have(self->candidates, i_query, document);
}

static attrib_status add_candidate(void *context,
                                   size_t i_case,
                                   size_t document,
                                   double score,
                                   double bound,
                                   attrib_error *err)
{
    finding *self = context;
    (void)bound;
    (void)err;
    if (is_candidate(self, i_case, document)) {
        at_top_add(&self->drawn[i_case].candidates, document, score);
    }
    return ATTRIB_OK;
}

static attrib_status add_drawn(void *context,
                               size_t i_case,
                               size_t document,
                               double score,
                               double bound,
                               attrib_error *err)
{
    finding *self = context;
    (void)bound;
    return self->candidates->is_sampled[document] && !is_candidate(self, i_case, document)
               ? at_drawn_add(&self->drawn[i_case], (at_ranked){document, score}, err)
               : ATTRIB_OK;
}

attrib_status at_drawn_find(const at_stream *scores,
                            const at_candidates *candidates,
                            at_drawn **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = scores->prepared->n_cases;
    finding self = {.scores = scores, .candidates = candidates};
    if (!candidates || candidates->n_sampled == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n_cases, sizeof *self.drawn, &self.drawn, err));
    for (size_t v = 0; v < n_cases; v++) {
        AT_TRY(at_drawn_new(at_drawn_most(scores->run), &self.drawn[v], err));
    }
    AT_TRY(at_stream_visit(scores, add_candidate, &self, err));
    AT_TRY(at_stream_visit(scores, add_drawn, &self, err));
    *out = self.drawn;
    self.drawn = NULL;
done:
    at_drawn_free_all(self.drawn, n_cases);
    return status;
}
