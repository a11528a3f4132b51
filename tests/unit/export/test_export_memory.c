/* SPDX-License-Identifier: MIT */
/* What a run's reported documents are made of is never in memory as a whole: what reads
 * it takes less than a part of its bytes on disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attrib/analyze.h"
#include "attrib/export.h"
#include "base/file.h"
#include "support/apart.h"
#include "support/check.h"
#include "support/forged_run.h"

/* 1.7 million tokens, which took 32 bytes each when all were in memory at once. */
static const forged_sizes sizes = {
    .n_queries = 104, .n_documents = 1100, .n_top = 16, .n_tokens = 512, .n_modules = 30};

static char folder[256], run_folder[300], out_path[300];

static void forge(const void *fixture, const void *argument)
{
    (void)fixture;
    (void)argument;
    forged_run_write(run_folder, &sizes);
}

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    run_apart(forge, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static void must(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
}

static void open_only(const void *fixture, const void *argument)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    (void)fixture;
    (void)argument;
    must(attrib_run_open(run_folder, &run, &err), &err);
    attrib_run_close(run);
}

static void export(const void *fixture, const void *argument)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_export_options options;
    (void)fixture;
    attrib_export_options_default(&options);
    options.format = *(const attrib_export_format *)argument;
    must(attrib_run_open(run_folder, &run, &err), &err);
    must(attrib_export_run(run, &options, out_path, &err), &err);
    attrib_run_close(run);
}

static void analyze(const void *fixture, const void *argument)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    (void)fixture;
    attrib_analyze_job_default(&job);
    must(attrib_run_open(run_folder, &run, &err), &err);
    job.kind = argument;
    job.run = run;
    must(attrib_analyze(NULL, &job, &analysis, &err), &err);
    attrib_analysis_free(analysis);
    attrib_run_close(run);
}

/* Less than a third of the bytes on disk, of which a hundredth is in memory at once. */
static void check_peak(const char *what, size_t peak, size_t opened)
{
    struct stat info = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/explained.msgpack", run_folder);
    assert_int_equal(stat(path, &info), 0);
    double more = (double)peak - (double)opened;
    print_message("%s: %.1f MiB more than an open run, of %.1f MiB on disk\n", what,
                  more / 0x1p20, (double)info.st_size / 0x1p20);
    if (more > 0.3 * (double)info.st_size) {
        fail_msg("%s: %.1f MiB more than an open run", what, more / 0x1p20);
    }
}

static void test_export_memory__is_of_few_documents(void **state)
{
    static const struct {
        const char *name;
        attrib_export_format format;
    } formats[] = {{"csv", ATTRIB_EXPORT_CSV},
                   {"jsonl", ATTRIB_EXPORT_JSONL},
                   {"html", ATTRIB_EXPORT_HTML}};

    static const char *const kinds[] = {"layers", "spurious", "overlap"};

    (void)state;
    not_under_sanitizers();
    size_t opened = run_apart(open_only, NULL, NULL);
    print_message("an open run: %.1f MiB\n", (double)opened / 0x1p20);
    assert_true(opened < (size_t)24 << 20);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        check_peak(formats[i].name, run_apart(export, NULL, &formats[i].format), opened);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_peak(kinds[i], run_apart(analyze, NULL, kinds[i]), opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_export_memory__is_of_few_documents),
    };
    return run_cases(tests, set_up, tear_down);
}
