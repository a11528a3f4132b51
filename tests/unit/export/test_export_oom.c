/* SPDX-License-Identifier: MIT */
/* Exports under "fail the k-th allocation": ENOMEM and no file, until they succeed. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "fake_run.h"
#include "support/check.h"
#include "support/oom.h"
#include "support/scratch_file.h"

/* Export with one allocation more each time; at least `least` of them are made. */
static void check_format(attrib_export_format format, bool with_all, size_t least)
{
    for (size_t k = 0;; k++) {
        attrib_error err = {0};
        attrib_run *run = fake_run();
        attrib_export_options *options = in_format(format);
        options->with_all = with_all;
        fake_options()->with_self = true;
        oom_n_left = k;
        attrib_status status = attrib_export_run(run, options, path, &err);
        oom_n_left = SIZE_MAX;
        if (status == ATTRIB_OK) {
            assert_true(k >= least);
            assert_int_equal(unlink(path), 0);
            assert_int_equal(rmdir(folder), 0); /* nothing temporary either */
            make_scratch_folder(folder, sizeof folder);
            snprintf(path, sizeof path, "%s/out", folder);
            return;
        }
        check_fails(status, ATTRIB_ENOMEM, &err);
        assert_false(at_is_file(path));
    }
}

static void test_export_oom__formats_of_rows(void **state)
{
    (void)state;
    const attrib_export_format formats[] = {ATTRIB_EXPORT_JSONL, ATTRIB_EXPORT_CSV,
                                            ATTRIB_EXPORT_PARQUET, ATTRIB_EXPORT_ARROW,
                                            ATTRIB_EXPORT_MSGPACK};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        check_format(formats[i], false, 5);
        check_format(formats[i], true, 10);
    }
}

/* SQLite's own allocations are spared. */
static void test_export_oom__databases(void **state)
{
    (void)state;
    check_format(ATTRIB_EXPORT_SQLITE, false, 10);
    check_format(ATTRIB_EXPORT_SQLITE, true, 10);
}

/* The page's JSON and its deflated bytes are made in memory of other libraries. */
static void test_export_oom__pages(void **state)
{
    (void)state;
    check_format(ATTRIB_EXPORT_HTML, false, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_export_oom__formats_of_rows,
                                        scratch_file_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_export_oom__databases, scratch_file_set_up,
                                        scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_export_oom__pages, scratch_file_set_up,
                                        scratch_tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
