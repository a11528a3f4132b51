/* SPDX-License-Identifier: MIT */
/* The output head: logits, losses, drawn labels, and the gradient down to the last layer.
 *
 * Only rows whose prediction counts are gathered into it, a tile of rows at a time:
 * logits, log-sum-exp, loss, d_logits in place, d_hidden. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"
#include "linalg/multiply.h"

/* What row t of a sequence is to predict where its label is not to be drawn: a label that
 * was drawn before stands in the sequence, data is its ids. */
static int32_t label_of(const attrib_sequence *sequence, at_labels labels, size_t t)
{
    const int32_t *from = labels == AT_LABELS_SAMPLED ? sequence->labels : sequence->ids;
    return from[t + 1];
}

static bool is_drawn(const attrib_sequence *sequence, at_labels labels)
{
    return labels == AT_LABELS_SAMPLED && !sequence->labels;
}

static attrib_status check_id(const at_decoder *decoder,
                              const attrib_sequence *sequence,
                              size_t t,
                              int32_t id,
                              attrib_error *err)
{
    size_t n_vocabulary = decoder->model->config.n_vocabulary;
    if (id < 0 || (size_t)id >= n_vocabulary) {
        return at_fail(err, ATTRIB_ERANGE,
                       "document %zu: token %zu: id %d is outside the vocabulary of %zu",
                       sequence->document, sequence->offset + t, (int)id, n_vocabulary);
    }
    return ATTRIB_OK;
}

attrib_status at_head_list(at_decoder *decoder, at_labels labels, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = decoder->batch;
    decoder->n_counted = 0;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        const attrib_sequence *sequence = &batch->sequences[i];
        for (size_t t = 0; t < sequence->n_tokens; t++) {
            AT_TRY(check_id(decoder, sequence, t, sequence->ids[t], err));
        }
        size_t n_rows = batch->first_row[i + 1] - batch->first_row[i];
        for (size_t t = 0; t < n_rows && t + 1 < sequence->n_tokens; t++) {
            if (!sequence->mask[t + 1] || sequence->direction) {
                continue;
            }
            if (!is_drawn(sequence, labels)) {
                AT_TRY(check_id(decoder, sequence, t + 1, label_of(sequence, labels, t),
                                err));
            }
            decoder->counted[decoder->n_counted] = batch->first_row[i] + t;
            decoder->counted_sequence[decoder->n_counted++] = i;
        }
    }
done:
    return status;
}

/* The smallest label whose cumulative probability passes a uniform draw, where e holds
 * exp(logit - max) and `total` their sum. */
static size_t draw(const float *e, size_t n, double total, double uniform)
{
    double cumulative = 0;
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        cumulative += (double)e[i];
        if (e[i] > 0) {
            last = i; /* where rounding leaves the draw above the whole sum */
        }
        if (cumulative > uniform * total) {
            return i;
        }
    }
    return last;
}

/* -log p(label) of one row, or log p(label) of a sequence that is subtracted; logits
 * become the gradient of that loss, p - [label] (times scale, cap's slope and sign). */
static double lose_row(
    at_decoder *decoder, size_t i_counted, at_labels labels, uint64_t seed, float *logits)
{
    size_t n = decoder->model->config.n_vocabulary;
    size_t i_sequence = decoder->counted_sequence[i_counted];
    const attrib_sequence *sequence = &decoder->batch->sequences[i_sequence];
    size_t t = decoder->counted[i_counted] - decoder->batch->first_row[i_sequence];
    double cap = decoder->model->config.logit_cap;
    float scale = decoder->model->config.logit_scale;
    float slope = sequence->is_subtracted ? -scale : scale;
    if (scale != 1) {
        at_row_scale(logits, n, scale);
    }
    if (cap > 0) {
        at_row_cap(logits, decoder->logit_slopes, n, (float)cap);
    }
    float max = at_row_max(logits, n);
    double loss = 0;
    size_t label = 0;
    double total = 0;
    if (is_drawn(sequence, labels)) {
        double uniform = at_uniform(seed, sequence->document, sequence->offset + t + 1);
        total = at_row_exp(logits, n, max);
        label = draw(logits, n, total, uniform);
        loss = log(total) - log((double)logits[label]);
    } else {
        label = (size_t)label_of(sequence, labels, t);
        double logit = (double)logits[label];
        total = at_row_exp(logits, n, max);
        loss = log(total) - (logit - (double)max);
    }
    at_row_scale(logits, n, (float)(1 / total));
    logits[label] -= 1.0f;
    if (cap > 0) {
        at_row_multiply(logits, decoder->logit_slopes, n);
    }
    if (slope != 1) {
        at_row_scale(logits, n, slope);
    }
    return sequence->is_subtracted ? -loss : loss;
}

size_t at_head_row(const at_decoder *decoder, size_t i_counted)
{
    return decoder->is_gathered ? i_counted : decoder->counted[i_counted];
}

static void gather(at_decoder *decoder, size_t first, size_t n)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    size_t stride = model->head.in_dim;
    for (size_t i = 0; i < n; i++) {
        at_norm_forward(&model->config, &model->final_norm,
                        decoder->output + at_head_row(decoder, first + i) * width, 1,
                        decoder->hidden + i * stride, stride);
    }
}

void at_head_backward(at_decoder *decoder, const float *d_logits, at_rows rows)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    at_linear_backward(&decoder->widener, &model->head, d_logits,
                       model->config.n_vocabulary, rows.n, 0.0f, decoder->d_hidden);
    for (size_t i = 0; i < rows.n; i++) {
        size_t offset = at_head_row(decoder, rows.first + i) * width;
        at_norm_backward(&model->config, &model->final_norm, decoder->output + offset,
                         decoder->d_hidden + i * width, 1, 1.0f,
                         decoder->d_stream + offset);
    }
}

/* A tile of counted rows: losses and, going backward, d_stream. */
static attrib_status run_tile(at_decoder *decoder,
                              at_labels labels,
                              uint64_t seed,
                              at_rows rows,
                              double *losses,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_model *model = decoder->model;
    size_t n_vocabulary = model->config.n_vocabulary;
    gather(decoder, rows.first, rows.n);
    at_linear_forward(&decoder->widener, &model->head, decoder->hidden, rows.n, 0.0f,
                      decoder->logits, n_vocabulary);
    for (size_t i = 0; i < rows.n; i++) {
        float *logits = decoder->logits + i * n_vocabulary;
        size_t row = decoder->counted[rows.first + i];
        size_t i_sequence = decoder->counted_sequence[rows.first + i];
        double loss = lose_row(decoder, rows.first + i, labels, seed, logits);
        /* A product that found no memory is not finite either. */
        AT_TRY(isfinite(loss) ? ATTRIB_OK : at_multiplier_check(NULL, err));
        AT_CHECK(isfinite(loss), ATTRIB_ENUMERIC, "document %zu: loss is not finite",
                 decoder->batch->sequences[i_sequence].document);
        losses[i_sequence] += loss;
        if (decoder->row_losses) {
            decoder->row_losses[row] = loss;
        }
        if (decoder->head_ds) {
            memcpy(decoder->head_ds + at_head_row(decoder, rows.first + i) * n_vocabulary,
                   logits, n_vocabulary * sizeof(float));
        }
    }
    if (at_is_tracked_below(decoder, model->config.n_layers, 0)) {
        at_head_backward(decoder, decoder->logits, rows);
    }
done:
    return status;
}

attrib_status at_head_hand(at_decoder *decoder, attrib_error *err)
{
    const attrib_model *model = decoder->model;
    at_norm_forward(&model->config, &model->final_norm, decoder->output, decoder->n_rows,
                    decoder->normed, model->head.in_dim);
    return at_hand(decoder, model->n_modules - 1, decoder->normed, decoder->head_ds, err);
}

void at_head_clear(at_decoder *decoder)
{
    const at_config *config = &decoder->model->config;
    if (decoder->head_ds) {
        memset(decoder->head_ds, 0,
               decoder->n_rows * config->n_vocabulary * sizeof(float));
    }
    if (decoder->d_stream) {
        memset(decoder->d_stream, 0, decoder->n_rows * config->width * sizeof(float));
    }
}

attrib_status at_head_run(at_decoder *decoder,
                          at_labels labels,
                          uint64_t seed,
                          double *losses,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < decoder->batch->n_sequences; i++) {
        losses[i] = 0;
    }
    at_head_clear(decoder);
    for (size_t i = 0; i < decoder->n_counted; i += AT_HEAD_TILE) {
        size_t left = decoder->n_counted - i;
        at_rows rows = {i, left < AT_HEAD_TILE ? left : AT_HEAD_TILE};
        AT_TRY(run_tile(decoder, labels, seed, rows, losses, err));
    }
    if (decoder->head_ds) {
        AT_TRY(at_head_hand(decoder, err));
    }
done:
    return status;
}
