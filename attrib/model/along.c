/* SPDX-License-Identifier: MIT */
/* Forward mode: tangents along a direction of the tracked maps, computed with the values
 * (map_along.c). Here the head: its logits are not held, a block of the vocabulary at a
 * time updates each row's softmax.
 *
 * Sources: Baydin et al. 2018 (arXiv:1502.05767, section 3.1); the running softmax is
 * Milakov & Gimelshein 2018 (arXiv:1805.02867). */
#include <math.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/rounded.h"
#include "model/vector.h"
#include "linalg/multiply.h"

/* Copy the rows that count to `hidden`, with their tangents. */
static void gather(at_decoder *decoder)
{
    const attrib_model *model = decoder->model;
    const at_config *config = &model->config;
    size_t stride = model->head.in_dim;
    for (size_t i = 0; i < decoder->n_counted; i++) {
        size_t row = decoder->is_gathered ? i : decoder->counted[i];
        size_t offset = row * config->width;
        at_norm_forward(config, &model->final_norm, decoder->output + offset, 1,
                        decoder->hidden + i * stride, stride);
        at_norm_along(config, &model->final_norm, decoder->output + offset,
                      decoder->tangents.input + offset, 1,
                      decoder->tangents.hidden + i * stride, stride);
        decoder->tangents.softmax[i] = (at_softmax){.max = -HUGE_VALF};
    }
}

static size_t label_of(const at_decoder *decoder, size_t i_counted)
{
    size_t i_sequence = decoder->counted_sequence[i_counted];
    size_t t = decoder->counted[i_counted] - decoder->batch->first_row[i_sequence];
    return (size_t)decoder->batch->sequences[i_sequence].ids[t + 1];
}

/* Logits first .. first + n of a counted row, and their tangents, into its softmax. */
static void add_logits(at_decoder *decoder,
                       size_t i_counted,
                       size_t first,
                       size_t n,
                       float *logits,
                       float *d_logits)
{
    const at_config *config = &decoder->model->config;
    at_softmax *row = &decoder->tangents.softmax[i_counted];
    size_t label = label_of(decoder, i_counted);
    if (config->logit_scale != 1) {
        at_row_scale(logits, n, config->logit_scale);
        at_row_scale(d_logits, n, config->logit_scale);
    }
    if (config->logit_cap > 0) {
        at_row_cap(logits, decoder->logit_slopes, n, (float)config->logit_cap);
        at_row_multiply(d_logits, decoder->logit_slopes, n);
    }
    if (label >= first && label - first < n) {
        row->label = (double)logits[label - first];
        row->d_label = (double)d_logits[label - first];
    }
    float largest = at_row_max(logits, n);
    float max = largest > row->max ? largest : row->max;
    double rest = exp((double)row->max - (double)max);
    row->sum = row->sum * rest + at_row_exp(logits, n, max);
    row->d_sum = row->d_sum * rest + at_dot(logits, d_logits, n);
    row->max = max;
}

/* Rows of a tile against outputs first .. first + n of the head, w' [D, n]. */
static attrib_status run_tile(at_decoder *decoder,
                              at_rows rows,
                              const at_operand *w,
                              size_t first,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_linear *head = &decoder->model->head;
    size_t stride = head->in_dim;
    size_t width = head->weight.n_columns;
    size_t i_tracked = decoder->i_tracked[decoder->model->n_modules - 1];
    const float *a = decoder->hidden + rows.first * stride;
    const float *d_a = decoder->tangents.hidden + rows.first * stride;
    float *logits = decoder->logits;
    float *d_logits = decoder->tangents.logits;
    at_multiplier *multiplier = decoder->widener.multiplier;
    at_multiply(multiplier, (at_sizes){rows.n, n, width}, 1.0f, at_plain(a, stride), *w,
                0.0f, logits, n);
    at_multiply(multiplier, (at_sizes){rows.n, n, width}, 1.0f, at_plain(d_a, stride), *w,
                0.0f, d_logits, n);
    if (i_tracked != AT_UNTRACKED) {
        attrib_outputs outputs = {.i_tracked = i_tracked,
                                  .a = a,
                                  .n_rows = rows.n,
                                  .first = first,
                                  .n_outputs = n,
                                  .d_out = d_logits,
                                  .stride = n,
                                  .multiplier = multiplier};
        AT_TRY(decoder->direction(decoder->fn_context, &outputs, err));
    }
    for (size_t i = 0; i < rows.n; i++) {
        if (head->has_bias) {
            at_axpy(n, 1.0f, head->bias + first, logits + i * n);
        }
        add_logits(decoder, rows.first + i, first, n, logits + i * n, d_logits + i * n);
    }
done:
    return status;
}

/* loss = log sum_v exp(l_v) - l_label; its tangent sum_v p_v d_l_v - d_l_label. Both have
 * the opposite sign in a sequence that is subtracted. */
static attrib_status finish_rows(const at_decoder *decoder,
                                 double *losses,
                                 double *slopes,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (decoder->rows.slopes) {
        memset(decoder->rows.slopes, 0, decoder->n_all * sizeof *decoder->rows.slopes);
    }
    for (size_t i = 0; i < decoder->n_counted; i++) {
        const at_softmax *row = &decoder->tangents.softmax[i];
        size_t i_sequence = decoder->counted_sequence[i];
        double loss = log(row->sum) - (row->label - (double)row->max);
        /* A product that found no memory is not finite either. */
        AT_TRY(isfinite(loss) ? ATTRIB_OK : at_multiplier_check(NULL, err));
        AT_CHECK(isfinite(loss), ATTRIB_ENUMERIC, "document %zu: loss is not finite",
                 decoder->batch->sequences[i_sequence].document);
        double sign = decoder->batch->sequences[i_sequence].is_subtracted ? -1 : 1;
        losses[i_sequence] += sign * loss;
        double slope = sign * (row->d_sum / row->sum - row->d_label);
        slopes[i_sequence] += slope;
        if (decoder->rows.slopes) {
            decoder->rows.slopes[decoder->counted[i]] = slope;
        }
    }
done:
    return status;
}

/* Rows first .. first + n of the head's weights, transposed. */
static at_operand head_rows(at_decoder *decoder, size_t first, size_t n)
{
    const at_linear *head = &decoder->model->head;
    at_widener *widener = &decoder->widener;
    size_t width = head->weight.n_columns;
    if (widener->rounded) {
        const uint16_t *all = at_rounded_weights(widener->rounded, head->i_module);
        return (at_operand){AT_TRANSPOSED, NULL, all + first * width, width};
    }
    return at_transposed(at_matrix_some(&head->weight, first, n, widener), width);
}

attrib_status at_head_along(at_decoder *decoder,
                            double *losses,
                            double *slopes,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_matrix *weight = &decoder->model->head.weight;
    size_t n_block = at_matrix_block_rows(weight);
    size_t n_tile = at_matrix_tile_rows(weight);
    for (size_t i = 0; i < decoder->batch->n_sequences; i++) {
        losses[i] = 0;
        slopes[i] = 0;
    }
    gather(decoder);
    for (size_t first = 0; first < weight->n_rows; first += n_block) {
        size_t left = weight->n_rows - first;
        size_t n = left < n_block ? left : n_block;
        at_operand w = head_rows(decoder, first, n);
        for (size_t i = 0; i < decoder->n_counted; i += n_tile) {
            size_t n_left = decoder->n_counted - i;
            at_rows rows = {i, n_left < n_tile ? n_left : n_tile};
            AT_TRY(run_tile(decoder, rows, &w, first, n, err));
        }
    }
    AT_TRY(finish_rows(decoder, losses, slopes, err));
done:
    return status;
}
