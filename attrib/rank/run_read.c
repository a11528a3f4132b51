/* SPDX-License-Identifier: MIT */
/* What is read out of a run: planes of scores and bounds, and ids. */
#include "rank/run.h"

attrib_plane attrib_run_plane(const attrib_run *run, size_t i)
{
    size_t n = 1 + run->info.n_groups;
    return (attrib_plane){i / n, i % n ? run->groups[i % n - 1] : ""};
}

/* One number of a plane out of a part's scores or bounds: document d, query q of its
 * tile. */
static double number_of(const attrib_run *run,
                        const double *of_part,
                        const at_part *part,
                        size_t i_plane,
                        size_t d,
                        size_t q)
{
    size_t n_sums = at_run_n_sums(run);
    size_t n_planes = 1 + run->info.n_groups;
    size_t column = i_plane / n_planes * at_run_tile(run, part->i_tile).n + q;
    size_t group = i_plane % n_planes;
    if (group == 0) {
        return at_part_total(of_part, d, part->n_columns, n_sums, column);
    }
    return of_part[d * part->n_columns + (group - 1) * (part->n_columns / n_sums) +
                   column];
}

static attrib_status read_plane(attrib_run *run,
                                bool is_bounds,
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
        at_tile tile = at_run_tile(run, t);
        for (size_t i = first; i < first + n; i++) {
            const at_part *part = NULL;
            double *row = out + (i - first) * info->n_queries + tile.first;
            AT_TRY(at_run_part(run, t, i / AT_PART_DOCUMENTS, &part, err));
            for (size_t q = 0; q < tile.n; q++) {
                const double *numbers = is_bounds ? part->bounds : part->scores;
                row[q] = numbers
                             ? number_of(run, numbers, part, i_plane, i - part->first, q)
                             : 0;
            }
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
    return read_plane(run, false, i_plane, first, n, out, err);
}

attrib_status attrib_run_bounds(attrib_run *run,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    return read_plane(run, true, i_plane, first, n, out, err);
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
    AT_CHECK(info->has_self, ATTRIB_EINVAL, "a run without self-influences");
    AT_CHECK(first <= info->n_documents && n <= info->n_documents - first, ATTRIB_ERANGE,
             "documents %zu to %zu of %zu", first, first + n, info->n_documents);
    AT_CHECK(i_setting < info->n_settings, ATTRIB_ERANGE, "setting %zu of %zu", i_setting,
             info->n_settings);
    for (size_t i = 0; i < n; i++) {
        const at_part *part = NULL;
        AT_TRY(at_run_part(run, 0, (first + i) / AT_PART_DOCUMENTS, &part, err));
        out[i] = part->self[(first + i - part->first) * info->n_settings + i_setting];
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
        const at_part *part = NULL;
        AT_TRY(at_run_part(run, 0, i / AT_PART_DOCUMENTS, &part, err));
        *out = part->id[i - part->first];
    }
done:
    return status;
}
