/* SPDX-License-Identifier: MIT */
/* The scores of a tile, read slice by slice. */
#include "score/stream.h"

#include <math.h>

/* The column that a case has in the slices of its tile. */
static size_t column_of(const at_stream *stream, size_t i_case)
{
    at_tile tile = at_run_tile(stream->run, stream->i_tile);
    at_tile here = stream->prepared->tile;
    size_t i_setting = stream->prepared->first_setting + i_case / here.n;
    return i_setting * tile.n + here.first - tile.first + i_case % here.n;
}

/* The factor that normalizes the score of document d of a slice. `shared` is the slice of
 * tile 0 for the same documents, or NULL where nothing of it is needed. */
static double scale_of(const at_stream *stream,
                       const at_slice *shared,
                       size_t d,
                       size_t i_case)
{
    const at_prepared *prepared = stream->prepared;
    const attrib_score_options *options = &stream->run->options;
    size_t i_setting = prepared->first_setting + i_case / prepared->tile.n;
    const double *self = shared ? shared->arrays[AT_SELF] : NULL;
    if (attrib_strategy_is_baseline(options->settings[i_setting].strategy)) {
        return 1;
    }
    double document = self ? self[d * options->n_settings + i_setting] : 0;
    return at_score_scale(options->normalize, prepared->losses[i_case % prepared->tile.n],
                          prepared->self[i_case], document);
}

/* Set *out to the slice of tile 0 where scores are divided by self-influences, which it
 * holds, else to NULL. */
static attrib_status find_shared(const at_stream *stream,
                                 size_t i_slice,
                                 const at_slice **out,
                                 attrib_error *err)
{
    *out = NULL;
    return stream->run->options.normalize == ATTRIB_NORMALIZE_UNIT
               ? at_run_slice(stream->run, 0, i_slice, out, err)
               : ATTRIB_OK;
}

attrib_status at_stream_scale(const at_stream *stream,
                              size_t i_case,
                              size_t document,
                              double *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *shared = NULL;
    size_t d = 0;
    size_t i_slice = at_run_slice_of(stream->run, document - stream->run->first, &d);
    AT_TRY(find_shared(stream, i_slice, &shared, err));
    *out = scale_of(stream, shared, d, i_case);
done:
    return status;
}

static attrib_status check_number(const at_stream *stream,
                                  size_t i_case,
                                  size_t document,
                                  double score,
                                  double bound,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tile tile = stream->prepared->tile;
    AT_CHECK(isfinite(score) && bound >= 0, ATTRIB_ENUMERIC,
             "document %zu: its score against query %zu is %g, give or take %g: not a "
             "number that can be ordered",
             document, tile.first + i_case % tile.n, score, bound);
done:
    return status;
}

/* What is called for each score. */
typedef struct visitor {
    at_stream_fn visit;
    void *context;
} visitor;

static attrib_status visit_document(const at_stream *stream,
                                    const at_slice *slice,
                                    const at_slice *shared,
                                    size_t d,
                                    visitor to,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double *bounds = slice->arrays[AT_BOUNDS];
    bool is_filtered = stream->run->options.prefilter != NULL;
    for (size_t v = 0; v < stream->prepared->n_cases; v++) {
        size_t c = column_of(stream, v);
        double scale = scale_of(stream, shared, d, v);
        double total = at_slice_total(slice->arrays[AT_SCORES], &slice->counts, d, c);
        double score = scale * total;
        if (is_filtered && isnan(total)) {
            continue; /* not scored */
        }
        double bound = bounds ? scale * at_slice_total(bounds, &slice->counts, d, c) : 0;
        size_t document = slice->first + d;
        AT_TRY(check_number(stream, v, document, score, bound, err));
        AT_TRY(to.visit(to.context, v, document, score, bound, err));
    }
done:
    return status;
}

attrib_status at_stream_visit(const at_stream *stream,
                              at_stream_fn visit,
                              void *context,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *slice = NULL;
    const at_slice *shared = NULL;
    for (size_t i = 0; i < at_run_n_slices(stream->run); i++) {
        AT_TRY(find_shared(stream, i, &shared, err));
        AT_TRY(at_run_slice(stream->run, stream->i_tile, i, &slice, err));
        for (size_t d = 0; d < slice->counts.n_documents; d++) {
            AT_TRY(
                visit_document(stream, slice, shared, d, (visitor){visit, context}, err));
        }
    }
done:
    return status;
}
