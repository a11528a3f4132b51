/* SPDX-License-Identifier: MIT */
/* How long exports, listings and analyses of a large run take, and in how much memory.
 *
 *     bench_export [--small] [QUERIES [DOCUMENTS [WORK [TOP [TOKENS [MAPS]]]]]]
 *
 * A run is forged: scores are made up, and of every query TOP documents of each end are
 * reported with the shares of so many tokens and maps. A row for each work, or for the
 * one that is named ("csv", "csv-all": all scores; "show", "analyze-tail", ...), or for
 * those that do not write all scores ("reported"):
 * seconds, scores a second, the peak of memory of a process that does nothing else, and
 * the file's size. The residual is the largest difference of the scores that a file of
 * safetensors holds from those that were made up, which is 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attrib/analyze.h"
#include "attrib/export.h"
#include "bench/arguments.h"
#include "bench/timing.h"
#include "format/safetensors.h"
#include "support/forged_run.h"

static char folder[64], run_folder[80], out_path[120];

static void must(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK) {
        fprintf(stderr, "bench_export: %s\n", err->message);
        exit(1);
    }
}

/* 1. What is done with a run */

/* What a task takes besides the run's folder: a format, or a kind of analysis. */
typedef struct task {
    const char *name;
    int (*work)(const struct task *self);
    attrib_export_format format;
    bool with_all;
    const char *kind;
} task;

static attrib_run *open_run(void)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    must(attrib_run_open(run_folder, &run, &err), &err);
    return run;
}

static int just_open(const task *self)
{
    (void)self;
    attrib_run_close(open_run());
    return 0;
}

static int export(const task *self)
{
    attrib_error err = {0};
    attrib_run *run = open_run();
    attrib_export_options options;
    attrib_export_options_default(&options);
    options.format = self->format;
    options.with_all = self->with_all;
    must(attrib_export_run(run, &options, out_path, &err), &err);
    attrib_run_close(run);
    return 0;
}

/* All queries, or, where there is a `kind`, one of them by scores ranked anew. */
static int show(const task *self)
{
    attrib_error err = {0};
    attrib_run *run = open_run();
    attrib_where *where = NULL;
    attrib_list_options options;
    attrib_list_options_default(&options);
    if (self->kind) {
        options.query = "query-7";
        must(attrib_where_new(&self->kind, 1, &where, &err), &err);
        options.where = where;
    }
    must(attrib_export_list(NULL, run, &options, out_path, &err), &err);
    attrib_where_free(where);
    attrib_run_close(run);
    return 0;
}

static int analyze(const task *self)
{
    attrib_error err = {0};
    attrib_run *run = open_run();
    attrib_analysis *analysis = NULL;
    attrib_analyze_options options;
    attrib_analyze_job job;
    attrib_analyze_options_default(&options);
    options.document_tag = "kind";
    options.query_tag = "ability";
    options.answers_tag = "answers";
    options.tags = "kind,year";
    options.replicates = 100;
    attrib_analyze_job_default(&job);
    job.kind = self->kind;
    job.run = run;
    job.options = &options;
    job.changes = strcmp(self->kind, "reweight") == 0 ? "code=+0.1" : NULL;
    must(attrib_analyze(NULL, &job, &analysis, &err), &err);
    must(attrib_export_analysis(analysis, ATTRIB_ANALYSIS_JSON, NULL, NULL, out_path,
                                &err),
         &err);
    attrib_analysis_free(analysis);
    attrib_run_close(run);
    return 0;
}

static const task tasks[] = {
    {.name = "safetensors",
     .work = export,
     .format = ATTRIB_EXPORT_SAFETENSORS}, /* the residual reads it */
    {.name = "open", .work = just_open},
    {.name = "show", .work = show},
    {.name = "show-where", .work = show, .kind = "kind=code"},
    {.name = "sqlite", .work = export, .format = ATTRIB_EXPORT_SQLITE},
    {.name = "html", .work = export, .format = ATTRIB_EXPORT_HTML},
    {.name = "jsonl", .work = export, .format = ATTRIB_EXPORT_JSONL},
    {.name = "csv", .work = export, .format = ATTRIB_EXPORT_CSV},
    {.name = "parquet", .work = export, .format = ATTRIB_EXPORT_PARQUET},
    {.name = "npz", .work = export, .format = ATTRIB_EXPORT_NPZ},
    {.name = "analyze-groups", .work = analyze, .kind = "groups"},
    {.name = "analyze-reweight", .work = analyze, .kind = "reweight"},
    {.name = "analyze-tail", .work = analyze, .kind = "tail"},
    {.name = "analyze-queries", .work = analyze, .kind = "queries"},
    {.name = "analyze-layers", .work = analyze, .kind = "layers"},
    {.name = "analyze-spurious", .work = analyze, .kind = "spurious"},
    {.name = "analyze-answers", .work = analyze, .kind = "answers"},
    {.name = "analyze-overlap", .work = analyze, .kind = "overlap"},
    {.name = "analyze-relations", .work = analyze, .kind = "relations"},
    {.name = "sqlite-all",
     .work = export,
     .format = ATTRIB_EXPORT_SQLITE,
     .with_all = true},
    {.name = "csv-all", .work = export, .format = ATTRIB_EXPORT_CSV, .with_all = true},
    {.name = "jsonl-all",
     .work = export,
     .format = ATTRIB_EXPORT_JSONL,
     .with_all = true},
    {.name = "parquet-all",
     .work = export,
     .format = ATTRIB_EXPORT_PARQUET,
     .with_all = true},
    {.name = "arrow-all",
     .work = export,
     .format = ATTRIB_EXPORT_ARROW,
     .with_all = true},
    {.name = "msgpack-all",
     .work = export,
     .format = ATTRIB_EXPORT_MSGPACK,
     .with_all = true},
};

/* 2. Measuring */

static double busy_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* Do the work in a process of its own, so that its memory is its own too. NULL: forge. */
static struct rusage run_apart(const task *self, const forged_sizes *sizes)
{
    struct rusage usage = {0};
    int result = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!self) {
            forged_run_write(run_folder, sizes);
        }
        _exit(self ? self->work(self) : 0);
    }
    if (child < 0 || wait4(child, &result, 0, &usage) != child || result != 0) {
        fprintf(stderr, "bench_export: %s failed\n", self ? self->name : "forging");
        exit(1);
    }
    return usage;
}

/* The largest difference of the scores in the file of safetensors. */
static double check(const forged_sizes *sizes)
{
    const size_t n_documents = sizes->n_documents;
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    double worst = 0;
    must(at_tensors_open(out_path, &tensors, &err), &err);
    const at_tensor *scores = at_tensors_find(tensors, "scores");
    for (size_t i = 0; i < sizes->n_queries * n_documents; i++) {
        double got = 0;
        memcpy(&got, scores->data + i * sizeof got, sizeof got);
        worst = fmax(worst, fabs(got - forged_score(i / n_documents, i % n_documents)));
    }
    at_tensors_close(tensors);
    return worst;
}

static void measure(const task *self, const forged_sizes *sizes)
{
    double start = bench_seconds(CLOCK_MONOTONIC);
    struct rusage usage = run_apart(self, sizes);
    double wall = bench_seconds(CLOCK_MONOTONIC) - start;
    struct stat info = {0};
    stat(out_path, &info);
    printf("%-16s %8.2f s %8.2f s busy %8.2f M scores/s %7.0f MiB peak %8.1f MiB file",
           self->name, wall, busy_of(&usage),
           (double)sizes->n_queries * (double)sizes->n_documents / busy_of(&usage) / 1e6,
           (double)usage.ru_maxrss / 1024, (double)info.st_size / 0x1p20);
    if (self->format == ATTRIB_EXPORT_SAFETENSORS) {
        double residual = check(sizes);
        printf("  residual %g", residual);
        if (residual != 0) {
            printf("\n");
            exit(1);
        }
    }
    printf("\n");
    unlink(out_path);
}

static void remove_run(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        fprintf(stderr, "bench_export: %s cannot be removed\n", folder);
    }
}

static bool is_wanted(const task *self, const char *work)
{
    return strcmp(work, "all") == 0 || strcmp(self->name, work) == 0 ||
           (strcmp(work, "reported") == 0 && !self->with_all);
}

int main(int argc, char **argv)
{
    bench_arguments arguments =
        bench_arguments_read(argc, argv, 6,
                             "bench_export [--small] [QUERIES [DOCUMENTS [WORK [TOP "
                             "[TOKENS [MAPS]]]]]]");
    const forged_sizes sizes = {
        .n_queries = bench_number(&arguments, 0, arguments.is_small ? 20 : 1000),
        .n_documents = bench_number(&arguments, 1, arguments.is_small ? 1100 : 10000),
        .n_top = bench_number(&arguments, 3, arguments.is_small ? 5 : 25),
        .n_tokens = bench_number(&arguments, 4, arguments.is_small ? 32 : 512),
        .n_modules = bench_number(&arguments, 5, arguments.is_small ? 12 : 90)};
    const char *work = arguments.n > 2 ? arguments.values[2] : "all";
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/bench-export-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "bench_export: %s cannot be made\n", folder);
        return 1;
    }
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    atexit(remove_run);
    run_apart(NULL, &sizes);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (is_wanted(&tasks[i], work)) {
            measure(&tasks[i], &sizes);
        }
    }
    return 0;
}
