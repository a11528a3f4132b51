/* SPDX-License-Identifier: MIT */
/* Rotary positions: queries and keys of each head turned by their place in the sequence.
 *
 * Source: Su et al. 2021 (arXiv:2104.09864). */
#include <math.h>

#include "model/layers.h"

static void fill(
    const at_rope *rope, size_t rotary_dim, size_t n, float *cosines, float *sines)
{
    size_t half = rotary_dim / 2;
    for (size_t i = 0; i < half; i++) {
        double frequency = at_rope_frequency(rope, rotary_dim, i);
        for (size_t t = 0; t < n; t++) {
            double angle = (double)t * frequency;
            cosines[t * half + i] = (float)(rope->length * cos(angle));
            sines[t * half + i] = (float)(rope->length * sin(angle));
        }
    }
}

void at_rotary_fill(at_decoder *decoder)
{
    const at_config *config = &decoder->model->config;
    size_t n = decoder->longest;
    fill(&config->rope, config->rotary_dim, n, decoder->cosines[0], decoder->sines[0]);
    if (config->has_local_rope) {
        fill(&config->local_rope, config->rotary_dim, n, decoder->cosines[1],
             decoder->sines[1]);
    }
}

/* Turn the pair (x[i], x[i + half]) of a head by its angle. */
static void turn_halves(
    float *x, const float *cosines, const float *sines, size_t half, float sign)
{
    for (size_t i = 0; i < half; i++) {
        float first = x[i];
        float second = x[i + half];
        float sine = sign * sines[i];
        x[i] = first * cosines[i] - second * sine;
        x[i + half] = second * cosines[i] + first * sine;
    }
}

/* Turn the pair (x[2 i], x[2 i + 1]) of a head by its angle. */
static void turn_pairs(
    float *x, const float *cosines, const float *sines, size_t half, float sign)
{
    for (size_t i = 0; i < half; i++) {
        float first = x[2 * i];
        float second = x[2 * i + 1];
        float sine = sign * sines[i];
        x[2 * i] = first * cosines[i] - second * sine;
        x[2 * i + 1] = second * cosines[i] + first * sine;
    }
}

/* Heads in rows of x, `stride` apart. */
typedef struct heads {
    float *x;
    size_t stride, n;
} heads;

static void turn_rows(
    const at_decoder *decoder, size_t i_table, heads h, at_rows rows, float sign)
{
    const at_architecture *architecture = decoder->model->config.architecture;
    size_t half = decoder->model->config.rotary_dim / 2;
    bool is_in_pairs = architecture->position == AT_POSITION_ROTARY_PAIRS;
    for (size_t t = rows.first; t < rows.first + rows.n; t++) {
        size_t offset = decoder->positions[t] * half;
        const float *cosines = decoder->cosines[i_table] + offset;
        const float *sines = decoder->sines[i_table] + offset;
        for (size_t head = 0; head < h.n; head++) {
            float *x = h.x + t * h.stride + head * decoder->head_stride;
            if (is_in_pairs) {
                turn_pairs(x, cosines, sines, half, sign);
            } else {
                turn_halves(x, cosines, sines, half, sign);
            }
        }
    }
}

void at_rotary_turn(const at_decoder *decoder,
                    size_t i_layer,
                    float *q,
                    float *k,
                    at_rows rows,
                    float sign)
{
    const at_config *config = &decoder->model->config;
    size_t i_table = at_config_is_windowed(config, i_layer) ? 1 : 0;
    if (at_config_is_turned(config, i_layer)) {
        turn_rows(decoder, i_table, (heads){q, decoder->q_stride, config->n_heads}, rows,
                  sign);
        turn_rows(decoder, i_table, (heads){k, decoder->kv_stride, config->n_kv_heads},
                  rows, sign);
    }
}
