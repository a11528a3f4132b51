/* SPDX-License-Identifier: MIT */
/* Indexes of a tiny model: what they choose is what exact scores put first and last, and
 * their bytes do not depend on threads, on being stopped, or on shards. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib.h"
#include "base/file.h"
#include "format/record.h"
#include "index/index.h"
#include "linalg/linalg.h"
#include "support/tiny.h"

enum { N_DOCUMENTS = 600, N_QUERIES = 4, N_EXACT = 5 };

typedef struct world {
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_factors *factors;
    attrib_queries *queries;
    char folder[128], rows[160], asked[160];
} world;

static attrib_corpus *open_rows(const world *w, const char *path)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = TINY_CONTEXT / 2; /* so that some documents have two sequences */
    check_ok(attrib_corpus_open(w->session, &(attrib_paths){&path, 1}, NULL, &options,
                                &corpus, &err),
             &err);
    return corpus;
}

static void write_queries(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < N_QUERIES; i++) {
        fprintf(file,
                "{\"id\": \"q%d\", \"ids\": [1, %d, %d, 3, %d], \"mask\": [0, 0, 1, 1, "
                "1]}\n",
                i, 2 + i, 9 - i, 4 + i);
    }
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    world *w = calloc(1, sizeof *w);
    attrib_corpus_options options;
    attrib_fit_options fit;
    assert_non_null(w);
    *state = w;
    check_ok(attrib_session_new(NULL, &w->session, &err), &err);
    make_scratch_folder(w->folder, sizeof w->folder);
    snprintf(w->rows, sizeof w->rows, "%s/rows.jsonl", w->folder);
    snprintf(w->asked, sizeof w->asked, "%s/queries.jsonl", w->folder);
    w->model = wide_model(2, 8, 12);
    tiny_write_corpus(w->rows, N_DOCUMENTS);
    w->corpus = open_rows(w, w->rows);
    write_queries(w->asked);
    attrib_corpus_options_default(&options);
    options.context = TINY_CONTEXT;
    check_ok(attrib_queries_open(NULL, w->asked, NULL, &options, &w->queries, &err),
             &err);
    attrib_fit_options_default(&fit);
    fit.modules = "all";
    check_ok(attrib_factors_fit(w->session, w->model, w->corpus, &fit, &w->factors, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    remove_folder(w->folder);
    attrib_queries_close(w->queries);
    attrib_factors_close(w->factors);
    attrib_corpus_close(w->corpus);
    attrib_model_close(w->model);
    attrib_session_free(w->session);
    free(w);
    return 0;
}

static char *path_of(const world *w, const char *name)
{
    static char paths[32][300];
    static int next;
    char *path = paths[next++ % 32];
    snprintf(path, sizeof paths[0], "%s/%s", w->folder, name);
    return path;
}

static attrib_index_job job_of(const world *w,
                               const attrib_index_options *options,
                               const char *folder)
{
    attrib_index_job job;
    attrib_index_job_default(&job);
    job.model = w->model;
    job.factors = w->factors;
    job.corpus = w->corpus;
    job.options = options;
    job.folder = folder;
    return job;
}

static attrib_index_options options_of(size_t bytes, bool is_whole)
{
    attrib_index_options options;
    attrib_index_options_default(&options);
    options.bytes_per_document = bytes;
    options.is_whole = is_whole;
    return options;
}

static void build(const world *w, size_t bytes, bool is_whole, const char *folder)
{
    attrib_error err = {0};
    attrib_index_options options = options_of(bytes, is_whole);
    attrib_index_job job = job_of(w, &options, folder);
    check_ok(attrib_index_build(w->session, &job, &err), &err);
}

/* Score with an index, or without one. */
static attrib_run *score(const world *w,
                         const attrib_corpus *corpus,
                         const attrib_index *index,
                         attrib_normalize normalize)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    char filter[32];
    attrib_score_options options;
    attrib_score_job job;
    attrib_score_options_default(&options);
    snprintf(filter, sizeof filter, "index:%d", N_EXACT);
    options.prefilter = index ? filter : NULL;
    options.normalize = normalize;
    options.top = N_EXACT;
    attrib_score_job_default(&job);
    job.model = w->model;
    job.factors = w->factors;
    job.corpus = corpus;
    job.queries = w->queries;
    job.options = &options;
    job.index = index;
    check_ok(attrib_run_score(w->session, &job, &run, &err), &err);
    return run;
}

/* A run by an index reports the documents, ranks aside, and the scores of a whole run. */
static void check_same_ends(attrib_run *some, attrib_run *all)
{
    for (size_t a = 0; a < N_QUERIES; a++) {
        const attrib_answer *got = attrib_run_answer(some, a);
        const attrib_answer *want = attrib_run_answer(all, a);
        assert_int_equal(got->n_scored, 2 * N_EXACT);
        for (size_t i = 0; i < N_EXACT; i++) {
            assert_int_equal(got->top[i].document.line, want->top[i].document.line);
            assert_int_equal(got->bottom[i].document.line, want->bottom[i].document.line);
            assert_true(fabs(got->top[i].score - want->top[i].score) <=
                        1e-5 * fabs(want->top[i].score));
        }
    }
}

/* With components kept whole the scan's order is that of exact scores, by size and as
 * cosines, of documents that have several sequences too. */
static void test_whole__chooses_the_first_and_last(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    attrib_index *index = NULL;
    build(w, 60000, true, path_of(w, "whole"));
    check_ok(attrib_index_open(path_of(w, "whole"), &index, &err), &err);
    assert_int_equal(attrib_index_describe(index)->n_documents, N_DOCUMENTS);
    for (int k = 0; k < 2; k++) {
        attrib_normalize how = k ? ATTRIB_NORMALIZE_UNIT : ATTRIB_NORMALIZE_NONE;
        attrib_run *some = score(w, w->corpus, index, how);
        attrib_run *all = score(w, w->corpus, NULL, how);
        check_same_ends(some, all);
        attrib_run_close(some);
        attrib_run_close(all);
    }
    attrib_index_close(index);
}

static void check_same_files(const world *w, const char *a, const char *b)
{
    static const char *const names[] = {"piece-000000", "piece-000001", "scales.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        attrib_error err = {0};
        at_map one = {0};
        at_map other = {0};
        char left[400];
        char right[400];
        snprintf(left, sizeof left, "%s/%s/%s", w->folder, a, names[i]);
        snprintf(right, sizeof right, "%s/%s/%s", w->folder, b, names[i]);
        check_ok(at_map_open(left, &one, &err), &err);
        check_ok(at_map_open(right, &other, &err), &err);
        assert_int_equal(one.n_bytes, other.n_bytes);
        assert_memory_equal(one.bytes, other.bytes, one.n_bytes);
        at_map_close(&one);
        at_map_close(&other);
    }
}

static void cancel(void *context, const attrib_progress *progress)
{
    if (strcmp(progress->stage, "index") == 0 && progress->done > 0) {
        attrib_session_cancel(*(attrib_session **)context);
    }
}

/* Two threads, an index that was stopped, one whose piece is damaged before it goes on,
 * and two shards that are merged have the bytes of one thread. */
static void test_bytes__are_the_same(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options two;
    attrib_index_options options = options_of(400, false);
    const char *shards[2] = {path_of(w, "shard-1"), path_of(w, "shard-0")};
    attrib_index_job job = job_of(w, &options, path_of(w, "two"));
    build(w, 400, false, path_of(w, "one"));
    attrib_session_options_default(&two);
    two.n_threads = 2;
    check_ok(attrib_session_new(&two, &session, &err), &err);
    check_ok(attrib_index_build(session, &job, &err), &err);
    check_same_files(w, "one", "two");
    attrib_session_free(session);
    two.progress = cancel;
    two.progress_context = &session;
    check_ok(attrib_session_new(&two, &session, &err), &err);
    job.folder = path_of(w, "stopped");
    check_fails(attrib_index_build(session, &job, &err), ATTRIB_ECANCELED, &err);
    assert_false(attrib_index_is(job.folder));
    attrib_session_free(session);
    err = (attrib_error){0};
    check_ok(attrib_index_build(w->session, &job, &err), &err);
    check_same_files(w, "one", "stopped");
    job.n_shards = 2;
    for (size_t i = 0; i < 2; i++) {
        job.i_shard = i;
        job.folder = shards[1 - i];
        check_ok(attrib_index_build(w->session, &job, &err), &err);
    }
    const char *in_order[2] = {shards[1], shards[0]};
    check_ok(attrib_index_merge(w->session, in_order, 2, "attrib merge",
                                path_of(w, "merged"), &err),
             &err);
    check_same_files(w, "one", "merged");
}

/* A folder that holds something else is left as it is, and nothing is left of a merge of
 * which an index is damaged. */
static void test_folders__hold_whole_indexes_alone(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    attrib_index_options options = options_of(400, false);
    attrib_index_job job = job_of(w, &options, path_of(w, "other"));
    const char *both[2] = {path_of(w, "sound"), path_of(w, "harmed")};
    check_ok(at_make_folder(job.folder, &err), &err);
    FILE *file = fopen(path_of(w, "other/notes"), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    check_fails(attrib_index_build(w->session, &job, &err), ATTRIB_EIO, &err);
    assert_non_null(strstr(err.message, "holds notes"));
    assert_false(at_is_there(path_of(w, "other/begun.msgpack")));
    build(w, 400, false, both[0]);
    build(w, 400, false, both[1]);
    file = fopen(path_of(w, "harmed/piece-000001"), "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -9, SEEK_END), 0);
    fputs("changed", file);
    assert_int_equal(fclose(file), 0);
    err = (attrib_error){0};
    check_fails(attrib_index_merge(w->session, both, 2, "attrib merge",
                                   path_of(w, "merged-damaged"), &err),
                ATTRIB_EFORMAT, &err);
    assert_false(at_is_there(path_of(w, "merged-damaged")));
}

/* Write the record of an index without the number of its method. */
static void write_without_method(const char *path)
{
    attrib_error err = {0};
    at_record record = {0};
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    size_t n_left = 0;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    check_ok(at_record_read(path, &record, &err), &err);
    const msgpack_object_map *map = &record.map.via.map;
    msgpack_pack_map(&packer, map->size - 1);
    for (size_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        if (key->via.str.size != 6 || memcmp(key->via.str.ptr, "method", 6) != 0) {
            msgpack_pack_object(&packer, *key);
            msgpack_pack_object(&packer, map->ptr[i].val);
            n_left++;
        }
    }
    assert_int_equal(n_left, map->size - 1);
    check_ok(at_record_write(path, &bytes, &err), &err);
    at_record_free(&record);
    msgpack_sbuffer_destroy(&bytes);
}

/* Make an index what an attrib had left that knew no methods: record and pieces, under
 * the name that it had then. */
static void forget_method(const char *folder, const char *record)
{
    attrib_error err = {0};
    attrib_index *index = NULL;
    at_piece_map pieces[2];
    check_ok(attrib_index_open(folder, &index, &err), &err);
    assert_int_equal(index->n_parts, 2);
    for (size_t i = 0; i < 2; i++) {
        check_ok(at_piece_open(index, i, true, &pieces[i], &err), &err);
    }
    assert_true(index->info.method > 0);
    index->info.method = 0;
    check_ok(at_index_name(index, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        check_ok(at_piece_write(index, i, &pieces[i].content, &err), &err);
        at_piece_close(&pieces[i]);
    }
    check_ok(at_index_write(index, AT_INDEX_MANIFEST, &err), &err);
    attrib_index_close(index);
    write_without_method(record);
}

/* An index that an attrib of another method began or finished is not gone on with, nor
 * merged with one of this, in one line that says so; but it is read. */
static void test_methods__are_not_mixed(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    attrib_index *index = NULL;
    attrib_index_options options = options_of(400, false);
    const char *both[2] = {path_of(w, "new"), path_of(w, "old")};
    attrib_index_job job = job_of(w, &options, both[1]);
    build(w, 400, false, both[0]);
    build(w, 400, false, both[1]);
    forget_method(both[1], path_of(w, "old/index.msgpack"));
    check_ok(attrib_index_open(both[1], &index, &err), &err);
    assert_int_equal(attrib_index_describe(index)->method, 0);
    attrib_run_close(score(w, w->corpus, index, ATTRIB_NORMALIZE_NONE));
    attrib_index_close(index);
    check_fails(attrib_index_merge(w->session, both, 2, "attrib merge",
                                   path_of(w, "mixed"), &err),
                ATTRIB_EINVAL, &err);
    assert_non_null(strstr(err.message, "made by another attrib"));
    assert_false(at_is_there(path_of(w, "mixed")));
    for (int is_begun = 0; is_begun < 2; is_begun++) {
        err = (attrib_error){0};
        check_fails(attrib_index_build(w->session, &job, &err), ATTRIB_ESHAPE, &err);
        assert_non_null(strstr(err.message, "another method"));
        assert_int_equal(
            rename(path_of(w, is_begun ? "old/begun.msgpack" : "old/index.msgpack"),
                   path_of(w, is_begun ? "old/index.msgpack" : "old/begun.msgpack")),
            0);
    }
}

/* A corpus that is a part of the indexed one is chosen from; one with other documents is
 * refused, as are indexes of other factors. */
static void test_documents__are_known_by_their_tokens(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    attrib_index *index = NULL;
    attrib_run *run = NULL;
    char line[1024];
    build(w, 400, false, path_of(w, "part-index"));
    check_ok(attrib_index_open(path_of(w, "part-index"), &index, &err), &err);
    FILE *from = fopen(w->rows, "r");
    FILE *to = fopen(path_of(w, "part.jsonl"), "w");
    assert_non_null(from);
    assert_non_null(to);
    for (int i = 0; i < 100 && fgets(line, sizeof line, from); i++) {
        if (i % 3 == 1) {
            fputs(line, to);
        }
    }
    fclose(from);
    assert_int_equal(fclose(to), 0);
    attrib_corpus *part = open_rows(w, path_of(w, "part.jsonl"));
    run = score(w, part, index, ATTRIB_NORMALIZE_NONE);
    assert_int_equal(attrib_run_answer(run, 0)->n_scored, 2 * N_EXACT);
    attrib_run_close(run);
    attrib_corpus_close(part);
    to = fopen(path_of(w, "new.jsonl"), "w");
    fputs("{\"ids\": [1, 2, 3, 4, 5, 6, 7, 7, 7, 1, 2]}\n", to);
    assert_int_equal(fclose(to), 0);
    attrib_corpus *other = open_rows(w, path_of(w, "new.jsonl"));
    attrib_score_options options;
    attrib_score_job job;
    attrib_score_options_default(&options);
    options.prefilter = "index:1";
    options.top = 1;
    attrib_score_job_default(&job);
    job.model = w->model;
    job.factors = w->factors;
    job.corpus = other;
    job.queries = w->queries;
    job.options = &options;
    job.index = index;
    check_fails(attrib_run_score(w->session, &job, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "1 of 1 documents are not in the index");
    err = (attrib_error){0};
    job.index = NULL;
    check_fails(attrib_run_score(w->session, &job, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "without an index");
    attrib_corpus_close(other);
    attrib_index_close(index);
}

/* Flip one byte of a file. */
static void damage(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(byte ^ 0x55, file);
    assert_int_equal(fclose(file), 0);
}

/* Damage is found, wherever it is, before anything is reported. */
static void test_damage__is_refused(void **state)
{
    const world *w = *state;

    static const struct {
        const char *name;
        long at;
    } places[] = {{"piece-000000", 3},   {"piece-000000", 10}, {"piece-000000", 30},
                  {"piece-000000", 140}, {"piece-000001", -1}, {"scales.bin", 5},
                  {"index.msgpack", 40}};

    build(w, 400, false, path_of(w, "damaged"));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        attrib_error err = {0};
        attrib_index *index = NULL;
        attrib_run *run = NULL;
        char path[400];
        attrib_score_options options;
        attrib_score_job job;
        snprintf(path, sizeof path, "%s/damaged/%s", w->folder, places[i].name);
        damage(path, places[i].at);
        attrib_status status = attrib_index_open(path_of(w, "damaged"), &index, &err);
        attrib_score_options_default(&options);
        options.prefilter = "index:5";
        options.top = 5;
        attrib_score_job_default(&job);
        job.model = w->model;
        job.factors = w->factors;
        job.corpus = w->corpus;
        job.queries = w->queries;
        job.options = &options;
        job.index = index;
        status =
            status == ATTRIB_OK ? attrib_run_score(w->session, &job, &run, &err) : status;
        check_fails(status, ATTRIB_EFORMAT, &err);
        attrib_index_close(index);
        damage(path, places[i].at); /* which makes it whole again */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole__chooses_the_first_and_last),
        cmocka_unit_test(test_bytes__are_the_same),
        cmocka_unit_test(test_folders__hold_whole_indexes_alone),
        cmocka_unit_test(test_methods__are_not_mixed),
        cmocka_unit_test(test_documents__are_known_by_their_tokens),
        cmocka_unit_test(test_damage__is_refused),
    };
    at_blas_single_threaded();
    return run_cases(tests, set_up, tear_down);
}
