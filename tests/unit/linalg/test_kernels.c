/* SPDX-License-Identifier: MIT */
/* When kernels are too old for the processor. What OpenBLAS says of itself is replaced:
 * the program's own functions go before the shared library's of the same names. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "attrib/linalg.h"

char *openblas_get_config(void);
char *openblas_get_corename(void);

static char config[64];
static char kernels[32];

char *openblas_get_config(void)
{
    return config;
}

char *openblas_get_corename(void)
{
    return kernels;
}

/* What is advised where OpenBLAS says that it took the kernels `name`. */
static const char *better_than(const char *name, const char *build)
{
    strcpy(kernels, name);
    strcpy(config, build);
    return attrib_kernels_better();
}

/* What this processor can run, from the system's own list of its abilities. */
static bool processor_has(const char *flag)
{
    char line[8192];
    bool is_found = false;
    FILE *stream = fopen("/proc/cpuinfo", "r");
    while (stream && !is_found && fgets(line, sizeof line, stream)) {
        is_found = strncmp(line, "flags", 5) == 0 && strstr(line, flag);
    }
    if (stream) {
        fclose(stream);
    }
    return is_found;
}

static void test_kernels__those_of_sse_are_old_where_there_is_avx2(void **state)
{
    (void)state;
    const char *want = processor_has(" avx512vl ") ? "SkylakeX"
                       : processor_has(" avx2 ")   ? "Haswell"
                                                   : NULL;
    const char *const old[] = {"Prescott", "Nehalem", "Core2", "Opteron_SSE3", "Unknown"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        const char *found = better_than(old[i], "OpenBLAS 0.3.21 DYNAMIC_ARCH");
        assert_true((found == NULL) == (want == NULL));
        if (want) {
            assert_string_equal(found, want);
        }
    }
}

static void test_kernels__wide_ones_stay(void **state)
{
    (void)state;
    const char *const wide[] = {"Haswell",    "Zen",         "SkylakeX",
                                "Cooperlake", "Sandybridge", "SapphireRapids",
                                "neoversen1", "a later one"};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        assert_null(better_than(wide[i], "OpenBLAS 0.3.21 DYNAMIC_ARCH"));
    }
}

static void test_kernels__a_build_for_one_processor_has_no_others(void **state)
{
    (void)state;
    assert_null(better_than("Prescott", "OpenBLAS 0.3.21 Prescott"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels__those_of_sse_are_old_where_there_is_avx2),
        cmocka_unit_test(test_kernels__wide_ones_stay),
        cmocka_unit_test(test_kernels__a_build_for_one_processor_has_no_others),
    };
    return run_cases(tests, NULL, NULL);
}
