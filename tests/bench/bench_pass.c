/* SPDX-License-Identifier: MIT */
/* How near the pass comes to the machine's products.
 *
 *     bench_pass [--small] [ROUNDS]
 *
 * A decoder of GPT-2's shape (12 layers of 768, 50,257 tokens) with weights made in
 * memory takes documents of 512 tokens forward and backward, MLP maps tracked. A worker
 * takes one document at a time. Counted are 4 FLOP a matrix parameter a token, head
 * included; what attention, softmax, norms and activations cost is not counted, so it
 * lowers the rate.
 *
 * Beside it, in the same round and on as many threads, the products alone: the shapes,
 * tiles and strides of the pass, weighted by their use. Rows are medians over rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/session.h"
#include "base/thread.h"
#include "bench/arguments.h"
#include "bench/timing.h"
#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/model.h"
#include "reference/decoder.h"

#define MAX_THREADS 2
#define MAX_ROUNDS  32

/* 1. The model */

/* Weight i of a tensor: uniform, with standard deviation 0.02 as GPT-2's before training.
 */
static double weight_of(const char *name, size_t i)
{
    uint64_t z = 1469598103934665603u;
    for (const char *c = name; *c; c++) {
        z = (z ^ (unsigned char)*c) * 1099511628211u;
    }
    z += (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    double uniform = (double)((z ^ (z >> 31)) >> 40) * 0x1p-24 - 0.5;
    bool is_gain = strstr(name, "ln_") && strstr(name, "weight");
    return (double)(float)(0.07 * uniform + (is_gain ? 1 : 0));
}

static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; spec->out && i < spec->shape[0]; i++) {
        for (size_t j = 0; j < spec->shape[1]; j++) {
            spec->out[i * spec->shape[1] + j] =
                (float)weight_of(spec->name, i * spec->shape[1] + j);
        }
    }
    return ATTRIB_OK;
}

static at_config make_config(bool is_small)
{
    at_config config = {
        .architecture = at_architecture_find("gpt2"),
        .n_layers = is_small ? 2 : 12,
        .width = is_small ? 48 : 768,
        .n_heads = is_small ? 3 : 12,
        .n_kv_heads = is_small ? 3 : 12,
        .head_dim = is_small ? 16 : 64,
        .mlp_width = is_small ? 192 : 3072,
        .n_vocabulary = is_small ? 500 : 50257,
        .context = is_small ? 128 : 1024,
        .activation = AT_ACTIVATION_GELU_TANH,
        .norm_epsilon = 1e-5,
        .is_head_tied = true,
    };
    for (at_slot slot = 0; slot < AT_N_MAPS; slot++) {
        config.has_bias[slot] = true;
    }
    return config;
}

/* 2. The pass */

typedef struct bench {
    const attrib_model *model;
    size_t *tracked;
    size_t n_tracked;
    size_t n_tokens; /* of a document */
    int32_t *ids;    /* [MAX_THREADS, n_tokens] */
    uint8_t *mask;   /* [n_tokens] */
    at_decoder *decoders[MAX_THREADS];
    double losses[MAX_THREADS];
    double touched[MAX_THREADS]; /* so that a tap looks at what it is given */
    float *products[MAX_THREADS];
    size_t layers_measured;
} bench;

static attrib_status touch(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    (void)i_tracked;
    (void)err;
    *(double *)context += (double)(a[0] * ds[0]);
    return ATTRIB_OK;
}

static attrib_status run_document(void *context,
                                  size_t i_worker,
                                  size_t i_block,
                                  attrib_error *err)
{
    bench *b = context;
    attrib_sequence sequence = {.document = i_block,
                                .n_tokens = b->n_tokens,
                                .ids = b->ids + i_block * b->n_tokens,
                                .mask = b->mask};
    size_t first_row[2] = {0, b->n_tokens};
    at_batch batch = {1, &sequence, first_row};
    return at_decoder_run(b->decoders[i_worker], &batch, AT_LABELS_DATA, 0, touch,
                          &b->touched[i_worker], &b->losses[i_block], err);
}

/* 3. The products alone */

/* The rows forward and backward through one map. */
static void multiply_map(const at_linear *linear, size_t n, float *a, float *s)
{
    at_widener none = {0}; /* weights are f32 in memory */
    at_linear_forward(&none, linear, a, n, 0.0f, s, linear->out_dim);
    at_linear_backward(&none, linear, s, linear->out_dim, n, 0.0f, a);
}

/* `layers_measured` layers, and one tile of the head. */
static attrib_status run_products(void *context,
                                  size_t i_worker,
                                  size_t i_block,
                                  attrib_error *err)
{
    const bench *b = context;
    const attrib_model *model = b->model;
    const at_config *config = &model->config;
    float *a = b->products[i_worker];
    float *s = a + b->n_tokens * (config->mlp_width + 1);
    (void)i_block;
    (void)err;
    for (size_t i = 0; i < b->layers_measured; i++) {
        size_t i_layer = i * config->n_layers / b->layers_measured;
        for (at_slot slot = 0; slot < AT_N_MAPS; slot++) {
            if (config->architecture->maps[slot]) {
                multiply_map(&model->layers[i_layer].maps[slot], b->n_tokens, a, s);
            }
        }
    }
    return ATTRIB_OK;
}

static attrib_status run_head_products(void *context,
                                       size_t i_worker,
                                       size_t i_block,
                                       attrib_error *err)
{
    const bench *b = context;
    float *a = b->products[i_worker];
    (void)i_block;
    (void)err;
    multiply_map(&b->model->head, AT_HEAD_TILE, a,
                 a + b->n_tokens * b->model->config.width);
    return ATTRIB_OK;
}

/* 4. Rounds */

/* Seconds of one document a worker. */
static double time_of(bench *b, attrib_session *session, size_t n_threads, at_block_fn fn)
{
    attrib_error err = {0};
    double start = at_now();
    MUST(at_parallel_for(session, n_threads, fn, b, &err));
    return at_now() - start;
}

/* Seconds of all products of one document a worker. */
static double time_of_products(bench *b, attrib_session *session, size_t n_threads)
{
    double layers = time_of(b, session, n_threads, run_products);
    double head = time_of(b, session, n_threads, run_head_products);
    return layers * (double)b->model->config.n_layers / (double)b->layers_measured +
           head * (double)b->n_tokens / (double)AT_HEAD_TILE;
}

/* Products are timed before and after each pass: a loaded machine slows both. */
static void measure(bench *b, size_t n_threads, size_t n_rounds, double residual)
{
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_error err = {0};
    double passes[MAX_ROUNDS];
    double products[MAX_ROUNDS];
    double ratios[MAX_ROUNDS];
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    MUST(attrib_session_new(&options, &session, &err));
    double before = time_of_products(b, session, n_threads);
    for (size_t i = 0; i < n_rounds; i++) {
        passes[i] = time_of(b, session, n_threads, run_document);
        double after = time_of_products(b, session, n_threads);
        products[i] = (before + after) / 2;
        ratios[i] = products[i] / passes[i];
        before = after;
    }
    double n_tokens = (double)(n_threads * b->n_tokens);
    double giga = 4e-9 * at_model_products_per_token(b->model) * n_tokens;
    double pass = bench_median(passes, n_rounds);
    printf("%7zu %10.1f %12.1f %15.1f %9.1f%% %9.1f%% %12.2g\n", n_threads,
           n_tokens / pass, giga / pass, giga / bench_median(products, n_rounds),
           100 * bench_median(ratios, n_rounds), 100 * ratios[n_rounds - 1], residual);
    attrib_session_free(session);
}

/* 5. What the figures stand on */

/* The largest difference of log-probabilities from a naive f64 decoder, on four tokens.
 */
static double check(const bench *b)
{
    enum { N_CHECKED = 4 };

    const at_config *config = &b->model->config;
    ref_decoder reference = {
        .is_gpt2 = true,
        .n_layers = config->n_layers,
        .width = config->width,
        .n_heads = config->n_heads,
        .n_kv_heads = config->n_kv_heads,
        .head_dim = config->head_dim,
        .mlp_width = config->mlp_width,
        .n_vocabulary = config->n_vocabulary,
        .context = config->context,
        .epsilon = config->norm_epsilon,
    };
    attrib_error err = {0};
    double want[N_CHECKED];
    double got[N_CHECKED];
    double worst = 0;
    ref_decoder_make_tensors(&reference);
    for (size_t i = 0; i < reference.n_tensors; i++) {
        ref_tensor *tensor = &reference.tensors[i];
        bool is_head = strcmp(tensor->name, "lm_head.weight") == 0;
        for (size_t j = 0; j < tensor->shape[0] * tensor->shape[1]; j++) {
            tensor->values[j] =
                weight_of(is_head ? "transformer.wte.weight" : tensor->name, j);
        }
    }
    ref_decoder_logprobs(&reference, b->ids, b->ids, N_CHECKED, want);
    MUST(attrib_model_logprobs(b->model, b->ids, N_CHECKED, got, &err));
    for (size_t t = 0; t + 1 < N_CHECKED; t++) {
        worst = fmax(worst, fabs(got[t] - want[t]));
    }
    ref_decoder_free_tensors(&reference);
    return worst;
}

static double peak_mebibytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void set_up(bench *b, attrib_model *model, bool is_small)
{
    attrib_error err = {0};
    uint64_t state = 1;
    *b = (bench){.model = model, .n_tokens = is_small ? 128 : 512};
    b->layers_measured = is_small ? 2 : 4;
    MUST(attrib_model_select(model, "mlp", &b->tracked, &b->n_tracked, &err));
    MUST(at_array(MAX_THREADS * b->n_tokens, sizeof *b->ids, &b->ids, &err));
    MUST(at_array(b->n_tokens, sizeof *b->mask, &b->mask, &err));
    memset(b->mask + 1, 1, b->n_tokens - 1);
    for (size_t t = 0; t < MAX_THREADS * b->n_tokens; t++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b->ids[t] = (int32_t)((state >> 33) % model->config.n_vocabulary);
    }
    for (size_t i = 0; i < MAX_THREADS; i++) {
        MUST(at_decoder_new(model, b->tracked, b->n_tracked, &b->decoders[i], &err));
    }
}

static void tear_down(bench *b)
{
    for (size_t i = 0; i < MAX_THREADS; i++) {
        at_decoder_free(b->decoders[i]);
        free(b->products[i]);
    }
    free(b->tracked);
    free(b->ids);
    free(b->mask);
}

/* Peak memory of two workers, before anything of the benchmark's own is there. */
static void report_memory(bench *b)
{
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_error err = {0};
    attrib_session_options_default(&options);
    options.n_threads = MAX_THREADS;
    MUST(attrib_session_new(&options, &session, &err));
    time_of(b, session, MAX_THREADS, run_document);
    double weights = (double)b->model->info.weight_bytes / (1 << 20);
    printf("peak memory beyond %.0f MiB of weights, %d workers: %.0f MiB\n", weights,
           MAX_THREADS, peak_mebibytes() - weights);
    attrib_session_free(session);
}

static void make_products(bench *b)
{
    attrib_error err = {0};
    const at_config *config = &b->model->config;
    size_t n_layer = 2 * b->n_tokens * (config->mlp_width + 1);
    size_t n_head = b->n_tokens * config->width + AT_HEAD_TILE * config->n_vocabulary;
    for (size_t i = 0; i < MAX_THREADS; i++) {
        MUST(at_array(n_layer > n_head ? n_layer : n_head, sizeof(float), &b->products[i],
                      &err));
    }
}

int main(int argc, char **argv)
{
    bench_arguments arguments =
        bench_arguments_read(argc, argv, 1, "bench_pass [--small] [ROUNDS]");
    bool is_small = arguments.is_small;
    size_t n_rounds = bench_number(&arguments, 0, 3);
    attrib_error err = {0};
    attrib_model *model = NULL;
    bench b;
    at_config config = make_config(is_small);
    n_rounds = n_rounds < MAX_ROUNDS ? n_rounds : MAX_ROUNDS;
    at_blas_single_threaded();
    MUST(at_model_build(&config, fill, NULL, &model, &err));
    set_up(&b, model, is_small);
    printf("%s\n", attrib_kernels_describe());
    report_memory(&b);
    make_products(&b);
    double residual = check(&b);
    printf("%7s %10s %12s %15s %10s %10s %12s\n", "threads", "tokens/s", "GFLOP/s",
           "SGEMM GFLOP/s", "ratio", "(last)", "residual");
    for (size_t n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        measure(&b, n_threads, n_rounds, residual);
    }
    tear_down(&b);
    attrib_model_close(model);
    if (!(residual < 1e-4)) { /* f32 through 12 layers: logits of some 4, 1e-6 each */
        fprintf(stderr, "bench_pass: the residual is too large\n");
        return 1;
    }
    return 0;
}
