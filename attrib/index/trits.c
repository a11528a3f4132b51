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

/* Numbers that are packed at a time, a multiple of those in a byte. */
#define PACKED_AT_A_TIME ((size_t)320)

/* The multiples of a step, from 0 on; those of numbers beyond the last are of 0. */
AT_WIDE static void find_levels(
    const float *x, size_t n, float per_step, float half, uint8_t *out)
{
    memset(out, (int)half, PACKED_AT_A_TIME);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(int32_t)(round_one(x[i], per_step, half) + half);
    }
}

/* Take the last digit from each level. */
AT_WIDE static void take_digits(uint8_t *levels, uint8_t *digits)
{
    for (size_t i = 0; i < PACKED_AT_A_TIME; i++) {
        uint8_t whole = levels[i] / 3;
        digits[i] = (uint8_t)(levels[i] - 3 * whole);
        levels[i] = whole;
    }
}

static void pack(
    const float *x, size_t n, float per_step, float half, unsigned n_digits, uint8_t *out)
{
    uint8_t levels[PACKED_AT_A_TIME];
    uint8_t digits[PACKED_AT_A_TIME];
    size_t n_bytes = at_trits_bytes(n);
    for (size_t i = 0; i < n; i += PACKED_AT_A_TIME) {
        size_t n_some = n - i < PACKED_AT_A_TIME ? n - i : PACKED_AT_A_TIME;
        find_levels(x + i, n_some, per_step, half, levels);
        for (unsigned k = n_digits; k-- > 0;) {
            uint8_t *to = out + k * n_bytes + i / AT_TRITS_A_BYTE;
            take_digits(levels, digits);
            for (size_t b = 0; b < at_trits_bytes(n_some); b++) {
                const uint8_t *d = digits + b * AT_TRITS_A_BYTE;
                to[b] = (uint8_t)(d[0] + 3 * d[1] + 9 * d[2] + 27 * d[3] + 81 * d[4]);
            }
        }
    }
}

/* The root of the mean square, in units of which steps are. */
AT_WIDE static float root_mean_square(const float *x, size_t n)
{
    float lanes[2 * N_LANES] = {0};
    double sum = 0;
    size_t n_whole = n - n % (2 * N_LANES);
    for (size_t i = 0; i < n_whole; i += 2 * N_LANES) {
        for (size_t k = 0; k < 2 * N_LANES; k++) {
            lanes[k] += x[i + k] * x[i + k];
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        lanes[i - n_whole] += x[i] * x[i];
    }
    for (size_t k = 0; k < 2 * N_LANES; k++) {
        sum += (double)lanes[k];
    }
    return (float)sqrt(sum / (double)n);
}

at_rounding at_trits_put(const float *x, size_t n, unsigned n_digits, uint8_t *out)
{
    float half = half_of(n_digits);
    at_rounding best = {0, 0};
    float chosen = 0;
    float mean = root_mean_square(x, n);
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
