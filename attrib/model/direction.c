/* SPDX-License-Identifier: MIT */
/* Hidden states along a direction, which some sequences measure in place of a loss:
 *
 *     f = 1/n sum over n positions t of  v . h_l[t],    loss = -f
 *
 * h_l is what layer l reads, counted from 0, for l < L; h_L is what the head reads,
 * after the last norm. So transformers counts in output_hidden_states. */
#include <math.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"

static size_t count_positions(const attrib_sequence *sequence)
{
    size_t n = 0;
    for (size_t t = 0; t < sequence->n_tokens; t++) {
        n += sequence->direction->positions[t] != 0;
    }
    return n;
}

/* The hidden state [D] of a row, which may be computed into the head's scratch. */
static const float *state_of(at_decoder *decoder, size_t layer, size_t row)
{
    const attrib_model *model = decoder->model;
    size_t offset = row * model->config.width;
    if (layer < model->config.n_layers) {
        return decoder->layers[layer].input + offset;
    }
    at_norm_forward(&model->config, &model->final_norm, decoder->output + offset, 1,
                    decoder->hidden, model->head.in_dim);
    return decoder->hidden;
}

attrib_status at_directions_measure(at_decoder *decoder,
                                    double *losses,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = decoder->batch;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        const attrib_sequence *sequence = &batch->sequences[i];
        const attrib_direction *direction = sequence->direction;
        double sum = 0;
        for (size_t t = 0; direction && t < sequence->n_tokens; t++) {
            if (direction->positions[t]) {
                const float *state =
                    state_of(decoder, direction->layer, batch->first_row[i] + t);
                sum += at_dot(direction->values, state, direction->n_values);
            }
        }
        if (direction) {
            losses[i] = -sum / (double)count_positions(sequence);
            AT_CHECK(isfinite(losses[i]), ATTRIB_ENUMERIC,
                     "sequence %zu: a hidden state is not finite", sequence->document);
        }
    }
done:
    return status;
}

/* Add the gradient of -f by a row's hidden state, -v / n, to d_stream. */
static void seed_row(at_decoder *decoder,
                     const attrib_direction *direction,
                     size_t n,
                     size_t row)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    float *d_stream = decoder->d_stream + row * width;
    float scale = -1.0f / (float)n;
    if (direction->layer < model->config.n_layers) {
        at_axpy(width, scale, direction->values, d_stream);
        return;
    }
    memset(decoder->d_hidden, 0, width * sizeof *decoder->d_hidden);
    at_axpy(width, scale, direction->values, decoder->d_hidden);
    at_norm_backward(&model->config, &model->final_norm, decoder->output + row * width,
                     decoder->d_hidden, 1, 1.0f, d_stream);
}

void at_directions_seed(at_decoder *decoder, size_t layer)
{
    const at_batch *batch = decoder->batch;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        const attrib_sequence *sequence = &batch->sequences[i];
        const attrib_direction *direction = sequence->direction;
        if (!direction || direction->layer != layer) {
            continue;
        }
        size_t n = count_positions(sequence);
        for (size_t t = 0; t < sequence->n_tokens; t++) {
            if (direction->positions[t]) {
                seed_row(decoder, direction, n, batch->first_row[i] + t);
            }
        }
    }
}
