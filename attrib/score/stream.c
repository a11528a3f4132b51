/* SPDX-License-Identifier: MIT */
/* The scores of a tile, read slice by slice. */
#include "score/stream.h"

#include <math.h>

/* The column that a case has in the slices of its tile. */
static size_t column_of(const at_stream *stream, size_t i_case)
{
    at_tile tile = at_run_tile(stream->run, stream->i_tile);
    at_tile here = stream->prepared->tile;
    return i_case / here.n * tile.n + here.first - tile.first + i_case % here.n;
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
    size_t i_setting = i_case / prepared->tile.n;
    const double *self = shared ? shared->arrays[AT_SELF] : NULL;
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
    AT_TRY(find_shared(stream, document / AT_SLICE_DOCUMENTS, &shared, err));
    *out = scale_of(stream, shared, document % AT_SLICE_DOCUMENTS, i_case);
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

attrib_status at_stream_visit(const at_stream *stream,
                              at_stream_fn visit,
                              void *context,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = stream->run->info.n_documents;
    size_t n_cases = stream->prepared->n_cases;
    const at_slice *slice = NULL;
    const at_slice *shared = NULL;
    for (size_t k = 0; k < n_documents * n_cases; k++) {
        size_t v = k % n_cases;
        size_t i = k / n_cases;
        size_t d = i % AT_SLICE_DOCUMENTS;
        if (d == 0 && v == 0) {
            AT_TRY(find_shared(stream, i / AT_SLICE_DOCUMENTS, &shared, err));
            AT_TRY(at_run_slice(stream->run, stream->i_tile, i / AT_SLICE_DOCUMENTS,
                                &slice, err));
        }
        const double *bounds = slice->arrays[AT_BOUNDS];
        size_t c = column_of(stream, v);
        double scale = scale_of(stream, shared, d, v);
        double score =
            scale * at_slice_total(slice->arrays[AT_SCORES], &slice->counts, d, c);
        double bound = bounds ? scale * at_slice_total(bounds, &slice->counts, d, c) : 0;
        AT_TRY(check_number(stream, v, i, score, bound, err));
        AT_TRY(visit(context, v, i, score, bound, err));
    }
done:
    return status;
}
