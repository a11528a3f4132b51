/* SPDX-License-Identifier: MIT */
/* How near the passes of a fit come to the machine's products.
 *
 *     bench_fit [--small] [TOKENS [DOCUMENTS]]
 *
 * A decoder of GPT-2's shape (12 layers of 768, 50,257 tokens) with random weights; MLP
 * maps tracked; documents of TOKENS tokens (512). Counted are 4 FLOP a matrix parameter a
 * token for the decoder, I^2 + O^2 a map for covariances, and 2 (I^2 + O^2 + I O) for
 * Lambda, rows rotated first; nothing else. The rate is per second of processor time, so
 * that other work on the machine disturbs it little; next to it that of sgemm alone on
 * the shapes of the MLP, measured before and after. The residual is that of the
 * covariances' traces, against sums of squares in f64. All of it in f32, and then with
 * products in bf16 where the processor has them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "bench/arguments.h"
#include "bench/timing.h"
#include "curvature/fit.h"
#include "linalg/linalg.h"
#include "model/model.h"

typedef struct bench {
    attrib_model *model;
    size_t *tracked;
    size_t n_tracked;
    size_t n_tokens, n_documents;
    int32_t *ids;  /* [n_documents, n_tokens] */
    uint8_t *mask; /* [n_tokens] */
    double *trace; /* [n_tracked] of A, by the witness */
    at_pass pass;
    at_source source;
} bench;

/* 1. The model and its documents */

static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    uint64_t z = 1;
    (void)context;
    (void)err;
    for (size_t i = 0; spec->out && i < spec->shape[0]; i++) {
        for (size_t j = 0; j < spec->shape[1]; j++) {
            z = z * 6364136223846793005U + 1442695040888963407U;
            double uniform = (double)(z >> 40) * 0x1p-24 - 0.5;
            spec->out[i * spec->shape[1] + j] =
                (float)(0.07 * uniform + (spec->n_dims == 1));
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
        .context = 1024,
        .activation = AT_ACTIVATION_GELU_TANH,
        .norm_epsilon = 1e-5,
        .is_head_tied = true,
    };
    for (at_slot slot = 0; slot < AT_N_MAPS; slot++) {
        config.has_bias[slot] = true;
    }
    return config;
}

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const bench *b = context;
    *out = (attrib_sequence){.document = i,
                             .n_tokens = b->n_tokens,
                             .ids = b->ids + i * b->n_tokens,
                             .mask = b->mask};
}

static void set_up(bench *b, bool is_small)
{
    attrib_error err = {0};
    at_config config = make_config(is_small);
    MUST(at_model_build(&config, fill, NULL, &b->model, &err));
    MUST(attrib_model_select(b->model, "mlp", &b->tracked, &b->n_tracked, &err));
    MUST(at_array(b->n_documents * b->n_tokens, sizeof *b->ids, &b->ids, &err));
    MUST(at_array(b->n_tokens, 1, &b->mask, &err));
    MUST(at_array(b->n_tracked, sizeof *b->trace, &b->trace, &err));
    for (size_t t = 0; t < b->n_tokens; t++) {
        b->mask[t] = t > 0;
    }
    for (size_t i = 0; i < b->n_documents * b->n_tokens; i++) {
        b->ids[i] = (int32_t)((double)config.n_vocabulary * at_uniform(1, 0, i));
    }
    b->source = (at_source){.context = b, .n_sequences = b->n_documents, .get = get};
    b->pass = (at_pass){.model = b->model,
                        .tracked = b->tracked,
                        .n_tracked = b->n_tracked,
                        .labels = AT_LABELS_SAMPLED,
                        .block_rows = AT_BLOCK_ROWS,
                        .stage = "bench",
                        .n_parts = 1};
}

/* 2. Clocks and counts */

/* FLOP a second of sgemm: forward, backward and gradient of an MLP map, as they stand. */
static double sgemm_rate(void)
{
    enum { N = 512, D = 768, M = 3072 };

    attrib_error err = {0};
    float *a = NULL;
    float *w = NULL;
    float *s = NULL;
    MUST(at_array((size_t)N * D, sizeof *a, &a, &err));
    MUST(at_array((size_t)M * D, sizeof *w, &w, &err));
    MUST(at_array((size_t)N * M, sizeof *s, &s, &err));
    double start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    double flop = 0;
    do {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, N, M, D, 1, a, D, w, D, 0, s, M);
        at_gemm(AT_PLAIN, AT_PLAIN, N, D, M, 1, s, M, w, D, 0, a, D);
        at_gemm(AT_TRANSPOSED, AT_PLAIN, M, D, N, 1, s, M, a, D, 0, w, D);
        flop += 6.0 * N * D * M;
    } while (bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start < 0.5);
    double seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    free(a);
    free(w);
    free(s);
    return flop / seconds;
}

typedef double (*count_fn)(double in_dim, double out_dim);

static double count_nothing(double in_dim, double out_dim)
{
    (void)in_dim;
    (void)out_dim;
    return 0;
}

static double count_covariance(double in_dim, double out_dim)
{
    return in_dim * in_dim + out_dim * out_dim;
}

static double count_lambda(double in_dim, double out_dim)
{
    return 2 * (in_dim * in_dim + out_dim * out_dim + in_dim * out_dim);
}

static double count_flop(const bench *b, const attrib_factors *factors, count_fn count)
{
    double flop = 4 * at_model_products_per_token(b->model);
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const at_factor *factor = &factors->factors[i];
        flop += count((double)factor->in_dim, (double)factor->out_dim);
    }
    return flop * (double)(b->n_tokens * b->n_documents);
}

static void report(const bench *b,
                   const char *name,
                   const attrib_factors *factors,
                   count_fn count,
                   double seconds,
                   double rate,
                   double residual)
{
    double flop = count_flop(b, factors, count);
    printf("%-12s %5s %10.1f %12.1f %12.1f %9.1f%% %12.2g\n", name,
           attrib_precision_name(b->pass.precision),
           (double)(b->n_tokens * b->n_documents) / seconds, 1e-9 * flop / seconds,
           1e-9 * rate, 100 * flop / seconds / rate, residual);
    fflush(stdout);
}

/* 3. The stages */

/* Sums of squares of a map's inputs: the trace of A. */
static attrib_status witness(void *context,
                             void *scratch,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    bench *b = context;
    size_t n = visit->block->n_rows * visit->module->in_dim;
    (void)scratch;
    (void)err;
    for (size_t k = 0; k < n; k++) {
        b->trace[visit->i_tracked] += (double)visit->a[k] * (double)visit->a[k];
    }
    return ATTRIB_OK;
}

static double trace_residual(const bench *b, const attrib_factors *factors)
{
    double worst = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const double *diagonal = factors->factors[i].covariance_a;
        double trace = 0;
        for (size_t r = 0; r < factors->factors[i].in_dim; r++) {
            diagonal += r; /* entry [r, r] of the packed triangle ends its row */
            trace += *diagonal++;
        }
        worst = fmax(worst, fabs(trace - b->trace[i]) / b->trace[i]);
    }
    return worst;
}

/* Any matrix costs the same as the eigenvectors that are not there. */
static void invent_bases(attrib_factors *factors)
{
    attrib_error err = {0};
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_basis *bases[] = {&factors->factors[i].basis_a, &factors->factors[i].basis_s};
        for (size_t k = 0; k < 2; k++) {
            MUST(at_basis_new(bases[k], &err));
            for (size_t j = 0; j < bases[k]->dim * bases[k]->dim; j++) {
                bases[k]->vectors[j] = (float)(j % 97) / 97 - 0.5F;
            }
        }
    }
}

static double measure(bench *b, attrib_precision precision)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_tap look = {.context = b, .module = witness};
    b->pass.precision = precision;
    b->pass.rounds_weights = true;
    memset(b->trace, 0, b->n_tracked * sizeof *b->trace);
    MUST(at_factors_new(b->model, b->tracked, b->n_tracked, "mlp", &factors, &err));
    double before = sgemm_rate();
    double start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    MUST(at_pass_run(&b->pass, &b->source, &look, 1, &err));
    double seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    double after = sgemm_rate();
    report(b, "decoder", factors, count_nothing, seconds, (before + after) / 2, 0);
    before = after;
    start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    MUST(at_fit_sums(&b->pass, &b->source, AT_FIT_COVARIANCE, NULL, factors, &err));
    seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    after = sgemm_rate();
    double residual = trace_residual(b, factors);
    report(b, "covariance", factors, count_covariance, seconds, (before + after) / 2,
           residual);
    invent_bases(factors);
    before = after;
    start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    MUST(at_fit_sums(&b->pass, &b->source, AT_FIT_LAMBDA, NULL, factors, &err));
    seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    after = sgemm_rate();
    report(b, "lambda", factors, count_lambda, seconds, (before + after) / 2, residual);
    attrib_factors_close(factors);
    return residual;
}

int main(int argc, char **argv)
{
    bench_arguments arguments =
        bench_arguments_read(argc, argv, 2, "bench_fit [--small] [TOKENS [DOCUMENTS]]");
    bool is_small = arguments.is_small;
    bench b = {.n_tokens = bench_number(&arguments, 0, is_small ? 64 : 512),
               .n_documents = bench_number(&arguments, 1, is_small ? 20 : 4)};
    at_blas_single_threaded();
    set_up(&b, is_small);
    printf("%s, one thread, %zu documents of %zu tokens\n", attrib_kernels_describe(),
           b.n_documents, b.n_tokens);
    printf("%-12s %5s %10s %12s %12s %10s %12s\n", "stage", "", "tokens/s", "GFLOP/s",
           "sgemm", "ratio", "residual");
    double residual = measure(&b, ATTRIB_F32_PRODUCTS);
    double rounded = attrib_has_bf16() ? measure(&b, ATTRIB_BF16_PRODUCTS) : 0;
    free(b.tracked);
    free(b.ids);
    free(b.mask);
    free(b.trace);
    attrib_model_close(b.model);
    /* f32 sums of 512 squares: 512 x 6e-8 at worst; of numbers rounded to bf16: 2^-8 */
    if (!(residual < 1e-5 && rounded < 0x1p-8)) {
        fprintf(stderr, "bench_fit: the residual is too large\n");
        return 1;
    }
    return 0;
}
