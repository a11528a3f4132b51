/* SPDX-License-Identifier: MIT */
/* The largest singular components of H = D' A, without forming H.
 *
 * With t rows, D [t, O] and A [t, I], and K_D = D D' = L L' and K_A = A A' [t, t],
 *
 *     L' K_A L = F diag(sigma^2) F',   v = A' L f / sigma,   u = D' K_A L f / sigma^2
 *
 * Products of few rows are solved eight at a time (linalg/eights.h), larger ones each by
 * itself. Rows of long documents are reduced first: Q [t, O] is an orthonormal basis of
 * the range of H H' H S for a fixed S of signs, and H ~ Q' (Q H) are t rows.
 *
 * Source: Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithm
 * 4.4, for the reduction. */
#include "index/components.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/wide.h"
#include "linalg/small.h"

/* A product with more rows than a group takes is reduced to OVERSAMPLING more rows than
 * components are wanted, and to LEAST_ROWS at least. */
#define OVERSAMPLING ((size_t)16)
#define LEAST_ROWS   ((size_t)32)
/* Components below this share of the first are rounding errors of Gram matrices in f32,
 * and in f64. */
#define LEAST_SHARE       2e-3
#define LEAST_WHOLE_SHARE 1e-9
/* Added to the diagonal of K_D, as a share of its mean: rows may repeat. */
#define RIDGE 1e-7

size_t at_reduced_rows(size_t n_rows, size_t most, bool is_whole)
{
    bool is_as_it_is = is_whole || n_rows <= AT_GROUP_ROWS;
    return is_as_it_is ? n_rows
                       : at_smaller(n_rows, at_larger(LEAST_ROWS, most + OVERSAMPLING));
}

/* The most rows that any product of at most n_rows is worked on with. */
static size_t most_rows(size_t n_rows, size_t most, bool is_whole)
{
    return is_whole ? n_rows
                    : at_smaller(n_rows, at_larger(AT_GROUP_ROWS, most + OVERSAMPLING));
}

static attrib_status deal_group(size_t t,
                                attrib_bank *bank,
                                at_component_scratch *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(at_eight), &out->grams, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(at_eight), &out->lowers, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(at_eight), &out->halves, err));
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(at_eight), &out->products, err));
    AT_TRY(attrib_bank_deal(bank, t, 1, sizeof(at_eight), &out->all_values, err));
    AT_TRY(attrib_bank_deal(bank, at_eights_eigen_scratch(t), 1, sizeof(at_eight),
                            &out->eigens, err));
done:
    return status;
}

attrib_status at_component_deal(const at_row_product *size,
                                size_t most,
                                bool is_whole,
                                attrib_bank *bank,
                                at_component_scratch *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t t = most_rows(size->n_rows, most, is_whole);
    *out = (at_component_scratch){0};
    size_t stride = at_small_stride(t);
    AT_TRY(attrib_bank_deal(bank, t, stride, sizeof(double), &out->gram_a, err));
    AT_TRY(attrib_bank_deal(bank, t, stride, sizeof(double), &out->lower, err));
    AT_TRY(attrib_bank_deal(bank, t, stride, sizeof(double), &out->upper, err));
    AT_TRY(attrib_bank_deal(bank, t, stride, sizeof(double), &out->half, err));
    AT_TRY(attrib_bank_deal(bank, t, stride, sizeof(double), &out->product, err));
    AT_TRY(attrib_bank_deal(bank, t, 1, sizeof(double), &out->values, err));
    AT_TRY(attrib_bank_deal(bank, at_small_eigen_scratch(t), 1, sizeof(double),
                            &out->eigen, err));
    if (!is_whole) {
        AT_TRY(deal_group(at_smaller(t, AT_GROUP_ROWS), bank, out, err));
    }
    AT_TRY(attrib_bank_deal(bank, t, t, sizeof(float), &out->turn, err));
    AT_TRY(attrib_bank_deal(bank, size->n_rows, t, sizeof(float), &out->by_row, err));
    if (t < size->n_rows) {
        AT_TRY(attrib_bank_deal(bank, t, size->out_dim, sizeof(float), &out->left, err));
        AT_TRY(attrib_bank_deal(bank, t, size->in_dim, sizeof(float), &out->right, err));
    }
done:
    return status;
}

/* gram [t, stride] = x x' of x [t, n], both triangles, with zeros after them. */
static void take_gram(const float *x, size_t t, size_t n, bool is_whole, double *gram)
{
    size_t stride = at_small_stride(t);
    memset(gram, 0, t * stride * sizeof *gram);
    for (size_t i = 0; i < t && !is_whole; i += AT_GRAM_ROWS) {
        size_t n_rows = at_smaller(t - i, AT_GRAM_ROWS);
        at_add_dots(n_rows, i + n_rows, n, x + i * n, n, x, n, gram + i * stride, stride);
    }
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum =
                is_whole ? at_dot(x + i * n, x + j * n, n) : gram[i * stride + j];
            gram[i * stride + j] = sum;
            gram[j * stride + i] = sum;
        }
    }
}

/* Make the lower triangle of a [t, stride] its Cholesky factor; the upper one becomes 0.
 * What is left of a row that lies in the span of those before it counts as nothing. */
static void factor_triangle(double *a, size_t t, double ridge)
{
    size_t stride = at_small_stride(t);
    double mean = 0;
    for (size_t i = 0; i < t; i++) {
        mean += a[i * stride + i] / (double)t;
    }
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * stride + j] + (i == j ? ridge * mean : 0);
            for (size_t k = 0; k < j; k++) {
                sum -= a[i * stride + k] * a[j * stride + k];
            }
            if (i == j) {
                a[i * stride + i] = sum > 0.1 * ridge * mean ? sqrt(sum) : 0;
            } else {
                a[i * stride + j] = a[j * stride + j] > 0 ? sum / a[j * stride + j] : 0;
            }
        }
        memset(a + i * stride + i + 1, 0, (stride - i - 1) * sizeof *a);
    }
}

/* Make the rows of y [t, n] orthonormal, up to the rounding of a Gram matrix in f32. */
static void make_orthonormal(float *y,
                             size_t t,
                             size_t n,
                             const at_component_scratch *scratch)
{
    double *l = scratch->lower;
    size_t stride = at_small_stride(t);
    take_gram(y, t, n, false, l);
    factor_triangle(l, t, RIDGE);
    for (size_t i = 0; i < t; i++) { /* y_i = (y_i - sum_k<i l_ik y_k) / l_ii */
        for (size_t k = 0; k < i; k++) {
            at_axpy(n, (float)-l[i * stride + k], y + k * n, y + i * n);
        }
        double size = l[i * stride + i];
        float scale = size > 0 ? (float)(1 / size) : 0;
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

/* out [n_rows, t] = S, of signs 1 and -1 that are a fixed function of their place. */
static void draw_signs(size_t n_rows, size_t t, float *out)
{
    const uint32_t key[2] = {0x7369676eu, 0x72656475u};
    uint32_t bits[4] = {0};
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t k = 0; k < t; k++) {
            if (k % 128 == 0) {
                const uint32_t counter[4] = {(uint32_t)row, (uint32_t)(k / 128), 0, 0};
                at_philox(key, counter, bits);
            }
            out[row * t + k] = bits[k % 128 / 32] >> k % 32 & 1U ? 1.0F : -1.0F;
        }
    }
}

/* The rows that H is reduced to: left = Q, right = Q H. */
static void reduce(const at_row_product *of, size_t t, const at_component_scratch *s)
{
    size_t o = of->out_dim;
    size_t i = of->in_dim;
    draw_signs(of->n_rows, t, s->by_row);
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

/* product = the eigenvectors f of L' K_A L as rows, values = sigma^2. */
static attrib_status solve(size_t t, const at_component_scratch *s, attrib_error *err)
{
    size_t stride = at_small_stride(t);
    memset(s->upper, 0, t * stride * sizeof *s->upper);
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j <= i; j++) {
            s->upper[j * stride + i] = s->lower[i * stride + j];
        }
    }
    at_small_product(t, t, t, s->gram_a, stride, s->lower, s->half);
    at_small_product(t, t, t, s->upper, stride, s->half, s->product);
    return at_small_eigen(t, s->product, s->values, s->eigen, err);
}

/* out [n, dim] = the rows of x [n, stride], each divided by its sigma, times y [t, dim].
 * x is divided too. */
static void turn_back(const at_components *of,
                      size_t t,
                      double *x,
                      const float *y,
                      size_t dim,
                      float *turn,
                      float *out)
{
    size_t stride = at_small_stride(t);
    for (size_t c = 0; c < of->n; c++) {
        for (size_t i = 0; i < t; i++) {
            x[c * stride + i] /= of->sigma[c];
            turn[c * t + i] = (float)x[c * stride + i];
        }
    }
    at_gemm(AT_PLAIN, AT_PLAIN, of->n, dim, t, 1.0F, turn, t, y, dim, 0.0F, out, dim);
}

/* Numbers whose squares are added at a time. */
#define N_LANES ((size_t)32)

AT_WIDE static void make_unit(float *x, size_t n)
{
    float lanes[N_LANES] = {0};
    double square = 0;
    size_t n_whole = n - n % N_LANES;
    for (size_t j = 0; j < n_whole; j += N_LANES) {
        for (size_t k = 0; k < N_LANES; k++) {
            lanes[k] += x[j + k] * x[j + k];
        }
    }
    for (size_t j = n_whole; j < n; j++) {
        lanes[j - n_whole] += x[j] * x[j];
    }
    for (size_t k = 0; k < N_LANES; k++) {
        square += (double)lanes[k];
    }
    float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (size_t j = 0; j < n; j++) {
        x[j] *= scale;
    }
}

/* sigma of values that descend, `step` apart: of as many as are wanted, and are more than
 * rounding errors. */
static void take_sigma(const double *values,
                       size_t step,
                       double least_share,
                       const at_component_task *task)
{
    at_components *out = task->out;
    double least = fmax(least_share * least_share * values[0], task->least * task->least);
    out->n = 0;
    for (size_t c = 0; c < task->most; c++) {
        double square = values[c * step];
        if (!(square >= least) || !(square > 0)) {
            break;
        }
        out->sigma[out->n++] = sqrt(square);
    }
}

void at_components_make_unit(const at_components *of,
                             size_t n,
                             size_t out_dim,
                             size_t in_dim)
{
    for (size_t c = 0; c < n; c++) {
        make_unit(of->u + c * out_dim, out_dim);
        make_unit(of->v + c * in_dim, in_dim);
    }
}

static attrib_status find_alone(const at_component_task *task,
                                bool is_whole,
                                const at_component_scratch *scratch,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_row_product *of = &task->of;
    at_components *out = task->out;
    size_t o = of->out_dim;
    size_t i = of->in_dim;
    size_t t = at_reduced_rows(of->n_rows, task->most, is_whole);
    size_t stride = at_small_stride(t);
    const float *ds = of->ds;
    const float *a = of->a;
    if (t < of->n_rows) {
        reduce(of, t, scratch);
        ds = scratch->left;
        a = scratch->right;
    }
    take_gram(a, t, i, is_whole, scratch->gram_a);
    take_gram(ds, t, o, is_whole, scratch->lower);
    factor_triangle(scratch->lower, t, is_whole ? 1e-15 : RIDGE);
    AT_TRY(solve(t, scratch, err));
    take_sigma(scratch->values, 1, is_whole ? LEAST_WHOLE_SHARE : LEAST_SHARE, task);
    /* v = A' L f / sigma, u = D' K_A L f / sigma^2 */
    at_small_product(out->n, t, t, scratch->product, stride, scratch->upper,
                     scratch->half);
    turn_back(out, t, scratch->half, a, i, scratch->turn, out->v);
    at_small_product(out->n, t, t, scratch->half, stride, scratch->gram_a,
                     scratch->lower);
    turn_back(out, t, scratch->lower, ds, o, scratch->turn, out->u);
done:
    return status;
}

/* Put the Gram matrix of x [n_rows, n] into a lane; returns the mean of its diagonal. */
static double put_gram(const float *x,
                       size_t n_rows,
                       size_t n,
                       size_t lane,
                       size_t t,
                       double *scratch,
                       at_eight *out)
{
    size_t stride = at_small_stride(n_rows);
    double mean = 0;
    take_gram(x, n_rows, n, false, scratch);
    for (size_t i = 0; i < n_rows; i++) {
        mean += scratch[i * stride + i] / (double)n_rows;
    }
    at_eights_put(lane, n_rows, scratch, stride, t, out);
    return mean;
}

/* out [n, dim] = the rows of a lane of x [n, t], each times its scale, times y. */
static void turn_lane(const at_components *of,
                      const at_eight *x,
                      size_t t,
                      size_t lane,
                      bool is_squared,
                      const float *y,
                      size_t n_rows,
                      size_t dim,
                      float *turn,
                      float *out)
{
    const double *numbers = (const double *)x + lane;
    for (size_t c = 0; c < of->n; c++) {
        double size = is_squared ? of->sigma[c] * of->sigma[c] : of->sigma[c];
        for (size_t i = 0; i < n_rows; i++) {
            turn[c * n_rows + i] = (float)(numbers[(c * t + i) * AT_EIGHT] / size);
        }
    }
    at_combine_rows(of->n, dim, n_rows, turn, y, out);
}

/* Whether two of a lane's values, one of them among the first n, are so close that their
 * vectors may not be orthogonal. */
static bool is_close(const double *values, size_t t, size_t n)
{
    for (size_t c = 0; c < n && c + 1 < t; c++) {
        double gap = values[c * AT_EIGHT] - values[(c + 1) * AT_EIGHT];
        if (gap < AT_EIGHTS_CLOSE * values[0]) {
            return true;
        }
    }
    return false;
}

/* Put the Gram matrices of n <= 8 products, of at most t rows, into lanes, and what the
 * diagonal of K_D is raised by. */
static void put_grams(const at_component_task *tasks,
                      size_t n,
                      size_t t,
                      const at_component_scratch *s,
                      at_eight *ridge)
{
    for (size_t k = 0; k < AT_EIGHT; k++) {
        const at_row_product none = {0};
        const at_row_product *of = k < n ? &tasks[k].of : &none;
        put_gram(of->a, of->n_rows, of->in_dim, k, t, s->gram_a, s->grams);
        (*ridge)[k] =
            RIDGE * put_gram(of->ds, of->n_rows, of->out_dim, k, t, s->gram_a, s->lowers);
    }
}

/* The vectors of lane k: v = A' L f / sigma, u = D' K_A L f / sigma^2. */
static attrib_status turn_task(const at_component_task *task,
                               size_t t,
                               size_t k,
                               const at_component_scratch *s,
                               attrib_error *err)
{
    const at_row_product *of = &task->of;
    at_components *out = task->out;
    if (is_close((const double *)s->all_values + k, t, out->n)) {
        return find_alone(task, false, s, err);
    }
    turn_lane(out, s->products, t, k, false, of->a, of->n_rows, of->in_dim, s->turn,
              out->v);
    turn_lane(out, s->halves, t, k, true, of->ds, of->n_rows, of->out_dim, s->turn,
              out->u);
    return ATTRIB_OK;
}

/* Find the components of n <= 8 tasks, the first of which has the most rows. */
static attrib_status find_together(const at_component_task *tasks,
                                   size_t n,
                                   const at_component_scratch *s,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t t = tasks[0].of.n_rows;
    size_t most = 0;
    at_eight ridge = {0};
    put_grams(tasks, n, t, s, &ridge);
    at_eights_factor(t, &ridge, s->lowers);
    at_eights_congruent(t, s->grams, s->lowers, s->halves, s->products);
    AT_TRY(at_eights_values(t, s->products, s->all_values, s->eigens, err));
    for (size_t k = 0; k < n; k++) {
        take_sigma((const double *)s->all_values + k, AT_EIGHT, LEAST_SHARE, &tasks[k]);
        most = at_larger(most, tasks[k].out->n);
    }
    at_eights_vectors(t, most, s->products, s->eigens, s->halves);
    at_eights_product(most, t, s->halves, s->lowers, true, s->products); /* L f */
    at_eights_product(most, t, s->products, s->grams, false, s->halves); /* K_A L f */
    for (size_t k = 0; k < n; k++) {
        AT_TRY(turn_task(&tasks[k], t, k, s, err));
    }
done:
    return status;
}

/* The most rows first, so that those that are worked on together have about as many. */
static void put_in_order(at_component_task *tasks, size_t n)
{
    for (size_t k = 1; k < n; k++) {
        at_component_task task = tasks[k];
        size_t at = k;
        for (; at > 0 && tasks[at - 1].of.n_rows < task.of.n_rows; at--) {
            tasks[at] = tasks[at - 1];
        }
        tasks[at] = task;
    }
}

attrib_status at_components_find(at_component_task *tasks,
                                 size_t n,
                                 bool is_whole,
                                 const at_component_scratch *scratch,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t k = 0;
    put_in_order(tasks, n);
    for (; k < n && (is_whole || tasks[k].of.n_rows > AT_GROUP_ROWS); k++) {
        AT_TRY(find_alone(&tasks[k], is_whole, scratch, err));
    }
    for (; k < n; k += AT_EIGHT) {
        AT_TRY(find_together(tasks + k, at_smaller(n - k, AT_EIGHT), scratch, err));
    }
done:
    return status;
}
