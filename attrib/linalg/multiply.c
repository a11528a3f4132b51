/* SPDX-License-Identifier: MIT */
/* Products in bf16 by oneDNN, in pieces of fixed size, so that the memory for rounded
 * operands is bounded.
 *
 * A primitive whose sizes and strides are given only when it runs serves all products of
 * a kind; there are eight kinds, by what is transposed and whether C is added to.
 * Measured on a Zen 4, such primitives multiply GPT-2's shapes at 214 to 217 GFLOP/s a
 * core, where primitives made for a shape, with weights packed for it, reach 220: their
 * making takes 0.2 to 2 ms for each number of rows, which documents of many lengths do
 * not pay back. Products in f32 (OpenBLAS) run at 100. */
#include "linalg/multiply.h"

#include <assert.h>
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/memory.h"
#include "base/wide.h"
#include "linalg/onednn.h"

/* Elements of an operand that are rounded at a time, and the most columns of A: a piece
 * has at least 256 rows. A whole block of a weight's rows fits (model/matrix.h). */
#define PIECE_ELEMENTS ((size_t)1 << 21)
#define PIECE_DEPTH    ((size_t)8192)

/* What oneDNN takes while it multiplies a piece: a copy of parts of both operands.
 * Measured at 512 x 50,257 x 768: 7.6 MiB. */
#define PRODUCT_BYTES ((double)((size_t)8 << 20))

/* Products with fewer multiplications are faster in f32 where both operands would have to
 * be rounded first. Measured: 64 x 64 x 32 takes 3.4 us in f32, 3.8 in bf16; 64 x 64 x 64
 * 6.3 and 6.0; 64 x 256 x 64 24 and 16; 8 x 128 x 64 1.7 and 4.1. */
#define FEWEST_PRODUCTS ((size_t)1 << 18)

#define N_KINDS         8

struct attrib_multiplier {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t kinds[N_KINDS];
    uint16_t *a, *b; /* [PIECE_ELEMENTS] rounded operands */
    bool has_failed; /* a product found no memory */
};

/* 1. What the processor can do */

bool attrib_has_bf16(void)
{
    /* The set of instructions that oneDNN uses is a set of bits, which those of larger
     * sets contain. The environment variable ONEDNN_MAX_CPU_ISA can make it smaller. */
    unsigned wanted = dnnl_cpu_isa_avx512_core_bf16;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

const char *attrib_precision_name(attrib_precision precision)
{
    static const char *const names[] = {AT_PRECISIONS(AT_COMMA)};
    return names[precision];
}

attrib_status attrib_precision_choose(attrib_precision wanted,
                                      attrib_precision *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = wanted != ATTRIB_F32_PRODUCTS && attrib_has_bf16();
    AT_CHECK(is_there || wanted != ATTRIB_BF16_PRODUCTS, ATTRIB_ENOTSUP,
             "precision bf16: this processor has no instructions for products in bf16 "
             "(AVX512-BF16 or AMX); f32 and auto work");
    *out = is_there ? ATTRIB_BF16_PRODUCTS : ATTRIB_F32_PRODUCTS;
done:
    return status;
}

/* 2. Making a multiplier */

/* The description of a matrix [n_rows, n_columns], or of the transpose of one whose rows
 * are `ld` apart. */
static dnnl_status_t describe(dnnl_dim_t n_rows,
                              dnnl_dim_t n_columns,
                              dnnl_dim_t ld,
                              at_op op,
                              dnnl_data_type_t type,
                              dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {n_rows, n_columns};
    const dnnl_dims_t strides = {op == AT_PLAIN ? ld : 1, op == AT_PLAIN ? 1 : ld};
    return dnnl_memory_desc_init_by_strides(out, 2, dims, type, strides);
}

static size_t kind_of(at_op op_a, at_op op_b, bool is_added)
{
    return (op_a == AT_TRANSPOSED) + 2u * (op_b == AT_TRANSPOSED) + 4u * is_added;
}

/* What primitives of a kind have in addition to their operands. */
static dnnl_status_t make_attributes(bool is_added, dnnl_primitive_attr_t *out)
{
    dnnl_post_ops_t after = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(out);
    if (status == dnnl_success && is_added) {
        status = dnnl_post_ops_create(&after);
        if (status == dnnl_success) {
            status = dnnl_post_ops_append_sum(after, 1.0f);
        }
        if (status == dnnl_success) {
            status = dnnl_primitive_attr_set_post_ops(*out, after);
        }
        dnnl_post_ops_destroy(after);
    }
    return status;
}

static dnnl_status_t make_kind(at_multiplier *multiplier, size_t kind)
{
    const dnnl_dim_t any = DNNL_RUNTIME_DIM_VAL;
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t found = NULL;
    dnnl_status_t status =
        describe(any, any, any, kind & 1 ? AT_TRANSPOSED : AT_PLAIN, dnnl_bf16, &a);
    if (status == dnnl_success) {
        status =
            describe(any, any, any, kind & 2 ? AT_TRANSPOSED : AT_PLAIN, dnnl_bf16, &b);
    }
    if (status == dnnl_success) {
        status = describe(any, any, any, AT_PLAIN, dnnl_f32, &c);
    }
    if (status == dnnl_success) {
        status = dnnl_matmul_desc_init(&product, &a, &b, NULL, &c);
    }
    if (status == dnnl_success) {
        status = make_attributes((kind & 4) != 0, &attributes);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_desc_create(&found, &product, attributes,
                                            multiplier->engine, NULL);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_create(&multiplier->kinds[kind], found);
    }
    dnnl_primitive_desc_destroy(found);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static dnnl_status_t open_library(at_multiplier *multiplier)
{
    at_onednn_before before = at_onednn_enter();
    dnnl_status_t status = dnnl_engine_create(&multiplier->engine, dnnl_cpu, 0);
    if (status == dnnl_success) {
        status = dnnl_stream_create(&multiplier->stream, multiplier->engine,
                                    dnnl_stream_default_flags);
    }
    for (size_t i = 0; status == dnnl_success && i < N_KINDS; i++) {
        status = make_kind(multiplier, i);
    }
    at_onednn_leave(&before);
    return status;
}

attrib_status at_multiplier_new(attrib_precision precision,
                                at_multiplier **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_multiplier *multiplier = NULL;
    dnnl_status_t opened = dnnl_success;
    assert(precision != ATTRIB_AUTO_PRODUCTS);
    if (precision == ATTRIB_F32_PRODUCTS) {
        *out = NULL;
        return ATTRIB_OK;
    }
    AT_TRY(attrib_precision_choose(precision, &precision, err));
    AT_TRY(at_array(1, sizeof *multiplier, &multiplier, err));
    AT_TRY(at_array(PIECE_ELEMENTS, sizeof(uint16_t), &multiplier->a, err));
    AT_TRY(at_array(PIECE_ELEMENTS, sizeof(uint16_t), &multiplier->b, err));
    opened = open_library(multiplier);
    AT_CHECK(opened != dnnl_out_of_memory, ATTRIB_ENOMEM,
             "out of memory: products in bf16 could not be prepared");
    AT_CHECK(opened == dnnl_success, ATTRIB_ENOTSUP,
             "precision bf16: oneDNN has no such products here (status %d)", (int)opened);
    *out = multiplier;
    multiplier = NULL;
done:
    at_multiplier_free(multiplier);
    return status;
}

void at_multiplier_free(at_multiplier *multiplier)
{
    if (!multiplier) {
        return;
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        dnnl_primitive_destroy(multiplier->kinds[i]);
    }
    dnnl_stream_destroy(multiplier->stream);
    dnnl_engine_destroy(multiplier->engine);
    free(multiplier->a);
    free(multiplier->b);
    free(multiplier);
}

double at_multiplier_bytes(attrib_precision precision)
{
    return precision == ATTRIB_F32_PRODUCTS
               ? 0
               : PRODUCT_BYTES + 2.0 * (double)PIECE_ELEMENTS * sizeof(uint16_t);
}

attrib_status at_multiplier_check(const at_multiplier *multiplier, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!multiplier || !multiplier->has_failed, ATTRIB_ENOMEM,
             "out of memory: a product in bf16 found none");
    AT_CHECK(!at_onednn_has_failed(), ATTRIB_ENOMEM,
             "out of memory: a product found none");
done:
    return status;
}

/* 3. Rounding */

/* The nearest of one number's neighbours, of two equally near the even one. */
static inline uint16_t round_one(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t nearest = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    uint32_t is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return (uint16_t)(is_nan ? (bits >> 16) | 0x40u : nearest);
}

AT_WIDE static void round_all(const float *values, size_t n, float scale, uint16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = round_one(values[i] * scale);
    }
}

#if defined(__x86_64__)

#define N_LANES ((size_t)16)

/* By the processor's own instruction, which differs where a number is smaller than
 * 2^-126: products take that for 0, and the instruction already does. */
__attribute__((target("avx512f,avx512vl,avx512bw,avx512bf16"))) static void
round_by_lanes(const float *values, size_t n, float scale, uint16_t *out)
{
    __m512 factor = _mm512_set1_ps(scale);
    size_t n_whole = n - n % N_LANES;
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        __m512 x = _mm512_loadu_ps(values + i);
        __m256bh nearest = _mm512_cvtneps_pbh(_mm512_mul_ps(x, factor));
        _mm256_storeu_si256((void *)(out + i), (__m256i)nearest);
    }
    __mmask16 rest = (__mmask16)((1u << (n - n_whole)) - 1);
    __m512 x = _mm512_maskz_loadu_ps(rest, values + n_whole);
    __m256bh nearest = _mm512_cvtneps_pbh(_mm512_mul_ps(x, factor));
    _mm256_mask_storeu_epi16(out + n_whole, rest, (__m256i)nearest);
}

void at_round(const float *values, size_t n, float scale, uint16_t *out)
{
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw")) {
        round_by_lanes(values, n, scale, out);
    } else {
        round_all(values, n, scale, out);
    }
}

#else

void at_round(const float *values, size_t n, float scale, uint16_t *out)
{
    round_all(values, n, scale, out);
}

#endif

/* Numbers that are rounded at a time only to be compared. */
#define COMPARED_AT_A_TIME ((size_t)1024)
#define N_SUMS             ((size_t)16)

AT_WIDE static double add_squares(const float *x, const uint16_t *rounded, size_t n)
{
    double sums[N_SUMS] = {0};
    double sum = 0;
    size_t n_whole = n - n % N_SUMS;
    for (size_t i = 0; i < n; i += N_SUMS) {
        size_t n_lanes = i < n_whole ? N_SUMS : n - i;
        for (size_t j = 0; j < n_lanes; j++) {
            uint32_t bits = (uint32_t)rounded[i + j] << 16;
            float nearest;
            memcpy(&nearest, &bits, sizeof nearest);
            double difference = (double)x[i + j] - (double)nearest;
            sums[j] += difference * difference;
        }
    }
    for (size_t j = 0; j < N_SUMS; j++) {
        sum += sums[j];
    }
    return sum;
}

double at_rounding_square(const float *x, size_t n)
{
    uint16_t rounded[COMPARED_AT_A_TIME];
    double sum = 0;
    for (size_t i = 0; i < n; i += COMPARED_AT_A_TIME) {
        size_t n_part = at_smaller(n - i, COMPARED_AT_A_TIME);
        at_round(x + i, n_part, 1.0f, rounded);
        sum += add_squares(x + i, rounded, n_part);
    }
    return sum;
}

/* Rows first_row .. + n_rows and columns first_column .. + n_columns of an operand, as
 * the product sees it: where they are, or rounded into `room`. */
static at_operand take_piece(const at_operand *from,
                             const size_t first[2],
                             const size_t n[2],
                             float scale,
                             uint16_t *room)
{
    bool is_plain = from->op == AT_PLAIN;
    size_t n_rows = is_plain ? n[0] : n[1]; /* as it lies in memory */
    size_t n_columns = is_plain ? n[1] : n[0];
    size_t offset =
        is_plain ? first[0] * from->ld + first[1] : first[1] * from->ld + first[0];
    if (from->rounded) {
        assert(scale == 1.0f);
        return (at_operand){from->op, NULL, from->rounded + offset, from->ld};
    }
    if (from->ld == n_columns) {
        at_round(from->values + offset, n_rows * n_columns, scale, room);
        return (at_operand){from->op, NULL, room, n_columns};
    }
    for (size_t i = 0; i < n_rows; i++) {
        at_round(from->values + offset + i * from->ld, n_columns, scale,
                 room + i * n_columns);
    }
    return (at_operand){from->op, NULL, room, n_columns};
}

/* 4. Products */

/* The memory of an operand or a result, as oneDNN takes it. */
static dnnl_status_t wrap(const at_multiplier *multiplier,
                          const size_t n[2],
                          const at_operand *operand,
                          dnnl_memory_t *out)
{
    dnnl_memory_desc_t description;
    void *bits = NULL;
    memcpy(&bits, &operand->rounded, sizeof bits); /* which it only reads */
    dnnl_status_t status =
        describe((dnnl_dim_t)n[0], (dnnl_dim_t)n[1], (dnnl_dim_t)operand->ld, operand->op,
                 dnnl_bf16, &description);
    return status == dnnl_success
               ? dnnl_memory_create(out, &description, multiplier->engine, bits)
               : status;
}

static dnnl_status_t wrap_result(const at_multiplier *multiplier,
                                 at_sizes sizes,
                                 float *c,
                                 size_t ldc,
                                 dnnl_memory_t *out)
{
    dnnl_memory_desc_t description;
    dnnl_status_t status = describe((dnnl_dim_t)sizes.m, (dnnl_dim_t)sizes.n,
                                    (dnnl_dim_t)ldc, AT_PLAIN, dnnl_f32, &description);
    return status == dnnl_success
               ? dnnl_memory_create(out, &description, multiplier->engine, c)
               : status;
}

/* C = A B (+ C) of pieces. Where this fails, C becomes what is not a number, so that
 * nothing is computed from what it holds, and the failure is remembered. */
static void multiply_piece(at_multiplier *multiplier,
                           at_sizes sizes,
                           const at_operand *a,
                           const at_operand *b,
                           bool is_added,
                           float *c,
                           size_t ldc)
{
    dnnl_memory_t memory[3] = {NULL};
    dnnl_primitive_t kind = multiplier->kinds[kind_of(a->op, b->op, is_added)];
    dnnl_status_t status = wrap(multiplier, (size_t[2]){sizes.m, sizes.k}, a, &memory[0]);
    if (status == dnnl_success) {
        status = wrap(multiplier, (size_t[2]){sizes.k, sizes.n}, b, &memory[1]);
    }
    if (status == dnnl_success) {
        status = wrap_result(multiplier, sizes, c, ldc, &memory[2]);
    }
    if (status == dnnl_success) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory[0]},
                                             {DNNL_ARG_WEIGHTS, memory[1]},
                                             {DNNL_ARG_DST, memory[2]}};
        status = dnnl_primitive_execute(kind, multiplier->stream, 3, arguments);
    }
    for (size_t i = 0; i < 3; i++) {
        dnnl_memory_destroy(memory[i]);
    }
    if (status != dnnl_success) {
        multiplier->has_failed = true;
        for (size_t i = 0; i < sizes.m; i++) {
            for (size_t j = 0; j < sizes.n; j++) {
                c[i * ldc + j] = NAN;
            }
        }
    }
}

/* The sizes of pieces: `depth` of k, and as many rows of A and columns of B as have
 * room. */
static at_sizes piece_sizes(at_sizes sizes)
{
    size_t depth = at_smaller(sizes.k, PIECE_DEPTH);
    size_t n = PIECE_ELEMENTS / depth;
    return (at_sizes){at_smaller(sizes.m, n), at_smaller(sizes.n, n), depth};
}

static void multiply_rounded(at_multiplier *multiplier,
                             at_sizes sizes,
                             float alpha,
                             const at_operand *a,
                             const at_operand *b,
                             bool is_added,
                             float *c,
                             size_t ldc)
{
    at_sizes step = piece_sizes(sizes);
    for (size_t l = 0; l < sizes.k; l += step.k) {
        at_sizes at = {.k = at_smaller(step.k, sizes.k - l)};
        at_operand of_a = {0};
        for (size_t j = 0; j < sizes.n; j += step.n) {
            at.n = at_smaller(step.n, sizes.n - j);
            at_operand of_b = take_piece(b, (size_t[2]){l, j}, (size_t[2]){at.k, at.n},
                                         1.0f, multiplier->b);
            for (size_t i = 0; i < sizes.m; i += step.m) {
                at.m = at_smaller(step.m, sizes.m - i);
                if (j == 0 || step.m < sizes.m) { /* else A is there as a whole */
                    of_a = take_piece(a, (size_t[2]){i, l}, (size_t[2]){at.m, at.k},
                                      alpha, multiplier->a);
                }
                multiply_piece(multiplier, at, &of_a, &of_b, is_added || l > 0,
                               c + i * ldc + j, ldc);
            }
        }
    }
}

void at_multiply(at_multiplier *multiplier,
                 at_sizes sizes,
                 float alpha,
                 at_operand a,
                 at_operand b,
                 float beta,
                 float *c,
                 size_t ldc)
{
    if (!multiplier || sizes.m == 0 || sizes.n == 0 || sizes.k == 0) {
        at_gemm(a.op, b.op, sizes.m, sizes.n, sizes.k, alpha, a.values, a.ld, b.values,
                b.ld, beta, c, ldc);
        return;
    }
    assert(beta == 0.0f || beta == 1.0f);
    at_onednn_before before = at_onednn_enter();
    multiply_rounded(multiplier, sizes, alpha, &a, &b, beta != 0.0f, c, ldc);
    at_onednn_leave(&before);
}

void at_multiply_once(at_multiplier *multiplier,
                      at_sizes sizes,
                      float alpha,
                      at_operand a,
                      at_operand b,
                      float beta,
                      float *c,
                      size_t ldc)
{
    bool is_small = sizes.m * sizes.n * sizes.k < FEWEST_PRODUCTS;
    at_multiply(is_small ? NULL : multiplier, sizes, alpha, a, b, beta, c, ldc);
}
