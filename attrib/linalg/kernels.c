/* SPDX-License-Identifier: MIT */
/* Which kernels OpenBLAS took for its products, and whether the processor has faster
 * ones. OpenBLAS looks at the processor's model when it is loaded; one that is newer than
 * the library gets kernels that every x86-64 processor can run. */
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "attrib/linalg.h"
#include "linalg/onednn.h"

/* OpenBLAS writes its text anew at every call, which threads may not do at once. So a
 * copy is made when this library is loaded, after OpenBLAS. */
static char description[256];

__attribute__((constructor)) static void describe(void)
{
    const dnnl_version_t *version = dnnl_version();
    const char *blas = openblas_get_config();
    if (at_onednn_multiplies(AT_PLAIN, 512, 512, 512)) {
        snprintf(description, sizeof description, "%s; oneDNN %d.%d.%d", blas,
                 version->major, version->minor, version->patch);
    } else {
        snprintf(description, sizeof description, "%s", blas);
    }
}

const char *attrib_kernels_describe(void)
{
    return description;
}

#if defined(__x86_64__)

/* The kernels of OpenBLAS that multiply 4 floats at a time (SSE), where AVX2 multiplies 8
 * and adds them in the same instruction, and AVX-512 does 16. */
static bool is_of_sse(const char *kernels)
{
    static const char *const names[] = {
        "Unknown", "Prescott", "Atom",         "Core2",     "Penryn", "Dunnington",
        "Nehalem", "Opteron",  "Opteron_SSE3", "Barcelona", "Nano",   "Bobcat",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(kernels, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *attrib_kernels_better(void)
{
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl");
    if (!has_avx2 || !strstr(openblas_get_config(), "DYNAMIC_ARCH") ||
        !is_of_sse(openblas_get_corename())) {
        return NULL;
    }
    return has_avx512 ? "SkylakeX" : "Haswell";
}

#else

const char *attrib_kernels_better(void)
{
    return NULL;
}

#endif
