/* SPDX-License-Identifier: MIT */
/* How fast this machine multiplies: what shares of the possible are shares of.
 *
 *     bench_gemm [--small] [THREADS [SECONDS]]
 *
 * One row: threads, GFLOP/s of all of them together (at_gemm_rate()), the residual of a
 * product of the same library, as the largest error over (k + 3) eps sum |a||b|, which
 * no order of additions exceeds, and what the library says of itself. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/linalg.h"
#include "bench/arguments.h"
#include "linalg/linalg.h"
#include "linalg/rate.h"

#define N 192

static double sample(size_t i)
{
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    return (double)((z ^ (z >> 27)) >> 40) * 0x1p-23 - 1;
}

/* The largest error of C [N, N] = A B' over its bound. */
static double check(void)
{
    static float a[N * N];
    static float b[N * N];
    static float c[N * N];
    double worst = 0;
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        a[i] = (float)sample(i);
        b[i] = (float)sample(i + sizeof a);
    }
    at_gemm(AT_PLAIN, AT_TRANSPOSED, N, N, N, 1.0f, a, N, b, N, 0.0f, c, N);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            double size = 0;
            for (size_t k = 0; k < N; k++) {
                double product = (double)a[i * N + k] * (double)b[j * N + k];
                sum += product;
                size += fabs(product);
            }
            double bound = (N + 3) * (double)FLT_EPSILON * size;
            worst = fmax(worst, fabs((double)c[i * N + j] - sum) / bound);
        }
    }
    return worst;
}

int main(int argc, char **argv)
{
    bench_arguments arguments =
        bench_arguments_read(argc, argv, 2, "bench_gemm [--small] [THREADS [SECONDS]]");
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_error err = {0};
    double rate = 0;
    double seconds = arguments.is_small ? 0.05 : (double)bench_number(&arguments, 1, 1);
    attrib_session_options_default(&options);
    options.n_threads = bench_number(&arguments, 0, 0);
    attrib_status status = attrib_session_new(&options, &session, &err);
    if (status == ATTRIB_OK) {
        status = at_gemm_rate(session, ATTRIB_F32_PRODUCTS, seconds, &rate, &err);
    }
    if (status != ATTRIB_OK) {
        fprintf(stderr, "bench_gemm: %s\n", err.message);
        return 1;
    }
    double residual = check();
    printf("%zu threads  %.1f GFLOP/s  residual %.2g  %s\n",
           attrib_session_n_threads(session), rate / 1e9, residual,
           attrib_kernels_describe());
    attrib_session_free(session);
    return residual < 1 && rate > 0 ? 0 : 1;
}
