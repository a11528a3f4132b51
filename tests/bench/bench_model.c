/* SPDX-License-Identifier: MIT */
/* What a checkpoint takes: opening it, the first token behind a prompt, and a pass.
 *
 *     bench_model [--small | MODEL] [ROUNDS]
 *
 * MODEL is a Hugging Face folder or a GGUF file; --small takes a fixture. For weights
 * kept as in their file and for weights widened to f32, one worker takes a document of
 * 512 tokens (or the context) forward and backward, MLP maps tracked; counted are 4 FLOP
 * a matrix parameter a token, widening included. Beside it, the rate of products alone.
 * Both in the thread's own time, which what else runs on the machine has no part in.
 * Figures are medians over rounds; opening and the first token are once, by the clock.
 * The residual is the difference between what both ways of holding weights give. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/session.h"
#include "bench/arguments.h"
#include "linalg/rate.h"
#include "model/layers.h"

#define MAX_ROUNDS    32
#define N_TOKENS      512
#define N_PROMPT      100
#define GEMM_SECONDS  2.0
#define SMALL_SECONDS 0.01

static _Noreturn void die(const attrib_error *err)
{
    fprintf(stderr, "bench_model: %s\n", err->message);
    exit(1);
}

#define MUST(call)                                                                       \
    do {                                                                                 \
        if ((call) != ATTRIB_OK) {                                                       \
            die(&err);                                                                   \
        }                                                                                \
    } while (0)

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

/* The same ids for every model of a vocabulary. */
static void make_ids(int32_t *ids, size_t n, size_t n_vocabulary)
{
    for (size_t t = 0; t < n; t++) {
        ids[t] = (int32_t)((t * 7919 + 3) % n_vocabulary);
    }
}

static attrib_status touch(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    double *sum = context;
    (void)i_tracked;
    (void)err;
    *sum += (double)a[0] * (double)ds[0];
    return ATTRIB_OK;
}

/* The median time of a pass, and what came out of it. */
static double time_pass(const attrib_model *model,
                        size_t n_tokens,
                        size_t n_rounds,
                        double *result)
{
    attrib_error err = {0};
    int32_t ids[N_TOKENS];
    uint8_t mask[N_TOKENS];
    double times[MAX_ROUNDS];
    double loss = 0;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_decoder *decoder = NULL;
    attrib_sequence sequence = {.n_tokens = n_tokens, .ids = ids, .mask = mask};
    const size_t first_row[2] = {0, n_tokens};
    at_batch batch = {1, &sequence, first_row};
    make_ids(ids, n_tokens, attrib_model_describe(model)->n_vocabulary);
    memset(mask, 1, sizeof mask);
    mask[0] = 0;
    MUST(attrib_model_select(model, "mlp", &tracked, &n_tracked, &err));
    MUST(at_decoder_new(model, tracked, n_tracked, &decoder, &err));
    for (size_t i = 0; i < n_rounds; i++) {
        double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
        *result = 0;
        MUST(at_decoder_run(decoder, &batch, AT_LABELS_DATA, 0, touch, result, &loss,
                            &err));
        times[i] = seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
        *result += loss;
    }
    at_decoder_free(decoder);
    free(tracked);
    return median(times, n_rounds);
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
    double begin = seconds(CLOCK_MONOTONIC);
    MUST(attrib_model_generate(model, ids, n, 1, NULL, 0, &new_id, &n_new, &err));
    return seconds(CLOCK_MONOTONIC) - begin;
}

/* One row of figures; returns what the pass gave. */
static double report(const char *path,
                     attrib_weights weights,
                     size_t n_rounds,
                     double gemm_rate)
{
    attrib_error err = {0};
    attrib_model_options options = {.weights = weights};
    attrib_model *model = NULL;
    double result = 0;
    double begin = seconds(CLOCK_MONOTONIC);
    MUST(attrib_model_open(path, &options, &model, &err));
    double opening = seconds(CLOCK_MONOTONIC) - begin;
    double first_token = time_first_token(model);
    size_t context = attrib_model_describe(model)->context;
    size_t n_tokens = context < N_TOKENS ? context : N_TOKENS;
    double pass = time_pass(model, n_tokens, n_rounds, &result);
    double rate = 4 * at_model_products_per_token(model) * (double)n_tokens / pass;
    printf("%7s %10.3f %12.3f %10.1f %9.1f %14.1f %7.3f\n",
           weights == ATTRIB_WEIGHTS_F32 ? "f32" : "file", opening, first_token,
           (double)n_tokens / pass, rate * 1e-9, gemm_rate * 1e-9, rate / gemm_rate);
    attrib_model_close(model);
    return result;
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
    MUST(at_gemm_rate(session, is_small ? SMALL_SECONDS : GEMM_SECONDS, &rate, &err));
    printf("%7s %10s %12s %10s %9s %14s %7s\n", "weights", "opening s", "first token s",
           "tokens/s", "GFLOP/s", "SGEMM GFLOP/s", "ratio");
    double in_file = report(path, ATTRIB_WEIGHTS_FILE, n_rounds, rate);
    double in_memory = report(path, ATTRIB_WEIGHTS_F32, n_rounds, rate);
    printf("residual %g\n", in_file - in_memory);
    attrib_session_free(session);
    return in_file == in_memory ? 0 : 1;
}
