/* SPDX-License-Identifier: MIT */
/* What a checkpoint takes: opening it, the first token after a prompt, and a pass.
 *
 *     bench_model [--small | MODEL] [ROUNDS]
 *
 * MODEL is a Hugging Face folder or a GGUF file; --small takes a fixture. For weights
 * kept as in their file and for weights widened to f32, one worker takes a document of
 * 512 tokens (or the context) with MLP maps tracked: "pass", forward and backward with
 * maps handed over; "score", its score against one whole query, in forward mode. Counted
 * are 4 FLOP a matrix parameter a token, widening included and the query's own products
 * left out. Beside it, the rate of products alone. Both in the thread's own time, which
 * what else runs on the machine has no part in. Figures are medians over rounds; opening
 * and the first token are once, by the clock. The residuals are the differences between
 * what both ways of holding weights give; the score in reverse mode is another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/session.h"
#include "bench/arguments.h"
#include "bench/timing.h"
#include "linalg/linalg.h"
#include "linalg/rate.h"
#include "model/layers.h"

#define MAX_ROUNDS    32
#define N_TOKENS      512
#define N_PROMPT      100
#define GEMM_SECONDS  2.0
#define SMALL_SECONDS 0.01

/* The same ids for every model of a vocabulary. */
static void make_ids(int32_t *ids, size_t n, size_t n_vocabulary)
{
    for (size_t t = 0; t < n; t++) {
        ids[t] = (int32_t)((t * 7919 + 3) % n_vocabulary);
    }
}

/* One document of a model with the MLP's maps tracked, and one whole query. */
typedef struct document {
    int32_t ids[N_TOKENS];
    uint8_t mask[N_TOKENS];
    attrib_sequence sequence;
    size_t first_row[2];
    at_batch batch;
    const attrib_model *model;
    size_t *tracked;
    size_t n_tracked;
    at_decoder *decoder;
    float **query; /* [n_tracked] of [out_dim, in_dim] */
    float *scratch;
    double sum;
} document;

static void open_document(document *d, const attrib_model *model)
{
    attrib_error err = {0};
    const attrib_model_info *info = attrib_model_describe(model);
    size_t n_tokens = info->context < N_TOKENS ? info->context : N_TOKENS;
    size_t widest = 0;
    *d = (document){.model = model, .first_row = {0, n_tokens}};
    make_ids(d->ids, n_tokens, info->n_vocabulary);
    memset(d->mask, 1, sizeof d->mask);
    d->mask[0] = 0;
    d->sequence = (attrib_sequence){.n_tokens = n_tokens, .ids = d->ids, .mask = d->mask};
    d->batch = (at_batch){1, &d->sequence, d->first_row};
    MUST(attrib_model_select(model, "mlp", &d->tracked, &d->n_tracked, &err));
    MUST(at_decoder_new(model, d->tracked, d->n_tracked, &d->decoder, &err));
    at_decoder_keep(d->decoder, HUGE_VAL); /* as passes do where memory has room */
    MUST(at_array(d->n_tracked, sizeof *d->query, &d->query, &err));
    for (size_t m = 0; m < d->n_tracked; m++) {
        const attrib_module *map = attrib_model_module(model, d->tracked[m]);
        size_t n = map->out_dim * map->in_dim;
        MUST(at_array(n, sizeof *d->query[m], &d->query[m], &err));
        for (size_t i = 0; i < n; i++) {
            d->query[m][i] = (float)((i * 7919 + m) % 1009) - 504;
        }
        widest = map->in_dim > widest ? map->in_dim : widest;
    }
    MUST(at_array(n_tokens * widest, sizeof *d->scratch, &d->scratch, &err));
}

static void close_document(document *d)
{
    for (size_t m = 0; m < d->n_tracked; m++) {
        free(d->query[m]);
    }
    free(d->query);
    free(d->scratch);
    free(d->tracked);
    at_decoder_free(d->decoder);
}

static attrib_status touch(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    document *d = context;
    (void)i_tracked;
    (void)err;
    d->sum += (double)a[0] * (double)ds[0];
    return ATTRIB_OK;
}

/* sum_t (ds_t P) . a_t */
static attrib_status contract(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    document *d = context;
    const attrib_module *map = attrib_model_module(d->model, d->tracked[i_tracked]);
    size_t n = d->sequence.n_tokens;
    (void)err;
    at_gemm(AT_PLAIN, AT_PLAIN, n, map->in_dim, map->out_dim, 1.0F, ds, map->out_dim,
            d->query[i_tracked], map->in_dim, 0.0F, d->scratch, map->in_dim);
    d->sum += at_dot(d->scratch, a, n * map->in_dim);
    return ATTRIB_OK;
}

static attrib_status follow(void *context, const attrib_outputs *to, attrib_error *err)
{
    const document *d = context;
    size_t in_dim = attrib_model_module(d->model, d->tracked[to->i_tracked])->in_dim;
    (void)err;
    at_gemm(AT_PLAIN, AT_TRANSPOSED, to->n_rows, to->n_outputs, in_dim, 1.0F, to->a,
            in_dim, d->query[to->i_tracked] + to->first * in_dim, in_dim, 1.0F, to->d_out,
            to->stride);
    return ATTRIB_OK;
}

/* The median time of a pass in reverse, and what came out of it. */
static double time_pass(document *d, size_t n_rounds, double *result)
{
    attrib_error err = {0};
    double times[MAX_ROUNDS];
    double loss = 0;
    for (size_t i = 0; i < n_rounds; i++) {
        double begin = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
        d->sum = 0;
        MUST(at_decoder_run(d->decoder, &d->batch, AT_LABELS_DATA, 0, touch, d, &loss,
                            &err));
        times[i] = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    }
    *result = d->sum + loss;
    return bench_median(times, n_rounds);
}

/* The median time of the document's score against the query, in forward mode. */
static double time_score(document *d, size_t n_rounds, double *score)
{
    attrib_error err = {0};
    double times[MAX_ROUNDS];
    double loss = 0;
    for (size_t i = 0; i < n_rounds; i++) {
        double begin = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
        MUST(at_decoder_run_along(d->decoder, &d->batch, follow, d, &loss, score, &err));
        times[i] = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    }
    return bench_median(times, n_rounds);
}

/* What the score is in reverse. */
static double score_in_reverse(document *d)
{
    attrib_error err = {0};
    double loss = 0;
    d->sum = 0;
    MUST(at_decoder_run(d->decoder, &d->batch, AT_LABELS_DATA, 0, contract, d, &loss,
                        &err));
    return d->sum;
}

static double time_first_token(const attrib_model *model)
{
    attrib_error err = {0};
    int32_t ids[N_PROMPT];
    int32_t new_id = 0;
    size_t n_new = 0;
    size_t context = attrib_model_describe(model)->context;
    size_t n = context < N_PROMPT ? context - 1 : N_PROMPT;
    make_ids(ids, n, attrib_model_describe(model)->n_vocabulary);
    double begin = bench_seconds(CLOCK_MONOTONIC);
    MUST(attrib_model_generate(
        model,
        &(attrib_generate_job){
            .size = sizeof(attrib_generate_job), .ids = ids, .n_tokens = n, .max_new = 1},
        &new_id, &n_new, &err));
    return bench_seconds(CLOCK_MONOTONIC) - begin;
}

typedef struct results {
    double pass, score;
    double score_off; /* of the score in reverse, relative */
} results;

/* One row of figures for each way of taking a document. */
static results report(const char *path,
                      attrib_weights weights,
                      size_t n_rounds,
                      double gemm_rate)
{
    attrib_error err = {0};
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.weights = weights;
    attrib_model *model = NULL;
    document d;
    results out = {0};
    double begin = bench_seconds(CLOCK_MONOTONIC);
    MUST(attrib_model_open(path, &options, &model, &err));
    double opening = bench_seconds(CLOCK_MONOTONIC) - begin;
    double first_token = time_first_token(model);
    open_document(&d, model);
    double n_tokens = (double)d.sequence.n_tokens;
    double flop = 4 * at_model_products_per_token(model) * n_tokens;
    double times[2] = {time_pass(&d, n_rounds, &out.pass),
                       time_score(&d, n_rounds, &out.score)};
    for (size_t i = 0; i < 2; i++) {
        double rate = flop / times[i];
        printf("%7s %5s %10.3f %12.3f %10.1f %9.1f %14.1f %7.3f\n",
               weights == ATTRIB_WEIGHTS_F32 ? "f32" : "file", i ? "score" : "pass",
               opening, first_token, n_tokens / times[i], rate * 1e-9, gemm_rate * 1e-9,
               rate / gemm_rate);
    }
    double in_reverse = score_in_reverse(&d);
    out.score_off = fabs(out.score - in_reverse) / fabs(in_reverse);
    close_document(&d);
    attrib_model_close(model);
    return out;
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    double rate = 0;
    bench_arguments arguments =
        bench_arguments_read(argc, argv, 2, "bench_model [--small | MODEL] [ROUNDS]");
    bool is_small = arguments.is_small || arguments.n == 0;
    const char *path = is_small ? NULL : arguments.values[0];
    size_t n_rounds = bench_number(&arguments, is_small ? 0 : 1, 3);
    n_rounds = n_rounds < MAX_ROUNDS ? n_rounds : MAX_ROUNDS;
    char fixture[1024];
    if (is_small) {
        const char *source = getenv("ATTRIB_SOURCE");
        snprintf(fixture, sizeof fixture, "%s/tests/golden/gguf/llama-tied-bf16.gguf",
                 source ? source : ".");
        path = fixture;
    }
    attrib_session_options_default(&options);
    options.n_threads = 1;
    MUST(attrib_session_new(&options, &session, &err));
    MUST(at_gemm_rate(session, ATTRIB_F32_PRODUCTS,
                      is_small ? SMALL_SECONDS : GEMM_SECONDS, &rate, &err));
    printf("%7s %5s %10s %12s %10s %9s %14s %7s\n", "weights", "what", "opening s",
           "first token s", "tokens/s", "GFLOP/s", "SGEMM GFLOP/s", "ratio");
    results file = report(path, ATTRIB_WEIGHTS_FILE, n_rounds, rate);
    results memory = report(path, ATTRIB_WEIGHTS_F32, n_rounds, rate);
    printf("residual %g and %g; forward and reverse mode %.1e apart\n",
           file.pass - memory.pass, file.score - memory.score, file.score_off);
    attrib_session_free(session);
    bool is_same = file.pass == memory.pass && file.score == memory.score;
    return is_same && file.score_off < 1e-3 ? 0 : 1;
}
