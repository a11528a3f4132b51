/* SPDX-License-Identifier: MIT */
/* Eigendecompositions of eight small symmetric matrices at a time: the methods of
 * small.c, each lane by itself. Where lanes would part ways, all go on and those that are
 * done keep what they have.
 *
 * Source: Golub & Van Loan, "Matrix Computations" (4th edition), 8.3.1 (tridiagonal) and
 * 8.3.5 (implicit shifts, from the last row up), here without roots, as Pal, Walker &
 * Kahan have it (Parlett, "The Symmetric Eigenvalue Problem", 8.15).
 * Vectors are of twisted factors: Dhillon & Parlett 2004, "Multiple representations to
 * compute orthogonal eigenvectors of symmetric tridiagonal matrices", section 2.
 *
 * 1. Tridiagonal matrices.   2. Eigenvalues.   3. Eigenvectors.   4. Decompositions. */
#include "linalg/eights.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "base/wide.h"
#include "linalg/lanes.h"

/* Steps of a value before it counts as not converging; two are usual. */
#define MOST_STEPS 60

/* Norms below it, where the largest entry is 1, count as 0: squares would lose digits. */
#define LEAST_NORM 1e-140

/* 1. Tridiagonal matrices */

/* Vectors that are found at a time. */
#define N_AT_ONCE ((size_t)2)

/* What decompositions work with: [n] each, but for v, w, down and up [N_AT_ONCE, n]. */
typedef struct eights_desk {
    size_t n;
    at_eight *diagonal, *off; /* of T, off[i] between i and i + 1 */
    at_eight *v, *w, *beta;
    at_eight *values, *squares; /* T once more, squares of off, which become 0 */
    at_eight *down, *up;        /* quotients of T's factors, from either end */
    at_eight *scales;           /* [1] A is T times these powers of two */
} eights_desk;

/* The reflection 1 - beta v v' that leaves of v, from `first` on, only the number there,
 * which is returned. */
INLINE at_eight find_reflection(size_t first, size_t n, at_eight *v, at_eight *beta)
{
    at_eight head = v[first];
    at_eight rest = dot(n - first - 1, v + first + 1, v + first + 1);
    mask is_done = rest < LEAST_NORM * LEAST_NORM;
    at_eight all = head * head + rest;
    at_eight left = root(all);
    left = choose(head > 0, -left, left);
    v[first] = head - left;
    *beta = choose(is_done, all_of(0), 1 / choose(is_done, all_of(1), all - head * left));
    return choose(is_done, head, left);
}

/* w = p - (beta / 2) (v'p) v with p = beta a v, of the lower triangle of a. */
INLINE void find_update(const eights_desk *desk, size_t first, const at_eight *a)
{
    size_t n = desk->n;
    const at_eight *v = desk->v;
    at_eight *w = desk->w;
    at_eight beta = desk->beta[first - 1];
    at_eight with = {0};
    for (size_t i = first; i < n; i++) {
        at_eight sum = a[i * n + i] * v[i];
        for (size_t j = first; j < i; j++) {
            at_eight entry = a[i * n + j];
            sum += entry * v[j];
            w[j] += entry * v[i];
        }
        w[i] = sum;
    }
    for (size_t i = first; i < n; i++) {
        w[i] *= beta;
        with += v[i] * w[i];
    }
    with *= -beta / 2;
    for (size_t i = first; i < n; i++) {
        w[i] += with * v[i];
    }
}

/* Find T of a, whose lower triangle is used up. Of the reflection of column k, v stands
 * in the upper triangle, row k. */
AT_WIDE static void make_tridiagonal(const eights_desk *desk, at_eight *a)
{
    size_t n = desk->n;
    at_eight *v = desk->v;
    at_eight *w = desk->w;
    for (size_t k = 0; k + 1 < n; k++) {
        for (size_t i = k + 1; i < n; i++) {
            v[i] = a[i * n + k];
        }
        desk->diagonal[k] = a[k * n + k];
        desk->off[k] = find_reflection(k + 1, n, v, &desk->beta[k]);
        find_update(desk, k + 1, a);
        for (size_t i = k + 1; i < n; i++) {
            for (size_t j = k + 1; j <= i; j++) {
                a[i * n + j] -= v[i] * w[j] + w[i] * v[j];
            }
            a[k * n + i] = v[i];
        }
    }
    desk->diagonal[n - 1] = a[n * n - 1];
    desk->off[n - 1] = all_of(0);
}

/* 2. Eigenvalues */

/* The square of what is as good as 0 off the diagonal of T: the method is as exact as
 * that anyway. */
INLINE at_eight least_square(const eights_desk *desk)
{
    at_eight largest = {0};
    for (size_t i = 0; i < desk->n; i++) {
        at_eight x = size_of(desk->diagonal[i]) + size_of(desk->off[i]);
        largest = choose(x > largest, x, largest);
    }
    return DBL_EPSILON * largest * (DBL_EPSILON * largest);
}

/* The ends of the parts of T that begin with row l: the first row after which there is
 * nothing off the diagonal. */
INLINE mask find_ends(const eights_desk *desk, size_t l, at_eight least)
{
    mask end = {0};
    end += (int64_t)desk->n - 1;
    for (size_t i = desk->n - 1; i-- > l;) {
        mask is_end = desk->squares[i] <= least;
        end = (is_end & (int64_t)i) | (~is_end & end);
    }
    return end;
}

/* The eigenvalue of rows l and l + 1 that is nearer to row l. */
INLINE at_eight find_shift(const eights_desk *desk, size_t l, mask is_on)
{
    at_eight e = root(choose(is_on, desk->squares[l], all_of(1)));
    at_eight g = (desk->values[l + 1] - desk->values[l]) / (2 * e);
    at_eight r = root(g * g + 1);
    return desk->values[l] - e / (g + choose(g < 0, -r, r));
}

/* One step on rows l to last[k] of T in the lanes k where is_on, without roots: c and s
 * are squares of a rotation's cosine and sine, and p is gamma^2 / c. */
INLINE void take_step(
    const eights_desk *desk, size_t l, size_t end, mask last, mask is_on)
{
    at_eight *d = desk->values;
    at_eight *e = desk->squares;
    at_eight shift = find_shift(desk, l, is_on);
    at_eight gamma = {0};
    at_eight p = {0};
    at_eight c = all_of(1);
    at_eight s = {0};
    for (size_t i = end; i-- > l;) {
        mask is_in = is_on & (last > (int64_t)i);
        mask is_first = last == (int64_t)i + 1;
        at_eight before = choose(is_first, d[i + 1] - shift, gamma);
        p = choose(is_first, before * before, p);
        at_eight r = choose(is_in, p + e[i], all_of(1));
        mask is_zero = p < LEAST_NORM;
        at_eight turned = choose(is_zero, c * e[i], r / choose(is_zero, all_of(1), p));
        e[i + 1] = choose(is_in, s * r, e[i + 1]); /* 0 in the last row */
        r = 1 / r;
        c = choose(is_in, p * r, all_of(1));
        s = choose(is_in, e[i] * r, all_of(0));
        gamma = c * (d[i] - shift) - s * before;
        d[i + 1] = choose(is_in, before + (d[i] - gamma), d[i + 1]);
        p = choose(is_zero, turned, gamma * gamma * turned);
    }
    e[l] = choose(is_on, s * p, e[l]);
    d[l] = choose(is_on, shift + gamma, d[l]);
}

/* values = those of T, in no order. Returns the first that does not converge, or n. */
AT_WIDE static size_t find_values(const eights_desk *desk)
{
    at_eight least = least_square(desk);
    for (size_t i = 0; i < desk->n; i++) {
        desk->values[i] = desk->diagonal[i];
        desk->squares[i] = desk->off[i] * desk->off[i];
    }
    for (size_t l = 0; l < desk->n; l++) {
        for (size_t n_steps = 0;; n_steps++) {
            mask last = find_ends(desk, l, least);
            mask is_on = last > (int64_t)l;
            size_t end = l;
            if (!is_any(is_on)) {
                break;
            }
            if (n_steps == MOST_STEPS) {
                return l;
            }
            for (size_t k = 0; k < AT_EIGHT; k++) {
                end = at_larger(end, (size_t)last[k]);
            }
            take_step(desk, l, end, last, is_on);
        }
    }
    return desk->n;
}

/* 3. Eigenvectors */

/* Divisors below this share of T's largest entry are raised to it: less than it is known
 * to. */
#define LEAST_DIVISOR (1e-3 * DBL_EPSILON)

INLINE at_eight away_from_zero(at_eight x)
{
    return choose(size_of(x) < LEAST_DIVISOR, all_of(LEAST_DIVISOR), x);
}

/* z [n] = vector r of m whose quotients were found. */
INLINE void spread(const eights_desk *desk, size_t m, size_t r, at_eight *z)
{
    size_t n = desk->n;
    at_eight best = {0};
    mask meet = {0};
    for (size_t i = 0; i < n; i++) {
        at_eight missed = size_of(desk->w[i * m + r] - desk->v[i * m + r]);
        mask is_best = i == 0 ? missed >= 0 : missed < best;
        best = choose(is_best, missed, best);
        meet = (is_best & (int64_t)i) | (~is_best & meet);
    }
    for (size_t i = 0; i < n; i++) {
        z[i] = choose(meet == (int64_t)i, all_of(1), all_of(0));
    }
    for (size_t i = n - 1; i-- > 0;) {
        z[i] = choose(meet > (int64_t)i, -desk->down[i * m + r] * z[i + 1], z[i]);
    }
    for (size_t i = 1; i < n; i++) {
        z[i] = choose(meet < (int64_t)i, -desk->up[i * m + r] * z[i - 1], z[i]);
    }
}

/* z [m, n] = the eigenvectors of T of m values: T - value is factored from both ends,
 * which meet in the row where they differ least. Numbers of m vectors stand side by
 * side, m a constant where this is called: a quotient waits for the one before it, and
 * those of others fill the time. */
INLINE void find_some(const eights_desk *desk,
                      size_t m,
                      const at_eight *values,
                      at_eight *z)
{
    size_t n = desk->n;
    const at_eight *e = desk->off;
    at_eight *divisors = desk->w;
    at_eight *lefts = desk->v; /* what those from the last row take away */
    at_eight left[N_AT_ONCE] = {{0}};
    for (size_t r = 0; r < m; r++) {
        lefts[(n - 1) * m + r] = all_of(0);
    }
    for (size_t i = 0, k = n - 1; i < n; i++, k--) { /* a quotient from either end */
        for (size_t r = 0; r < m; r++) {
            at_eight divisor = away_from_zero(desk->diagonal[i] - values[r] - left[r]);
            divisors[i * m + r] = divisor;
            desk->down[i * m + r] = e[i] / divisor;
            left[r] = desk->down[i * m + r] * e[i];
        }
        for (size_t r = 0; r < m && k > 0; r++) {
            at_eight x = desk->diagonal[k] - values[r] - lefts[k * m + r];
            desk->up[k * m + r] = e[k - 1] / away_from_zero(x);
            lefts[(k - 1) * m + r] = desk->up[k * m + r] * e[k - 1];
        }
    }
    for (size_t r = 0; r < m; r++) {
        spread(desk, m, r, z + r * n);
    }
}

/* Make vectors z [m, n] of T those of A, of norm 1: a holds the reflections, of which the
 * first stands on the left. */
INLINE void turn_some(const eights_desk *desk, size_t m, const at_eight *a, at_eight *z)
{
    size_t n = desk->n;
    for (size_t r = 0; r < m; r++) {
        at_eight per_norm = 1 / root(dot(n, z + r * n, z + r * n));
        for (size_t i = 0; i < n; i++) {
            z[r * n + i] *= per_norm;
        }
    }
    for (size_t k = n - 1; k-- > 0;) {
        const at_eight *v = a + k * n;
        at_eight with[N_AT_ONCE] = {{0}};
        for (size_t i = k + 1; i < n; i++) {
            for (size_t r = 0; r < m; r++) {
                with[r] += z[r * n + i] * v[i];
            }
        }
        for (size_t r = 0; r < m; r++) {
            with[r] *= desk->beta[k];
        }
        for (size_t i = k + 1; i < n; i++) {
            for (size_t r = 0; r < m; r++) {
                z[r * n + i] -= with[r] * v[i];
            }
        }
    }
}

/* vectors [n_wanted, n] = those of A of the first values [n_wanted]. */
AT_WIDE static void find_vectors(const eights_desk *desk,
                                 size_t n_wanted,
                                 const at_eight *a,
                                 const at_eight *values,
                                 at_eight *vectors)
{
    size_t c = 0;
    for (; c + N_AT_ONCE <= n_wanted; c += N_AT_ONCE) {
        find_some(desk, N_AT_ONCE, values + c, vectors + c * desk->n);
        turn_some(desk, N_AT_ONCE, a, vectors + c * desk->n);
    }
    for (; c < n_wanted; c++) {
        find_some(desk, 1, values + c, vectors + c * desk->n);
        turn_some(desk, 1, a, vectors + c * desk->n);
    }
}

/* 4. Decompositions */

size_t at_eights_eigen_scratch(size_t n)
{
    return (5 + 4 * N_AT_ONCE) * n + 1;
}

/* The desk in its scratch. */
static eights_desk lay_out(size_t n, at_eight *scratch)
{
    size_t n_wide = N_AT_ONCE * n;
    at_eight *wide = scratch + 5 * n;
    return (eights_desk){.n = n,
                         .diagonal = scratch,
                         .off = scratch + n,
                         .beta = scratch + 2 * n,
                         .values = scratch + 3 * n,
                         .squares = scratch + 4 * n,
                         .v = wide,
                         .w = wide + n_wide,
                         .down = wide + 2 * n_wide,
                         .up = wide + 3 * n_wide,
                         .scales = wide + 4 * n_wide};
}

/* Put a lane's values [n] in order, the largest first. */
static void put_in_order(size_t n, double *values)
{
    for (size_t i = 1; i < n; i++) {
        double value = values[i * AT_EIGHT];
        size_t at = i;
        for (; at > 0 && values[(at - 1) * AT_EIGHT] < value; at--) {
            values[at * AT_EIGHT] = values[(at - 1) * AT_EIGHT];
        }
        values[at * AT_EIGHT] = value;
    }
}

/* The largest sizes of entries of lower triangles, and 0, or NaN where a lane has an
 * entry that is not finite. */
AT_WIDE static void find_sizes(size_t n,
                               const at_eight *a,
                               at_eight *largest,
                               at_eight *finite)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            at_eight x = size_of(a[i * n + j]);
            *largest = choose(x > *largest, x, *largest);
            *finite += x * 0;
        }
    }
}

AT_WIDE static void scale_triangle(size_t n, const at_eight *scale, at_eight *a)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            a[i * n + j] *= *scale;
        }
    }
}

/* Scale lanes of a by powers of two, so that no square over- or underflows. ENUMERIC
 * where an entry is not finite. */
static attrib_status scale_down(size_t n, at_eight *a, double *scales, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_eight largest = {0};
    at_eight finite = {0};
    at_eight down = {0};
    find_sizes(n, a, &largest, &finite);
    for (size_t k = 0; k < AT_EIGHT; k++) {
        int exponent = 0;
        AT_CHECK(finite[k] == 0, ATTRIB_ENUMERIC,
                 "[%zu, %zu] matrix to diagonalize: an entry is not finite", n, n);
        frexp(largest[k], &exponent);
        /* Both powers are finite. */
        exponent = exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;
        scales[k] = ldexp(1, exponent);
        down[k] = ldexp(1, -exponent);
    }
    scale_triangle(n, &down, a);
done:
    return status;
}

attrib_status at_eights_values(
    size_t n, at_eight *a, at_eight *values, at_eight *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const eights_desk desk = lay_out(n, scratch);
    size_t failed = n;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(scale_down(n, a, (double *)desk.scales, err));
    make_tridiagonal(&desk, a);
    failed = find_values(&desk);
    AT_CHECK(failed == n, ATTRIB_ENUMERIC,
             "[%zu, %zu] matrix: eigenvalue %zu does not converge", n, n, failed);
    for (size_t k = 0; k < AT_EIGHT; k++) {
        put_in_order(n, (double *)desk.values + k);
    }
    for (size_t c = 0; c < n; c++) {
        values[c] = desk.values[c] * *desk.scales;
    }
done:
    return status;
}

void at_eights_vectors(
    size_t n, size_t n_wanted, const at_eight *a, at_eight *scratch, at_eight *vectors)
{
    const eights_desk desk = lay_out(n, scratch);
    find_vectors(&desk, n_wanted, a, desk.values, vectors);
}
