/* SPDX-License-Identifier: MIT */
/* The decoder of one worker: forward and backward, or forward with tangents.
 *
 *   1. Forward and backward, and forward mode
 *   2. Public */
#include "model/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. Forward and backward, and forward mode */

/* The vector [D] of a token, times the embedding's scale. */
static void embed_token(const attrib_model *model, int32_t id, float *out)
{
    /* A row of a type that was found to be one that can be widened. */
    (void)!at_matrix_rows(&model->embedding, (size_t)id, 1, out, NULL);
    if (model->config.embedding_scale != 1) {
        at_row_scale(out, model->config.width, model->config.embedding_scale);
    }
}

/* input of the first layer = token vector (times a scale) (+ position vector) */
static void embed(at_decoder *decoder, at_rows rows)
{
    const attrib_model *model = decoder->model;
    const at_batch *batch = decoder->batch;
    size_t width = model->config.width;
    size_t i_sequence = 0;
    for (size_t row = rows.first; row < rows.first + rows.n; row++) {
        while (batch->first_row[i_sequence + 1] <= row) {
            i_sequence++;
        }
        size_t t = decoder->positions[row];
        float *out = decoder->layers[0].input + row * width;
        embed_token(model, batch->sequences[i_sequence].ids[t], out);
        if (model->positions.values) {
            at_axpy(width, 1.0f, model->positions.values + t * width, out);
        }
    }
}

/* Copy the hidden states that a layer, or the head, is about to read, where they are
 * wanted. */
static void report_states(at_decoder *decoder, size_t layer, at_rows rows)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    size_t offset = rows.first * width;
    if (!decoder->rows.states || decoder->rows.state_layer != layer) {
        return;
    }
    float *out = decoder->rows.states + offset;
    if (layer < model->config.n_layers) {
        memcpy(out, decoder->layers[layer].input + offset, rows.n * width * sizeof *out);
    } else {
        at_norm_forward(&model->config, &model->final_norm, decoder->output + offset,
                        rows.n, out, width);
    }
}

void at_decoder_forward(at_decoder *decoder, at_rows rows)
{
    size_t n_layers = decoder->model->config.n_layers;
    embed(decoder, rows);
    for (size_t i = 0; i < n_layers; i++) {
        report_states(decoder, i, rows);
        rows = at_attention_forward(decoder, i, rows);
        at_mlp_forward(decoder, i, rows,
                       i + 1 < n_layers ? decoder->layers[i + 1].input : decoder->output);
    }
    report_states(decoder, n_layers, rows);
}

static attrib_status run_backward(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = decoder->model->config.n_layers; i-- > 0;) {
        if (!at_is_tracked_below(decoder, i + 1, 0)) {
            break;
        }
        at_directions_seed(decoder, i + 1);
        AT_TRY(at_mlp_backward(decoder, i, err));
        if (at_is_tracked_below(decoder, i, AT_STEP_UP)) {
            AT_TRY(at_attention_backward(decoder, i, err));
        }
    }
done:
    return status;
}

/* d loss / d eps = e_t . d loss / d x_t, where the stream is x_t = (1 + eps) e_t (+ its
 * position's vector). */
static void measure_inputs(at_decoder *decoder)
{
    const at_batch *batch = decoder->batch;
    size_t width = decoder->model->config.width;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        for (size_t row = batch->first_row[i]; row < batch->first_row[i + 1]; row++) {
            size_t t = row - batch->first_row[i];
            embed_token(decoder->model, batch->sequences[i].ids[t], decoder->hidden);
            decoder->rows.inputs[row] =
                at_dot(decoder->hidden, decoder->d_stream + row * width, width);
        }
    }
}

/* The stream and its tangents through all layers. No token vector is tracked: below the
 * first layer nothing changes. */
static attrib_status run_along(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = decoder->model->config.n_layers;
    size_t n_values = decoder->n_rows * decoder->model->config.width;
    if (!at_has_values(decoder)) {
        embed(decoder, (at_rows){0, decoder->n_rows});
    }
    memset(decoder->tangents.input, 0, n_values * sizeof(float));
    for (size_t i = 0; i < n_layers; i++) {
        AT_TRY(at_attention_along(decoder, i, err));
        AT_TRY(at_mlp_along(
            decoder, i, i + 1 < n_layers ? decoder->layers[i + 1].input : decoder->output,
            err));
    }
done:
    return status;
}

/* 2. Public */

attrib_status at_decoder_run(at_decoder *decoder,
                             const at_batch *batch,
                             at_labels labels,
                             uint64_t seed,
                             at_module_fn fn,
                             void *context,
                             double *losses,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    decoder->mode = decoder->rows.inputs ? AT_MODE_INPUT : AT_MODE_REVERSE;
    decoder->fn = fn;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, labels, err));
    at_decoder_forward(decoder, (at_rows){0, decoder->n_rows});
    AT_TRY(at_head_run(decoder, labels, seed, losses, err));
    AT_TRY(at_directions_measure(decoder, losses, err));
    AT_TRY(run_backward(decoder, err));
    if (decoder->rows.inputs) {
        measure_inputs(decoder);
    }
done:
    return status;
}

attrib_status at_decoder_run_along(at_decoder *decoder,
                                   const at_batch *batch,
                                   at_direction_fn direction,
                                   void *context,
                                   double *losses,
                                   double *slopes,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    decoder->mode = AT_MODE_FORWARD;
    decoder->direction = direction;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, AT_LABELS_DATA, err));
    AT_TRY(run_along(decoder, err));
    AT_TRY(at_head_along(decoder, losses, slopes, err));
done:
    return status;
}

attrib_status at_decoder_run_products(at_decoder *decoder,
                                      const at_batch *batch,
                                      size_t n_vectors,
                                      at_direction_fn direction,
                                      at_module_fn fn,
                                      void *context,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    assert(!decoder->skips_uncounted);
    decoder->mode = AT_MODE_PRODUCT;
    decoder->direction = direction;
    decoder->fn = fn;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, AT_LABELS_DATA, err));
    at_decoder_forward(decoder, (at_rows){0, decoder->n_rows});
    for (decoder->i_vector = 0; decoder->i_vector < n_vectors; decoder->i_vector++) {
        AT_TRY(run_along(decoder, err));
        AT_TRY(at_head_product(decoder, err));
        AT_TRY(run_backward(decoder, err));
    }
done:
    decoder->i_vector = 0;
    return status;
}

size_t at_decoder_vector(const at_decoder *decoder)
{
    return decoder->i_vector;
}
