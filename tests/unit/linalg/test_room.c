/* SPDX-License-Identifier: MIT */
/* Products that find no memory for code which is generated for them are NaN, and the
 * process goes on: oneDNN generates some at the first product of each kind. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linalg/linalg.h"

enum { SIDE = 1024 };

typedef struct product {
    at_op op_a, op_b;
    size_t m, n, k;
} product;

/* Transposed, by a kernel of its own; as it lies, and narrow. */
static const product products[] = {
    {AT_PLAIN, AT_TRANSPOSED, 512, 512, 512}, {AT_PLAIN, AT_PLAIN, 512, 512, 512},
    {AT_TRANSPOSED, AT_PLAIN, 512, 512, 512}, {AT_PLAIN, AT_TRANSPOSED, 30, 256, 1024},
    {AT_PLAIN, AT_TRANSPOSED, 900, 30, 900},
};

static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];

/* Bytes of memory that this process has mapped. */
static rlim_t mapped(void)
{
    char line[64];
    FILE *stream = fopen("/proc/self/statm", "r");
    if (!stream || !fgets(line, sizeof line, stream)) {
        _exit(2);
    }
    fclose(stream);
    return (rlim_t)strtoul(line, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Multiply once, and then with so many bytes to spare; never returns. */
static void multiply_in_little(size_t first, rlim_t spare)
{
    size_t n = sizeof products / sizeof *products;
    for (size_t i = 0; i <= n; i++) {
        const product *p = &products[i == 0 ? first : i - 1];
        at_gemm(p->op_a, p->op_b, p->m, p->n, p->k, 1.0F, a,
                p->op_a == AT_PLAIN ? p->k : p->m, b, p->op_b == AT_PLAIN ? p->n : p->k,
                0.0F, c, p->n);
        if (i == 0) {
            const struct rlimit limit = {mapped() + spare, RLIM_INFINITY};
            if (setrlimit(RLIMIT_AS, &limit) != 0) {
                _exit(3);
            }
        }
    }
    _exit(0);
}

static void test_room__for_code_is_asked_for_first(void **state)
{
    (void)state;
    not_under_sanitizers(); /* they need address space of their own */
    at_blas_single_threaded();
    for (size_t first = 0; first < 2; first++) {
        for (rlim_t spare = 0; spare < 7; spare += 2) {
            int status = 0;
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                at_blas_single_threaded();
                multiply_in_little(first, spare << 20);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__for_code_is_asked_for_first),
    };
    return run_cases(tests, NULL, NULL);
}
