/* SPDX-License-Identifier: MIT */
/* Rows that count, after the attention of the last layer: nobody sees the others any
 * more, and their gradients are 0. */
#include <string.h>

#include "model/layers.h"

void at_decoder_skip_uncounted(at_decoder *decoder, bool is_skipped)
{
    decoder->skips_uncounted = is_skipped;
}

const size_t *at_decoder_handed_rows(const at_decoder *decoder, size_t *n)
{
    *n = decoder->n_rows;
    return decoder->is_gathered ? decoder->counted : NULL;
}

bool at_gathers(const at_decoder *decoder, size_t i_layer)
{
    return decoder->skips_uncounted && i_layer + 1 == decoder->model->config.n_layers &&
           decoder->n_counted > 0 && decoder->n_counted < decoder->n_all;
}

/* The number of counted rows before `row`. */
static size_t count_before(const at_decoder *decoder, size_t row)
{
    size_t low = 0;
    size_t high = decoder->n_counted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (decoder->counted[middle] < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool at_counts_any(const at_decoder *decoder, at_rows rows)
{
    size_t next = count_before(decoder, rows.first);
    return next < decoder->n_counted && decoder->counted[next] < rows.first + rows.n;
}

/* to [n_counted, width] = the counted rows of from [n, width], which may be the same:
 * rows ascend, so none is written before it is read */
static void gather(const at_decoder *decoder, const float *from, size_t width, float *to)
{
    for (size_t i = 0; i < decoder->n_counted; i++) {
        if (from != to || decoder->counted[i] != i) {
            memcpy(to + i * width, from + decoder->counted[i] * width,
                   width * sizeof *to);
        }
    }
}

/* The opposite, from the last row on; other rows become 0. */
static void spread(const at_decoder *decoder, size_t width, float *rows)
{
    size_t end = decoder->n_all; /* rows from here on are done */
    for (size_t i = decoder->n_counted; i-- > 0;) {
        size_t row = decoder->counted[i];
        memset(rows + (row + 1) * width, 0, (end - row - 1) * width * sizeof *rows);
        if (row != i) {
            memcpy(rows + row * width, rows + i * width, width * sizeof *rows);
        }
        end = row;
    }
    memset(rows, 0, end * width * sizeof *rows);
}

at_rows at_gather(at_decoder *decoder, size_t i_layer)
{
    const at_activations *acts = &decoder->layers[i_layer];
    size_t o_dim = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    gather(decoder, acts->attended, o_dim, acts->attended);
    gather(decoder, acts->input, decoder->model->config.width, decoder->below);
    decoder->n_rows = decoder->n_counted;
    decoder->is_gathered = true;
    return (at_rows){0, decoder->n_rows};
}

void at_gather_along(at_decoder *decoder, size_t i_layer)
{
    const at_tangents *tangents = &decoder->tangents;
    size_t o_dim = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    gather(decoder, tangents->attended, o_dim, tangents->attended);
    gather(decoder, tangents->input, decoder->model->config.width, tangents->input);
}

void at_spread(at_decoder *decoder)
{
    const at_config *config = &decoder->model->config;
    spread(decoder, config->n_heads * config->head_dim, decoder->d_attended);
    spread(decoder, config->width, decoder->d_stream);
    if (config->is_parallel) {
        spread(decoder, config->width, decoder->d_beside);
    }
    decoder->n_rows = decoder->n_all;
    decoder->is_gathered = false;
}

const float *at_stream_of(const at_decoder *decoder, size_t i_layer)
{
    return decoder->is_gathered ? decoder->below : decoder->layers[i_layer].input;
}
