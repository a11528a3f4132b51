/* SPDX-License-Identifier: MIT */
/* The largest singular components of H = D' A, without forming H.
 *
 * With t rows, D [t, O] and A [t, I], and K_D = D D' = L L' and K_A = A A' [t, t],
 *
 *     L' K_A L = F diag(sigma^2) F',   v = A' L f / sigma,   u = D' K_A L f / sigma^2
 *
 * Rows of long documents are reduced first: Q [t, O] is an orthonormal basis of the range
 * of H H' H S for a fixed S of signs, and H ~ Q' (Q H) are t rows.
 *
 * Source: Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithm
 * 4.4, for the reduction. */
#include "index/components.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

/* Rows that a product is reduced to where it has more, and how many more than components
 * are wanted there are at least. */
#define REDUCED_ROWS ((size_t)64)
#define OVERSAMPLING ((size_t)16)
/* Components below this share of the first are rounding errors of Gram matrices in f32,
 * and in f64. */
#define LEAST_SHARE       2e-3
#define LEAST_WHOLE_SHARE 1e-9
/* Added to the diagonal of K_D, as a share of its mean: rows may repeat. */
#define RIDGE 1e-7

static size_t reduced_rows(size_t n_rows, size_t most, bool is_whole)
{
    size_t t = at_larger(REDUCED_ROWS, most + OVERSAMPLING);
    return is_whole ? n_rows : at_smaller(n_rows, t);
}

attrib_status at_component_deal(const at_row_product *size,
                                size_t most,
                                bool is_whole,
                                attrib_bank *bank,
                                at_component_scratch *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t t = reduced_rows(size->n_rows, most, is_whole);
    *out = (at_component_scratch){0};
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(double), &out->gram_a, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(double), &out->gram_d, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(double), &out->product, err));
    AT_TRY(attrib_bank_deal(bank, t, 1, sizeof(double), &out->values, err));
    AT_TRY(attrib_bank_deal(bank, most, t, sizeof(float), &out->turn, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(float), &out->gram, err));
    AT_TRY(attrib_bank_deal(bank, size->n_rows, t, sizeof(float), &out->by_row, err));
    if (t < size->n_rows) {
        AT_TRY(attrib_bank_deal(bank, t, size->out_dim, sizeof(float), &out->left, err));
        AT_TRY(attrib_bank_deal(bank, t, size->in_dim, sizeof(float), &out->right, err));
    }
done:
    return status;
}

/* gram [t, t] = x x' of x [t, n], both triangles. */
static void take_gram(
    const float *x, size_t t, size_t n, bool is_whole, float *scratch, double *gram)
{
    if (!is_whole) {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, t, t, n, 1.0F, x, n, x, n, 0.0F, scratch, t);
    }
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum =
                is_whole ? at_dot(x + i * n, x + j * n, n) : (double)scratch[i * t + j];
            gram[i * t + j] = sum;
            gram[j * t + i] = sum;
        }
    }
}

/* Make the lower triangle of a [t, t] its Cholesky factor; the upper one becomes 0. What
 * is left of a row that lies in the span of those before it counts as nothing. */
static void factor_triangle(double *a, size_t t, double ridge)
{
    double mean = 0;
    for (size_t i = 0; i < t; i++) {
        mean += a[i * t + i] / (double)t;
    }
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * t + j] + (i == j ? ridge * mean : 0);
            for (size_t k = 0; k < j; k++) {
                sum -= a[i * t + k] * a[j * t + k];
            }
            if (i == j) {
                a[i * t + i] = sum > 0.1 * ridge * mean ? sqrt(sum) : 0;
            } else {
                a[i * t + j] = a[j * t + j] > 0 ? sum / a[j * t + j] : 0;
            }
        }
        memset(a + i * t + i + 1, 0, (t - i - 1) * sizeof *a);
    }
}

/* Make the rows of y [t, n] orthonormal, up to the rounding of a Gram matrix in f32. */
static void make_orthonormal(float *y,
                             size_t t,
                             size_t n,
                             const at_component_scratch *scratch)
{
    double *l = scratch->gram_d;
    take_gram(y, t, n, false, scratch->gram, l);
    factor_triangle(l, t, RIDGE);
    for (size_t i = 0; i < t; i++) { /* y_i = (y_i - sum_k<i l_ik y_k) / l_ii */
        for (size_t k = 0; k < i; k++) {
            at_axpy(n, (float)-l[i * t + k], y + k * n, y + i * n);
        }
        float scale = l[i * t + i] > 0 ? (float)(1 / l[i * t + i]) : 0;
        for (size_t j = 0; j < n; j++) {
            y[i * n + j] *= scale;
        }
    }
}

/* by_row [T, t] = x y' of x [T, n], y [t, n]; and out [t, m] = by_row' z of z [T, m]. */
static void multiply_rows(const float *x,
                          size_t n,
                          const float *y,
                          const float *z,
                          size_t m,
                          size_t n_rows,
                          size_t t,
                          float *by_row,
                          float *out)
{
    at_gemm(AT_PLAIN, AT_TRANSPOSED, n_rows, t, n, 1.0F, x, n, y, n, 0.0F, by_row, t);
    at_gemm(AT_TRANSPOSED, AT_PLAIN, t, m, n_rows, 1.0F, by_row, t, z, m, 0.0F, out, m);
}

/* The rows that H is reduced to: left = Q, right = Q H. */
static void reduce(const at_row_product *of, size_t t, const at_component_scratch *s)
{
    size_t o = of->out_dim;
    size_t i = of->in_dim;
    for (size_t row = 0; row < of->n_rows; row++) {
        for (size_t k = 0; k < t; k++) {
            s->by_row[row * t + k] = at_uniform(0x1dec, row, k) < 0.5 ? -1.0F : 1.0F;
        }
    }
    at_gemm(AT_TRANSPOSED, AT_PLAIN, t, o, of->n_rows, 1.0F, s->by_row, t, of->ds, o,
            0.0F, s->left, o);
    for (int k = 0; k < 2; k++) {
        make_orthonormal(s->left, t, o, s);
        multiply_rows(of->ds, o, s->left, of->a, i, of->n_rows, t, s->by_row, s->right);
        make_orthonormal(s->right, t, i, s);
        multiply_rows(of->a, i, s->right, of->ds, o, of->n_rows, t, s->by_row, s->left);
    }
    make_orthonormal(s->left, t, o, s);
    make_orthonormal(s->left, t, o, s);
    multiply_rows(of->ds, o, s->left, of->a, i, of->n_rows, t, s->by_row, s->right);
}

/* product = L' K_A L, by way of gram_d = L and product = K_A L. */
static attrib_status solve(size_t t,
                           bool is_whole,
                           const at_component_scratch *s,
                           attrib_error *err)
{
    double *l = s->gram_d;
    double *half = s->product;
    for (size_t i = 0; i < t; i++) { /* half = K_A L */
        for (size_t j = 0; j < t; j++) {
            double sum = 0;
            for (size_t k = j; k < t; k++) {
                sum += s->gram_a[i * t + k] * l[k * t + j];
            }
            half[i * t + j] = sum;
        }
    }
    for (size_t j = 0; j < t; j++) { /* its lower triangle, column by column of half */
        for (size_t i = 0; i < t; i++) {
            s->values[i] = half[i * t + j];
        }
        for (size_t i = j; i < t; i++) {
            double sum = 0;
            for (size_t k = i; k < t; k++) {
                sum += l[k * t + i] * s->values[k];
            }
            half[i * t + j] = sum;
        }
    }
    return at_symmetric_eigen(is_whole ? ATTRIB_EIGEN_F64 : ATTRIB_EIGEN_F32, t, half,
                              s->values, err);
}

static void make_unit(float *x, size_t n)
{
    double norm = sqrt(at_dot(x, x, n));
    float scale = norm > 0 ? (float)(1 / norm) : 0;
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale;
    }
}

/* turn [n, t] = L f for the n last eigenvectors, or K_A L f. */
static void turn_back(size_t t, size_t n, bool to_u, const at_component_scratch *s)
{
    for (size_t c = 0; c < n; c++) {
        const double *f = s->product + (t - 1 - c) * t;
        double scale = 1 / sqrt(s->values[t - 1 - c]);
        double *x = s->gram_d + 0;
        for (size_t i = 0; i < t; i++) {
            double sum = 0;
            for (size_t k = 0; k <= i; k++) {
                sum += x[i * t + k] * f[k];
            }
            s->turn[c * t + i] = (float)(sum * scale);
        }
    }
    for (size_t c = 0; c < n && to_u; c++) {
        double *sums = s->values; /* which are read no more */
        for (size_t i = 0; i < t; i++) {
            sums[i] = 0;
            for (size_t k = 0; k < t; k++) {
                sums[i] += s->gram_a[i * t + k] * (double)s->turn[c * t + k];
            }
        }
        for (size_t i = 0; i < t; i++) {
            s->turn[c * t + i] = (float)sums[i];
        }
    }
}

attrib_status at_components_find(const at_row_product *of,
                                 size_t most,
                                 bool is_whole,
                                 const at_component_scratch *scratch,
                                 at_components *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = of->out_dim;
    size_t i = of->in_dim;
    size_t t = reduced_rows(of->n_rows, most, is_whole);
    double least = is_whole ? LEAST_WHOLE_SHARE : LEAST_SHARE;
    const float *ds = of->ds;
    const float *a = of->a;
    if (t < of->n_rows) {
        reduce(of, t, scratch);
        ds = scratch->left;
        a = scratch->right;
    }
    out->n = 0;
    take_gram(a, t, i, is_whole, scratch->gram, scratch->gram_a);
    take_gram(ds, t, o, is_whole, scratch->gram, scratch->gram_d);
    factor_triangle(scratch->gram_d, t, is_whole ? 1e-15 : RIDGE);
    AT_TRY(solve(t, is_whole, scratch, err));
    for (size_t c = 0; c < at_smaller(most, t); c++) {
        double square = scratch->values[t - 1 - c];
        if (!(square > least * least * scratch->values[t - 1]) || !(square > 0)) {
            break;
        }
        out->sigma[out->n++] = sqrt(square);
    }
    turn_back(t, out->n, false, scratch);
    at_gemm(AT_PLAIN, AT_PLAIN, out->n, i, t, 1.0F, scratch->turn, t, a, i, 0.0F, out->v,
            i);
    turn_back(t, out->n, true, scratch);
    at_gemm(AT_PLAIN, AT_PLAIN, out->n, o, t, 1.0F, scratch->turn, t, ds, o, 0.0F, out->u,
            o);
    for (size_t c = 0; c < out->n; c++) {
        make_unit(out->u + c * o, o);
        make_unit(out->v + c * i, i);
    }
done:
    return status;
}
