/* SPDX-License-Identifier: MIT */
/* The rate of products as large as those of a decoder's maps, repeated for a given time.
 */
#include "linalg/rate.h"

#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"

#define ROWS 512
#define IN   768
#define OUT  3072

typedef struct rate_job {
    double seconds;
    float **bank;  /* [n_workers]: input, weight, output and the input's gradient */
    double *rates; /* [n_workers] FLOP a second */
} rate_job;

/* out = a w', d_a = out w: a map forward and backward. */
static void multiply(float *bank)
{
    const float *a = bank;                                    /* [ROWS, IN] */
    const float *w = a + (size_t)ROWS * IN;                   /* [OUT, IN] */
    float *out = bank + (size_t)ROWS * IN + (size_t)OUT * IN; /* [ROWS, OUT] */
    float *d_a = out + (size_t)ROWS * OUT;                    /* [ROWS, IN] */
    at_gemm(AT_PLAIN, AT_TRANSPOSED, ROWS, OUT, IN, 1.0f, a, IN, w, IN, 0.0f, out, OUT);
    at_gemm(AT_PLAIN, AT_PLAIN, ROWS, IN, OUT, 1.0f, out, OUT, w, IN, 0.0f, d_a, IN);
}

static attrib_status measure(void *context,
                             size_t i_worker,
                             size_t i_block,
                             attrib_error *err)
{
    (void)i_worker;
    (void)err;
    const rate_job *job = context;
    double n = 0;
    multiply(job->bank[i_block]); /* touch the pages, warm up caches and clock */
    double start = at_now_busy();
    double now;
    do {
        multiply(job->bank[i_block]);
        n += 1;
        now = at_now_busy();
    } while (now - start < job->seconds);
    job->rates[i_block] = n * 4.0 * ROWS * IN * OUT / (now - start);
    return ATTRIB_OK;
}

attrib_status at_gemm_rate(attrib_session *session,
                           double seconds,
                           double *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_n_workers(session, SIZE_MAX);
    size_t n_floats = 2 * (size_t)ROWS * IN + (size_t)OUT * IN + (size_t)ROWS * OUT;
    rate_job job = {.seconds = seconds};
    double sum = 0;
    at_blas_single_threaded();
    AT_TRY(at_blas_check_memory(n, err));
    AT_TRY(at_array(n, sizeof *job.bank, &job.bank, err));
    AT_TRY(at_array(n, sizeof *job.rates, &job.rates, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_array(n_floats, sizeof(float), &job.bank[i], err));
        for (size_t k = 0; k < n_floats; k++) {
            job.bank[i][k] = (float)(k % 7) * 0.25f - 0.5f;
        }
    }
    AT_TRY(at_parallel_for(session, n, measure, &job, err));
    for (size_t i = 0; i < n; i++) {
        sum += job.rates[i];
    }
    *out = sum;
done:
    for (size_t i = 0; job.bank && i < n; i++) {
        free(job.bank[i]);
    }
    free(job.bank);
    free(job.rates);
    return status;
}
