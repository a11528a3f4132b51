/* SPDX-License-Identifier: MIT */
/* Queries of a training of several stages.
 *
 * 1. Segments.
 * 2. What goes.
 * 3. One stage.
 * 4. All stages.
 *
 * Source: Bae et al. 2024, arXiv:2405.12186, section 3 (SOURCE); arXiv:2505.05017,
 * equation 12, for stages that end at a minimum near to where they began. */
#include "query/staged.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

/* 1. Segments */

/* Read a segment of n bytes: STEPS@RATE or X/mean. */
static bool read_segment(const char *text, size_t n, at_training_segment *out)
{
    const char mean[] = "/mean";
    char *end = NULL;
    double first = strtod(text, &end);
    out->is_relative = false;
    out->rate = first;
    if (end == text || !(first > 0)) {
        return false;
    }
    if (*end == '@' && end + 1 < text + n) {
        out->rate = first * strtod(end + 1, &end);
    } else if (strncmp(end, mean, sizeof mean - 1) == 0) {
        out->is_relative = true;
        end += sizeof mean - 1;
    } else {
        return false;
    }
    return end == text + n && out->rate > 0 && out->rate < 1e30;
}

attrib_status at_segments_read(const char *text,
                               at_training_segment out[ATTRIB_MAX_SETTINGS],
                               size_t *n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *n = 0;
    while (text) {
        size_t n_bytes = strcspn(text, ",");
        AT_CHECK(*n < ATTRIB_MAX_SETTINGS, ATTRIB_EINVAL, "more than %d segments",
                 ATTRIB_MAX_SETTINGS);
        AT_CHECK(read_segment(text, n_bytes, &out[*n]), ATTRIB_EINVAL,
                 "segment %zu \"%.*s\": expected STEPS@RATE with numbers above 0, as "
                 "500@1e-3, or X/mean",
                 *n + 1, (int)at_smaller(n_bytes, 40), text);
        ++*n;
        text = text[n_bytes] ? text + n_bytes + 1 : NULL;
    }
done:
    return status;
}

/* 2. What goes */

bool at_is_staged(const at_setup *setup)
{
    return setup->options.segments || setup->i_stage + 1 < setup->n_stages;
}

const attrib_model *at_asked_model(const at_setup *setup)
{
    return setup->n_stages ? setup->stages[setup->n_stages - 1].model : setup->model;
}

/* The stages, of which one model is one. */
static size_t count_stages(const at_setup *setup)
{
    return at_larger(setup->n_stages, 1);
}

static at_training_stage stage_of(const at_setup *setup, size_t i)
{
    return setup->n_stages ? setup->stages[i]
                           : (at_training_stage){setup->model, setup->factors};
}

/* Refuse factors that serve two stages with different models: those of one are not given.
 * Folders without a manifest say of no model, so that only this tells. */
static attrib_status check_own(const at_setup *setup, size_t i, attrib_error *err)
{
    const at_training_stage stage = stage_of(setup, i);
    for (size_t k = 0; k < i; k++) {
        const at_training_stage other = stage_of(setup, k);
        if (strcmp(stage.factors->info.hash, other.factors->info.hash) == 0 &&
            strcmp(attrib_model_hash(stage.model), attrib_model_hash(other.model)) != 0) {
            return at_fail(err, ATTRIB_EINVAL,
                           "factors of stage %zu and of stage %zu are the same, their "
                           "models are not: each stage takes factors of its own model",
                           k + 1, i + 1);
        }
    }
    return ATTRIB_OK;
}

/* Refuse a stage whose maps are not those of the run. */
static attrib_status check_maps(const at_setup *setup, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_training_stage stage = stage_of(setup, i);
    AT_CHECK(stage.factors, ATTRIB_EINVAL, "stage %zu has no factors", i + 1);
    AT_CHECK(stage.factors->info.strategy == setup->factors->info.strategy, ATTRIB_EINVAL,
             "factors of stage %zu are for %s, those of stage %zu for %s", i + 1,
             attrib_strategy_name(stage.factors->info.strategy), setup->i_stage + 1,
             attrib_strategy_name(setup->factors->info.strategy));
    AT_CHECK(stage.factors->info.n_modules == setup->n_tracked, ATTRIB_ESHAPE,
             "factors of stage %zu track %zu maps, those of stage %zu %zu", i + 1,
             stage.factors->info.n_modules, setup->i_stage + 1, setup->n_tracked);
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *own = at_setup_module(setup, m);
        const attrib_module *other =
            attrib_model_module(stage.model, stage.factors->factors[m].module);
        AT_CHECK(strcmp(own->name, other->name) == 0 && own->in_dim == other->in_dim &&
                     own->out_dim == other->out_dim &&
                     setup->tracked[m] == stage.factors->factors[m].module,
                 ATTRIB_ESHAPE, "stage %zu: %s is [%zu, %zu], in stage %zu %s [%zu, %zu]",
                 i + 1, other->name, other->out_dim, other->in_dim, setup->i_stage + 1,
                 own->name, own->out_dim, own->in_dim);
    }
done:
    return status;
}

static attrib_status check_options(const at_setup *setup,
                                   const char *what,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    AT_CHECK(options->query_rank == ATTRIB_RANK_FULL &&
                 options->precision == ATTRIB_F32_PRODUCTS,
             ATTRIB_EINVAL,
             "%s: with whole queries, in f32: query-rank and precision do not go with it",
             what);
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_UNIT, ATTRIB_EINVAL,
             "%s: no cosines (normalize unit), as queries and documents are of several "
             "models",
             what);
    AT_CHECK(!options->refine && !options->scale, ATTRIB_EINVAL,
             "%s: neither refine nor scale goes with it", what);
    AT_CHECK(setup->n_baselines == 0, ATTRIB_EINVAL,
             "%s: no baseline, which takes nothing of the training", what);
done:
    return status;
}

static attrib_status check_segments(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_training_segment segments[ATTRIB_MAX_SETTINGS];
    size_t n = 0;
    AT_TRY(at_segments_read(setup->options.segments, segments, &n, err));
    AT_CHECK(n == count_stages(setup), ATTRIB_EINVAL,
             "segments: %zu are named for %zu model%s", n, count_stages(setup),
             count_stages(setup) == 1 ? "" : "s");
    AT_CHECK(setup->options.n_settings == 1, ATTRIB_EINVAL, "segments take one strategy");
done:
    return status;
}

attrib_status at_staged_check(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    const char *what = options->segments         ? "segments"
                       : setup->n_stages         ? "several stages"
                       : options->over_documents ? "over-documents"
                                                 : NULL;
    if (!what) {
        return ATTRIB_OK;
    }
    AT_TRY(check_options(setup, what, err));
    if (!options->segments && !setup->n_stages) {
        goto done;
    }
    AT_CHECK(setup->queries && !options->with_self, ATTRIB_EINVAL,
             "%s are of queries: they find no self-influences", what);
    AT_TRY(options->segments ? check_segments(setup, err) : ATTRIB_OK);
    for (size_t s = 0; s < options->n_settings; s++) {
        AT_CHECK(options->settings[s].strategy != ATTRIB_IDENTITY && setup->factors,
                 ATTRIB_EINVAL, "%s take factors, which strategy identity has not", what);
    }
    AT_CHECK(options->n_settings > 0, ATTRIB_EINVAL, "%s take factors", what);
    for (size_t i = 0; i < count_stages(setup); i++) {
        AT_TRY(check_maps(setup, i, err));
        AT_TRY(check_own(setup, i, err));
    }
done:
    return status;
}

attrib_status at_staged_hash(const at_setup *setup,
                             char model[AT_HASH_SIZE],
                             char factors[AT_HASH_SIZE],
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer models = {0};
    at_buffer curvatures = {0};
    for (size_t i = 0; i < setup->n_stages; i++) {
        const at_training_stage *stage = &setup->stages[i];
        AT_TRY(at_buffer_print(&models, err, "%s ", attrib_model_hash(stage->model)));
        AT_TRY(at_buffer_print(&curvatures, err, "%s ", stage->factors->identity));
    }
    if (setup->options.segments) { /* documents are one model's, by its segment */
        AT_TRY(at_buffer_print(&curvatures, err, "%s segment %zu", models.bytes,
                               setup->i_stage));
        memcpy(model, attrib_model_hash(setup->model), AT_HASH_SIZE);
    } else {
        at_hash_bytes(models.bytes, models.n_bytes, model);
    }
    at_hash_bytes(curvatures.bytes, curvatures.n_bytes, factors);
done:
    at_buffer_free(&models);
    at_buffer_free(&curvatures);
    return status;
}

/* 3. One stage */

/* What prepared queries pass. */
typedef struct passing {
    const at_setup *setup;
    at_prepared *prepared;
    size_t i_stage;
    at_training_segment segment; /* of the stage, where there are segments */
    double tokens; /* that a rate is divided by: predicted ones a sequence, or 1 */
} passing;

/* Find what a map's eigenvalues become under a setting, and the number of that. */
static attrib_status choose_spectral(const passing *self,
                                     const at_inverse *curvature,
                                     size_t s,
                                     size_t m,
                                     at_spectral *how,
                                     double *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_setting *setting = &self->setup->options.settings[s];
    const char *name = at_setup_module(self->setup, m)->name;
    bool is_own = self->i_stage == self->setup->i_stage;
    at_damping damping = {setting->strategy, setting->damping,
                          setting->is_damping_absolute};
    if (!self->setup->options.segments) {
        *how = is_own ? AT_SPECTRAL_INVERSE : AT_SPECTRAL_HELD;
        return at_damping_of(curvature->factors, curvature->factor, &damping, name, out,
                             err);
    }
    *how = is_own ? AT_SPECTRAL_LEARNED : AT_SPECTRAL_DECAYED;
    *out = self->segment.rate / self->tokens;
    if (self->segment.is_relative) { /* 1 / (mean / X); 0 where Lambda is 0 everywhere */
        damping = (at_damping){setting->strategy, 1 / self->segment.rate, false};
        AT_TRY(at_damping_of(curvature->factors, curvature->factor, &damping, name, out,
                             err));
        *out = 1 / *out;
    }
done:
    return status;
}

/* Take all cases of one map through the stage. */
static attrib_status pass_map(void *context, size_t i_worker, size_t m, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const passing *self = context;
    const at_setup *setup = self->setup;
    const at_training_stage stage = stage_of(setup, self->i_stage);
    const at_prepared_map *map = &self->prepared->maps[m];
    size_t n_queries = self->prepared->tile.n;
    size_t n = map->out_dim * map->in_dim;
    at_factor factor = {0};
    float *scratch = NULL;
    unsigned pieces = 0;
    (void)i_worker;
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        pieces |= at_strategy_pieces(setup->options.settings[s].strategy);
    }
    AT_TRY(at_array(n, sizeof *scratch, &scratch, err));
    AT_TRY(at_factor_load(stage.factors, m, pieces, &factor, err));
    for (size_t v = 0; v < self->prepared->n_cases; v++) {
        float *p = map->p + v * n;
        attrib_strategy strategy = setup->options.settings[v / n_queries].strategy;
        at_inverse curvature = {stage.factors, &factor, strategy, 0};
        at_spectral how = AT_SPECTRAL_INVERSE;
        AT_TRY(choose_spectral(self, &curvature, v / n_queries, m, &how,
                               &curvature.damping, err));
        if (at_is_rotated(strategy)) {
            at_rotate_gradient(NULL, &factor, p, scratch, p);
        }
        at_apply_spectral(&curvature, how, p, n);
        at_gradient_from_basis(&factor, strategy, scratch, p);
    }
done:
    at_factor_unload(stage.factors, &factor);
    free(scratch);
    return status;
}

/* 4. All stages */

/* Predicted tokens of a sequence, which a loss that is a mean over tokens divides by. */
static double tokens_of_sequence(const at_setup *setup)
{
    const attrib_corpus_summary *all = attrib_corpus_summarize(setup->corpus);
    return setup->options.segment_loss == ATTRIB_SEGMENT_TOKENS && all->n_predicted > 0
               ? (double)all->n_predicted / (double)all->n_sequences
               : 1;
}

static attrib_status pass_stages(const at_setup *setup,
                                 at_prepared *prepared,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_training_segment segments[ATTRIB_MAX_SETTINGS];
    size_t n_segments = 0;
    passing self = {
        .setup = setup, .prepared = prepared, .tokens = tokens_of_sequence(setup)};
    AT_TRY(at_segments_read(setup->options.segments, segments, &n_segments, err));
    for (size_t i = count_stages(setup); i-- > setup->i_stage;) {
        self.i_stage = i;
        self.segment = n_segments ? segments[i] : (at_training_segment){0};
        AT_TRY(at_parallel_for(setup->session, setup->n_tracked, pass_map, &self, err));
    }
done:
    return status;
}

/* Divide all cases by the number of documents. */
static void divide_by_documents(const at_setup *setup, at_prepared *prepared)
{
    float factor = (float)(1 / (double)setup->n_documents);
    for (size_t m = 0; m < prepared->n_maps; m++) {
        const at_prepared_map *map = &prepared->maps[m];
        size_t n = prepared->n_cases * map->out_dim * map->in_dim;
        for (size_t k = 0; k < n; k++) {
            map->p[k] *= factor;
        }
    }
}

/* Gradients of the last model, which nothing has divided. */
static attrib_status prepare_plain(const at_setup *setup,
                                   at_tile tile,
                                   at_prepared *out,
                                   attrib_error *err)
{
    at_setup asked = *setup;
    asked.model = at_asked_model(setup);
    asked.factors = NULL;
    asked.resident = NULL;
    for (size_t s = 0; s < asked.options.n_settings; s++) {
        asked.options.settings[s].strategy = ATTRIB_IDENTITY;
    }
    at_measure_rows(&asked);
    asked.kept_bytes = fmax(asked.kept_bytes, asked.kept_row);
    return at_prepare_queries(&asked, tile, out, err);
}

attrib_status at_prepare_staged(const at_setup *setup,
                                at_tile tile,
                                at_prepared *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    if (at_is_staged(setup)) {
        AT_TRY(prepare_plain(setup, tile, &prepared, err));
        AT_TRY(pass_stages(setup, &prepared, err));
        memset(prepared.self, 0, prepared.n_cases * sizeof *prepared.self);
    } else {
        AT_TRY(at_prepare_queries(setup, tile, &prepared, err));
    }
    if (setup->options.over_documents) {
        divide_by_documents(setup, &prepared);
    }
    *out = prepared;
    prepared = (at_prepared){0};
done:
    at_prepared_free(&prepared);
    return status;
}
