/* SPDX-License-Identifier: MIT */
/* What a block costs the decoder, from shapes. Counts of products follow the code that
 * does them; what is not a product is counted in exponentials, whose weights were
 * measured. */
#include <math.h>

#include "base/load.h"
#include "linalg/cost.h"
#include "model/layers.h"

/* Work on one element, in exponentials. */
#define UNITS_SOFTMAX          1.5 /* of a score, forward: largest, exponential, scale */
#define UNITS_SOFTMAX_BACKWARD 2.0 /* again, and its gradient */
#define UNITS_ACTIVATION       6.0 /* of an MLP's inner value: twice forward, once backward */
#define UNITS_STREAM           6.0 /* of the stream, a layer: norms, rotations, sums */
#define UNITS_LOGIT            2.0 /* of a logit: softmax, draw, gradient */

/* A map's weights are read, and widened where they are kept in fewer bits, every time
 * that a block goes through them. */
static void add_weights(attrib_load *load,
                        const attrib_model_info *info,
                        const attrib_module *map,
                        double times)
{
    double n = times * (double)map->in_dim * (double)map->out_dim;
    double bytes = (double)info->weight_bytes / (double)info->n_parameters;
    load->bytes += n * bytes;
    if (bytes < 3) { /* not f32 */
        load->elements += n * AT_UNITS_WIDEN;
    }
}

/* Where a map stands in its layer: maps of one step read the same input. */
static size_t step_of(const attrib_model *model, size_t i)
{
    const attrib_module *map = attrib_model_module(model, i);
    const attrib_module *next = map;
    if (map->kind == ATTRIB_MODULE_HEAD) {
        return map->layer * AT_N_STEPS;
    }
    if (i + 1 < attrib_model_n_modules(model)) {
        next = attrib_model_module(model, i + 1);
    }
    bool is_last = next->kind != map->kind || next->layer != map->layer;
    size_t first = map->kind == ATTRIB_MODULE_MLP ? AT_STEP_UP : AT_STEP_QKV;
    return map->layer * AT_N_STEPS + first + is_last;
}

/* Keys of a row in one layer: fewer where it sees a window, as wide as its tile more. */
static double keys_of(const at_config *config, size_t i_layer, const at_stretch *block)
{
    size_t window = at_config_window(config, i_layer);
    double seen = (double)window + (double)AT_QUERY_TILE / 2;
    return window && seen < block->keys ? seen : block->keys;
}

/* Scores and what is done with them, for the rows of all heads of a layer: two products
 * forward, five backward or four for tangents; for a vector of products ten. */
static void add_attention(attrib_load *load,
                          const attrib_model_info *info,
                          const at_stretch *block,
                          double keys,
                          size_t n_more)
{
    double tile = fmin((double)AT_QUERY_TILE, block->length);
    double n_tiles = block->rows * (double)info->n_heads / tile;
    double n_scores = block->rows * (double)info->n_heads * keys;
    double head = (double)info->head_dim;
    double n_scores_made = 1 + floor((double)n_more / 2); /* by rows of keys or values */
    at_load_product(
        load,
        (at_product_size){AT_TRANSPOSED, tile, fmin(keys, (double)AT_KEY_BLOCK), head},
        n_scores_made * n_tiles * fmax(1, keys / (double)AT_KEY_BLOCK));
    at_load_product(load, (at_product_size){AT_PLAIN, tile, head, keys},
                    (2 + (double)n_more - n_scores_made) * n_tiles);
    load->elements += n_scores * (UNITS_SOFTMAX + (n_more ? UNITS_SOFTMAX_BACKWARD : 0));
}

static void add_layers(attrib_load *load,
                       const attrib_model *model,
                       at_mode mode,
                       size_t lowest,
                       const at_stretch *block)
{
    const attrib_model_info *info = attrib_model_describe(model);
    size_t n_more = mode == AT_MODE_FORWARD ? 4 : mode == AT_MODE_PRODUCT ? 8 : 5;
    for (size_t i = 0; i < info->n_layers; i++) {
        add_attention(load, info, block, keys_of(&model->config, i, block),
                      lowest < i * AT_N_STEPS + AT_STEP_O ? n_more : 0);
        double rows = i + 1 < info->n_layers ? block->rows : block->late;
        load->elements += rows * (double)info->mlp_width * UNITS_ACTIVATION;
        load->elements += rows * (double)info->width * UNITS_STREAM;
    }
}

/* How often rows go through a map: forward, backward or as tangents where a tracked one
 * stands below, and forward again where what it gives is not kept. */
static double times_through(
    const attrib_model *model, at_mode mode, size_t i, size_t lowest, const at_kept *kept)
{
    size_t step = step_of(model, i);
    size_t layer = attrib_model_module(model, i)->layer;
    bool is_reached = layer >= lowest / AT_N_STEPS;
    bool is_made_again = false;
    if (mode == AT_MODE_PRODUCT) { /* tangents and backward; the head's logits again */
        bool is_head = attrib_model_module(model, i)->kind == ATTRIB_MODULE_HEAD;
        return is_head ? 2 + (lowest < step) : 2 * (lowest < step);
    }
    if (step == layer * AT_N_STEPS + AT_STEP_QKV) {
        is_made_again = layer + 1 < kept->qkv_from && lowest < step + 1;
    } else if (step == layer * AT_N_STEPS + AT_STEP_UP) {
        is_made_again = layer + 1 < kept->mlp_from && is_reached;
    }
    return 1 + (lowest < step) + is_made_again;
}

/* How many of these are backward, by the weights as they lie; the others are by their
 * transpose. */
static double times_back(const attrib_model *model, at_mode mode, size_t i, size_t lowest)
{
    bool is_above = lowest < step_of(model, i);
    return mode == AT_MODE_FORWARD ? 0 : (double)is_above;
}

/* Products of rows with a map, `n_back` of `times` of them backward. */
static void add_map(
    attrib_load *load, const attrib_module *map, double rows, double times, double n_back)
{
    double in = (double)map->in_dim;
    double out = (double)map->out_dim;
    at_load_product(load, (at_product_size){AT_TRANSPOSED, rows, out, in},
                    times - n_back);
    at_load_product(load, (at_product_size){AT_PLAIN, rows, in, out}, n_back);
}

/* The rows that go through a map of a layer. */
static double rows_through(const attrib_model *model, size_t i, const at_stretch *block)
{
    size_t n_steps = attrib_model_describe(model)->n_layers * AT_N_STEPS;
    bool is_late = step_of(model, i) + AT_N_STEPS >= n_steps + AT_STEP_O;
    return is_late ? block->late : block->rows;
}

attrib_status at_decoder_cost(const at_decoding *how,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_load load = {0};
    const attrib_model *model = how->model;
    bool is_forward = how->mode == AT_MODE_FORWARD;
    size_t lowest = how->n_tracked ? step_of(model, how->tracked[0]) : SIZE_MAX;
    size_t head_tile =
        is_forward ? at_matrix_tile_rows(&model->head.weight) : AT_HEAD_TILE;
    at_kept kept = {0};
    const attrib_model_info *info = attrib_model_describe(model);
    if (!is_forward && how->mode != AT_MODE_PRODUCT) {
        AT_TRY(at_decoder_kept(how, (size_t)ceil(block->rows),
                               (size_t)ceil(block->length), &kept, err));
    }
    for (size_t i = 0; i < attrib_model_n_modules(model); i++) {
        const attrib_module *map = attrib_model_module(model, i);
        double out_dim = (double)map->out_dim;
        double times = times_through(model, how->mode, i, lowest, &kept);
        double n_back = times_back(model, how->mode, i, lowest);
        if (map->kind != ATTRIB_MODULE_HEAD) {
            double rows = rows_through(model, i, block);
            add_map(&load, map, rows, times, n_back);
            add_weights(&load, info, map, times);
            continue;
        }
        double tile = fmin((double)head_tile, block->predicted);
        if (tile > 0) {
            double n_tiles = block->predicted / tile;
            add_map(&load, map, tile, times * n_tiles, n_back * n_tiles);
            add_weights(&load, info, map, times * ceil(block->predicted / tile));
        }
        load.elements += block->predicted * out_dim * UNITS_LOGIT;
    }
    add_layers(&load, model, how->mode, lowest, block);
    *out = load;
done:
    return status;
}

double at_decoder_keys(double mean_tokens)
{
    return fmin(mean_tokens, (mean_tokens + (double)AT_QUERY_TILE) / 2);
}
