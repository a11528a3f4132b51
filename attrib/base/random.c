/* SPDX-License-Identifier: MIT */
/* Random numbers by Philox4x32-10. Source: Salmon et al. 2011, SC'11, section 3.3 and
 * table 2 (the constants). */
#include "base/random.h"

#include <string.h>

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0       0x9E3779B9u
#define WEYL_1       0xBB67AE85u
#define N_ROUNDS     10

void at_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    uint32_t x[4];
    memcpy(x, counter, sizeof x);
    for (int round = 0; round < N_ROUNDS; round++) {
        uint64_t product_0 = (uint64_t)MULTIPLIER_0 * x[0];
        uint64_t product_1 = (uint64_t)MULTIPLIER_1 * x[2];
        uint32_t y[4] = {(uint32_t)(product_1 >> 32) ^ x[1] ^ k0, (uint32_t)product_1,
                         (uint32_t)(product_0 >> 32) ^ x[3] ^ k1, (uint32_t)product_0};
        memcpy(x, y, sizeof x);
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    memcpy(out, x, sizeof x);
}

double at_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32),
                                 (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t words[4];
    at_philox(key, counter, words);
    uint64_t bits = ((uint64_t)words[0] << 32 | words[1]) >> 11;
    return (double)bits * 0x1p-53;
}
