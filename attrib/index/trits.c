/* SPDX-License-Identifier: MIT */
#include "index/trits.h"

#include <math.h>
#include <string.h>

#include "base/wide.h"

/* Steps that are tried, in units of the root of the mean square, |x| / sqrt(n): around
 * those that are best for normal numbers, 1.22, 0.56 and 0.21 of it, and larger ones for
 * vectors in which few numbers are large. */
#define N_STEPS 5
static const float steps[AT_MOST_DIGITS][N_STEPS] = {{0.9F, 1.1F, 1.3F, 1.6F, 2.0F},
                                                     {0.45F, 0.55F, 0.65F, 0.8F, 1.0F},
                                                     {0.17F, 0.2F, 0.25F, 0.3F, 0.4F}};
#define N_LANES ((size_t)16)

typedef float lanes __attribute__((vector_size(16 * sizeof(float)), aligned(4)));
typedef int32_t masks __attribute__((vector_size(16 * sizeof(int32_t))));
typedef int8_t small __attribute__((vector_size(16)));

/* Inlined, so that it is compiled for the width of the function that calls it. */
#define INLINE static inline __attribute__((always_inline))

/* The largest multiple: (3^n_digits - 1) / 2. */
static float half_of(unsigned n_digits)
{
    static const float halves[AT_MOST_DIGITS] = {1, 4, AT_TRITS_LARGEST};
    return halves[n_digits - 1];
}

/* a where the mask is set, 0 elsewhere. */
INLINE void keep(const masks *set, const lanes *a, lanes *out)
{
    *out = (lanes)(*set & (masks)*a);
}

INLINE void take_sizes(const lanes *x, lanes *out)
{
    const masks all = {0};
    *out = (lanes)((masks)*x & (all + 0x7fffffff));
}

/* The nearest multiples of a step, from 0 to half, of sizes: the half is 1 often, and
 * then there is but one to compare with. */
INLINE void round_sizes(const lanes *sizes, float per_step, float half, lanes *out)
{
    const lanes none = {0};
    lanes y = *sizes * per_step;
    if (half == 1) {
        const lanes one = none + 1;
        masks is_one = y >= 0.5F;
        keep(&is_one, &one, out);
        return;
    }
    masks is_in = y < half;
    lanes in;
    lanes beyond;
    masks is_beyond = ~is_in;
    const lanes most = none + half;
    y += 0.5F;
    keep(&is_in, &y, &in);
    keep(&is_beyond, &most, &beyond);
    y = (lanes)((masks)in | (masks)beyond);
    *out = __builtin_convertvector(__builtin_convertvector(y, masks), lanes);
}

/* Up to 16 numbers, and zeros after them. */
INLINE void load(const float *x, size_t n, lanes *out)
{
    const lanes none = {0};
    if (n >= N_LANES) {
        *out = *(const lanes *)x;
        return;
    }
    *out = none;
    memcpy(out, x, n * sizeof *x);
}

/* What is found of a step: x . q and |q|^2, in fixed lanes. */
typedef struct trial {
    lanes with, square;
} trial;

INLINE void try_vector(const lanes *x, const float *per_steps, float half, trial *trials)
{
    lanes sizes;
    take_sizes(x, &sizes);
    for (size_t k = 0; k < N_STEPS; k++) {
        lanes q;
        round_sizes(&sizes, per_steps[k], half, &q);
        trials[k].with += sizes * q;
        trials[k].square += q * q;
    }
}

/* Try all steps at once. `half` is a constant where this is called. */
INLINE void try_all(
    const float *x, size_t n, const float *per_steps, float half, at_rounding *out)
{
    trial trials[N_STEPS] = {{{0}, {0}}};
    for (size_t i = 0; i < n; i += N_LANES) {
        lanes of;
        load(x + i, n - i, &of);
        try_vector(&of, per_steps, half, trials);
    }
    for (size_t k = 0; k < N_STEPS; k++) {
        out[k] = (at_rounding){0, 0, 0};
        for (size_t j = 0; j < N_LANES; j++) {
            out[k].with += (double)trials[k].with[j];
            out[k].square += (double)trials[k].square[j];
        }
    }
}

AT_WIDE static void try_steps(
    const float *x, size_t n, const float *per_steps, float half, at_rounding *out)
{
    if (half == 1) {
        try_all(x, n, per_steps, 1, out);
    } else {
        try_all(x, n, per_steps, half, out);
    }
}

/* How much of |x|^2 a rounding keeps, with the best scale. */
static double kept(at_rounding r)
{
    return r.square > 0 ? r.with * r.with / r.square : 0;
}

/* Numbers that are packed at a time, a multiple of those in a byte and of lanes. */
#define PACKED_AT_A_TIME ((size_t)320)

/* The multiples of a step, from 0 on; those of numbers beyond the last are of 0. */
AT_WIDE static void find_levels(
    const float *x, size_t n, float per_step, float half, uint8_t *out)
{
    const lanes none = {0};
    memset(out, (int)half, PACKED_AT_A_TIME);
    for (size_t i = 0; i < n; i += N_LANES) {
        lanes of;
        lanes sizes;
        lanes q;
        load(x + i, n - i, &of);
        take_sizes(&of, &sizes);
        round_sizes(&sizes, per_step, half, &q);
        masks is_negative = of < 0;
        lanes twice = q + q;
        keep(&is_negative, &twice, &twice);
        q += none + half - twice;
        small found = __builtin_convertvector(q, small);
        memcpy(out + i, &found, sizeof found);
    }
}

/* Take the last digit from each level. */
AT_WIDE static void take_digits(uint8_t *of, uint8_t *digits)
{
    for (size_t i = 0; i < PACKED_AT_A_TIME; i++) {
        uint8_t whole = of[i] / 3;
        digits[i] = (uint8_t)(of[i] - 3 * whole);
        of[i] = whole;
    }
}

/* Bytes of five digits each, the first of the least value: one product adds them, in its
 * fifth byte, as sums in the bytes below it do not reach 256. */
static void join_digits(const uint8_t *digits, size_t n_bytes, uint8_t *out)
{
    const uint64_t powers = 1ULL << 32 | 3ULL << 24 | 9ULL << 16 | 27ULL << 8 | 81ULL;
    for (size_t b = 0; b < n_bytes; b++) {
        const uint8_t *d = digits + b * AT_TRITS_A_BYTE;
        uint64_t five = (uint64_t)d[0] | (uint64_t)d[1] << 8 | (uint64_t)d[2] << 16 |
                        (uint64_t)d[3] << 24 | (uint64_t)d[4] << 32;
        out[b] = (uint8_t)(five * powers >> 32);
    }
}

static void pack(
    const float *x, size_t n, float per_step, float half, unsigned n_digits, uint8_t *out)
{
    uint8_t whole[PACKED_AT_A_TIME];
    uint8_t digits[PACKED_AT_A_TIME];
    size_t n_bytes = at_trits_bytes(n);
    for (size_t i = 0; i < n; i += PACKED_AT_A_TIME) {
        size_t n_some = n - i < PACKED_AT_A_TIME ? n - i : PACKED_AT_A_TIME;
        find_levels(x + i, n_some, per_step, half, whole);
        for (unsigned k = n_digits; k-- > 1;) {
            take_digits(whole, digits);
            join_digits(digits, at_trits_bytes(n_some),
                        out + k * n_bytes + i / AT_TRITS_A_BYTE);
        }
        join_digits(whole, at_trits_bytes(n_some), out + i / AT_TRITS_A_BYTE);
    }
}

AT_WIDE static double norm_of(const float *x, size_t n)
{
    lanes sums = {0};
    double sum = 0;
    for (size_t i = 0; i < n; i += N_LANES) {
        lanes of;
        load(x + i, n - i, &of);
        sums += of * of;
    }
    for (size_t k = 0; k < N_LANES; k++) {
        sum += (double)sums[k];
    }
    return sqrt(sum);
}

at_rounding at_trits_put(const float *x, size_t n, unsigned n_digits, uint8_t *out)
{
    float half = half_of(n_digits);
    at_rounding best = {0, 0, norm_of(x, n)};
    float chosen = 0;
    float mean = (float)(best.norm / sqrt((double)n));
    float per_steps[N_STEPS] = {0};
    at_rounding found[N_STEPS];
    for (size_t k = 0; k < N_STEPS && mean > 0; k++) {
        float per_step = 1 / (steps[n_digits - 1][k] * mean);
        per_steps[k] = isfinite(per_step) ? per_step : 0;
    }
    try_steps(x, n, per_steps, half, found);
    for (size_t k = 0; k < N_STEPS; k++) {
        if (kept(found[k]) > kept(best)) {
            best.with = found[k].with;
            best.square = found[k].square;
            chosen = per_steps[k];
        }
    }
    pack(x, n, chosen, half, n_digits, out);
    return best;
}

/* Bytes that are read at a time. */
enum { SPLIT = 32 };

/* x modulo n, of x below 3 n: the least of x, x - n and x - 2 n, of which those below 0
 * are large. */
INLINE uint8_t remainder_of(uint8_t x, uint8_t n)
{
    uint8_t less = (uint8_t)(x - 2 * n);
    x = x < less ? x : less;
    less = (uint8_t)(x - n);
    return x < less ? x : less;
}

/* levels = 3 levels + the digits of SPLIT bytes. A digit t is what a remainder takes
 * away, n t, modulo 4, since n is 81, 9 = 1 or 27, 3 = -1 modulo 4. */
INLINE void add_digits(const uint8_t *bytes, uint8_t (*levels)[SPLIT])
{
    for (size_t b = 0; b < SPLIT; b++) {
        uint8_t x = bytes[b];
        uint8_t of_81 = remainder_of(x, 81);
        uint8_t of_27 = remainder_of(of_81, 27);
        uint8_t of_9 = remainder_of(of_27, 9);
        uint8_t of_3 = remainder_of(of_9, 3);
        levels[0][b] = (uint8_t)(3 * levels[0][b] + of_3);
        levels[1][b] = (uint8_t)(3 * levels[1][b] + ((of_3 - of_9) & 3));
        levels[2][b] = (uint8_t)(3 * levels[2][b] + ((of_27 - of_9) & 3));
        levels[3][b] = (uint8_t)(3 * levels[3][b] + ((of_27 - of_81) & 3));
        levels[4][b] = (uint8_t)(3 * levels[4][b] + ((x - of_81) & 3));
    }
}

/* Read n_digits, a constant where this is called. What follows the bytes of one digit of
 * all numbers is read with them where it is readable, and put where what belongs there
 * follows: so runs are written from their ends to their beginnings, and rows in order. */
INLINE void get(const uint8_t *in,
                const uint8_t *end,
                size_t n_bytes,
                unsigned n_digits,
                int16_t *out)
{
    int half = (int)half_of(n_digits);
    for (size_t left = (n_bytes + SPLIT - 1) / SPLIT; left-- > 0;) {
        size_t first = left * SPLIT;
        uint8_t levels[AT_TRITS_A_BYTE][SPLIT] = {{0}};
        for (unsigned k = 0; k < n_digits; k++) {
            const uint8_t *from = in + k * n_bytes + first;
            uint8_t room[SPLIT] = {0};
            if ((size_t)(end - from) < SPLIT) {
                memcpy(room, from, n_bytes - first);
                from = room;
            }
            add_digits(from, levels);
        }
        for (size_t j = 0; j < AT_TRITS_A_BYTE; j++) {
            int16_t *to = out + j * n_bytes + first;
            for (size_t b = 0; b < SPLIT; b++) {
                to[b] = (int16_t)(levels[j][b] - half);
            }
        }
    }
}

AT_WIDE void at_trits_get(
    const uint8_t *in, const uint8_t *end, size_t n, unsigned n_digits, int16_t *out)
{
    size_t n_bytes = at_trits_bytes(n);
    switch (n_digits) {
    case 1:
        get(in, end, n_bytes, 1, out);
        break;
    case 2:
        get(in, end, n_bytes, 2, out);
        break;
    default:
        get(in, end, n_bytes, AT_MOST_DIGITS, out);
    }
}
