/* SPDX-License-Identifier: MIT */
/* The rate of products as large as those of a decoder's maps, repeated for a given time.
 */
#include "linalg/rate.h"

#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "linalg/multiply.h"

#define ROWS   512
#define IN     768
#define OUT    3072
#define SQUARE 384 /* columns of a symmetric product */

/* What a worker multiplies, in its own memory. */
typedef struct rate_bank {
    float *values;     /* input, weight, output and the input's gradient */
    uint16_t *rounded; /* the weight, as runs in bf16 keep it; NULL in f32 */
    at_multiplier *multiplier;
} rate_bank;

typedef struct rate_job {
    void (*multiply)(const rate_bank *bank);
    double flop; /* of one call of it */
    double seconds;
    rate_bank *banks; /* [n_workers] */
    double *rates;    /* [n_workers] FLOP a second */
} rate_job;

#define N_INPUT  ((size_t)ROWS * IN)
#define N_WEIGHT ((size_t)OUT * IN)
#define N_OUTPUT ((size_t)ROWS * OUT)
#define N_FLOATS (2 * N_INPUT + N_WEIGHT + N_OUTPUT)

/* out = a w', d_a = out w: a map forward and backward. */
static void multiply(const rate_bank *bank)
{
    const float *a = bank->values;                  /* [ROWS, IN] */
    const float *w = a + N_INPUT;                   /* [OUT, IN] */
    float *out = bank->values + N_INPUT + N_WEIGHT; /* [ROWS, OUT] */
    float *d_a = out + N_OUTPUT;                    /* [ROWS, IN] */
    at_multiply(bank->multiplier, (at_sizes){ROWS, OUT, IN}, 1.0f, at_plain(a, IN),
                (at_operand){AT_TRANSPOSED, w, bank->rounded, IN}, 0.0f, out, OUT);
    at_multiply(bank->multiplier, (at_sizes){ROWS, IN, OUT}, 1.0f, at_plain(out, OUT),
                (at_operand){AT_PLAIN, w, bank->rounded, IN}, 0.0f, d_a, IN);
}

/* out = a' a of some columns, as covariances are summed. */
static void square(const rate_bank *bank)
{
    at_syrk(SQUARE, ROWS, 1.0f, bank->values, IN, 0.0f, bank->values + N_INPUT + N_WEIGHT,
            SQUARE);
}

static attrib_status measure(void *context,
                             size_t i_worker,
                             size_t i_block,
                             attrib_error *err)
{
    (void)i_worker;
    const rate_job *job = context;
    const rate_bank *bank = &job->banks[i_block];
    double n = 0;
    job->multiply(bank); /* touch the pages, warm up caches and clock */
    double start = at_now_busy();
    double now;
    do {
        job->multiply(bank);
        n += 1;
        now = at_now_busy();
    } while (now - start < job->seconds);
    job->rates[i_block] = n * job->flop / (now - start);
    return at_multiplier_check(bank->multiplier, err);
}

static attrib_status open_bank(attrib_precision precision,
                               rate_bank *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(N_FLOATS, sizeof(float), &out->values, err));
    for (size_t k = 0; k < N_FLOATS; k++) {
        out->values[k] = (float)(k % 7) * 0.25f - 0.5f;
    }
    AT_TRY(at_multiplier_new(precision, &out->multiplier, err));
    if (out->multiplier) {
        AT_TRY(at_array(N_WEIGHT, sizeof *out->rounded, &out->rounded, err));
        at_round(out->values + N_INPUT, N_WEIGHT, 1.0f, out->rounded);
    }
done:
    return status;
}

/* Measure the job on all workers at once. */
static attrib_status measure_all(attrib_session *session,
                                 attrib_precision precision,
                                 rate_job job,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_n_workers(session, SIZE_MAX);
    double sum = 0;
    at_blas_single_threaded();
    AT_TRY(at_blas_check_memory(n, err));
    AT_TRY(at_array(n, sizeof *job.banks, &job.banks, err));
    AT_TRY(at_array(n, sizeof *job.rates, &job.rates, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(open_bank(precision, &job.banks[i], err));
    }
    AT_TRY(at_parallel_for(session, n, measure, &job, err));
    for (size_t i = 0; i < n; i++) {
        sum += job.rates[i];
    }
    *out = sum;
done:
    for (size_t i = 0; job.banks && i < n; i++) {
        free(job.banks[i].values);
        free(job.banks[i].rounded);
        at_multiplier_free(job.banks[i].multiplier);
    }
    free(job.banks);
    free(job.rates);
    return status;
}

attrib_status at_gemm_rate(attrib_session *session,
                           attrib_precision precision,
                           double seconds,
                           double *out,
                           attrib_error *err)
{
    const rate_job job = {
        .multiply = multiply, .flop = 4.0 * ROWS * IN * OUT, .seconds = seconds};
    return measure_all(session, precision, job, out, err);
}

attrib_status at_blas_rate(attrib_session *session,
                           double seconds,
                           double *out,
                           attrib_error *err)
{
    const rate_job job = {
        .multiply = square, .flop = 1.0 * SQUARE * SQUARE * ROWS, .seconds = seconds};
    return measure_all(session, ATTRIB_F32_PRODUCTS, job, out, err);
}
