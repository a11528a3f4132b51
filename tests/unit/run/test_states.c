/* SPDX-License-Identifier: MIT */
/* Which shards runs are, against borders that were worked out by hand. */
#include "support/check.h"

#include <stdlib.h>

#include "attrib.h"

/* The shards that ranges are said to be of, as "2 of 3": a digit for each, 1 where it is
 * in. */
static void check_shards(const attrib_state_range *ranges, size_t n, const char *expected)
{
    attrib_error err = {0};
    attrib_state_shards shards = {0};
    char found[16] = "";
    check_ok(attrib_state_count_shards(ranges, n, &shards, &err), &err);
    assert_true(shards.n < sizeof found);
    for (size_t i = 0; i < shards.n; i++) {
        found[i] = shards.is_in[i] ? '1' : '0';
    }
    assert_string_equal(found, expected);
    free(shards.is_in);
}

/* 2,000 documents are slices of 512, 512, 512 and 464. */
static void test_states__shards_end_where_slices_do(void **state)
{
    (void)state;
    check_shards((attrib_state_range[]){{0, 2000, 2000}}, 1, "1");
    check_shards((attrib_state_range[]){{1024, 2000, 2000}}, 1, "01");
    check_shards((attrib_state_range[]){{1536, 2000, 2000}, {512, 1024, 2000}}, 2,
                 "0101");
    /* one of three shards has two slices */
    check_shards((attrib_state_range[]){{0, 512, 2000}, {512, 1024, 2000}}, 2, "110");
    check_shards((attrib_state_range[]){{0, 512, 2000}, {1536, 2000, 2000}}, 2, "1001");
}

static void test_states__what_are_no_shards(void **state)
{
    (void)state;
    check_shards((attrib_state_range[]){{0, 500, 2000}}, 1, "");
    check_shards((attrib_state_range[]){{512, 1536, 2000}}, 1, "");
    check_shards((attrib_state_range[]){{0, 1024, 2000}, {0, 512, 2000}}, 2, "");
    check_shards((attrib_state_range[]){{0, 512, 1024}, {512, 1024, 2000}}, 2, "");
    check_shards((attrib_state_range[]){{0, 0, 0}}, 1, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states__shards_end_where_slices_do),
        cmocka_unit_test(test_states__what_are_no_shards),
    };
    return run_cases(tests, NULL, NULL);
}
