/* SPDX-License-Identifier: MIT */
/* How long runs of shards take to merge, and in how much memory.
 *
 *     bench_merge [--small] [SHARDS [DOCUMENTS [QUERIES [TOP]]]]
 *
 * SHARDS runs of DOCUMENTS documents each are forged, of which TOP of each end are
 * reported for each query. A row: processor seconds and the peak of memory of a process
 * that does nothing but merge them, and the bytes that it reads. The residual is how many
 * documents of the merged run are not those of the shards, by their number. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attrib/run.h"
#include "base/file.h"
#include "bench/arguments.h"
#include "support/forged_run.h"

static char folder[64];

static void must(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK) {
        fprintf(stderr, "bench_merge: %s\n", err->message);
        exit(1);
    }
}

static char *name_of(size_t i)
{
    char *name = malloc(100);
    if (!name) {
        exit(1);
    }
    snprintf(name, 100, "%s/shard-%zu", folder, i);
    return name;
}

static void forge(const forged_sizes *sizes)
{
    for (size_t i = 0; i < sizes->n_shards; i++) {
        forged_sizes shard = *sizes;
        char *name = name_of(i);
        shard.i_shard = i;
        forged_run_write(name, &shard);
        free(name);
    }
}

static void merge(const forged_sizes *sizes)
{
    attrib_error err = {0};
    attrib_merge_options options;
    const char **names = calloc(sizes->n_shards, sizeof *names);
    char out[100];
    attrib_merge_options_default(&options);
    snprintf(out, sizeof out, "%s/merged", folder);
    for (size_t i = 0; names && i < sizes->n_shards; i++) {
        names[i] = name_of(sizes->n_shards - 1 - i);
    }
    must(attrib_run_merge(NULL, names, sizes->n_shards, &options, out, &err), &err);
}

/* In a process of its own, so that its memory is its own too. */
static struct rusage apart(void (*work)(const forged_sizes *), const forged_sizes *sizes)
{
    struct rusage usage = {0};
    int result = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        work(sizes);
        _exit(0);
    }
    if (child < 0 || wait4(child, &result, 0, &usage) != child || result != 0) {
        fprintf(stderr, "bench_merge: a process failed\n");
        exit(1);
    }
    return usage;
}

/* Documents that the merged run has too many or too few. */
static size_t count_missing(const forged_sizes *sizes)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    char out[100];
    snprintf(out, sizeof out, "%s/merged", folder);
    must(attrib_run_open(out, &run, &err), &err);
    size_t n = attrib_run_describe(run)->n_documents;
    size_t wanted = sizes->n_documents * sizes->n_shards;
    attrib_run_close(run);
    return n > wanted ? n - wanted : wanted - n;
}

int main(int argc, char **argv)
{
    bench_arguments given = bench_arguments_read(
        argc, argv, 4, "bench_merge [--small] [SHARDS [DOCUMENTS [QUERIES [TOP]]]]");
    bool is_small = given.is_small;
    forged_sizes sizes = {.n_shards = bench_number(&given, 0, is_small ? 3 : 64),
                          .n_documents = bench_number(&given, 1, is_small ? 512 : 15872),
                          .n_queries = bench_number(&given, 2, is_small ? 2 : 10),
                          .n_top = bench_number(&given, 3, 10),
                          .n_tokens = 20,
                          .n_modules = 12};
    if (sizes.n_documents % 512 != 0) { /* a shard ends where a slice does */
        bench_refuse(&given);
    }
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/merge-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder)) {
        return 1;
    }
    apart(forge, &sizes);
    struct rusage usage = apart(merge, &sizes);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    size_t missing = count_missing(&sizes);
    printf("shards,documents,queries,top,processor_seconds,peak_mib,residual\n");
    printf("%zu,%zu,%zu,%zu,%.2f,%.0f,%zu\n", sizes.n_shards,
           sizes.n_documents * sizes.n_shards, sizes.n_queries, sizes.n_top, seconds,
           (double)usage.ru_maxrss / 1024, missing);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0 || missing != 0;
}
