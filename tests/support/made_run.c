/* SPDX-License-Identifier: MIT */
#include "support/made_run.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "support/check.h"

/* -50 .. 50 */
static double integer(uint64_t stream, size_t d, size_t s, size_t q)
{
    return floor(101 * at_uniform(stream, d * MADE_SETTINGS + s, q)) - 50;
}

double made_score(size_t d, size_t g, size_t s, size_t q)
{
    return integer(1 + g, d, s, q);
}

double made_bound(size_t d, size_t g, size_t s, size_t q)
{
    return fabs(integer(11 + g, d, s, q));
}

double made_self(size_t d, size_t s)
{
    return d % 5 == 2 ? 0 : ldexp(1, 2 * (int)((d + 3 * s) % 4));
}

size_t made_n_tokens(size_t d)
{
    return d % 4;
}

double made_share(size_t d, size_t token, size_t s, size_t q)
{
    return integer(21 + token, d, s, q);
}

double made_loss(size_t s, size_t q)
{
    return ldexp(1, (int)(q % 3 + s));
}

double made_query_self(size_t s, size_t q)
{
    return ldexp(1, 2 * (int)(q % 4 + s));
}

void __wrap_attrib_corpus_document(const attrib_corpus *corpus,
                                   size_t i,
                                   attrib_document *out);

void __wrap_attrib_corpus_document(const attrib_corpus *corpus,
                                   size_t i,
                                   attrib_document *out)
{
    (void)corpus;
    *out = (attrib_document){
        .index = i, .first_sequence = i, .n_sequences = 1, .n_tokens = made_n_tokens(i)};
}

/* Cases of a tile: its queries under setting 0, then those under setting 1. */
static void fill_cases(const at_slice *slice, size_t d, size_t c)
{
    size_t of = slice->first + d;
    size_t s = c / slice->tile.n;
    size_t q = slice->tile.first + c % slice->tile.n;
    double *scores = slice->arrays[AT_SCORES];
    double *bounds = slice->arrays[AT_BOUNDS];
    float *tokens = slice->arrays[AT_TOKENS];
    size_t n_cases = MADE_SETTINGS * slice->tile.n;
    size_t n_groups = slice->counts.n_sums;
    for (size_t g = 0; g < n_groups; g++) {
        size_t k = (d * n_groups + g) * n_cases + c;
        scores[k] = made_score(of, g, s, q);
        if (bounds) {
            bounds[k] = made_bound(of, g, s, q);
        }
    }
    for (size_t t = 0; tokens && t < made_n_tokens(of); t++) {
        tokens[(slice->first_token[d] + t) * n_cases + c] =
            (float)made_share(of, t, s, q);
    }
}

static void fill_slice(const at_slice *slice)
{
    double *self = slice->arrays[AT_SELF];
    for (size_t d = 0; d < slice->counts.n_documents; d++) {
        for (size_t s = 0; self && s < MADE_SETTINGS; s++) {
            self[d * MADE_SETTINGS + s] = made_self(slice->first + d, s);
        }
        for (size_t c = 0; c < MADE_SETTINGS * slice->tile.n; c++) {
            fill_cases(slice, d, c);
        }
    }
}

made_run *make_run(const attrib_score_options *options, bool is_cut)
{
    attrib_error err = {0};
    made_run *made = calloc(1, sizeof *made);
    assert_non_null(made);
    size_t n_groups = options->split ? MADE_GROUPS : 0;
    made->run = (attrib_run){.info = {.n_queries = MADE_QUERIES,
                                      .n_documents = MADE_DOCUMENTS,
                                      .n_groups = n_groups,
                                      .n_planes = MADE_SETTINGS * (1 + n_groups),
                                      .query_rank = is_cut ? 8 : 0},
                             .options = *options,
                             .answers = made->answers,
                             .groups = made->groups,
                             .n_tile = MADE_TILE};
    made->run.options.n_settings = MADE_SETTINGS;
    for (size_t k = 0; k < MADE_SETTINGS * MADE_QUERIES; k++) {
        size_t s = k / MADE_QUERIES;
        size_t q = k % MADE_QUERIES;
        made->answers[k] = (attrib_answer){.i_setting = s,
                                           .loss = made_loss(s, q),
                                           .self_influence = made_query_self(s, q)};
    }
    check_ok(at_run_place_slices(&made->run, true, &err), &err);
    size_t n_slices = at_n_slices(MADE_DOCUMENTS);
    for (size_t k = 0; k < made->run.n_tiles * n_slices; k++) {
        at_slice *slice = &made->run.held[k];
        check_ok(at_slice_new(&made->run, NULL, k / n_slices, k % n_slices, slice, &err),
                 &err);
        fill_slice(slice);
    }
    return made;
}

void free_made_run(made_run *made)
{
    for (size_t k = 0; k < made->run.n_tiles * at_n_slices(MADE_DOCUMENTS); k++) {
        at_slice_free(&made->run.held[k]);
    }
    free(made->run.held);
    free(made);
}
