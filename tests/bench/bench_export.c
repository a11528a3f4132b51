/* SPDX-License-Identifier: MIT */
/* How long exports of a large run take, and in how much memory.
 *
 *     bench_export [--small] [QUERIES [DOCUMENTS [FORMAT]]]
 *
 * A run is forged: scores are made up, and of every query 10 documents of each end are
 * reported with the shares of 32 tokens and 12 maps. A row for each format, or for the
 * one that is named ("csv", "csv-all": all scores): seconds, scores a second, the peak of
 * memory of a process that does nothing else, and the file's size. The residual is the
 * largest difference of the scores that a file of safetensors holds from those that were
 * made up, which is 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attrib/export.h"
#include "bench/arguments.h"
#include "format/safetensors.h"
#include "run/run.h"

#define N_TOP     10
#define N_TOKENS  32
#define N_MODULES 12

static char folder[64], run_folder[80], out_path[120];

static void must(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK) {
        fprintf(stderr, "bench_export: %s\n", err->message);
        exit(1);
    }
}

/* 1. The forged run */

/* The score of a document for a query: any numbers, of any order. */
static double score_of(size_t q, size_t d)
{
    uint64_t z = (q * 0x1000003 + d + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 29)) * 0xBF58476D1CE4E5B9u;
    return (double)((z ^ (z >> 32)) >> 11) * 0x1p-43 - 512;
}

static attrib_corpus *make_corpus(size_t n_documents)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_row *rows = NULL;
    char(*ids)[32] = NULL;
    int32_t tokens[N_TOKENS] = {0};
    static const attrib_tag tags[] = {{"kind", "\"forged\""}, {"year", "2026"}};
    must(at_array(n_documents, sizeof *rows, &rows, &err), &err);
    must(at_array(n_documents, sizeof *ids, &ids, &err), &err);
    for (size_t i = 0; i < n_documents; i++) {
        snprintf(ids[i], sizeof ids[i], "document-%zu", i);
        rows[i] = (attrib_row){
            .id = ids[i], .ids = tokens, .n_tokens = N_TOKENS, .tags = tags, .n_tags = 2};
    }
    const attrib_rows list = ATTRIB_LIST(rows, n_documents);
    must(attrib_corpus_from_rows(NULL, &list, NULL, NULL, &corpus, &err), &err);
    free(rows);
    free(ids);
    return corpus;
}

static attrib_token_score tokens[N_TOKENS];
static attrib_module_score modules[N_MODULES];

/* The document at a rank: made up too, and not the one that has the score. */
static attrib_result make_result(const attrib_corpus *corpus,
                                 size_t q,
                                 size_t rank,
                                 size_t n_documents)
{
    static const char text[] = "The text of a document that was reported, which a page "
                               "or a table shows with the shares of its tokens in the "
                               "score, from the first to the last of them.";
    attrib_result result = {.rank = rank,
                            .tokens = tokens,
                            .n_tokens = N_TOKENS,
                            .modules = modules,
                            .n_modules = N_MODULES};
    size_t d = (q * 7919 + rank * 104729) % n_documents;
    attrib_corpus_document(corpus, d, &result.document);
    result.document.text = text;
    result.document.n_text_bytes = sizeof text - 1;
    result.score = score_of(q, d);
    return result;
}

static attrib_answer *make_answers(const attrib_corpus *corpus,
                                   size_t n_queries,
                                   size_t n)
{
    attrib_error err = {0};
    attrib_answer *answers = NULL;
    static const int32_t ids[] = {1, 2};
    static const uint8_t mask[] = {0, 1};
    must(at_array(n_queries, sizeof *answers, &answers, &err), &err);
    for (size_t q = 0; q < n_queries; q++) {
        attrib_result *results = NULL;
        char *id = NULL;
        must(at_array(2 * N_TOP, sizeof *results, &results, &err), &err);
        must(at_array(32, 1, &id, &err), &err);
        snprintf(id, 32, "query-%zu", q);
        for (size_t k = 0; k < N_TOP; k++) {
            results[k] = make_result(corpus, q, k + 1, n);
            results[N_TOP + k] = make_result(corpus, q, n - k, n);
        }
        answers[q] = (attrib_answer){
            .query = {.id = id,
                      .prompt = "Question: What does a page show?\nAnswer:",
                      .completion = " the shares of tokens in the score",
                      .ids = ids,
                      .mask = mask,
                      .n_tokens = 2},
            .n_rows = 1,
            .loss = 1,
            .self_influence = 1,
            .top = results,
            .n_top = N_TOP,
            .bottom = results + N_TOP,
            .n_bottom = N_TOP};
    }
    return answers;
}

static void write_slices(const attrib_run *run, const attrib_corpus *corpus)
{
    for (size_t i = 0; i < at_n_slices(run->info.n_documents); i++) {
        attrib_error err = {0};
        at_slice slice = {0};
        must(at_slice_new(run, corpus, 0, i, &slice, &err), &err);
        double *scores = slice.arrays[AT_SCORES];
        for (size_t d = 0; d < slice.counts.n_documents; d++) {
            for (size_t q = 0; q < run->info.n_queries; q++) {
                scores[d * run->info.n_queries + q] = score_of(q, slice.first + d);
            }
        }
        must(at_slice_write(run, &slice, &err), &err);
        at_slice_free(&slice);
    }
}

static int forge(size_t n_queries, size_t n_documents)
{
    attrib_error err = {0};
    attrib_corpus *corpus = make_corpus(n_documents);
    for (size_t t = 0; t < N_TOKENS; t++) {
        tokens[t] =
            (attrib_token_score){" word", 5, (int32_t)t, false, 1.0 / 3 * (double)t};
    }
    for (size_t m = 0; m < N_MODULES; m++) {
        modules[m] = (attrib_module_score){"model.layers.0.mlp.down_proj", (double)m / 7};
    }
    attrib_run run = {.info = {.n_queries = n_queries,
                               .n_documents = n_documents,
                               .n_modules = N_MODULES,
                               .n_answers = n_queries,
                               .model_hash = "",
                               .corpus_hash = "",
                               .factors_hash = "",
                               .kernels = "",
                               .corpus_date = "",
                               .command = "",
                               .folder = run_folder},
                      .answers = make_answers(corpus, n_queries, n_documents),
                      .n_tile = n_queries};
    attrib_score_options_default(&run.options);
    at_hash_bytes("run", 3, run.identity);
    must(at_make_folder(run_folder, &err), &err);
    write_slices(&run, corpus);
    must(at_answers_write(&run, &err), &err);
    must(at_run_manifest_write(&run, &err), &err);
    attrib_corpus_close(corpus);
    return 0;
}

/* 2. Exports */

typedef struct task {
    const char *name;
    attrib_export_format format;
    bool with_all;
} task;

static const task tasks[] = {
    {"safetensors", ATTRIB_EXPORT_SAFETENSORS, false}, /* the residual reads it */
    {"sqlite", ATTRIB_EXPORT_SQLITE, false},
    {"html", ATTRIB_EXPORT_HTML, false},
    {"jsonl", ATTRIB_EXPORT_JSONL, false},
    {"csv", ATTRIB_EXPORT_CSV, false},
    {"parquet", ATTRIB_EXPORT_PARQUET, false},
    {"npz", ATTRIB_EXPORT_NPZ, false},
    {"sqlite-all", ATTRIB_EXPORT_SQLITE, true},
    {"csv-all", ATTRIB_EXPORT_CSV, true},
    {"jsonl-all", ATTRIB_EXPORT_JSONL, true},
    {"parquet-all", ATTRIB_EXPORT_PARQUET, true},
    {"arrow-all", ATTRIB_EXPORT_ARROW, true},
    {"msgpack-all", ATTRIB_EXPORT_MSGPACK, true},
};

static int export(const task *self)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_export_options options;
    attrib_export_options_default(&options);
    options.format = self->format;
    options.with_all = self->with_all;
    must(attrib_run_open(run_folder, &run, &err), &err);
    must(attrib_export_run(run, &options, out_path, &err), &err);
    attrib_run_close(run);
    return 0;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double busy_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* Do the work in a process of its own, so that its memory is its own too. NULL: forge. */
static struct rusage run_apart(const task *self, size_t n_queries, size_t n_documents)
{
    struct rusage usage = {0};
    int result = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        _exit(self ? export(self) : forge(n_queries, n_documents));
    }
    if (child < 0 || wait4(child, &result, 0, &usage) != child || result != 0) {
        fprintf(stderr, "bench_export: %s failed\n", self ? self->name : "forging");
        exit(1);
    }
    return usage;
}

/* The largest difference of the scores in the file of safetensors. */
static double check(size_t n_queries, size_t n_documents)
{
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    double worst = 0;
    must(at_tensors_open(out_path, &tensors, &err), &err);
    const at_tensor *scores = at_tensors_find(tensors, "scores");
    for (size_t i = 0; i < n_queries * n_documents; i++) {
        double got = 0;
        memcpy(&got, scores->data + i * sizeof got, sizeof got);
        worst = fmax(worst, fabs(got - score_of(i / n_documents, i % n_documents)));
    }
    at_tensors_close(tensors);
    return worst;
}

static void measure(const task *self, size_t n_queries, size_t n_documents)
{
    double start = seconds_now();
    struct rusage usage = run_apart(self, n_queries, n_documents);
    double wall = seconds_now() - start;
    struct stat info = {0};
    stat(out_path, &info);
    printf("%-12s %8.2f s %8.2f s busy %8.2f M scores/s %7.0f MiB peak %8.1f MiB file",
           self->name, wall, busy_of(&usage),
           (double)n_queries * (double)n_documents / busy_of(&usage) / 1e6,
           (double)usage.ru_maxrss / 1024, (double)info.st_size / 0x1p20);
    if (self->format == ATTRIB_EXPORT_SAFETENSORS) {
        double residual = check(n_queries, n_documents);
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

int main(int argc, char **argv)
{
    bench_arguments arguments = bench_arguments_read(
        argc, argv, 3, "bench_export [--small] [QUERIES [DOCUMENTS [FORMAT]]]");
    size_t n_queries = bench_number(&arguments, 0, arguments.is_small ? 20 : 1000);
    size_t n_documents = bench_number(&arguments, 1, arguments.is_small ? 1100 : 10000);
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/bench-export-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "bench_export: %s cannot be made\n", folder);
        return 1;
    }
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    atexit(remove_run);
    run_apart(NULL, n_queries, n_documents);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (arguments.n < 3 || strcmp(tasks[i].name, arguments.values[2]) == 0) {
            measure(&tasks[i], n_queries, n_documents);
        }
    }
    return 0;
}
