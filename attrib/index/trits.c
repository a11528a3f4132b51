/* SPDX-License-Identifier: MIT */
#include "index/trits.h"

#include <math.h>
#include <string.h>

#include "base/wide.h"

/* Steps that are tried, in units of the root of the mean square: around those that are
 * best for normal numbers, 1.22, 0.56 and 0.21 of it, and larger ones for vectors in
 * which few numbers are large. */
#define N_STEPS 5
static const float steps[AT_MOST_DIGITS][N_STEPS] = {{0.9F, 1.1F, 1.3F, 1.6F, 2.0F},
                                                     {0.45F, 0.55F, 0.65F, 0.8F, 1.0F},
                                                     {0.17F, 0.2F, 0.25F, 0.3F, 0.4F}};
#define N_LANES ((size_t)16)

/* The largest multiple: (3^n_digits - 1) / 2. */
static float half_of(unsigned n_digits)
{
    static const float halves[AT_MOST_DIGITS] = {1, 4, 13};
    return halves[n_digits - 1];
}

static inline float round_one(float x, float per_step, float half)
{
    float y = x * per_step;
    y = y > half ? half : y;
    y = y < -half ? -half : y;
    return (float)(int32_t)(y + (y < 0 ? -0.5F : 0.5F));
}

/* x . q and |q|^2, in fixed lanes. */
AT_WIDE static at_rounding try_step(const float *x, size_t n, float per_step, float half)
{
    float with[N_LANES] = {0};
    float square[N_LANES] = {0};
    at_rounding out = {0, 0};
    size_t n_whole = n - n % N_LANES;
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        for (size_t k = 0; k < N_LANES; k++) {
            float q = round_one(x[i + k], per_step, half);
            with[k] += x[i + k] * q;
            square[k] += q * q;
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        float q = round_one(x[i], per_step, half);
        with[i - n_whole] += x[i] * q;
        square[i - n_whole] += q * q;
    }
    for (size_t k = 0; k < N_LANES; k++) {
        out.with += (double)with[k];
        out.square += (double)square[k];
    }
    return out;
}

/* How much of |x|^2 a rounding keeps, with the best scale. */
static double kept(at_rounding r)
{
    return r.square > 0 ? r.with * r.with / r.square : 0;
}

static void pack(
    const float *x, size_t n, float per_step, float half, unsigned n_digits, uint8_t *out)
{
    static const uint8_t powers[AT_TRITS_A_BYTE] = {1, 3, 9, 27, 81};
    size_t n_bytes = at_trits_bytes(n);
    memset(out, 0, n_digits * n_bytes);
    for (size_t i = 0; i < n_bytes * AT_TRITS_A_BYTE; i++) {
        /* Numbers beyond the last are 0, all of whose digits are 0. */
        float q = i < n ? round_one(x[i], per_step, half) : 0;
        unsigned left = (unsigned)(int32_t)(q + half);
        for (unsigned k = n_digits; k-- > 0;) {
            out[k * n_bytes + i / AT_TRITS_A_BYTE] =
                (uint8_t)(out[k * n_bytes + i / AT_TRITS_A_BYTE] +
                          powers[i % AT_TRITS_A_BYTE] * (left % 3));
            left /= 3;
        }
    }
}

at_rounding at_trits_put(const float *x, size_t n, unsigned n_digits, uint8_t *out)
{
    float half = half_of(n_digits);
    double sum = 0;
    at_rounding best = {0, 0};
    float chosen = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    float mean = (float)sqrt(sum / (double)n);
    for (size_t k = 0; k < N_STEPS && mean > 0; k++) {
        float per_step = 1 / (steps[n_digits - 1][k] * mean);
        at_rounding found = try_step(x, n, per_step, half);
        if (isfinite(per_step) && kept(found) > kept(best)) {
            best = found;
            chosen = per_step;
        }
    }
    pack(x, n, chosen, half, n_digits, out);
    return best;
}

void at_trit_table_fill(at_trit_table *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned b = 0; b < AT_TRITS_VALUES; b++) {
        unsigned left = b;
        for (size_t k = 0; k < AT_TRITS_A_BYTE; k++) {
            out->digits[b][k] = (float)(left % 3) - 1;
            left /= 3;
        }
    }
}

/* The first digit overwrites what is after the last number of each byte, which the next
 * byte sets. */
void at_trits_get(const at_trit_table *table,
                  const uint8_t *in,
                  size_t n,
                  unsigned n_digits,
                  float *out)
{
    size_t n_bytes = at_trits_bytes(n);
    size_t n_safe = n / AT_TRITS_A_BYTE; /* bytes all of whose numbers are wanted */
    for (size_t b = 0; b < n_safe; b++) {
        memcpy(out + b * AT_TRITS_A_BYTE, table->digits[in[b]], sizeof table->digits[0]);
    }
    for (size_t i = n_safe * AT_TRITS_A_BYTE; i < n; i++) {
        out[i] = table->digits[in[n_safe]][i % AT_TRITS_A_BYTE];
    }
    for (unsigned k = 1; k < n_digits; k++) {
        for (size_t b = 0; b < n_bytes; b++) {
            const float *digits = table->digits[in[k * n_bytes + b]];
            for (size_t j = 0; j < AT_TRITS_A_BYTE && b * AT_TRITS_A_BYTE + j < n; j++) {
                float *to = &out[b * AT_TRITS_A_BYTE + j];
                *to = 3 * *to + digits[j];
            }
        }
    }
}
