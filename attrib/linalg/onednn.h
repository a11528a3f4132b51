/* SPDX-License-Identifier: MIT */
/* oneDNN, as far as products of f32 and of bf16 share it. */
#ifndef AT_LINALG_ONEDNN_H
#define AT_LINALG_ONEDNN_H

#include "linalg/linalg.h"

/* The threads of OpenMP that calls of oneDNN from this thread may use; returns how many
 * it may have used before. */
int at_onednn_threads(int n);

/* Whether oneDNN multiplies such matrices of f32: where it is faster than OpenBLAS. This
 * depends on the processor and the sizes alone. */
bool at_onednn_multiplies(size_t m, size_t n, size_t k);

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

/* Bytes that a product of f32 takes. */
double at_onednn_bytes(void);

#endif
