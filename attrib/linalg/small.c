/* SPDX-License-Identifier: MIT */
/* Eigenvectors of small symmetric matrices:
 *
 *     A = Q T Q',   T = S diag(values) S',   U' = S' Q'
 *
 * by reflections that make A tridiagonal, and the implicit QL method. Vectors are rows,
 * so that reflections and rotations work on whole rows, and a rotation's sines are found
 * while rows are turned by the last one.
 *
 * Source: Golub & Van Loan, "Matrix Computations" (4th edition), 8.3.1 (tridiagonal) and
 * 8.3.5 (implicit shifts, here from the last row up, as EISPACK's tql2 has them).
 *
 * 1. Products.   2. A tridiagonal matrix.   3. Its eigenvalues.   4. Decompositions.
 * 5. Their cost. */
#include "linalg/small.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/wide.h"

/* Steps of a value before it counts as not converging; two are usual. */
#define MOST_STEPS 60

/* Norms below it, where the largest entry is 1, count as 0: squares would lose digits. */
#define LEAST_NORM 1e-140

typedef double eight __attribute__((vector_size(8 * sizeof(double)), aligned(8)));

/* Inlined, so that it is compiled for the width of the function that calls it. */
#define INLINE static inline __attribute__((always_inline))

size_t at_small_stride(size_t n)
{
    return (n + AT_SMALL_WIDTH - 1) / AT_SMALL_WIDTH * AT_SMALL_WIDTH;
}

/* 1. Products */

/* Rows of x that are multiplied at a time. */
#define N_ROWS 4

/* 16 columns of n_rows <= N_ROWS rows, a constant where this is called: out = x y. */
INLINE void multiply_tile(size_t n_rows,
                          size_t k,
                          const double *x,
                          size_t ldx,
                          const double *y,
                          size_t stride,
                          double *out)
{
    eight sums[N_ROWS][2] = {{{0}}};
    for (size_t j = 0; j < k; j++) {
        const eight *row = (const eight *)(y + j * stride);
        for (size_t i = 0; i < n_rows; i++) {
            sums[i][0] += x[i * ldx + j] * row[0];
            sums[i][1] += x[i * ldx + j] * row[1];
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        memcpy(out + i * stride, sums[i], sizeof sums[i]);
    }
}

AT_WIDE void at_small_product(size_t m,
                              size_t n,
                              size_t k,
                              const double *x,
                              size_t ldx,
                              const double *y,
                              double *out)
{
    size_t stride = (n + AT_SMALL_WIDTH - 1) / AT_SMALL_WIDTH * AT_SMALL_WIDTH;
    for (size_t j = 0; j < stride; j += AT_SMALL_WIDTH) {
        size_t i = 0;
        for (; i + N_ROWS <= m; i += N_ROWS) {
            multiply_tile(N_ROWS, k, x + i * ldx, ldx, y + j, stride,
                          out + i * stride + j);
        }
        for (; i < m; i++) {
            multiply_tile(1, k, x + i * ldx, ldx, y + j, stride, out + i * stride + j);
        }
    }
}

/* 2. A tridiagonal matrix */

/* to += scale x, of whole vectors. */
INLINE void add_row(size_t n, double scale, const double *x, double *to)
{
    for (size_t j = 0; j < n; j += 8) {
        *(eight *)(to + j) += scale * *(const eight *)(x + j);
    }
}

/* out = sum over rows i from `first` of v_i a_i; a has n rows. */
INLINE void add_rows(
    size_t first, size_t n, size_t stride, const double *v, const double *a, double *out)
{
    for (size_t j = 0; j < stride; j += AT_SMALL_WIDTH) {
        eight sums[2] = {{0}};
        for (size_t i = first; i < n; i++) {
            sums[0] += v[i] * *(const eight *)(a + i * stride + j);
            sums[1] += v[i] * *(const eight *)(a + i * stride + j + 8);
        }
        memcpy(out + j, sums, sizeof sums);
    }
}

INLINE double dot(size_t n, const double *x, const double *y)
{
    eight sums = {0};
    double sum = 0;
    for (size_t j = 0; j < n; j += 8) {
        sums += *(const eight *)(x + j) * *(const eight *)(y + j);
    }
    for (size_t k = 0; k < 8; k++) {
        sum += sums[k];
    }
    return sum;
}

/* The reflection 1 - beta v v' that leaves of x, which is 0 before `first`, only the
 * number there, which is returned. v holds x. */
INLINE double find_reflection(size_t first, size_t stride, double *v, double *beta)
{
    double head = v[first];
    double rest = 0;
    double all = 0;
    double left = 0;
    *beta = 0;
    v[first] = 0; /* a rest far smaller than the head must not be lost in their sum */
    rest = dot(stride, v, v);
    if (rest < LEAST_NORM * LEAST_NORM) {
        return head;
    }
    all = head * head + rest;
    left = head > 0 ? -sqrt(all) : sqrt(all);
    v[first] = head - left;
    *beta = 1 / (all - head * left); /* 2 / |v|^2 */
    return left;
}

/* a -= v w' + w v' in the rows from `first` on, with w = p - (beta / 2) (v'p) v and
 * p = beta a v. */
INLINE void reflect_both(size_t first,
                         size_t n,
                         size_t stride,
                         double beta,
                         const double *v,
                         double *w,
                         double *a)
{
    add_rows(first, n, stride, v, a, w);
    for (size_t j = 0; j < stride; j++) {
        w[j] *= beta;
    }
    add_row(stride, -beta / 2 * dot(stride, v, w), v, w);
    for (size_t i = first; i < n; i++) {
        double v_i = v[i];
        double w_i = w[i];
        for (size_t j = 0; j < stride; j += 8) {
            *(eight *)(a + i * stride + j) -=
                v_i * *(const eight *)(w + j) + w_i * *(const eight *)(v + j);
        }
    }
}

/* What a decomposition works with; vectors and rows have the stride. */
typedef struct small_desk {
    size_t n, stride;
    double *rows;           /* [n, stride] Q', which becomes the eigenvectors */
    double *diagonal, *off; /* [stride] of T, off[i] between i and i + 1 */
    double *v, *w;          /* [stride] */
    double *sines, *cosines;
} small_desk;

/* Find T, and Q' of the reflections, the last of which stands on its left. */
AT_WIDE static void make_tridiagonal(const small_desk *desk, double *a)
{
    size_t n = desk->n;
    size_t stride = desk->stride;
    memset(desk->rows, 0, n * stride * sizeof *desk->rows);
    for (size_t i = 0; i < n; i++) {
        desk->rows[i * stride + i] = 1;
    }
    for (size_t k = 0; k + 1 < n; k++) {
        double beta = 0;
        memcpy(desk->v, a + k * stride, stride * sizeof *a);
        memset(desk->v, 0, (k + 1) * sizeof *a);
        desk->diagonal[k] = a[k * stride + k];
        desk->off[k] = find_reflection(k + 1, stride, desk->v, &beta);
        if (beta > 0) {
            reflect_both(k + 1, n, stride, beta, desk->v, desk->w, a);
            add_rows(k + 1, n, stride, desk->v, desk->rows, desk->w);
            for (size_t i = k + 1; i < n; i++) {
                add_row(stride, -beta * desk->v[i], desk->w, desk->rows + i * stride);
            }
        }
    }
    desk->diagonal[n - 1] = a[(n - 1) * stride + n - 1];
    desk->off[n - 1] = 0;
}

/* 3. Its eigenvalues */

/* What is as good as 0 off the diagonal of T: the method is as exact as that anyway. */
static double least_off(const small_desk *desk)
{
    double largest = 0;
    for (size_t i = 0; i < desk->n; i++) {
        largest = fmax(largest, fabs(desk->diagonal[i]) + fabs(desk->off[i]));
    }
    return DBL_EPSILON * largest;
}

/* The end of the part of T that begins with row l: the first row after which there is
 * nothing off the diagonal. */
static size_t find_end(const small_desk *desk, size_t l, double least)
{
    size_t m = l;
    while (m + 1 < desk->n && fabs(desk->off[m]) > least) {
        m++;
    }
    return m;
}

/* One step of the QL method on rows l to m of T: rotations of rows i and i + 1, from the
 * last up to `*from`, in sines and cosines. */
static void find_rotations(const small_desk *desk, size_t l, size_t m, size_t *from)
{
    double *d = desk->diagonal;
    double *e = desk->off;
    double g = (d[l + 1] - d[l]) / (2 * e[l]);
    double s = 1;
    double c = 1;
    double p = 0;
    g = d[m] - d[l] + e[l] / (g + copysign(sqrt(g * g + 1), g));
    for (size_t i = m; i-- > l;) {
        double f = s * e[i];
        double b = c * e[i];
        double r = sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r < LEAST_NORM) { /* T falls into two parts here */
            d[i + 1] -= p;
            e[m] = 0;
            *from = i + 1;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        desk->sines[i] = s;
        desk->cosines[i] = c;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
    *from = l;
}

/* Turn rows i and i + 1, for i from `end` - 1 down to `from`. A row that was turned with
 * the one after it stays in registers until it is turned with the one before it. */
AT_WIDE static void turn_rows(const small_desk *desk, size_t from, size_t end)
{
    size_t stride = desk->stride;
    for (size_t j = 0; j < stride; j += AT_SMALL_WIDTH) {
        eight held[2];
        memcpy(held, desk->rows + end * stride + j, sizeof held);
        for (size_t i = end; i-- > from;) {
            double s = desk->sines[i];
            double c = desk->cosines[i];
            eight *row = (eight *)(desk->rows + i * stride + j);
            eight *next = (eight *)(desk->rows + (i + 1) * stride + j);
            for (size_t k = 0; k < 2; k++) {
                eight x = row[k];
                next[k] = s * x + c * held[k];
                held[k] = c * x - s * held[k];
            }
        }
        memcpy(desk->rows + from * stride + j, held, sizeof held);
    }
}

static attrib_status solve_tridiagonal(const small_desk *desk, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double least = least_off(desk);
    for (size_t l = 0; l < desk->n; l++) {
        size_t n_steps = 0;
        for (size_t m = find_end(desk, l, least); m > l; m = find_end(desk, l, least)) {
            size_t from = l;
            AT_CHECK(n_steps++ < MOST_STEPS, ATTRIB_ENUMERIC,
                     "[%zu, %zu] matrix: eigenvalue %zu does not converge", desk->n,
                     desk->n, l);
            find_rotations(desk, l, m, &from);
            turn_rows(desk, from, m);
        }
    }
done:
    return status;
}

/* 4. Decompositions */

size_t at_small_eigen_scratch(size_t n)
{
    return (n + 6) * at_small_stride(n);
}

/* a and values = rows and diagonal, the largest value first. */
static void put_in_order(const small_desk *desk, double scale, double *a, double *values)
{
    size_t row_bytes = desk->stride * sizeof *a;
    bool *is_taken = memset(desk->v, 0, row_bytes); /* v is used no more */
    for (size_t k = 0; k < desk->n; k++) {
        size_t best = desk->n;
        for (size_t i = 0; i < desk->n; i++) {
            if (!is_taken[i] &&
                (best == desk->n || desk->diagonal[i] > desk->diagonal[best])) {
                best = i;
            }
        }
        is_taken[best] = true;
        values[k] = desk->diagonal[best] * scale;
        memcpy(a + k * desk->stride, desk->rows + best * desk->stride, row_bytes);
    }
}

/* Scale a by a power of two, so that no square over- or underflows. ENUMERIC where it is
 * not finite. */
static attrib_status scale_down(size_t n, double *a, double *scale, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_all = n * at_small_stride(n);
    double largest = 0;
    double down = 0;
    int exponent = 0;
    for (size_t i = 0; i < n_all; i++) {
        AT_CHECK(isfinite(a[i]), ATTRIB_ENUMERIC,
                 "[%zu, %zu] matrix to diagonalize: %g is not finite", n, n, a[i]);
        largest = fmax(largest, fabs(a[i]));
    }
    frexp(largest, &exponent);
    /* Both powers are finite. */
    exponent = exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;
    *scale = ldexp(1, exponent);
    down = ldexp(1, -exponent);
    for (size_t i = 0; i < n_all; i++) {
        a[i] *= down;
    }
done:
    return status;
}

attrib_status at_small_eigen(
    size_t n, double *a, double *values, double *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t stride = at_small_stride(n);
    double *vectors = scratch + n * stride;
    double scale = 1;
    const small_desk desk = {n,
                             stride,
                             scratch,
                             vectors,
                             vectors + stride,
                             vectors + 2 * stride,
                             vectors + 3 * stride,
                             vectors + 4 * stride,
                             vectors + 5 * stride};
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(scale_down(n, a, &scale, err));
    make_tridiagonal(&desk, a);
    AT_TRY(solve_tridiagonal(&desk, err));
    put_in_order(&desk, scale, a, values);
    for (size_t k = 0; k < n; k++) {
        AT_CHECK(isfinite(values[k]), ATTRIB_ENUMERIC,
                 "[%zu, %zu] matrix: eigenvalue %zu is not finite", n, n, k);
    }
done:
    return status;
}

/* 5. Their cost */

/* In exponentials: of a row of a product's or a matrix's 16 columns, and of a
 * rotation; measured at n = 16 to 128. */
#define PRODUCT_TILE 4.0
#define EIGEN_TILE   12.0
#define EIGEN_STEP   60.0

void at_small_product_cost(double m, double n, double k, attrib_load *load)
{
    double tiles = ceil(n / (double)AT_SMALL_WIDTH);
    load->elements += m * k * tiles * PRODUCT_TILE;
}

void at_small_eigen_cost(double n, attrib_load *load)
{
    double tiles = ceil(n / (double)AT_SMALL_WIDTH);
    load->elements += n * n * (tiles * EIGEN_TILE + EIGEN_STEP);
}
