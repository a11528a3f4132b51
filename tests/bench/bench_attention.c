/* SPDX-License-Identifier: MIT */
/* How fast attention is in long documents, and which part of a pass it takes.
 *
 *     bench_attention [--small] [TOKENS [ROUNDS]]
 *
 * A decoder of SmolLM2-135M's widths (9 heads of 64 with 3 of keys) with 4 layers, a
 * small vocabulary and weights made in memory takes one document, in f32 and, where the
 * processor has it, in bf16: forward and backward, and forward with tangents. Timed are
 * attention alone in one layer, and whole passes, in the thread's own seconds, which what
 * else runs has no part in. Counted are the products of a query with the keys that it
 * sees (two forward, five backward, six with tangents), so that keys above the diagonal
 * and softmax lower the rate. `share` is what attention takes of a pass. The residual is
 * the largest difference of an output or a gradient of queries, over the largest, from a
 * naive f64 attention of some queries. Figures are medians over rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/arguments.h"
#include "bench/timing.h"
#include "linalg/linalg.h"
#include "model/layers.h"
#include "support/made_model.h"

#define MAX_ROUNDS 32
#define N_CHECKED  5

/* 1. The model */

static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    float size = strstr(spec->name, "norm") ? 0.0f : 0.06f;
    (void)context;
    (void)err;
    for (size_t i = 0; spec->out && i < spec->shape[0] * spec->shape[1]; i++) {
        spec->out[i] =
            size * made_number(i + strlen(spec->name)) + (size > 0 ? 0.0f : 1.0f);
    }
    return ATTRIB_OK;
}

static at_config make_config(bool is_small, size_t n_tokens)
{
    return (at_config){
        .architecture = at_architecture_find("llama"),
        .n_layers = is_small ? 1 : 4,
        .width = is_small ? 48 : 576,
        .n_heads = is_small ? 3 : 9,
        .n_kv_heads = is_small ? 1 : 3,
        .head_dim = is_small ? 16 : 64,
        .mlp_width = is_small ? 96 : 1536,
        .n_vocabulary = 1000,
        .context = n_tokens,
        .norm_epsilon = 1e-5,
        .rope = {.theta = 10000},
        .is_head_tied = true,
    };
}

/* 2. What is timed */

typedef struct bench {
    const attrib_model *model;
    at_decoder *decoder;
    attrib_sequence sequence;
    size_t first_row[2];
    at_batch batch;
} bench;

static void run_pass(bench *b)
{
    attrib_error err = {0};
    double loss = 0;
    MUST(at_decoder_run(b->decoder, &b->batch, AT_LABELS_DATA, 0, made_ignore_pairs, NULL,
                        &loss, &err));
}

static void run_along(bench *b)
{
    attrib_error err = {0};
    double loss = 0;
    double slope = 0;
    MUST(at_decoder_run_along(b->decoder, &b->batch, made_no_direction, NULL, &loss,
                              &slope, &err));
}

static void run_forward(bench *b)
{
    at_attend(b->decoder, 0, (at_rows){0, b->decoder->n_rows});
}

static void run_backward(bench *b)
{
    at_attend_backward(b->decoder, 0);
}

static void run_tangents(bench *b)
{
    at_attend_along(b->decoder, 0);
}

/* The median of the seconds that `fn` takes. */
static double time_of(bench *b, void (*fn)(bench *), size_t n_rounds)
{
    double seconds[MAX_ROUNDS];
    for (size_t i = 0; i < n_rounds; i++) {
        double start = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
        fn(b);
        seconds[i] = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    return bench_median(seconds, n_rounds);
}

/* 3. The residual */

/* Made queries, keys, values and gradients of outputs in the place of layer 0's. */
static void make_inputs(bench *b)
{
    at_decoder *decoder = b->decoder;
    const at_activations *acts = &decoder->layers[0];
    size_t n_q = decoder->n_rows * decoder->q_stride;
    size_t n_kv = decoder->n_rows * decoder->kv_stride;
    for (size_t i = 0; i < n_q; i++) {
        acts->q[i] = 3 * made_number(i);
        decoder->d_attended[i] = made_number(7 * i + 3);
    }
    for (size_t i = 0; i < n_kv; i++) {
        acts->k[i] = made_number(5 * i + 1);
        acts->v[i] = made_number(3 * i + 2);
    }
}

typedef struct errors {
    double worst_output, largest_output;
    double worst_gradient, largest_gradient;
} errors;

static double dot(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)y[i];
    }
    return sum;
}

/* The output of query t in a head, and the gradient of the query, in f64. */
static void check_query(bench *b, size_t t, size_t head, double *weights, errors *e)
{
    const at_decoder *decoder = b->decoder;
    const at_config *config = &b->model->config;
    const at_activations *acts = &decoder->layers[0];
    size_t width = config->head_dim;
    size_t kv = head / (config->n_heads / config->n_kv_heads) * width;
    size_t place = t * decoder->q_stride + head * width;
    const float *d_out = decoder->d_attended + place;
    double scale = 1 / sqrt((double)width);
    double sum = 0;
    double mean = 0;
    for (size_t s = 0; s <= t; s++) {
        const float *key = acts->k + s * decoder->kv_stride + kv;
        weights[s] = exp(scale * dot(acts->q + place, key, width));
        sum += weights[s];
    }
    for (size_t s = 0; s <= t; s++) {
        weights[s] /= sum;
        mean += weights[s] * dot(d_out, acts->v + s * decoder->kv_stride + kv, width);
    }
    for (size_t i = 0; i < width; i++) {
        double out = 0;
        double d_q = 0;
        for (size_t s = 0; s <= t; s++) {
            size_t row = s * decoder->kv_stride + kv;
            out += weights[s] * (double)acts->v[row + i];
            d_q += scale * weights[s] * (dot(d_out, acts->v + row, width) - mean) *
                   (double)acts->k[row + i];
        }
        e->largest_output = fmax(e->largest_output, fabs(out));
        e->worst_output =
            fmax(e->worst_output, fabs(out - (double)acts->attended[place + i]));
        e->largest_gradient = fmax(e->largest_gradient, fabs(d_q));
        e->worst_gradient =
            fmax(e->worst_gradient, fabs(d_q - (double)decoder->d_q[place + i]));
    }
}

static double check(bench *b)
{
    attrib_error err = {0};
    errors e = {0};
    double *weights = NULL;
    size_t n = b->decoder->n_rows;
    MUST(at_array(n, sizeof *weights, &weights, &err));
    make_inputs(b);
    run_forward(b);
    run_backward(b);
    for (size_t i = 0; i < N_CHECKED; i++) {
        check_query(b, i * (n - 1) / (N_CHECKED - 1), i % b->model->config.n_heads,
                    weights, &e);
    }
    free(weights);
    return fmax(e.worst_output / e.largest_output, e.worst_gradient / e.largest_gradient);
}

/* 4. Rows */

/* One row: what `share` and the rates are of. False where the residual is too large. */
static bool measure(bench *b, attrib_precision precision, size_t n_rounds)
{
    const at_config *config = &b->model->config;
    double n = (double)b->sequence.n_tokens;
    double giga = 1e-9 * n * (n + 1) * (double)(config->n_heads * config->head_dim);
    double layers = (double)config->n_layers;
    double pass = time_of(b, run_pass, n_rounds);
    double forward = time_of(b, run_forward, n_rounds);
    double backward = time_of(b, run_backward, n_rounds);
    double residual = check(b);
    double along = time_of(b, run_along, n_rounds);
    double tangents = time_of(b, run_tangents, n_rounds);
    printf("%6.0f %5s %9.1f %9.1f %9.1f %11.3f %6.1f%% %11.3f %6.1f%% %10.2g\n", n,
           attrib_precision_name(precision), 2 * giga / forward, 5 * giga / backward,
           6 * giga / tangents, 1e3 * pass / n,
           100 * layers * (forward + backward) / pass, 1e3 * along / n,
           100 * layers * tangents / along, residual);
    /* Sums of products of rounded operands, of which n are independent; f32 measured at
     * most 2e-6, bf16 1e-2. */
    return residual < (precision == ATTRIB_F32_PRODUCTS ? 1e-5 : 3e-2);
}

static bool measure_in(attrib_precision precision,
                       const attrib_model *model,
                       const size_t *tracked,
                       size_t n_tracked,
                       size_t n_rounds)
{
    attrib_error err = {0};
    at_multiplier *multiplier = NULL;
    bench b = {.model = model, .sequence.n_tokens = model->config.context};
    size_t n = b.sequence.n_tokens;
    int32_t *ids = NULL;
    uint8_t *mask = NULL;
    MUST(at_array(n, sizeof *ids, &ids, &err));
    MUST(at_array(n, sizeof *mask, &mask, &err));
    for (size_t t = 0; t < n; t++) {
        ids[t] = (int32_t)(499.5F + 499 * made_number(t));
        mask[t] = t > 0;
    }
    b.sequence.ids = ids;
    b.sequence.mask = mask;
    b.first_row[1] = n;
    b.batch = (at_batch){1, &b.sequence, b.first_row};
    MUST(at_decoder_new(model, tracked, n_tracked, &b.decoder, &err));
    MUST(at_multiplier_new(precision, &multiplier, &err));
    at_decoder_multiply_by(b.decoder, multiplier, NULL);
    bool is_right = measure(&b, precision, n_rounds);
    at_decoder_free(b.decoder);
    at_multiplier_free(multiplier);
    free(ids);
    free(mask);
    return is_right;
}

int main(int argc, char **argv)
{
    bench_arguments arguments = bench_arguments_read(
        argc, argv, 2, "bench_attention [--small] [TOKENS [ROUNDS]]");
    size_t n_tokens = bench_number(&arguments, 0, arguments.is_small ? 600 : 2048);
    size_t n_rounds = at_smaller(bench_number(&arguments, 1, 3), MAX_ROUNDS);
    at_config config = make_config(arguments.is_small, n_tokens);
    attrib_error err = {0};
    attrib_model *model = NULL;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_blas_single_threaded();
    MUST(at_model_build(&config, fill, NULL, &model, &err));
    MUST(attrib_model_select(model, "mlp", &tracked, &n_tracked, &err));
    printf("%s\n%6s %5s %29s %11s %7s %11s %7s %10s\n%6s %5s %9s %9s %9s %11s %7s %11s "
           "%7s\n",
           attrib_kernels_describe(), "", "", "GFLOP/s of attention", "pass", "share",
           "tangents", "share", "residual", "tokens", "", "forward", "backward",
           "tangents", "ms/token", "", "ms/token", "");
    bool is_right = measure_in(ATTRIB_F32_PRODUCTS, model, tracked, n_tracked, n_rounds);
    if (attrib_has_bf16()) {
        is_right &= measure_in(ATTRIB_BF16_PRODUCTS, model, tracked, n_tracked, n_rounds);
    }
    free(tracked);
    attrib_model_close(model);
    if (!is_right) {
        fprintf(stderr, "bench_attention: the residual is too large\n");
        return 1;
    }
    return 0;
}
