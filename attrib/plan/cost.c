/* SPDX-License-Identifier: MIT */
/* Costs from shapes.
 *
 *   1. Units
 *   2. The pass
 *   3. Fitting
 *   4. Scoring
 *   5. Memory and disk
 *
 * Counts of products follow the code that does them. What is not a product is counted in
 * exponentials; the weights of other work in that unit were measured (E_...). */
#include "plan/cost.h"

#include <math.h>

#include "model/layers.h"

/* Work on one element, in exponentials. */
#define E_SOFTMAX          1.5 /* of a score, forward: largest, exponential, scale */
#define E_SOFTMAX_BACKWARD 2.0 /* again, and its gradient */
#define E_ACTIVATION       6.0 /* of an MLP's inner value: twice forward, once backward */
#define E_STREAM           6.0 /* of the stream, a layer: norms, rotations, sums */
#define E_LOGIT            2.0 /* of a logit: softmax, draw, gradient */

/* The columns that compression works with beyond the rank, and how often it goes over
 * the matrix in products: the range, one iteration of two, and the factors. */
#define COMPRESSION_EXTRA  8
#define COMPRESSION_PASSES 4
/* What making l columns orthonormal, and the small problem behind it, take in
 * exponentials for each row and column, in l and l^2; and the sketch and norms, for each
 * entry. Measured from [128, 344] to [2048, 5632], l from 16 to 128: all of a compression
 * within a quarter where l is below the smaller side. */
#define E_CUT_COLUMN 5.0
#define E_CUT_SQUARE 0.43
#define E_CUT_ENTRY  2.2

/* at_symmetric_eigen() of n rows, measured from 64 to 3,072 on kernels of two kinds: FLOP
 * in n^3 as if they ran at the f32 rate, reads of the shrinking matrix (half of it n
 * times, f64), and what small ones pay in exponentials, in n^2 and n; the term in n^3
 * again at 3,072, since reflections go in wide blocks. The check goes over the matrix and
 * its vectors with four vectors. */
#define EIGEN_FLOP    8.0
#define EIGEN_BYTES   (4.0 / 3.0)
#define EIGEN_CHECK   32.0
#define EIGEN_ENTRIES 22.0
#define EIGEN_ROWS    5500.0

/* 1. Units */

double at_load_seconds(const attrib_load *load, const attrib_machine *machine)
{
    return load->flop / (machine->flops / (double)machine->n_cores) +
           load->operands * machine->operand_seconds +
           load->elements * machine->element_seconds +
           load->bytes / machine->bytes_per_second + load->fresh * machine->fresh_seconds;
}

double at_missed(const attrib_machine *machine, double held)
{
    return held > machine->cache_bytes ? 1 - machine->cache_bytes / held : 0;
}

/* Sum of the squares of a dimension's blocks. */
static double squares(double dim, size_t n_blocks)
{
    return dim * dim / (double)n_blocks;
}

/* 2. The pass */

at_stretch at_stretch_of(const attrib_volume *volume, double block_rows)
{
    double length = volume->n_tokens / volume->n_sequences;
    double of_token = volume->squared_tokens / volume->n_tokens; /* mean over tokens */
    double tile = (double)AT_QUERY_TILE;
    double rows = length < block_rows ? floor(block_rows / length) * length : length;
    rows = rows < volume->n_tokens ? rows : volume->n_tokens;
    return (at_stretch){rows, length, rows * volume->n_predicted / volume->n_tokens,
                        fmin(of_token, (of_token + tile) / 2)};
}

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
 * forward, five backward or four for tangents. */
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
    at_load_product(load, tile, keys, head, (2 + (double)n_more) * n_tiles);
    load->elements += n_scores * (E_SOFTMAX + (n_more ? E_SOFTMAX_BACKWARD : 0));
}

static void add_layers(attrib_load *load,
                       const attrib_model *model,
                       at_mode mode,
                       size_t lowest,
                       const at_stretch *block)
{
    const attrib_model_info *info = attrib_model_describe(model);
    size_t n_more = mode == AT_MODE_FORWARD ? 4 : 5;
    for (size_t i = 0; i < info->n_layers; i++) {
        add_attention(load, info, block, keys_of(&model->config, i, block),
                      lowest < i * AT_N_STEPS + AT_STEP_O ? n_more : 0);
        load->elements += block->rows * (double)info->mlp_width * E_ACTIVATION;
        load->elements += block->rows * (double)info->width * E_STREAM;
    }
}

/* How often rows go through a map: forward, backward or as tangents where a tracked one
 * stands below, and forward again where what it gives is not kept. */
static double times_through(const attrib_model *model,
                            size_t i,
                            size_t lowest,
                            const at_kept *kept)
{
    size_t step = step_of(model, i);
    size_t layer = attrib_model_module(model, i)->layer;
    bool is_reached = layer >= lowest / AT_N_STEPS;
    bool is_made_again = false;
    if (step == layer * AT_N_STEPS + AT_STEP_QKV) {
        is_made_again = layer + 1 < kept->qkv_from && lowest < step + 1;
    } else if (step == layer * AT_N_STEPS + AT_STEP_UP) {
        is_made_again = layer + 1 < kept->mlp_from && is_reached;
    }
    return 1 + (lowest < step) + is_made_again;
}

attrib_status at_cost_pass(const attrib_model *model,
                           at_mode mode,
                           const size_t *tracked,
                           size_t n_tracked,
                           const at_stretch *block,
                           attrib_load *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_load load = {0};
    size_t lowest = n_tracked ? step_of(model, tracked[0]) : SIZE_MAX;
    size_t head_tile =
        mode == AT_MODE_FORWARD ? at_matrix_tile_rows(&model->head.weight) : AT_HEAD_TILE;
    at_kept kept = {0};
    const attrib_model_info *info = attrib_model_describe(model);
    if (mode == AT_MODE_REVERSE) {
        AT_TRY(at_decoder_kept(model, tracked, n_tracked, (size_t)ceil(block->rows),
                               (size_t)ceil(block->length), &kept, err));
    }
    for (size_t i = 0; i < attrib_model_n_modules(model); i++) {
        const attrib_module *map = attrib_model_module(model, i);
        double in = (double)map->in_dim;
        double out_dim = (double)map->out_dim;
        double times = times_through(model, i, lowest, &kept);
        if (map->kind != ATTRIB_MODULE_HEAD) {
            at_load_product(&load, block->rows, out_dim, in, times);
            add_weights(&load, info, map, times);
            continue;
        }
        double tile = fmin((double)head_tile, block->predicted);
        if (tile > 0) {
            at_load_product(&load, tile, out_dim, in, times * block->predicted / tile);
            add_weights(&load, info, map, times * ceil(block->predicted / tile));
        }
        load.elements += block->predicted * out_dim * E_LOGIT;
    }
    add_layers(&load, model, mode, lowest, block);
    *out = load;
done:
    return status;
}

/* 3. Fitting */

attrib_load at_cost_eigen(double n)
{
    return (attrib_load){.flop = n * n * (EIGEN_FLOP * n + EIGEN_CHECK),
                         .elements = n * (EIGEN_ENTRIES * n + EIGEN_ROWS),
                         .bytes = n * n * n * EIGEN_BYTES};
}

/* 4. Scoring */

attrib_load at_cost_prepared(const attrib_module *map, size_t n_blocks, size_t rank)
{
    attrib_load load = {0};
    double in = (double)map->in_dim;
    double out = (double)map->out_dim;
    double k = (double)n_blocks;
    double r = (double)rank;
    load.elements += in * out * AT_UNITS_DIVIDE;
    if (rank == 0 || r >= fmin(in, out)) {
        if (n_blocks > 0) {
            at_load_product(&load, out, in / k, in / k, k);
            at_load_product(&load, out / k, in, out / k, k);
        }
        return load;
    }
    double l = r + COMPRESSION_EXTRA;
    at_load_product(&load, out, l, in, COMPRESSION_PASSES);
    at_load_product(&load, out, in, r, 1); /* what is cut off */
    load.elements += (in + out) * l * (E_CUT_COLUMN + E_CUT_SQUARE * l);
    load.elements += in * out * E_CUT_ENTRY;
    if (n_blocks > 0) {
        at_load_product(&load, in / k, r, in / k, k);
        at_load_product(&load, out / k, r, out / k, k);
    }
    return load;
}

/* 5. Memory and disk */

/* A file's pages that hold nothing but zeros are holes. */
#define PAGE_BYTES 4096.0

/* Of a square of n_blocks diagonal blocks, off which whole pages are holes: a row's gap,
 * from the end of its block to the beginning of the next row's, begins anywhere in one.
 */
static double square_on_disk(double dim, size_t n_blocks, double element_bytes)
{
    double gap = (dim - dim / (double)n_blocks) * element_bytes;
    return dim * (dim * element_bytes - fmax(0, gap - PAGE_BYTES));
}

at_map_bytes at_bytes_map(const attrib_module *map, size_t n_blocks)
{
    double in = (double)map->in_dim;
    double out = (double)map->out_dim;
    at_map_bytes bytes = {.lambda = 8 * in * out};
    if (n_blocks > 0) { /* sums and eigenvalues are f64, eigenvectors f32 */
        bytes.bases =
            4 * (squares(in, n_blocks) + squares(out, n_blocks)) + 8 * (in + out);
        bytes.covariances_on_disk =
            square_on_disk(in, n_blocks, 8) + square_on_disk(out, n_blocks, 8);
        bytes.bases_on_disk = square_on_disk(in, n_blocks, 4) +
                              square_on_disk(out, n_blocks, 4) + 8 * (in + out);
    }
    return bytes;
}
