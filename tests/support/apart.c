/* SPDX-License-Identifier: MIT */
#include "support/apart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "curvature/store.h"
#include "support/check.h"

#define MEBIBYTE ((size_t)1 << 20)

size_t run_apart(void (*work)(const void *fixture, const void *argument),
                 const void *fixture,
                 const void *argument)
{
    struct rusage usage = {0};
    size_t *peak = mmap(NULL, sizeof *peak, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(peak != MAP_FAILED);
    *peak = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(fixture, argument);
        getrusage(RUSAGE_SELF, &usage);
        *peak = (size_t)usage.ru_maxrss * 1024;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    size_t bytes = *peak;
    munmap(peak, sizeof *peak);
    assert_true(bytes > 0);
    return bytes;
}

void check_least_limit(attrib_status (*work)(const void *fixture,
                                             const void *argument,
                                             size_t ram_limit,
                                             attrib_error *err),
                       const void *fixture,
                       const void *argument)
{
    attrib_error err = {0};
    struct rusage usage = {0};
    size_t limit = MEBIBYTE;
    attrib_status status = work(fixture, argument, limit, &err);
    for (int i = 0; i < 3 && status == ATTRIB_ERANGE; i++) {
        limit = (mebibytes_needed(&err) + 1) * MEBIBYTE;
        err = (attrib_error){0};
        status = work(fixture, argument, limit, &err);
    }
    if (status != ATTRIB_OK || limit == MEBIBYTE) {
        fprintf(stderr, "%zu MiB: %s\n", limit / MEBIBYTE, err.message);
        _exit(1);
    }
    getrusage(RUSAGE_SELF, &usage);
    size_t peak = (size_t)usage.ru_maxrss * 1024;
    printf("a limit of %zu MiB, a peak of %zu MiB\n", limit / MEBIBYTE, peak / MEBIBYTE);
    fflush(stdout);
    if (peak > limit) {
        _exit(1);
    }
}

static attrib_status make_axes(at_basis *basis, double **values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_basis_new(basis, err));
    AT_TRY(at_array(basis->dim, sizeof **values, values, err));
    for (size_t j = 0; j < basis->dim; j++) {
        basis->vectors[j * basis->dim + j] = 1;
        (*values)[j] = 1;
    }
done:
    return status;
}

static attrib_status put_axes(at_store *store,
                              size_t i,
                              const at_factor *sizes,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor factor = *sizes;
    size_t n_entries = factor.out_dim * factor.in_dim;
    AT_TRY(make_axes(&factor.basis_a, &factor.values_a, err));
    AT_TRY(make_axes(&factor.basis_s, &factor.values_s, err));
    AT_TRY(at_array(n_entries, sizeof *factor.lambda, &factor.lambda, err));
    for (size_t k = 0; k < n_entries; k++) {
        factor.lambda[k] = 1;
    }
    AT_TRY(at_store_put(store, i, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &factor, err));
done:
    at_factor_clear(&factor);
    return status;
}

void write_axes(const attrib_model *model, const char *folder)
{
    attrib_status status = ATTRIB_OK;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    at_store *store = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    AT_TRY(attrib_model_select(model, "mlp", &tracked, &n, &err));
    AT_TRY(at_factors_new(model, tracked, n, "mlp", &factors, &err));
    factors->info.n_tokens = 1;
    factors->info.n_sequences = 1;
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    at_hash_bytes("", 0, factors->corpus_hash);
    at_hash_bytes("axes", 4, factors->identity);
    AT_TRY(at_store_open(factors, folder, AT_PIECES_BASIS | AT_PIECES_LAMBDA, NULL,
                         &store, &err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(put_axes(store, i, &factors->factors[i], &err));
    }
    AT_TRY(at_store_commit(store, "test", &err));
done:
    at_store_close(store);
    attrib_factors_close(factors);
    free(tracked);
    if (status != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
}
