/* SPDX-License-Identifier: MIT */
/* oneDNN, as far as products of f32 and of bf16 share it. */
#ifndef AT_LINALG_ONEDNN_H
#define AT_LINALG_ONEDNN_H

#include <signal.h>

#include "linalg/linalg.h"

/* What a thread had before it entered oneDNN. */
typedef struct at_onednn_before {
    int n_threads; /* of OpenMP */
    sigset_t signals;
} at_onednn_before;

/* Before and after calls of oneDNN: between them it works on this thread alone, and no
 * handler of a signal runs here. Kernels of oneDNN 2.6 for products of f32 with AVX-512
 * keep an address of the heap in the stack pointer, where the system would write what a
 * handler begins with: of 1,000 signals that came during such products 911 found it so,
 * and 5 of 14 fits that were stopped by a signal ended with a corrupted heap. A fault of
 * the thread itself is not held back: its handler is to begin on a stack of its own
 * (base/thread.c). */
at_onednn_before at_onednn_enter(void);
void at_onednn_leave(const at_onednn_before *before);

/* Whether oneDNN is faster than OpenBLAS for matrices of f32 of such sizes, on a
 * processor for which it has kernels. */
bool at_onednn_is_faster(at_op op_b, double m, double n, double k);

/* Whether oneDNN multiplies such matrices of f32: where it is faster, and this processor
 * has AVX-512. */
bool at_onednn_multiplies(at_op op_b, size_t m, size_t n, size_t k);

/* at_gemm() by oneDNN, for sizes that at_onednn_multiplies() says yes to. Where it finds
 * no memory, C becomes what is not a number, and this is remembered. */
void at_onednn_gemm(at_op op_a,
                    at_op op_b,
                    size_t m,
                    size_t n,
                    size_t k,
                    float alpha,
                    const float *a,
                    size_t lda,
                    const float *b,
                    size_t ldb,
                    float beta,
                    float *c,
                    size_t ldc);

/* Whether a product found no memory since this was asked last. */
bool at_onednn_has_failed(void);

/* Bytes that a product of f32 takes whose result has `widest` columns. */
double at_onednn_bytes(size_t widest);

#endif
