/* SPDX-License-Identifier: MIT */
/* Rotary frequencies, plain and stretched beyond a model's first context.
 *
 * Sources: Su et al. 2021 (arXiv:2104.09864); Chen et al. 2023 (linear,
 * arXiv:2306.15595); Peng et al. 2023 (YaRN, arXiv:2309.00071); Ding et al. 2024
 * (longrope, arXiv:2402.13753); Llama Team 2024 for "llama3" (arXiv:2407.21783). */
#include <math.h>

#include "model/architecture.h"

#define PI 3.14159265358979323846

static double between(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* The share of a frequency that is kept, by how often it turns within the original
 * context: 0 below `low` rotations, 1 above `high`. */
static double kept_by_rotations(const at_rope *rope, double frequency)
{
    double rotations = rope->original_context * frequency / (2 * PI);
    return between((rotations - rope->low) / (rope->high - rope->low), 0, 1);
}

/* The place i at which frequencies turn `rotations` times within the original context. */
static double place_of(const at_rope *rope, size_t rotary_dim, double rotations)
{
    return (double)rotary_dim * log(rope->original_context / (rotations * 2 * PI)) /
           (2 * log(rope->theta));
}

/* The share of a frequency that is kept, by a ramp over its place i. */
static double kept_by_place(const at_rope *rope, size_t rotary_dim, size_t i)
{
    double first = place_of(rope, rotary_dim, rope->high);
    double last = place_of(rope, rotary_dim, rope->low);
    if (rope->is_ramp_whole) {
        first = floor(first);
        last = ceil(last);
    }
    first = fmax(first, 0);
    last = fmin(last, (double)rotary_dim - 1);
    if (first == last) {
        last += 0.001;
    }
    return 1 - between(((double)i - first) / (last - first), 0, 1);
}

double at_rope_frequency(const at_rope *rope, size_t rotary_dim, size_t i)
{
    double frequency = pow(rope->theta, -(double)(2 * i) / (double)rotary_dim);
    double kept = 1;
    switch (rope->kind) {
    case AT_ROPE_PLAIN:
        return frequency;
    case AT_ROPE_LINEAR:
        return frequency / rope->factor;
    case AT_ROPE_LONG:
        return frequency / rope->divisors[i];
    case AT_ROPE_LLAMA3:
        kept = kept_by_rotations(rope, frequency);
        break;
    case AT_ROPE_YARN:
        kept = kept_by_place(rope, rotary_dim, i);
        break;
    }
    return kept * frequency + (1 - kept) * frequency / rope->factor;
}
