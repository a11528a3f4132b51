/* SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <ftw.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void check_status_at(attrib_status status,
                     attrib_status expected,
                     const attrib_error *err,
                     const char *file,
                     int line)
{
    if (status != expected) {
        print_error("status \"%s\", expected \"%s\": %s\n", attrib_status_name(status),
                    attrib_status_name(expected), err ? err->message : "");
        _fail(file, line);
    }
}

void check_message(const attrib_error *err, const char *part)
{
    if (!strstr(err->message, part)) {
        fail_msg("message \"%s\" does not hold \"%s\"", err->message, part);
    }
}

/* The excess of an element over what is allowed; not a number counts as infinite. */
static double excess_of(double got, double want, double rtol, double atol)
{
    double excess = fabs(got - want) - (atol + rtol * fabs(want));
    return isnan(excess) ? HUGE_VAL : excess;
}

size_t mebibytes_needed(const attrib_error *err)
{
    const char *number = strstr(err->message, "needs ");
    if (!number) {
        fail_msg("\"%s\" says nothing of what is needed", err->message);
        return 0;
    }
    return strtoul(number + strlen("needs "), NULL, 10);
}

void check_close_f64(const double *got,
                     const double *want,
                     size_t n,
                     double rtol,
                     double atol,
                     const char *what)
{
    size_t worst = 0;
    double worst_excess = 0;
    for (size_t i = 0; i < n; i++) {
        double excess = excess_of(got[i], want[i], rtol, atol);
        if (excess > worst_excess) {
            worst = i;
            worst_excess = excess;
        }
    }
    if (worst_excess > 0) {
        fail_msg("%s: at %zu of %zu: got %.17g, want %.17g (rtol %g, atol %g)", what,
                 worst, n, got[worst], want[worst], rtol, atol);
    }
}

void check_close_f32(const float *got,
                     const double *want,
                     size_t n,
                     double rtol,
                     double atol,
                     const char *what)
{
    double *wide = malloc((n ? n : 1) * sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < n; i++) {
        wide[i] = (double)got[i];
    }
    check_close_f64(wide, want, n, rtol, atol, what);
    free(wide);
}

static bool is_asset_absent; /* any that asset_path() was asked for */

const char *asset_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("ATTRIB_ASSETS");
    if (!folder || !*folder) {
        folder = "../shared/assets";
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, R_OK) != 0) {
        print_message("SKIPPED: no asset %s (set ATTRIB_ASSETS)\n", path);
        is_asset_absent = true;
        return NULL;
    }
    return path;
}

void say_left_out(const char *what)
{
    print_message("LEFT OUT under a sanitizer: %s\n", what);
}

int run_cases_named(const char *name,
                    const struct CMUnitTest *tests,
                    size_t n,
                    CMFixtureFunction set_up,
                    CMFixtureFunction tear_down)
{
    if (_cmocka_run_group_tests(name, tests, n, set_up, tear_down) != 0) {
        return 1;
    }
    return is_asset_absent ? 77 : 0;
}

const char *source_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("ATTRIB_SOURCE");
    snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : ".", name);
    return path;
}

void make_scratch_folder(char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/attrib-test-XXXXXX", folder && *folder ? folder : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path,
                      const struct stat *info,
                      int kind,
                      struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void remove_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, n, stream), n);
    assert_int_equal(fclose(stream), 0);
}

static size_t bytes_of(const attrib_option *option)
{
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        return sizeof(bool);
    case ATTRIB_OPTION_CHOICE:
        return sizeof(int);
    case ATTRIB_OPTION_STRUCTS:
        return (size_t)option->max * option->struct_bytes;
    default:
        return sizeof(size_t);
    }
}

void check_table_covers(const attrib_option *table, size_t n_bytes, size_t except)
{
    bool *is_covered = calloc(n_bytes, sizeof *is_covered);
    size_t n_open = 0; /* bytes in a row that no option has; of padding at most 7 */
    assert_non_null(is_covered);
    for (const attrib_option *o = table; o->name; o++) {
        memset(is_covered + o->offset, true, bytes_of(o));
        if (o->kind == ATTRIB_OPTION_STRUCTS || o->kind == ATTRIB_OPTION_SHARE) {
            memset(is_covered + o->n_offset, true, sizeof(size_t));
        }
    }
    memset(is_covered, true, sizeof(size_t)); /* the struct's size */
    if (except != SIZE_MAX) {
        memset(is_covered + except, true, sizeof(char *));
    }
    for (size_t i = 0; i < n_bytes; i++) {
        n_open = is_covered[i] ? 0 : n_open + 1;
        if (n_open == sizeof(size_t)) {
            fail_msg("no option has bytes %zu to %zu of its struct", i + 1 - n_open, i);
        }
    }
    free(is_covered);
}
