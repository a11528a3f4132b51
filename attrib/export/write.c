/* SPDX-License-Identifier: MIT */
/* What all exports share. */
#include "export/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 << 20)

attrib_status at_append_number(at_buffer *out, double value, attrib_error *err)
{
    char text[64];
    if (!isfinite(value)) {
        return at_buffer_append(out, "null", 4, err);
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    /* A locale's decimal point may be any text. */
    size_t n = strlen(text);
    size_t start = strspn(text, "+-0123456789");
    size_t end = start + strcspn(text + start, "+-0123456789e");
    if (start < n && text[start] != 'e' && end < n) {
        text[start] = '.';
        memmove(text + start + 1, text + end, n - end + 1);
    }
    return at_buffer_append(out, text, strlen(text), err);
}

attrib_status at_write_whole(const char *path, const at_buffer *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, text->bytes, text->n_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    return status;
}

/* What a query measures, as formulas name it, and in short. */
static const char *const formulas[][2] = {
    [ATTRIB_MEASURE_LOGPROB] = {"log p(completion | prompt)", "log p"},
    [ATTRIB_MEASURE_MARGIN] = {"log p(completion | prompt) - log p(against | prompt)",
                               "the margin"},
    [ATTRIB_MEASURE_PROBABILITY] = {"p(completion | prompt)", "p"},
    [ATTRIB_MEASURE_DIRECTION] = {"direction . hidden state", "it"}};

const attrib_query *at_common_query(const attrib_run *run)
{
    const attrib_query *first = NULL;
    if (attrib_run_describe(run)->n_answers == 0) {
        return NULL;
    }
    first = &attrib_run_answer(run, 0)->query;
    for (size_t i = 1; i < attrib_run_describe(run)->n_answers; i++) {
        if (attrib_run_answer(run, i)->query.measure != first->measure) {
            return NULL;
        }
    }
    return first;
}

attrib_status at_append_refinement(at_buffer *out,
                                   const at_listed *listed,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = listed->info->options;
    if (listed->by != ATTRIB_BY_SCORE) {
        return ATTRIB_OK;
    }
    if (options->refine != ATTRIB_REFINE_NONE) {
        AT_TRY(at_buffer_print(out, err, ", refined by %s to a residual of %.2g",
                               attrib_refine_name(options->refine),
                               listed->answer->residual));
    }
    if (options->scale != ATTRIB_SCALE_NONE) {
        AT_TRY(at_buffer_print(out, err, ", times its Gauss-Newton scale"));
    }
done:
    return status;
}

/* What the score of a baseline is. */
static attrib_status append_likeness(at_buffer *out,
                                     const attrib_setting *setting,
                                     attrib_error *err)
{
    if (setting->strategy == ATTRIB_HIDDEN) {
        return at_buffer_print(out, err,
                               "a baseline: the cosine of the mean hidden states of "
                               "document and query, of layer %zu, from -1 to 1; it tells "
                               "what is alike, not what the document did to the model",
                               setting->layer);
    }
    return at_buffer_print(out, err,
                           "a baseline: BM25 of the query's tokens in the document; it "
                           "tells what is alike, not what the document did to the model");
}

attrib_status at_append_scale(at_buffer *out,
                              const attrib_run_info *info,
                              const attrib_setting *setting,
                              const attrib_query *query,
                              attrib_error *err)
{
    /* What to make of the size of a score: with curvature, and for plain products. */
    static const char *const sizes[][2] = {
        [ATTRIB_NORMALIZE_NONE] = {"rely on the signs and the order of scores, not on "
                                   "their sizes",
                                   "a plain product of gradients"},
        [ATTRIB_NORMALIZE_NATS] = {"scores are divided by the nats of the query's loss: "
                                   "rely on their signs and their order, not on their "
                                   "sizes",
                                   "a plain product of gradients over the nats of the "
                                   "query's loss"},
        [ATTRIB_NORMALIZE_UNIT] = {"a cosine of gradients in the preconditioned metric, "
                                   "from -1 to 1",
                                   "a cosine of gradients, from -1 to 1"}};
    attrib_status status = ATTRIB_OK;
    const char *formula = query ? formulas[query->measure][0] : "what the query measures";
    const char *name = query ? formulas[query->measure][1] : "it";
    bool is_plain = setting->strategy == ATTRIB_IDENTITY;
    bool is_staged = info->options->segments || info->options->over_documents;
    if (attrib_strategy_is_baseline(setting->strategy)) {
        return append_likeness(out, setting, err);
    }
    AT_TRY(at_buffer_print(
        out, err, "score > 0: more weight on the document raises %s%s%s; ", formula,
        is_staged             ? ""
        : info->n_checkpoints ? ", summed over the runs by weight"
                              : "",
        info->options->segments         ? ", summed over the segments of the training"
        : info->options->over_documents ? ", over the number of its corpus' documents"
                                        : ""));
    AT_TRY(at_buffer_print(out, err, "%s", sizes[info->options->normalize][is_plain]));
    if (setting->strategy == ATTRIB_EKFAC &&
        info->options->normalize == ATTRIB_NORMALIZE_NONE &&
        info->options->refine == ATTRIB_REFINE_NONE && !is_staged) { /* truth.md */
        bool is_scaled = info->options->scale != ATTRIB_SCALE_NONE;
        AT_TRY(at_buffer_print(out, err, ", which retraining found %s",
                               is_scaled ? "some 2 times too large or small"
                                         : "3 to 30 times too large"));
    }
    if (is_plain || info->options->normalize == ATTRIB_NORMALIZE_UNIT) {
        AT_TRY(at_buffer_print(out, err, ", so its size is no change of %s", name));
    }
done:
    return status;
}

attrib_status at_append_meaning(at_buffer *out,
                                const at_listed *listed,
                                attrib_error *err)
{
    const attrib_answer *answer = listed->answer;
    attrib_score_options options = *listed->info->options;
    attrib_run_info info = *listed->info;
    if (listed->by == ATTRIB_BY_SELF) {
        return at_buffer_print(out, err,
                               "self-influence: what a document does to its own loss; "
                               "largest where it stands apart from the others, as rare, "
                               "garbled and wrong ones do");
    }
    if (listed->by == ATTRIB_BY_COSINE) {
        options.normalize = ATTRIB_NORMALIZE_UNIT;
    }
    info.options = &options;
    return at_append_scale(out, &info, &options.settings[answer->i_setting],
                           &answer->query, err);
}

attrib_status at_append_documents(at_buffer *out,
                                  const at_listed *listed,
                                  attrib_error *err)
{
    const attrib_run_info *info = listed->info;
    const char *many = info->n_documents == 1 ? "" : "s";
    if (!info->options->prefilter) {
        return at_buffer_print(out, err, ", %zu document%s", info->n_documents, many);
    }
    return at_buffer_print(out, err, ", %zu of %zu document%s (%s)",
                           listed->by == ATTRIB_BY_SELF ? info->n_passed
                                                        : listed->answer->n_scored,
                           info->n_documents, many, info->options->prefilter);
}

attrib_status at_append_curvature(at_buffer *out,
                                  const attrib_run_info *info,
                                  const attrib_setting *setting,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *segments = info->options->segments;
    AT_TRY(at_buffer_print(out, err, "%s, %s%s", attrib_strategy_name(setting->strategy),
                           segments ? "segments " : "damping ",
                           segments ? segments : ""));
    AT_TRY(segments ? ATTRIB_OK : at_append_damping(out, setting, err));
done:
    return status;
}

attrib_status at_append_damping(at_buffer *out,
                                const attrib_setting *setting,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!attrib_strategy_is_damped(setting->strategy)) {
        return at_buffer_print(out, err, "none");
    }
    AT_TRY(at_append_number(out, setting->damping, err));
    if (!setting->is_damping_absolute) {
        AT_TRY(at_buffer_print(out, err, " x mean(Lambda)"));
    }
done:
    return status;
}

attrib_status at_append_checkpoints(at_buffer *out,
                                    const attrib_run_info *info,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_one_model = true;
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        is_one_model = is_one_model && strcmp(info->checkpoints[c].model_hash,
                                              info->checkpoints[0].model_hash) == 0;
    }
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        AT_TRY(at_buffer_print(out, err, "%s", c > 0 ? ", " : ""));
        AT_TRY(at_append_number(out, one->weight, err));
        AT_TRY(at_buffer_print(out, err, " x model %.8s", one->model_hash));
        if (is_one_model && *one->factors_hash) {
            AT_TRY(at_buffer_print(out, err, " factors %.8s", one->factors_hash));
        }
    }
done:
    return status;
}

attrib_status at_append_setting(at_buffer *out,
                                const attrib_setting *setting,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "%s", attrib_strategy_name(setting->strategy)));
    if (setting->strategy == ATTRIB_HIDDEN) {
        AT_TRY(at_buffer_print(out, err, "-%zu", setting->layer));
    }
    if (attrib_strategy_is_damped(setting->strategy)) {
        AT_TRY(at_buffer_print(out, err, setting->is_damping_absolute ? "-abs-" : "-"));
        AT_TRY(at_append_number(out, setting->damping, err));
    }
done:
    return status;
}

at_value at_chosen_text(const attrib_document *document)
{
    bool is_pair = document->rejected_token > 0;
    return at_bytes(document->text,
                    is_pair ? document->rejected_byte : document->n_text_bytes);
}

at_value at_rejected_text(const attrib_document *document)
{
    size_t n = document->n_text_bytes - document->rejected_byte;
    return document->rejected_token && document->text
               ? at_bytes(document->text + document->rejected_byte, n)
               : at_none();
}

size_t at_n_matrices(const attrib_run_info *info, attrib_array_shape shape)
{
    switch (shape) {
    case ATTRIB_ARRAY_PLANES:
        return info->n_planes;
    case ATTRIB_ARRAY_SETTINGS:
        return 1;
    case ATTRIB_ARRAY_CHECKPOINTS:
        return info->options->n_settings * info->n_checkpoints;
    case ATTRIB_ARRAY_TOKENS:
        break;
    }
    return info->options->n_settings;
}

attrib_status at_append_matrix(at_buffer *out,
                               const attrib_run *run,
                               const attrib_array *array,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    attrib_plane plane = {array->i, ""};
    bool is_checkpoint = array->shape == ATTRIB_ARRAY_CHECKPOINTS;
    if (array->shape == ATTRIB_ARRAY_PLANES) {
        plane = attrib_run_plane(run, array->i);
    } else if (is_checkpoint) {
        plane.i_setting = array->i / info->n_checkpoints;
    }
    AT_TRY(at_buffer_print(out, err, "%s", array->name));
    if (is_checkpoint) {
        AT_TRY(at_buffer_print(out, err, ".%zu", array->i % info->n_checkpoints + 1));
    }
    if ((is_checkpoint ? plane.i_setting : array->i) > 0 &&
        info->options->n_settings > 1) {
        AT_TRY(at_buffer_print(out, err, "."));
        AT_TRY(at_append_setting(out, &info->options->settings[plane.i_setting], err));
    }
    if (*plane.group) {
        AT_TRY(at_buffer_print(out, err, ".%s", plane.group));
    }
done:
    return status;
}

size_t at_block_documents(const attrib_run_info *info)
{
    size_t row_bytes = info->n_queries * sizeof(double);
    size_t n = row_bytes ? BLOCK_BYTES / row_bytes : BLOCK_BYTES;
    return n ? n : 1;
}
