/* SPDX-License-Identifier: MIT */
/* Reading the numbers of every document of a run: scores, raw and normalized, their
 * bounds, self-influences and shares of tokens. Slices are in memory or on disk.
 *
 * 1. What is read.
 * 2. Numbers of a document.
 * 3. Reading. */
#include "run/run.h"

#include <string.h>

attrib_plane attrib_run_plane(const attrib_run *run, size_t i)
{
    size_t n = 1 + run->info.n_groups;
    return (attrib_plane){i / n, i % n ? run->groups[i % n - 1] : ""};
}

/* 1. What is read */

/* An array of slices as it is read: divided as options.normalize says, or not. */
typedef struct view {
    const char *name;
    at_array_kind kind;
    bool is_raw;
} view;

enum { SCORES, BOUNDS, RAW_SCORES, SELF, TOKENS, CHECKPOINTS, N_VIEWS };

static const view views[N_VIEWS] = {
    [SCORES] = {"scores", AT_SCORES, false},
    [BOUNDS] = {"bounds", AT_BOUNDS, false},
    [RAW_SCORES] = {"raw_scores", AT_SCORES, true},
    [SELF] = {"self", AT_SELF, true},
    [TOKENS] = {"tokens", AT_TOKENS, false},
    [CHECKPOINTS] = {"checkpoint_scores", AT_CHECKPOINTS, true},
};

static attrib_array array_of(size_t i_view, size_t i)
{
    const view *v = &views[i_view];
    return (attrib_array){v->name, at_array_layout_of(v->kind)->shape, i_view, i};
}

bool attrib_run_array(const attrib_run *run, size_t i, attrib_array *out)
{
    bool is_divided = run->options.normalize != ATTRIB_NORMALIZE_NONE;
    for (size_t k = 0; k < N_VIEWS; k++) {
        if (at_run_holds(run, views[k].kind) && (k != RAW_SCORES || is_divided) &&
            i-- == 0) {
            *out = array_of(k, 0);
            return true;
        }
    }
    return false;
}

/* 2. Numbers of a document */

/* The slices that hold what is known of a document under the queries of a tile, and its
 * place in them. `shared` is of tile 0, which holds what all tiles share. */
typedef struct place {
    const at_slice *slice, *shared;
    size_t d;
} place;

static attrib_status find_document(
    attrib_run *run, size_t i_tile, size_t i, place *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_slice = at_run_slice_of(run, i, &out->d);
    AT_TRY(at_run_slice(run, 0, i_slice, &out->shared, err));
    AT_TRY(at_run_slice(run, i_tile, i_slice, &out->slice, err));
done:
    return status;
}

/* The factor that normalizes the score of a document against query q of the tile. */
static double scale_of(const attrib_run *run, const place *at, size_t i_setting, size_t q)
{
    const attrib_run_info *info = &run->info;
    size_t i_answer = i_setting * info->n_queries + at->slice->tile.first + q;
    const attrib_answer *answer = &run->answers[i_answer];
    const double *self = at->shared->arrays[AT_SELF];
    if (attrib_strategy_is_baseline(run->options.settings[i_setting].strategy)) {
        return 1;
    }
    double document = self ? self[at->d * run->options.n_settings + i_setting] : 0;
    return at_score_scale(run->options.normalize, answer->loss, answer->self_influence,
                          document);
}

/* A document's number in a plane against query q of the tile. */
static double number_of(const attrib_run *run,
                        const double *numbers,
                        const place *at,
                        size_t i_plane,
                        size_t q)
{
    const at_counts *counts = &at->slice->counts;
    size_t n_planes = 1 + run->info.n_groups;
    size_t column = i_plane / n_planes * at->slice->tile.n + q;
    size_t group = i_plane % n_planes;
    if (group == 0) {
        return at_slice_total(numbers, counts, at->d, column);
    }
    return numbers[(at->d * counts->n_sums + group - 1) * counts->n_cases + column];
}

/* Read the numbers of document i in a plane: out [Q]. */
static attrib_status read_plane(
    attrib_run *run, const attrib_array *array, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const view *v = &views[array->kind];
    size_t i_setting = array->i / (1 + run->info.n_groups);
    for (size_t t = 0; t < run->n_tiles; t++) {
        place at = {0};
        AT_TRY(find_document(run, t, i, &at, err));
        for (size_t q = 0; q < at.slice->tile.n; q++) {
            double number = number_of(run, at.slice->arrays[v->kind], &at, array->i, q);
            out[at.slice->tile.first + q] =
                v->is_raw ? number : number * scale_of(run, &at, i_setting, q);
        }
    }
done:
    return status;
}

attrib_status at_run_query_scores(attrib_run *run,
                                  size_t i_answer,
                                  size_t first,
                                  size_t n,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_setting = i_answer / run->info.n_queries;
    size_t i_query = i_answer % run->info.n_queries;
    size_t i_plane = i_setting * (1 + run->info.n_groups);
    for (size_t i = 0; i < n; i++) {
        place at = {0};
        AT_TRY(find_document(run, i_query / run->n_tile, first + i, &at, err));
        size_t q = i_query - at.slice->tile.first;
        out[i] = scale_of(run, &at, i_setting, q) *
                 number_of(run, at.slice->arrays[AT_SCORES], &at, i_plane, q);
    }
done:
    return status;
}

attrib_status at_run_tile_read(attrib_run *run,
                               size_t i_tile,
                               size_t i_setting,
                               size_t i,
                               double *scores,
                               double *bounds,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    place at = {0};
    size_t i_plane = i_setting * (1 + run->info.n_groups);
    AT_TRY(find_document(run, i_tile, i, &at, err));
    for (size_t q = 0; q < at.slice->tile.n; q++) {
        const double *all_bounds = at.slice->arrays[AT_BOUNDS];
        double scale = scale_of(run, &at, i_setting, q);
        scores[q] = scale * number_of(run, at.slice->arrays[AT_SCORES], &at, i_plane, q);
        bounds[q] = all_bounds ? scale * number_of(run, all_bounds, &at, i_plane, q) : 0;
    }
done:
    return status;
}

attrib_status at_run_scale(
    attrib_run *run, size_t i_answer, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = &run->answers[i_answer];
    size_t i_setting = i_answer / run->info.n_queries;
    place at = {0};
    double self = 0;
    *out = 1;
    if (attrib_strategy_is_baseline(run->options.settings[i_setting].strategy)) {
        return ATTRIB_OK;
    }
    if (run->options.normalize == ATTRIB_NORMALIZE_UNIT) {
        AT_TRY(find_document(run, 0, i, &at, err));
        self =
            ((const double *)
                 at.shared->arrays[AT_SELF])[at.d * run->options.n_settings + i_setting];
    }
    *out = at_score_scale(run->options.normalize, answer->loss, answer->self_influence,
                          self);
done:
    return status;
}

/* Read what a checkpoint's run said of document i under a setting: out [Q]. */
static attrib_status read_checkpoint(
    attrib_run *run, const attrib_array *array, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_checkpoints = run->info.n_checkpoints;
    size_t i_setting = array->i / n_checkpoints;
    for (size_t t = 0; t < run->n_tiles; t++) {
        place at = {0};
        AT_TRY(find_document(run, t, i, &at, err));
        const at_slice *slice = at.slice;
        const double *numbers = slice->arrays[views[array->kind].kind];
        numbers +=
            (at.d * n_checkpoints + array->i % n_checkpoints) * slice->counts.n_cases +
            i_setting * slice->tile.n;
        memcpy(out + slice->tile.first, numbers, slice->tile.n * sizeof *out);
    }
done:
    return status;
}

/* Read the number of document i under a setting: out [1]. */
static attrib_status read_setting(
    attrib_run *run, const attrib_array *array, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    place at = {0};
    const double *numbers = NULL;
    AT_TRY(find_document(run, 0, i, &at, err));
    numbers = at.shared->arrays[views[array->kind].kind];
    *out = numbers[at.d * run->options.n_settings + array->i];
done:
    return status;
}

static size_t n_tokens_of(const place *at)
{
    return at->slice->first_token[at->d + 1] - at->slice->first_token[at->d];
}

/* Read the numbers of the n tokens of document i under a setting: out [n, Q]. */
static attrib_status read_tokens(
    attrib_run *run, const attrib_array *array, size_t i, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    size_t n = 0;
    AT_TRY(attrib_run_n_tokens(run, i, &n, err));
    for (size_t k = 0; k < run->n_tiles; k++) {
        place at = {0};
        const float *numbers = NULL;
        AT_TRY(find_document(run, k, i, &at, err));
        numbers = at.slice->arrays[views[array->kind].kind];
        numbers += at.slice->first_token[at.d] * at.slice->counts.n_cases;
        AT_CHECK(n_tokens_of(&at) == n, ATTRIB_EFORMAT,
                 "document %zu: %zu tokens in one slice, %zu in another", i, n,
                 n_tokens_of(&at));
        for (size_t q = 0; q < at.slice->tile.n; q++) {
            double scale = scale_of(run, &at, array->i, q);
            for (size_t t = 0; t < n; t++) {
                size_t from =
                    (t * run->options.n_settings + array->i) * at.slice->tile.n + q;
                out[t * info->n_queries + at.slice->tile.first + q] =
                    scale * (double)numbers[from];
            }
        }
    }
done:
    return status;
}

/* 3. Reading */

static attrib_status check_documents(const attrib_run *run,
                                     size_t first,
                                     size_t n,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(first <= run->info.n_documents && n <= run->info.n_documents - first,
             ATTRIB_ERANGE, "documents %zu to %zu of %zu", first, first + n,
             run->info.n_documents);
done:
    return status;
}

/* Check that the run holds a view. */
static attrib_status check_view(const attrib_run *run, size_t i_view, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(i_view < N_VIEWS, ATTRIB_EINVAL, "array %zu of %d", i_view, (int)N_VIEWS);
    AT_CHECK(at_run_holds(run, views[i_view].kind), ATTRIB_EINVAL, "a run without %ss",
             at_array_layout_of(views[i_view].kind)->label);
done:
    return status;
}

static attrib_status check_matrix(const attrib_run *run,
                                  const attrib_array *array,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_plane = array->shape == ATTRIB_ARRAY_PLANES;
    size_t n = is_plane ? run->info.n_planes
               : array->shape == ATTRIB_ARRAY_CHECKPOINTS
                   ? run->options.n_settings * run->info.n_checkpoints
                   : run->options.n_settings;
    AT_CHECK(array->shape == array_of(array->kind, 0).shape, ATTRIB_EINVAL,
             "array %s: another shape than it has", array->name);
    AT_CHECK(array->i < n, ATTRIB_ERANGE, "%s %zu of %zu", is_plane ? "plane" : "setting",
             array->i, n);
done:
    return status;
}

static attrib_status read_documents(attrib_run *run,
                                    const attrib_array *array,
                                    size_t first,
                                    size_t n,
                                    double *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        size_t n_tokens = 0;
        switch (array->shape) {
        case ATTRIB_ARRAY_PLANES:
            AT_TRY(read_plane(run, array, first + i, out, err));
            out += run->info.n_queries;
            break;
        case ATTRIB_ARRAY_SETTINGS:
            AT_TRY(read_setting(run, array, first + i, out, err));
            out++;
            break;
        case ATTRIB_ARRAY_TOKENS:
            AT_TRY(attrib_run_n_tokens(run, first + i, &n_tokens, err));
            AT_TRY(read_tokens(run, array, first + i, out, err));
            out += n_tokens * run->info.n_queries;
            break;
        case ATTRIB_ARRAY_CHECKPOINTS:
            AT_TRY(read_checkpoint(run, array, first + i, out, err));
            out += run->info.n_queries;
            break;
        }
    }
done:
    return status;
}

attrib_status attrib_run_read(attrib_run *run,
                              const attrib_array *array,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_view(run, array->kind, err));
    AT_TRY(check_documents(run, first, n, err));
    AT_TRY(check_matrix(run, array, err));
    AT_TRY(read_documents(run, array, first, n, out, err));
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
    const attrib_array array = array_of(SCORES, i_plane);
    return attrib_run_read(run, &array, first, n, out, err);
}

attrib_status attrib_run_raw_scores(attrib_run *run,
                                    size_t i_plane,
                                    size_t first,
                                    size_t n,
                                    double *out,
                                    attrib_error *err)
{
    const attrib_array array = array_of(RAW_SCORES, i_plane);
    return attrib_run_read(run, &array, first, n, out, err);
}

attrib_status attrib_run_bounds(attrib_run *run,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    /* Scores of whole queries are exact: they are read for the checks, and then 0. */
    bool is_exact = !at_run_holds(run, AT_BOUNDS);
    const attrib_array array = array_of(is_exact ? SCORES : BOUNDS, i_plane);
    attrib_status status = attrib_run_read(run, &array, first, n, out, err);
    if (status == ATTRIB_OK && is_exact) {
        memset(out, 0, n * run->info.n_queries * sizeof *out);
    }
    return status;
}

attrib_status attrib_run_self(attrib_run *run,
                              size_t i_setting,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    const attrib_array array = array_of(SELF, i_setting);
    return attrib_run_read(run, &array, first, n, out, err);
}

attrib_status attrib_run_n_tokens(attrib_run *run,
                                  size_t i,
                                  size_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    place at = {0};
    AT_TRY(check_view(run, TOKENS, err));
    AT_TRY(check_documents(run, i, 1, err));
    AT_TRY(find_document(run, 0, i, &at, err));
    *out = n_tokens_of(&at);
done:
    return status;
}

attrib_status attrib_run_tokens(
    attrib_run *run, size_t i_setting, size_t i, double *out, attrib_error *err)
{
    const attrib_array array = array_of(TOKENS, i_setting);
    return attrib_run_read(run, &array, i, 1, out, err);
}
