/* SPDX-License-Identifier: MIT */
/* Philox against its published answers, and the draws that are made of it. */
#include "support/check.h"

#include "base/random.h"

/* Known answers of Random123's kat_vectors for philox4x32, 10 rounds. */
static void test_random__philox_gives_known_answers(void **state)
{
    (void)state;

    const struct {
        uint32_t counter[4], key[2], answer[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        at_philox(cases[i].key, cases[i].counter, out);
        assert_memory_equal(out, cases[i].answer, sizeof out);
    }
}

/* A draw is a function of its coordinates: counter words index, stream; key words seed.
 */
static void test_random__draws_are_words_of_philox(void **state)
{
    (void)state;
    const uint32_t key[2] = {0x89abcdef, 0x01234567};
    const uint32_t counter[4] = {5, 6, 7, 8};
    uint32_t words[4];
    at_philox(key, counter, words);
    double expected = (double)words[0] / 0x1p32 + (double)(words[1] >> 11) / 0x1p53;
    double got = at_uniform(UINT64_C(0x0123456789abcdef), UINT64_C(0x800000007),
                            UINT64_C(0x600000005));
    assert_true(got == expected);
}

/* Each coordinate matters. */
static void test_random__coordinates_are_independent(void **state)
{
    (void)state;
    double draw = at_uniform(1, 2, 3);
    assert_true(draw == at_uniform(1, 2, 3));
    assert_true(draw != at_uniform(2, 2, 3));
    assert_true(draw != at_uniform(1, 3, 3));
    assert_true(draw != at_uniform(1, 2, 4));
    assert_true(at_uniform(1, 0, UINT64_C(1) << 32) != at_uniform(1, 1, 0));
}

/* Draws fill [0, 1) evenly: 64 cells of n draws, chi-squared with 63 degrees of freedom.
 * Its mean is 63, its deviation sqrt(126) = 11.2; 120 is 5 deviations above, and the seed
 * is fixed. */
static void test_random__draws_are_uniform(void **state)
{
    (void)state;

    enum { N = 200000, CELLS = 64 };

    for (uint64_t stream = 0; stream < 3; stream++) {
        size_t counts[CELLS] = {0};
        double sum = 0;
        for (uint64_t i = 0; i < N; i++) {
            double draw = at_uniform(42, stream, i);
            assert_true(draw >= 0 && draw < 1);
            counts[(size_t)(draw * CELLS)]++;
            sum += draw;
        }
        double chi = 0;
        double expected = (double)N / CELLS;
        for (size_t i = 0; i < CELLS; i++) {
            double excess = (double)counts[i] - expected;
            chi += excess * excess / expected;
        }
        assert_true(chi < 120);
        assert_true(chi > 25); /* too even is not random either */
        /* The mean of N uniform draws deviates by 1 / sqrt(12 N) = 6.5e-4. */
        assert_true(sum / N > 0.5 - 5 * 6.5e-4 && sum / N < 0.5 + 5 * 6.5e-4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random__philox_gives_known_answers),
        cmocka_unit_test(test_random__draws_are_words_of_philox),
        cmocka_unit_test(test_random__coordinates_are_independent),
        cmocka_unit_test(test_random__draws_are_uniform),
    };
    return run_cases(tests, NULL, NULL);
}
