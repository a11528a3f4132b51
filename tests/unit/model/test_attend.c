/* SPDX-License-Identifier: MIT */
/* Attention of long sequences, its gradient and its tangent, against naive loops in f64:
 * several tiles of queries and blocks of keys, windows, caps, shared key heads, in both
 * precisions. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/layers.h"
#include "support/made_model.h"

/* A query that sees all of the first sequence meets three blocks of keys, the last of 513
 * a block and one key more. */
static const size_t lengths[] = {1100, 40, 65, 1, 513};

#define N_SEQUENCES 5
#define N_ROWS      ((size_t)1719)

typedef struct variant {
    const char *architecture;
    size_t n_kv_heads, window;
    double cap;
} variant;

static const variant variants[] = {
    {"llama", 1, 0, 0},       {"llama", 2, 0, 2}, {"mistral", 1, 5, 0},
    {"mistral", 2, 530, 1.5}, {"gpt2", 2, 0, 0},
};

#define N_VARIANTS (sizeof variants / sizeof *variants)

typedef struct fixture {
    attrib_model *model;
    at_decoder *decoder;
    at_multiplier *multiplier;
    size_t *tracked;
    attrib_sequence sequences[N_SEQUENCES];
    size_t first_row[N_SEQUENCES + 1];
    at_batch batch;
    int32_t ids[N_ROWS];
    uint8_t mask[N_ROWS];
} fixture;

static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; spec->out && i < spec->shape[0] * spec->shape[1]; i++) {
        spec->out[i] = 0.1F * made_number(i);
    }
    return ATTRIB_OK;
}

/* A decoder of one layer that has run, so that its scratch is there. */
static void set_up(fixture *f,
                   const variant *v,
                   attrib_precision precision,
                   bool has_tangents)
{
    attrib_error err = {0};
    size_t n_tracked = 0;
    double losses[N_SEQUENCES];
    double slopes[N_SEQUENCES];
    at_config config = {.architecture = at_architecture_find(v->architecture),
                        .n_layers = 1,
                        .width = 128,
                        .n_heads = 2,
                        .n_kv_heads = v->n_kv_heads,
                        .head_dim = 64,
                        .mlp_width = 32,
                        .n_vocabulary = 20,
                        .context = 1100,
                        .norm_epsilon = 1e-5,
                        .activation = strcmp(v->architecture, "gpt2") == 0
                                          ? AT_ACTIVATION_GELU_TANH
                                          : AT_ACTIVATION_SILU,
                        .attention_scale = 0.15F,
                        .attention_cap = v->cap,
                        .window = v->window,
                        .rope.theta = 10000,
                        .is_head_tied = true};
    if (v->window) {
        at_config_set_windowed(&config, 0);
    }
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < N_ROWS; i++) {
        f->ids[i] = (int32_t)(i % 20);
        f->mask[i] = i % 7 != 0;
    }
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        f->first_row[i + 1] = f->first_row[i] + lengths[i];
        f->sequences[i] = (attrib_sequence){.n_tokens = lengths[i],
                                            .ids = f->ids + f->first_row[i],
                                            .mask = f->mask + f->first_row[i]};
    }
    f->batch = (at_batch){N_SEQUENCES, f->sequences, f->first_row};
    check_ok(at_model_build(&config, fill, NULL, &f->model, &err), &err);
    check_ok(attrib_model_select(f->model, "mlp", &f->tracked, &n_tracked, &err), &err);
    check_ok(at_decoder_new(f->model, f->tracked, n_tracked, &f->decoder, &err), &err);
    check_ok(at_multiplier_new(precision, &f->multiplier, &err), &err);
    at_decoder_multiply_by(f->decoder, f->multiplier, NULL);
    check_ok(has_tangents ? at_decoder_run_along(f->decoder, &f->batch, made_no_direction,
                                                 NULL, losses, slopes, &err)
                          : at_decoder_run(f->decoder, &f->batch, AT_LABELS_DATA, 0,
                                           made_ignore_pairs, NULL, losses, &err),
             &err);
}

static void tear_down(fixture *f)
{
    at_decoder_free(f->decoder);
    at_multiplier_free(f->multiplier);
    attrib_model_close(f->model);
    free(f->tracked);
}

/* Random numbers in the place of n rows. */
static void randomize(float *values, size_t n_values, size_t seed, float size)
{
    for (size_t i = 0; i < n_values; i++) {
        values[i] = size * made_number(1000003 * seed + i);
    }
}

/* 1. The reference */

/* One head of one sequence: its rows in arrays of the decoder, and what the naive loops
 * make of them, in arrays of the same layout. */
typedef struct head {
    const at_config *config;
    size_t n, q_stride, kv_stride, out_stride;
    const float *q, *k, *v, *d_out;           /* backward */
    const float *along_q, *along_k, *along_v; /* tangents */
    double *out, *d_q, *d_k, *d_v;
} head;

static double *zeros(size_t n)
{
    double *values = calloc(n, sizeof *values);
    assert_non_null(values);
    return values;
}

static double dot(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)y[i];
    }
    return sum;
}

/* The first key that query t sees. */
static size_t first_key(const head *h, size_t t)
{
    size_t window = h->config->window;
    return window && t + 1 > window ? t + 1 - window : 0;
}

/* p [n] the softmax of query t, slopes [n] those of the cap. */
static void weigh(const head *h, size_t t, double *p, double *slopes)
{
    double cap = h->config->attention_cap;
    double sum = 0;
    for (size_t s = first_key(h, t); s <= t; s++) {
        double x =
            (double)h->config->attention_scale *
            dot(h->q + t * h->q_stride, h->k + s * h->kv_stride, h->config->head_dim);
        slopes[s] = cap > 0 ? 1 - pow(tanh(x / cap), 2) : 1;
        p[s] = exp(cap > 0 ? cap * tanh(x / cap) : x);
        sum += p[s];
    }
    for (size_t s = first_key(h, t); s <= t; s++) {
        p[s] /= sum;
    }
}

/* to += weight from [head_dim] */
static void add(double *to, double weight, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] += weight * (double)from[i];
    }
}

static void differentiate(const head *h, size_t t, const double *p, const double *slopes)
{
    size_t n = h->config->head_dim;
    double scale = (double)h->config->attention_scale;
    const float *d_out = h->d_out + t * h->out_stride;
    double mean = 0;
    for (size_t s = first_key(h, t); s <= t; s++) {
        mean += p[s] * dot(d_out, h->v + s * h->kv_stride, n);
        add(h->out + t * h->out_stride, p[s], h->v + s * h->kv_stride, n);
        add(h->d_v + s * h->kv_stride, p[s], d_out, n);
    }
    for (size_t s = first_key(h, t); s <= t; s++) {
        double d_s =
            scale * slopes[s] * p[s] * (dot(d_out, h->v + s * h->kv_stride, n) - mean);
        add(h->d_q + t * h->q_stride, d_s, h->k + s * h->kv_stride, n);
        add(h->d_k + s * h->kv_stride, d_s, h->q + t * h->q_stride, n);
    }
}

/* The tangent of the output, into `d_q`, whose rows are laid out as `out`. */
static void go_along(const head *h, size_t t, const double *p, const double *slopes)
{
    size_t n = h->config->head_dim;
    double *d_s = zeros(h->n);
    double mean = 0;
    for (size_t s = first_key(h, t); s <= t; s++) {
        d_s[s] = (double)h->config->attention_scale * slopes[s] *
                 (dot(h->along_q + t * h->q_stride, h->k + s * h->kv_stride, n) +
                  dot(h->q + t * h->q_stride, h->along_k + s * h->kv_stride, n));
        mean += p[s] * d_s[s];
    }
    for (size_t s = first_key(h, t); s <= t; s++) {
        add(h->out + t * h->out_stride, p[s], h->v + s * h->kv_stride, n);
        add(h->d_q + t * h->out_stride, p[s] * (d_s[s] - mean), h->v + s * h->kv_stride,
            n);
        add(h->d_q + t * h->out_stride, p[s], h->along_v + s * h->kv_stride, n);
    }
    free(d_s);
}

/* 2. The comparison */

/* |got - want| over |want|, of rows [N_ROWS, width] that are `stride` apart. */
static double distance(const float *got, const double *want, size_t width, size_t stride)
{
    double error = 0;
    double size = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t j = 0; j < width; j++) {
            error += pow((double)got[i * stride + j] - want[i * stride + j], 2);
            size += pow(want[i * stride + j], 2);
        }
    }
    return sqrt(error / size);
}

/* In f32 sums of up to 1,100 terms: their roundings add up as sqrt(1,100) 2^-24 = 2e-6 at
 * most. In bf16 operands are off by 2^-8 of their size at most, 2^-9.3 in the mean
 * square, and a number passes three of them, of which differences from the mean make up
 * to four times more. That they were rounded shows, too. */
static void check_distance(const char *what,
                           attrib_precision precision,
                           const float *got,
                           const double *want,
                           size_t width,
                           size_t stride)
{
    double found = distance(got, want, width, stride);
    bool is_rounded = precision == ATTRIB_BF16_PRODUCTS;
    if (!(found < (is_rounded ? 0x1p-6 : 2e-6)) || (is_rounded && found < 1e-4)) {
        fail_msg("%s in %s: off by %g", what, attrib_precision_name(precision), found);
    }
}

/* One head after the other, as the reference sees them. */
static void for_each_head(
    const fixture *f,
    head all,
    void (*fn)(const head *, size_t, const double *, const double *))
{
    const at_config *config = all.config;
    double *p = zeros(N_ROWS);
    double *slopes = zeros(N_ROWS);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        size_t row = f->first_row[i];
        for (size_t j = 0; j < config->n_heads; j++) {
            size_t kv_head = j / (config->n_heads / config->n_kv_heads);
            size_t q = row * all.q_stride + j * config->head_dim;
            size_t kv = row * all.kv_stride + kv_head * config->head_dim;
            size_t out = row * all.out_stride + j * config->head_dim;
            size_t d_q = all.along_q ? out : q;
            head one = {config,
                        lengths[i],
                        all.q_stride,
                        all.kv_stride,
                        all.out_stride,
                        all.q + q,
                        all.k + kv,
                        all.v + kv,
                        all.d_out ? all.d_out + out : NULL,
                        all.along_q ? all.along_q + q : NULL,
                        all.along_k ? all.along_k + kv : NULL,
                        all.along_v ? all.along_v + kv : NULL,
                        all.out + out,
                        all.d_q + d_q,
                        all.d_k + kv,
                        all.d_v + kv};
            for (size_t t = 0; t < lengths[i]; t++) {
                weigh(&one, t, p, slopes);
                fn(&one, t, p, slopes);
            }
        }
    }
    free(p);
    free(slopes);
}

/* The decoder's arrays, with random queries, keys and values in them. */
static head make_head(const fixture *f, float size)
{
    const at_decoder *decoder = f->decoder;
    const at_activations *acts = &decoder->layers[0];
    size_t out_stride = f->model->layers[0].maps[AT_MAP_O].in_dim;
    head all = {.config = &f->model->config,
                .q_stride = decoder->q_stride,
                .kv_stride = decoder->kv_stride,
                .out_stride = out_stride,
                .q = acts->q,
                .k = acts->k,
                .v = acts->v};
    size_t n_kv = f->model->config.n_kv_heads * f->model->config.head_dim;
    randomize(acts->q, N_ROWS * decoder->q_stride, 1, size); /* or all, where fused */
    for (size_t i = 0; i < N_ROWS; i++) {
        randomize(acts->k + i * decoder->kv_stride, n_kv, 20000 + i, size);
        randomize(acts->v + i * decoder->kv_stride, n_kv, 40000 + i, 1);
    }
    all.out = zeros(N_ROWS * out_stride);
    all.d_q = zeros(N_ROWS * at_larger(decoder->q_stride, out_stride));
    all.d_k = zeros(N_ROWS * decoder->kv_stride);
    all.d_v = zeros(N_ROWS * decoder->kv_stride);
    return all;
}

static void free_head(const head *all)
{
    free(all->out);
    free(all->d_q);
    free(all->d_k);
    free(all->d_v);
}

static void check_backward(const variant *v, attrib_precision precision)
{
    static fixture f;
    set_up(&f, v, precision, false);
    head all = make_head(&f, 2);
    at_decoder *decoder = f.decoder;
    size_t width = all.config->n_heads * all.config->head_dim;
    size_t kv_width = all.config->n_kv_heads * all.config->head_dim;
    at_attend(decoder, 0, (at_rows){0, N_ROWS});
    float *d_out = calloc(N_ROWS * all.out_stride, sizeof *d_out);
    assert_non_null(d_out);
    randomize(decoder->d_attended, N_ROWS * width, 3, 1);
    for (size_t i = 0; i < N_ROWS; i++) { /* whose rows have no room for a bias */
        memcpy(d_out + i * all.out_stride, decoder->d_attended + i * width,
               width * sizeof *d_out);
    }
    all.d_out = d_out;
    at_attend_backward(decoder, 0);
    for_each_head(&f, all, differentiate);
    check_distance("outputs", precision, decoder->layers[0].attended, all.out, width,
                   all.out_stride);
    check_distance("d_q", precision, decoder->d_q, all.d_q, width, all.q_stride);
    check_distance("d_k", precision, decoder->d_k, all.d_k, kv_width, all.kv_stride);
    check_distance("d_v", precision, decoder->d_v, all.d_v, kv_width, all.kv_stride);
    free(d_out);
    free_head(&all);
    tear_down(&f);
}

static void check_along(const variant *v, attrib_precision precision)
{
    static fixture f;
    set_up(&f, v, precision, true);
    head all = make_head(&f, 2);
    at_decoder *decoder = f.decoder;
    const at_tangents *tangents = &decoder->tangents;
    size_t width = all.config->n_heads * all.config->head_dim;
    size_t kv_width = all.config->n_kv_heads * all.config->head_dim;
    randomize(tangents->q, N_ROWS * all.q_stride, 5, 1);
    for (size_t i = 0; i < N_ROWS; i++) {
        randomize(tangents->k + i * all.kv_stride, kv_width, 60000 + i, 1);
        randomize(tangents->v + i * all.kv_stride, kv_width, 80000 + i, 1);
    }
    all.along_q = tangents->q;
    all.along_k = tangents->k;
    all.along_v = tangents->v;
    at_attend_along(decoder, 0);
    for_each_head(&f, all, go_along);
    check_distance("outputs", precision, decoder->layers[0].attended, all.out, width,
                   all.out_stride);
    check_distance("tangents", precision, tangents->attended, all.d_q, width,
                   all.out_stride);
    free_head(&all);
    tear_down(&f);
}

static void test_attend__gradients_in_f32_match_naive_loops(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_backward(&variants[i], ATTRIB_F32_PRODUCTS);
    }
}

static void test_attend__gradients_in_bf16_match_naive_loops(void **state)
{
    (void)state;
    if (!attrib_has_bf16()) {
        skip();
    }
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_backward(&variants[i], ATTRIB_BF16_PRODUCTS);
    }
}

static void test_attend__tangents_match_naive_loops(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_along(&variants[i], ATTRIB_F32_PRODUCTS);
        if (attrib_has_bf16()) {
            check_along(&variants[i], ATTRIB_BF16_PRODUCTS);
        }
    }
}

/* The error of outputs that are made a part after the other, as where text is generated,
 * with ten keys from `first` on so many times as long. */
static double error_in_parts(const variant *v, size_t first, float length)
{
    static fixture f;
    const at_rows parts[] = {{0, 700}, {700, 1}, {701, 339}, {1040, N_ROWS - 1040}};
    set_up(&f, v, ATTRIB_F32_PRODUCTS, false);
    head all = make_head(&f, 2);
    all.d_out = f.decoder->d_attended; /* whose gradients nobody reads */
    for (size_t i = 0; i < 10 * all.kv_stride; i++) {
        f.decoder->layers[0].k[first * all.kv_stride + i] *= length;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at_attend(f.decoder, 0, parts[i]);
    }
    for_each_head(&f, all, differentiate);
    double error = distance(f.decoder->layers[0].attended, all.out,
                            all.config->n_heads * all.config->head_dim, all.out_stride);
    free_head(&all);
    tear_down(&f);
    return error;
}

static void test_attend__rows_by_themselves_match_naive_loops(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        assert_true(error_in_parts(&variants[i], 0, 1) < 2e-6);
    }
}

/* Scores of ten keys, of the first block or of the second, are so large that only the
 * largest of all blocks keeps their exponentials finite. Those of some 300 are off by
 * 2^-16 in f32, and so are outputs. */
static void test_attend__scores_far_apart_match_naive_loops(void **state)
{
    (void)state;
    assert_true(error_in_parts(&variants[0], 0, 60) < 1e-3);
    assert_true(error_in_parts(&variants[0], 600, 60) < 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attend__gradients_in_f32_match_naive_loops),
        cmocka_unit_test(test_attend__gradients_in_bf16_match_naive_loops),
        cmocka_unit_test(test_attend__tangents_match_naive_loops),
        cmocka_unit_test(test_attend__rows_by_themselves_match_naive_loops),
        cmocka_unit_test(test_attend__scores_far_apart_match_naive_loops),
    };
    at_blas_single_threaded();
    return run_cases(tests, NULL, NULL);
}
