/* SPDX-License-Identifier: MIT */
/* Sizes that may overflow, arrays, buffers and arenas. */
#include "support/check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Products and sums are exact up to SIZE_MAX and refused beyond. */
static void test_memory__products_and_sums_are_exact_or_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    size_t out = 7;
    check_ok(at_mul(SIZE_MAX / 3, 3, &out, &err), &err);
    assert_true(out == SIZE_MAX / 3 * 3);
    check_ok(at_mul(0, SIZE_MAX, &out, &err), &err);
    assert_int_equal(out, 0);
    check_ok(at_mul(SIZE_MAX, 1, &out, &err), &err);
    check_ok(at_add(SIZE_MAX - 5, 5, &out, &err), &err);
    assert_true(out == SIZE_MAX);
    out = 7;
    check_fails(at_mul(SIZE_MAX / 2 + 1, 2, &out, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "overflows");
    attrib_error other = {0};
    check_fails(at_add(SIZE_MAX, 1, &out, &other), ATTRIB_ERANGE, &other);
    assert_int_equal(out, 7);
}

/* Arrays are zeroed and aligned for any number of elements, none included. */
static void test_memory__arrays_are_zeroed_and_aligned(void **state)
{
    (void)state;
    attrib_error err = {0};
    for (size_t n = 0; n < 200; n += 13) {
        double *array = NULL;
        check_ok(at_array(n, sizeof *array, &array, &err), &err);
        assert_non_null(array);
        assert_int_equal((uintptr_t)array % 64, 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(array[i] == 0);
        }
        free(array);
    }
}

/* A size that overflows is ERANGE, and the pointer stays as it was. */
static void test_memory__arrays_of_impossible_size_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    char *array = NULL;
    check_fails(at_array(SIZE_MAX / 4, 8, &array, &err), ATTRIB_ERANGE, &err);
    attrib_error second = {0};
    check_fails(at_array(SIZE_MAX, 1, &array, &second), ATTRIB_ERANGE, &second);
    assert_null(array);
}

/* Growing keeps what was there, at least doubles, and refuses what overflows. */
static void test_memory__growing_keeps_elements_and_doubles(void **state)
{
    (void)state;
    attrib_error err = {0};
    uint32_t *numbers = NULL;
    size_t capacity = 0;
    size_t n_growths = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        check_ok(at_grow(&numbers, &capacity, i + 1, sizeof *numbers, &err), &err);
        n_growths += capacity != before;
        numbers[i] = i * 7;
    }
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(numbers[i], i * 7);
    }
    assert_in_range(n_growths, 1, 11); /* 16 x 2^10 > 10000 */
    size_t kept = capacity;
    check_fails(at_grow(&numbers, &capacity, SIZE_MAX / 2, sizeof *numbers, &err),
                ATTRIB_ERANGE, &err);
    assert_int_equal(capacity, kept);
    assert_int_equal(numbers[9999], 9999 * 7);
    free(numbers);
}

/* A buffer is the concatenation of what was appended and printed, with a NUL behind. */
static void test_memory__buffers_concatenate(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(at_buffer_append(&text, "ab\0c", 4, &err), &err);
    check_ok(at_buffer_print(&text, &err, "%s-%05d", "x", 42), &err);
    assert_int_equal(text.n_bytes, 11);
    assert_memory_equal(text.bytes, "ab\0cx-00042", 12);
    for (int i = 0; i < 1000; i++) {
        check_ok(at_buffer_print(&text, &err, "%03d", i), &err);
    }
    assert_int_equal(text.n_bytes, 3011);
    assert_memory_equal(text.bytes + 3008, "999", 4);
    at_buffer_clear(&text);
    assert_int_equal(text.n_bytes, 0);
    assert_string_equal(text.bytes, "");
    at_buffer_free(&text);
    assert_null(text.bytes);
}

static void test_memory__empty_append_still_ends_in_nul(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(at_buffer_append(&text, NULL, 0, &err), &err);
    assert_string_equal(text.bytes, "");
    at_buffer_free(&text);
}

/* Pieces of an arena never overlap, across chunks too, and are aligned. */
static void test_memory__arena_pieces_do_not_overlap(void **state)
{
    (void)state;

    enum { N = 300 };

    attrib_error err = {0};
    at_arena *arena = NULL;
    unsigned char *pieces[N];
    size_t sizes[N];
    check_ok(at_arena_new(&arena, &err), &err);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i * i * 7 % 90001; /* past the first chunk of 1 MiB many times */
        check_ok(at_arena_take(arena, sizes[i], 1, &pieces[i], &err), &err);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i % 251);
        }
    }
    at_arena_free(arena);
}

/* Resetting to a mark gives back what was taken since, and nothing else. */
static void test_memory__arena_marks_give_back_what_came_later(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_arena *arena = NULL;
    char *kept = NULL;
    char *first = NULL;
    char *again = NULL;
    check_ok(at_arena_new(&arena, &err), &err);
    check_ok(at_arena_take(arena, 100, 1, &kept, &err), &err);
    memset(kept, 'k', 100);
    size_t mark = at_arena_mark(arena);
    check_ok(at_arena_take(arena, 1000, 1, &first, &err), &err);
    check_ok(at_arena_take(arena, 3 << 20, 1, &again, &err), &err); /* a new chunk */
    memset(again, 'x', 3 << 20);
    at_arena_reset(arena, mark);
    assert_int_equal(at_arena_mark(arena), mark);
    check_ok(at_arena_take(arena, 1000, 1, &again, &err), &err);
    assert_ptr_equal(again, first);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(kept[i], 'k');
    }
    at_arena_reset(arena, 0); /* one chunk for both from now on */
    check_ok(at_arena_take(arena, 3 << 20, 1, &first, &err), &err);
    at_arena_reset(arena, 0);
    check_ok(at_arena_take(arena, 1, 1, &again, &err), &err);
    assert_ptr_equal(again, first);
    check_fails(at_arena_take(arena, SIZE_MAX / 8, 16, &again, &err), ATTRIB_ERANGE,
                &err);
    at_arena_free(arena);
}

/* 0 where a sanitizer allocates. */
static size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.hblkhd + info.uordblks;
}

/* Rounds that need a little more each time leave no more behind than one of them takes:
 * without that, ever larger chunks would add up. */
static void test_memory__arena_keeps_what_was_used_at_a_time(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_arena *arena = NULL;
    size_t before = allocated_bytes();
    check_ok(at_arena_new(&arena, &err), &err);
    size_t n = (size_t)8 << 20;
    for (size_t round = 0; round < 4; round++, n += (size_t)1 << 16) {
        char *large = NULL;
        char *small = NULL;
        check_ok(at_arena_take(arena, n, 1, &large, &err), &err);
        check_ok(at_arena_take(arena, 100, 1, &small, &err), &err);
        memset(large, 1, n);
        small[99] = 1;
        at_arena_reset(arena, 0);
    }
    char *piece = NULL;
    check_ok(at_arena_take(arena, n, 1, &piece, &err), &err);
    check_ok(at_arena_take(arena, 100, 1, &piece, &err), &err);
    at_arena_reset(arena, 0);
    check_ok(at_arena_take(arena, n, 1, &piece, &err), &err);
    assert_true(allocated_bytes() - before < 2 * n);
    at_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__products_and_sums_are_exact_or_refused),
        cmocka_unit_test(test_memory__arrays_are_zeroed_and_aligned),
        cmocka_unit_test(test_memory__arrays_of_impossible_size_are_refused),
        cmocka_unit_test(test_memory__growing_keeps_elements_and_doubles),
        cmocka_unit_test(test_memory__buffers_concatenate),
        cmocka_unit_test(test_memory__empty_append_still_ends_in_nul),
        cmocka_unit_test(test_memory__arena_pieces_do_not_overlap),
        cmocka_unit_test(test_memory__arena_marks_give_back_what_came_later),
        cmocka_unit_test(test_memory__arena_keeps_what_was_used_at_a_time),
    };
    return run_cases(tests, NULL, NULL);
}
