/* SPDX-License-Identifier: MIT */
/* What a filter missed: the ends of the candidates' ranking are compared with the scores
 * of the sampled documents that are no candidates. */
#include "score/recall.h"

#include <stdlib.h>

#include "base/memory.h"
#include "run/top.h"

typedef struct counting {
    const at_stream *scores;
    const at_candidates *candidates;
    at_top *tops; /* [n_cases] of the candidates alone */
    at_missed_counts *missed;
} counting;

static bool is_candidate(const counting *self, size_t i_case, size_t document)
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
    counting *self = context;
    (void)bound;
    (void)err;
    if (is_candidate(self, i_case, document)) {
        at_top_add(&self->tops[i_case], document, score);
    }
    return ATTRIB_OK;
}

static bool precedes(at_ranked a, at_ranked b)
{
    return a.score != b.score ? a.score > b.score : a.document < b.document;
}

static attrib_status count_missed(void *context,
                                  size_t i_case,
                                  size_t document,
                                  double score,
                                  double bound,
                                  attrib_error *err)
{
    counting *self = context;
    const at_top *top = &self->tops[i_case];
    const at_ranked here = {document, score};
    (void)bound;
    (void)err;
    if (self->candidates->is_sampled[document] && !is_candidate(self, i_case, document)) {
        self->missed[i_case].top += precedes(here, top->best[top->n_best - 1]);
        self->missed[i_case].bottom += precedes(top->worst[top->n_worst - 1], here);
    }
    return ATTRIB_OK;
}

attrib_status at_missed_count(const at_stream *scores,
                              const at_candidates *candidates,
                              size_t k,
                              at_missed_counts **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = scores->prepared->n_cases;
    counting self = {.scores = scores, .candidates = candidates};
    AT_TRY(at_array(n_cases, sizeof *self.missed, &self.missed, err));
    if (candidates && candidates->n_sampled > 0) {
        AT_TRY(at_array(n_cases, sizeof *self.tops, &self.tops, err));
        for (size_t v = 0; v < n_cases; v++) {
            AT_TRY(at_top_new(at_smaller(k, candidates->n_each), &self.tops[v], err));
        }
        AT_TRY(at_stream_visit(scores, add_candidate, &self, err));
        AT_TRY(at_stream_visit(scores, count_missed, &self, err));
    }
    *out = self.missed;
    self.missed = NULL;
done:
    for (size_t v = 0; self.tops && v < n_cases; v++) {
        at_top_free(&self.tops[v]);
    }
    free(self.tops);
    free(self.missed);
    return status;
}
