/* SPDX-License-Identifier: MIT */
/* Counter-based random numbers: a draw is a function of its coordinates alone, and does
 * not depend on the order of draws. */
#ifndef AT_BASE_RANDOM_H
#define AT_BASE_RANDOM_H

#include <stdint.h>

/* Philox4x32-10: four 32-bit words for (key, counter).
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". */
void at_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A uniform number in [0, 1) with 53 bits for draw `index` of `stream` under `seed`. */
double at_uniform(uint64_t seed, uint64_t stream, uint64_t index);

#endif
