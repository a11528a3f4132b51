/* SPDX-License-Identifier: MIT */
/* Signals that come while products run: their handler begins on the thread's own stack,
 * wherever a kernel keeps its pointers. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/session.h"
#include "base/thread.h"
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

/* A child process, one of whose operands is a file that has become shorter. */
typedef struct reading {
    at_multiplier *multiplier;
    float *a, *b;
    size_t n_blocks;
    atomic_size_t n_begun;
} reading;

/* Exit statuses: where the handler began, and what is added where the stack pointer of
 * the fault was in no stack. */
enum { ON_ITS_OWN = 10, ELSEWHERE = 11, WITHOUT_STACK = 2 };

static void end_by_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *at = context;
    stack_t stack;
    (void)number;
    (void)info;
    sigaltstack(NULL, &stack);
    find_stack();
    uintptr_t pointer = (uintptr_t)at->uc_mcontext.gregs[REG_RSP];
    bool had_stack = pointer >= stack_low && pointer < stack_high;
    bool is_on_its_own = (stack.ss_flags & SS_ONSTACK) != 0;
    _exit((is_on_its_own ? ON_ITS_OWN : ELSEWHERE) + (had_stack ? 0 : WITHOUT_STACK));
}

/* All workers have begun before one of them multiplies: the thread that asked, or
 * another.
 */
static attrib_status multiply_block(void *context,
                                    size_t i_worker,
                                    size_t i_block,
                                    attrib_error *err)
{
    reading *r = context;
    float *c = calloc((size_t)M * N, sizeof *c);
    (void)i_block;
    (void)err;
    assert_non_null(c);
    atomic_fetch_add(&r->n_begun, 1);
    while (atomic_load(&r->n_begun) < r->n_blocks) {
        sched_yield();
    }
    if (i_worker + 1 == r->n_blocks) {
        at_multiply(r->multiplier, (at_sizes){M, N, K}, 1, at_plain(r->a, K),
                    at_plain(r->b, N), 0, c, N);
    } else {
        pause();
    }
    free(c);
    return ATTRIB_OK;
}

/* n floats of a file that has become a page long. */
static float *map_what_is_cut(size_t n)
{
    FILE *file = tmpfile();
    if (!file || ftruncate(fileno(file), (off_t)(n * sizeof(float))) != 0) {
        _exit(9);
    }
    void *bytes = mmap(NULL, n * sizeof(float), PROT_READ, MAP_PRIVATE, fileno(file), 0);
    if (bytes == MAP_FAILED || ftruncate(fileno(file), 4096) != 0) {
        _exit(9);
    }
    return bytes;
}

static _Noreturn void read_what_is_cut(at_multiplier *multiplier,
                                       bool is_b,
                                       size_t n_threads)
{
    struct sigaction action = {.sa_sigaction = end_by_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    attrib_session_options options;
    attrib_session *session = NULL;
    reading r = {.multiplier = multiplier, .n_blocks = n_threads};
    r.a = is_b ? calloc((size_t)M * K, sizeof *r.a) : map_what_is_cut((size_t)M * K);
    r.b = is_b ? map_what_is_cut((size_t)K * N) : calloc((size_t)K * N, sizeof *r.b);
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    if (!r.a || !r.b || attrib_session_new(&options, &session, NULL) != ATTRIB_OK) {
        _exit(9);
    }
    sigaction(SIGBUS, &action, NULL);
    (void)!at_parallel_for(session, n_threads, multiply_block, &r, NULL);
    _exit(0);
}

/* A fault within a product, in the thread that asked for it or another: its handler has a
 * stack, wherever the kernel keeps its pointers. */
static void check_faults(at_multiplier *multiplier)
{
    size_t n_without = 0; /* children whose stack pointer was in no stack */
    for (size_t i = 0; i < 4; i++) {
        int status = 0;
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            read_what_is_cut(multiplier, i % 2, 1 + i / 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        n_without += WEXITSTATUS(status) >= ON_ITS_OWN + WITHOUT_STACK;
        if (WEXITSTATUS(status) != ON_ITS_OWN + WITHOUT_STACK) {
            assert_int_equal(WEXITSTATUS(status), ON_ITS_OWN);
        }
    }
    print_message("%zu of 4 faults came where the stack pointer was in no stack\n",
                  n_without);
}

static void test_signals__of_faults_begin_on_a_stack(void **state)
{
    (void)state;
    check_faults(NULL);
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
        cmocka_unit_test(test_signals__of_faults_begin_on_a_stack),
    };
    return run_cases(tests, set_up, NULL);
}
