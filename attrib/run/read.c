/* SPDX-License-Identifier: MIT */
/* Reading the numbers of every document of a run: scores, raw and normalized, their
 * bounds, self-influences, shares of tokens, and ids. Slices are in memory or on disk. */
#include "run/run.h"

attrib_plane attrib_run_plane(const attrib_run *run, size_t i)
{
    size_t n = 1 + run->info.n_groups;
    return (attrib_plane){i / n, i % n ? run->groups[i % n - 1] : ""};
}

/* One number of a plane, for document d of a slice and one query of its tile; `of_slice`
 * is the slice's scores or its bounds. */
static double number_of(const attrib_run *run,
                        const double *of_slice,
                        const at_slice *slice,
                        size_t i_plane,
                        size_t d,
                        size_t q)
{
    size_t n_sums = at_run_n_sums(run);
    size_t n_planes = 1 + run->info.n_groups;
    size_t column = i_plane / n_planes * at_run_tile(run, slice->i_tile).n + q;
    size_t group = i_plane % n_planes;
    if (group == 0) {
        return at_slice_total(of_slice, d, slice->n_columns, n_sums, column);
    }
    return of_slice[d * slice->n_columns + (group - 1) * (slice->n_columns / n_sums) +
                    column];
}

/* Which numbers of a plane are read. */
typedef enum reading { READ_SCORES, READ_RAW_SCORES, READ_BOUNDS } reading;

/* The factor that normalizes the score of document d of a slice against a query. `shared`
 * is the slice of tile 0 for the same documents, which holds self-influences. */
static double scale_of(const attrib_run *run,
                       const at_slice *shared,
                       size_t i_setting,
                       size_t d,
                       size_t i_query)
{
    const attrib_run_info *info = &run->info;
    const attrib_answer *answer = &run->answers[i_setting * info->n_queries + i_query];
    double document =
        shared->self ? shared->self[d * info->options.n_settings + i_setting] : 0;
    return at_score_scale(info->options.normalize, answer->loss, answer->self_influence,
                          document);
}

/* Read the numbers of document d of a slice for all queries of its tile. `shared` is the
 * slice of tile 0 for the same documents. */
static void read_row(const attrib_run *run,
                     const at_slice *slice,
                     const at_slice *shared,
                     reading what,
                     size_t i_plane,
                     size_t d,
                     double *row)
{
    const attrib_run_info *info = &run->info;
    const double *numbers = what == READ_BOUNDS ? slice->bounds : slice->scores;
    at_tile tile = at_run_tile(run, slice->i_tile);
    size_t s = i_plane / (1 + info->n_groups);
    for (size_t q = 0; q < tile.n; q++) {
        row[q] = numbers ? number_of(run, numbers, slice, i_plane, d, q) : 0;
        if (what != READ_RAW_SCORES) {
            row[q] *= scale_of(run, shared, s, d, tile.first + q);
        }
    }
}

static attrib_status read_plane(attrib_run *run,
                                reading what,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    AT_CHECK(first <= info->n_documents && n <= info->n_documents - first, ATTRIB_ERANGE,
             "documents %zu to %zu of %zu", first, first + n, info->n_documents);
    AT_CHECK(i_plane < info->n_planes, ATTRIB_ERANGE, "plane %zu of %zu", i_plane,
             info->n_planes);
    for (size_t t = 0; t < run->n_tiles; t++) {
        for (size_t i = first; i < first + n; i++) {
            const at_slice *shared = NULL;
            const at_slice *slice = NULL;
            AT_TRY(at_run_slice(run, 0, i / AT_SLICE_DOCUMENTS, &shared, err));
            AT_TRY(at_run_slice(run, t, i / AT_SLICE_DOCUMENTS, &slice, err));
            read_row(run, slice, shared, what, i_plane, i - slice->first,
                     out + (i - first) * info->n_queries + at_run_tile(run, t).first);
        }
    }
done:
    return status;
}

attrib_status attrib_run_scores(attrib_run *run,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    return read_plane(run, READ_SCORES, i_plane, first, n, out, err);
}

attrib_status attrib_run_raw_scores(attrib_run *run,
                                    size_t i_plane,
                                    size_t first,
                                    size_t n,
                                    double *out,
                                    attrib_error *err)
{
    return read_plane(run, READ_RAW_SCORES, i_plane, first, n, out, err);
}

attrib_status attrib_run_bounds(attrib_run *run,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    return read_plane(run, READ_BOUNDS, i_plane, first, n, out, err);
}

attrib_status attrib_run_self(attrib_run *run,
                              size_t i_setting,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    AT_CHECK(info->options.with_self, ATTRIB_EINVAL, "a run without self-influences");
    AT_CHECK(first <= info->n_documents && n <= info->n_documents - first, ATTRIB_ERANGE,
             "documents %zu to %zu of %zu", first, first + n, info->n_documents);
    AT_CHECK(i_setting < info->options.n_settings, ATTRIB_ERANGE, "setting %zu of %zu",
             i_setting, info->options.n_settings);
    for (size_t i = 0; i < n; i++) {
        const at_slice *slice = NULL;
        AT_TRY(at_run_slice(run, 0, (first + i) / AT_SLICE_DOCUMENTS, &slice, err));
        out[i] =
            slice
                ->self[(first + i - slice->first) * info->options.n_settings + i_setting];
    }
done:
    return status;
}

/* Check that the run keeps shares of tokens and has a document i. */
static attrib_status check_tokens(const attrib_run *run, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(run->info.options.with_tokens, ATTRIB_EINVAL,
             "a run without shares of tokens");
    AT_CHECK(i < run->info.n_documents, ATTRIB_ERANGE, "document %zu of %zu", i,
             run->info.n_documents);
done:
    return status;
}

attrib_status attrib_run_n_tokens(attrib_run *run,
                                  size_t i,
                                  size_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *slice = NULL;
    AT_TRY(check_tokens(run, i, err));
    AT_TRY(at_run_slice(run, 0, i / AT_SLICE_DOCUMENTS, &slice, err));
    *out =
        slice->first_token[i - slice->first + 1] - slice->first_token[i - slice->first];
done:
    return status;
}

attrib_status attrib_run_tokens(
    attrib_run *run, size_t i_setting, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    size_t n = 0;
    AT_TRY(attrib_run_n_tokens(run, i, &n, err));
    AT_CHECK(i_setting < info->options.n_settings, ATTRIB_ERANGE, "setting %zu of %zu",
             i_setting, info->options.n_settings);
    for (size_t k = 0; k < run->n_tiles; k++) {
        const at_slice *shared = NULL;
        const at_slice *slice = NULL;
        at_tile tile = at_run_tile(run, k);
        AT_TRY(at_run_slice(run, 0, i / AT_SLICE_DOCUMENTS, &shared, err));
        AT_TRY(at_run_slice(run, k, i / AT_SLICE_DOCUMENTS, &slice, err));
        size_t d = i - slice->first;
        const float *shares =
            slice->tokens + slice->first_token[d] * tile.n * info->options.n_settings;
        AT_CHECK(slice->first_token[d + 1] - slice->first_token[d] == n, ATTRIB_EFORMAT,
                 "document %zu: %zu tokens in one slice, %zu in another", i, n,
                 slice->first_token[d + 1] - slice->first_token[d]);
        for (size_t q = 0; q < tile.n; q++) {
            double scale = scale_of(run, shared, i_setting, d, tile.first + q);
            for (size_t t = 0; t < n; t++) {
                size_t from = (t * info->options.n_settings + i_setting) * tile.n + q;
                out[t * info->n_queries + tile.first + q] = scale * (double)shares[from];
            }
        }
    }
done:
    return status;
}

attrib_status attrib_run_document_id(attrib_run *run,
                                     size_t i,
                                     const char **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    AT_CHECK(i < run->info.n_documents, ATTRIB_ERANGE, "document %zu of %zu", i,
             run->info.n_documents);
    if (run->corpus) {
        attrib_corpus_document(run->corpus, i, &document);
        *out = document.id;
    } else {
        const at_slice *slice = NULL;
        AT_TRY(at_run_slice(run, 0, i / AT_SLICE_DOCUMENTS, &slice, err));
        *out = slice->id[i - slice->first];
    }
done:
    return status;
}
