/* SPDX-License-Identifier: MIT */
/* Every constructor of the room with its k-th allocation failing, k = 1, 2, ..., until it
 * succeeds: ENOMEM, outputs untouched, nothing leaked (leaks show under ASan). */
#include "support/check.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/thread.h"

/* Allocations left until one fails; negative: none fails. The test is one thread. */
static int n_left = -1;

static bool fails_now(void)
{
    return n_left >= 0 && n_left-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t element_bytes);
void *__real_realloc(void *old, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t element_bytes);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t element_bytes)
{
    return fails_now() ? NULL : __real_calloc(n, element_bytes);
}

void *__wrap_realloc(void *old, size_t n)
{
    return fails_now() ? NULL : __real_realloc(old, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return fails_now() ? NULL : __real_aligned_alloc(alignment, n);
}

static attrib_status make_session(attrib_error *err)
{
    attrib_session *session = NULL;
    attrib_status status = attrib_session_new(NULL, &session, err);
    assert_true((status == ATTRIB_OK) == (session != NULL));
    attrib_session_free(session);
    return status;
}

static attrib_status make_turns(attrib_error *err)
{
    at_turns *turns = NULL;
    attrib_status status = at_turns_new(3, &turns, err);
    assert_true((status == ATTRIB_OK) == (turns != NULL));
    at_turns_free(turns);
    return status;
}

static attrib_status make_hash(attrib_error *err)
{
    at_hash *hash = NULL;
    attrib_status status = at_hash_new(&hash, err);
    assert_true((status == ATTRIB_OK) == (hash != NULL));
    at_hash_free(hash);
    return status;
}

static attrib_status fill_arena(attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arena *arena = NULL;
    char *piece = NULL;
    AT_TRY(at_arena_new(&arena, err));
    AT_TRY(at_arena_take(arena, 100, 1, &piece, err));
    AT_TRY(at_arena_take(arena, 3 << 20, 1, &piece, err));
done:
    at_arena_free(arena);
    return status;
}

static attrib_status fill_buffer(attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    char *copy = NULL;
    for (int i = 0; i < 20; i++) {
        AT_TRY(at_buffer_print(&text, err, "%d", 1000 + i));
    }
    AT_TRY(at_copy_text(text.bytes, text.n_bytes, &copy, err));
done:
    free(copy);
    at_buffer_free(&text);
    return status;
}

static attrib_status write_output(attrib_error *err)
{
    at_output output = {0};
    attrib_status status = at_output_open("/dev/null", &output, err);
    if (status == ATTRIB_OK) {
        status = at_output_commit(&output, err);
    }
    return status;
}

static attrib_status do_nothing(void *context,
                                size_t i_worker,
                                size_t i_block,
                                attrib_error *err)
{
    (void)context;
    (void)i_worker;
    (void)i_block;
    (void)err;
    return ATTRIB_OK;
}

static attrib_status run_loop(attrib_error *err)
{
    return at_parallel_for(NULL, 3, do_nothing, NULL, err);
}

static void test_allocation__failures_are_enomem_and_leave_nothing(void **state)
{
    (void)state;
    attrib_status (*const makers[])(attrib_error *) = {
        make_session, make_turns,   make_hash, fill_arena,
        fill_buffer,  write_output, run_loop,
    };
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        int n_failed = 0;
        for (int k = 0;; k++) {
            attrib_error err = {0};
            n_left = k;
            attrib_status status = makers[i](&err);
            bool has_failed = n_left < 0;
            n_left = -1;
            if (!has_failed) {
                check_ok(status, &err);
                break;
            }
            if (status != ATTRIB_OK) { /* some, as of a temporary, are done without */
                check_fails(status, ATTRIB_ENOMEM, &err);
                n_failed++;
            }
            assert_in_range(k, 0, 100);
        }
        assert_true(n_failed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocation__failures_are_enomem_and_leave_nothing),
    };
    return run_cases(tests, NULL, NULL);
}
