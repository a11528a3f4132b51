/* SPDX-License-Identifier: MIT */
/* Files that are filled in place: what was written in any order is read again, here and
 * as safetensors; what was not is zero. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/slots.h"
#include "support/check.h"

static char folder[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/t.safetensors", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* "a" f64 [3, 4] and "b" f32 [n] */
static at_slots *make(size_t n)
{
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    at_slots *slots = NULL;
    const size_t shape[] = {3, 4};
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    check_ok(at_tensor_writer_metadata(writer, "made", "by a test", &err), &err);
    check_ok(at_tensor_writer_declare(writer, "a", ATTRIB_F64, 2, shape, &err), &err);
    check_ok(at_tensor_writer_declare(writer, "b", ATTRIB_F32, 1, &n, &err), &err);
    check_ok(at_slots_make(writer, &err), &err);
    at_tensor_writer_free(writer);
    check_ok(at_slots_open(path, &slots, &err), &err);
    return slots;
}

static void test_slots__elements_stand_where_they_were_put(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_slots *slots = make(2);
    const double tail[] = {7, 8, 9};
    const float b[] = {0.5F, -2};
    double got[12];
    at_tensors *tensors = NULL;
    check_ok(at_slots_write(slots, at_slots_find(slots, "b"), 0, 2, b, &err), &err);
    check_ok(at_slots_write(slots, at_slots_find(slots, "a"), 9, 3, tail, &err), &err);
    check_ok(at_slots_write(slots, at_slots_find(slots, "a"), 2, 1, tail, &err), &err);
    check_ok(at_slots_read(slots, at_slots_find(slots, "a"), 1, 11, got, &err), &err);
    const double want[12] = {0, 0, 7, 0, 0, 0, 0, 0, 0, 7, 8, 9};
    assert_memory_equal(got, want + 1, 11 * sizeof *got);
    check_ok(at_slots_sync(slots, &err), &err);
    at_slots_close(slots);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    assert_string_equal(at_tensors_metadata(tensors, "made"), "by a test");
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, "a"), 0, 12, got, &err), &err);
    assert_memory_equal(got, want, sizeof want);
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, "b"), 0, 2, got, &err), &err);
    assert_true(got[0] == 0.5 && got[1] == -2);
    at_tensors_close(tensors);
}

static void test_slots__are_found_by_name(void **state)
{
    (void)state;
    at_slots *slots = make(2);
    assert_int_equal(at_slots_find(slots, "a")->n_elements, 12);
    assert_null(at_slots_find(slots, "c"));
    at_slots_close(slots);
}

/* 64 MiB of which four bytes are written take a few blocks of the disk. */
static void test_slots__what_is_not_written_takes_no_disk(void **state)
{
    (void)state;
    attrib_error err = {0};
    struct stat info;
    const float one = 1;
    at_slots *slots = make((size_t)1 << 24);
    check_ok(at_slots_write(slots, at_slots_find(slots, "b"), 1 << 23, 1, &one, &err),
             &err);
    check_ok(at_slots_sync(slots, &err), &err);
    at_slots_close(slots);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > (off_t)1 << 26);
    assert_true(info.st_blocks * 512 < (off_t)1 << 20);
}

static void test_slots__a_file_that_was_cut_is_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_slots *slots = make(2);
    double got[12];
    assert_int_equal(truncate(path, 200), 0);
    check_fails(at_slots_read(slots, at_slots_find(slots, "a"), 0, 12, got, &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err, "truncated");
    at_slots_close(slots);
    slots = NULL;
    err = (attrib_error){0};
    check_fails(at_slots_open(path, &slots, &err), ATTRIB_EFORMAT, &err);
    assert_null(slots);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(test_slots__elements_stand_where_they_were_put),
        with_folder(test_slots__are_found_by_name),
        with_folder(test_slots__what_is_not_written_takes_no_disk),
        with_folder(test_slots__a_file_that_was_cut_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}
