/* SPDX-License-Identifier: MIT */
/* What unit tests share: checks that say what went wrong, and where assets are. */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

/* Fails the test, with the message of `err`, unless `status` is the one expected. */
void check_status_at(attrib_status status,
                     attrib_status expected,
                     const attrib_error *err,
                     const char *file,
                     int line);
#define check_ok(status, err)                                                            \
    check_status_at((status), ATTRIB_OK, (err), __FILE__, __LINE__)
#define check_fails(status, expected, err)                                               \
    check_status_at((status), (expected), (err), __FILE__, __LINE__)

/* Fails unless the error's message contains `part`. */
void check_message(const attrib_error *err, const char *part);

/* MiB that a limit of memory would have to be, as the message that refused one says. */
size_t mebibytes_needed(const attrib_error *err);

/* Fails with the worst index unless |got - want| <= atol + rtol |want| everywhere. */
void check_close_f64(const double *got,
                     const double *want,
                     size_t n,
                     double rtol,
                     double atol,
                     const char *what);
void check_close_f32(const float *got,
                     const double *want,
                     size_t n,
                     double rtol,
                     double atol,
                     const char *what);

/* Fails unless the rows of a table cover a struct of so many bytes, but for the pointer
 * at `except` (SIZE_MAX: none): no option is forgotten. Gaps below 8 bytes may be
 * padding. */
void check_table_covers(const attrib_option *table, size_t n_bytes, size_t except);

/* The path of an asset, or of a file of the source tree; static buffer of the call's
 * test. */
const char *asset_path(const char *name); /* NULL, said loudly, where assets are absent */
const char *source_path(const char *name);

/* Leaves the test as skipped, loudly, where assets are absent. */
#define need_assets()                                                                    \
    do {                                                                                 \
        if (!asset_path("README.md")) {                                                  \
            skip();                                                                      \
        }                                                                                \
    } while (0)

/* Sanitizers take memory and time of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Says what a build with a sanitizer leaves out; scripts/test lists it after the run. */
void say_left_out(const char *what);

/* Leaves out the rest of a case, and says so, under any sanitizer, or under TSan. */
#define not_under_sanitizers()                                                           \
    do {                                                                                 \
        if (IS_SANITIZED) {                                                              \
            say_left_out(__func__);                                                      \
            skip();                                                                      \
        }                                                                                \
    } while (0)
#ifdef __SANITIZE_THREAD__
#define not_under_tsan() not_under_sanitizers()
#else
#define not_under_tsan() (void)0
#endif

/* Runs a program's cases, as cmocka_run_group_tests() would. The exit status is 1 if a
 * case failed; else 77, which ctest calls skipped, if an asset that a case looked for is
 * absent; else 0. */
#define run_cases(tests, set_up, tear_down)                                              \
    run_cases_named(#tests, tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)
int run_cases_named(const char *name,
                    const struct CMUnitTest *tests,
                    size_t n,
                    CMFixtureFunction set_up,
                    CMFixtureFunction tear_down);
#undef cmocka_run_group_tests /* which passes a program whose cases are skipped */

/* A new folder for a test's files, removed with remove_folder(). */
void make_scratch_folder(char *path, size_t size);
void remove_folder(const char *path);
/* Write a file whole; fails the test where that cannot be. */
void write_file(const char *path, const void *bytes, size_t n);

#endif
