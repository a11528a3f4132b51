/* SPDX-License-Identifier: MIT */
/* Signals that come while products run: their handler begins on the thread's own stack,
 * wherever a kernel keeps its pointers. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "linalg/multiply.h"
#include "support/check.h"

#define N_SIGNALS 200
#define M         512
#define N         448
#define K         128

static uintptr_t stack_low, stack_high; /* of the thread that multiplies */
static volatile sig_atomic_t n_signals, n_elsewhere;

static void count(int number)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    (void)number;
    n_signals++;
    n_elsewhere += here < stack_low || here >= stack_high;
}

static void find_stack(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t n_bytes = 0;
    assert_int_equal(pthread_getattr_np(pthread_self(), &attributes), 0);
    assert_int_equal(pthread_attr_getstack(&attributes, &low, &n_bytes), 0);
    pthread_attr_destroy(&attributes);
    stack_low = (uintptr_t)low;
    stack_high = stack_low + n_bytes;
}

static atomic_bool is_done;

/* Send the thread that multiplies a signal every millisecond. */
static void *send(void *thread)
{
    const struct timespec millisecond = {0, 1000000};
    while (!atomic_load(&is_done)) {
        nanosleep(&millisecond, NULL);
        pthread_kill(*(pthread_t *)thread, SIGUSR2);
    }
    return NULL;
}

/* Multiply until so many signals have come: op(B) as it lies, transposed, of few rows. */
static void multiply_under_signals(at_multiplier *multiplier)
{
    float *a = calloc((size_t)M * K, sizeof *a);
    float *b = calloc((size_t)K * N, sizeof *b);
    float *c = calloc((size_t)M * N, sizeof *c);
    pthread_t self = pthread_self();
    pthread_t sender;
    assert_true(a && b && c);
    n_signals = n_elsewhere = 0;
    find_stack();
    atomic_store(&is_done, false);
    assert_int_equal(pthread_create(&sender, NULL, send, &self), 0);
    for (size_t i = 0; n_signals < N_SIGNALS; i++) {
        at_operand right = i % 2 ? at_plain(b, N) : at_transposed(b, K);
        at_multiply(multiplier, (at_sizes){i % 3 ? M : 27, N, K}, 1, at_plain(a, K),
                    right, 0, c, N);
    }
    atomic_store(&is_done, true);
    assert_int_equal(pthread_join(sender, NULL), 0);
    free(a);
    free(b);
    free(c);
    assert_int_equal(n_elsewhere, 0);
}

static void test_signals__of_products_in_f32_leave_the_heap_alone(void **state)
{
    (void)state;
    multiply_under_signals(NULL);
}

static void test_signals__of_products_in_bf16_leave_the_heap_alone(void **state)
{
    attrib_error err = {0};
    at_multiplier *multiplier = NULL;
    (void)state;
    if (!attrib_has_bf16()) {
        skip();
    }
    check_ok(at_multiplier_new(ATTRIB_BF16_PRODUCTS, &multiplier, &err), &err);
    multiply_under_signals(multiplier);
    at_multiplier_free(multiplier);
}

/* What a thread held back before, and what it did not, is as it was. */
static void test_signals__are_held_back_no_longer(void **state)
{
    float values[3 * 200] = {0};
    sigset_t some;
    sigset_t after;
    (void)state;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &some, NULL), 0);
    at_gemm(AT_PLAIN, AT_PLAIN, 1, 200, 1, 1, values, 1, values, 200, 0, values + 200,
            200);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_int_equal(sigismember(&after, SIGUSR1), 1);
    assert_int_equal(sigismember(&after, SIGTERM), 0);
    sigemptyset(&some);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &some, NULL), 0);
}

static int set_up(void **state)
{
    const struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    (void)state;
    at_blas_single_threaded();
    return sigaction(SIGUSR2, &action, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals__of_products_in_f32_leave_the_heap_alone),
        cmocka_unit_test(test_signals__of_products_in_bf16_leave_the_heap_alone),
        cmocka_unit_test(test_signals__are_held_back_no_longer),
    };
    return run_cases(tests, set_up, NULL);
}
