/* SPDX-License-Identifier: MIT */
/* Numbers of small runs: what is not finite is refused, what has no gradient has no
 * cosine, and places are counted from either end. Two functions are wrapped
 * (CMakeLists.txt), so that scores can be spoilt and memory be short. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "format/record.h"
#include "score/contract.h"
#include "score/sizes.h"
#include "support/tiny.h"

enum { N_DOCUMENTS = 7, MAX_PATH = 300 };

static const char documents[] = "{\"ids\": [1, 2, 3, 9]}\n"
                                "{\"ids\": [5, 6, 2]}\n"
                                "{\"ids\": [8, 7, 6, 5]}\n"
                                "{\"ids\": [4, 3, 10]}\n"
                                "{\"ids\": [3, 5, 7]}\n"
                                "{\"ids\": [2, 2, 8]}\n"
                                "{\"ids\": [9, 1, 1, 4, 0]}\n";
static const char two_queries[] = "{\"ids\": [1, 2, 3], \"mask\": [0, 0, 1]}\n"
                                  "{\"ids\": [5, 6], \"mask\": [0, 1]}\n";

typedef struct fixture {
    char folder[200];
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_queries *queries;
} fixture;

/* What is added to the score of the third sequence of every block. */
static double spoilt;

attrib_status __real_at_contract(const at_contract_job *job, attrib_error *err);
attrib_status __wrap_at_contract(const at_contract_job *job, attrib_error *err);

attrib_status __wrap_at_contract(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = __real_at_contract(job, err);
    if (status == ATTRIB_OK && spoilt != 0) {
        job->scores[2 * job->stride + 1] += spoilt;
    }
    return status;
}

/* Whole queries that are held at a time; 0: what memory holds. */
static size_t n_whole;

attrib_status __real_at_fitting_whole(const at_setup *setup,
                                      size_t *out,
                                      attrib_error *err);
attrib_status __wrap_at_fitting_whole(const at_setup *setup,
                                      size_t *out,
                                      attrib_error *err);

attrib_status __wrap_at_fitting_whole(const at_setup *setup,
                                      size_t *out,
                                      attrib_error *err)
{
    *out = n_whole;
    return n_whole ? ATTRIB_OK : __real_at_fitting_whole(setup, out, err);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[MAX_PATH];
    const char *paths[] = {path};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    spoilt = 0;
    n_whole = 0;
    make_scratch_folder(f->folder, sizeof f->folder);
    f->model = tiny_model();
    snprintf(path, sizeof path, "%s/c.jsonl", f->folder);
    write_file(path, documents, sizeof documents - 1);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    snprintf(path, sizeof path, "%s/q.jsonl", f->folder);
    write_file(path, two_queries, sizeof two_queries - 1);
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &f->queries, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_queries_close(f->queries);
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    remove_folder(f->folder);
    free(f);
    return 0;
}

static attrib_status score(const fixture *f,
                           size_t rank,
                           attrib_normalize normalize,
                           attrib_run **out,
                           attrib_error *err)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.query_rank = rank;
    options.normalize = normalize;
    options.top = 3;
    return attrib_run_score(NULL,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = f->model,
                                                .corpus = f->corpus,
                                                .queries = f->queries,
                                                .options = &options},
                            out, err);
}

static void test_numbers__scores_that_are_not_finite_are_refused(void **state)
{
    const fixture *f = *state;
    static const double bad[] = {(double)NAN, HUGE_VAL, -HUGE_VAL};
    for (size_t i = 0; i < 3 * 2; i++) {
        attrib_error err = {0};
        attrib_run *run = NULL;
        spoilt = bad[i / 2];
        check_fails(
            score(f, i % 2 ? 2 : ATTRIB_RANK_FULL, ATTRIB_NORMALIZE_NONE, &run, &err),
            ATTRIB_ENUMERIC, &err);
        check_message(&err, "document 2: its score against query 1 is not finite");
        assert_null(run);
    }
}

/* Put `instead` in the place of a number of a file, which holds it once. */
static void replace_number(const char *path, double number, double instead)
{
    FILE *file = fopen(path, "r+");
    char bytes[1 << 14];
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    size_t at = 0;
    assert_true(n > sizeof number && n < sizeof bytes);
    while (at + sizeof number <= n && memcmp(bytes + at, &number, sizeof number) != 0) {
        at++;
    }
    assert_true(at + sizeof number <= n);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(&instead, sizeof instead, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* Write a run of both queries into a folder. */
static void write_run(const fixture *f, const char *folder)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    check_ok(attrib_run_score(NULL,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .corpus = f->corpus,
                                                  .queries = f->queries,
                                                  .options = &options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    attrib_run_close(run);
}

/* A file whose numbers were changed is not read as scores. */
static void test_numbers__files_of_scores_that_are_not_finite_are_refused(void **state)
{
    const fixture *f = *state;
    static const double bad[] = {(double)NAN, HUGE_VAL};
    for (size_t i = 0; i < 2; i++) {
        attrib_error err = {0};
        attrib_run *run = NULL;
        char folder[MAX_PATH];
        char part[MAX_PATH + 40];
        double scores[2 * N_DOCUMENTS];
        snprintf(folder, sizeof folder, "%s/run%zu", f->folder, i);
        snprintf(part, sizeof part, "%s/scores-0000-000000.safetensors", folder);
        write_run(f, folder);
        check_ok(attrib_run_open(folder, &run, &err), &err);
        check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, scores, &err), &err);
        attrib_run_close(run);
        run = NULL;
        replace_number(part, scores[3], bad[i]);
        check_ok(attrib_run_open(folder, &run, &err), &err);
        check_fails(attrib_run_scores(run, 0, 0, N_DOCUMENTS, scores, &err),
                    ATTRIB_ENUMERIC, &err);
        check_message(&err, "number 3 is not finite");
        attrib_run_close(run);
    }
}

/* A sealed record whose member `key` is a number has another; or, an array, one element
 * fewer. */
static void forge(const char *path, const char *key, bool is_number)
{
    attrib_error err = {0};
    at_record record = {0};
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    check_ok(at_record_read(path, &record, &err), &err);
    msgpack_object *value = (msgpack_object *)(uintptr_t)at_record_find(&record.map, key);
    assert_non_null(value);
    if (is_number) {
        value->via.u64 += 3;
    } else {
        assert_int_equal(value->type, MSGPACK_OBJECT_ARRAY);
        value->via.array.size--;
    }
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    assert_int_equal(msgpack_pack_object(&packer, record.map), 0);
    check_ok(at_record_write(path, &buffer, &err), &err);
    msgpack_sbuffer_destroy(&buffer);
    at_record_free(&record);
}

/* Records that are sealed well and do not fit each other are refused. */
static void test_numbers__records_that_do_not_fit_are_refused(void **state)
{
    const fixture *f = *state;

    static const struct {
        const char *file, *key;
        bool is_number;
        const char *message;
    } forged[] = {{"manifest.msgpack", "tile", true, "tile"},
                  {"answers.msgpack", "answers", false, "1 answers, expected 2"}};

    for (size_t i = 0; i < 2; i++) {
        attrib_error err = {0};
        attrib_run *run = NULL;
        char folder[MAX_PATH];
        char path[MAX_PATH + 40];
        snprintf(folder, sizeof folder, "%s/forged%zu", f->folder, i);
        write_run(f, folder);
        check_ok(attrib_run_open(folder, &run, &err), &err);
        attrib_run_close(run);
        run = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, forged[i].file);
        forge(path, forged[i].key, forged[i].is_number);
        check_fails(attrib_run_open(folder, &run, &err), ATTRIB_EFORMAT, &err);
        check_message(&err, forged[i].message);
        assert_null(run);
    }
}

/* A score is divided by the loss, or by both norms; a document without a gradient scores
 * 0, and so would its cosine have to be made of nothing. */
static void test_numbers__what_scores_are_divided_by(void **state)
{
    (void)state;
    assert_true(at_score_scale(ATTRIB_NORMALIZE_NONE, 4, 9, 25) == 1);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_NATS, 4, 9, 25) == 1.0 / 4);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 4, 9, 25) == 1.0 / 15);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 4, 9, 0) == 0);
}

/* Places of the first ones count from 1, of the last ones from N down. */
static void test_numbers__places_count_from_both_ends(void **state)
{
    const fixture *f = *state;
    for (size_t rank = 0; rank <= 2; rank += 2) {
        attrib_error err = {0};
        attrib_run *run = NULL;
        double scores[2 * N_DOCUMENTS];
        check_ok(score(f, 0, ATTRIB_NORMALIZE_NONE, &run, &err), &err);
        check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, scores, &err), &err);
        attrib_run_close(run);
        check_ok(score(f, rank, ATTRIB_NORMALIZE_NONE, &run, &err), &err);
        for (size_t q = 0; q < 2; q++) {
            const attrib_answer *answer = attrib_run_answer(run, q);
            assert_int_equal(answer->n_top, 3);
            assert_int_equal(answer->n_bottom, 3);
            for (size_t i = 0; i < 6; i++) {
                const attrib_result *result =
                    i < 3 ? &answer->top[i] : &answer->bottom[i - 3];
                size_t place = 1;
                for (size_t d = 0; d < N_DOCUMENTS; d++) {
                    place += scores[2 * d + q] > scores[2 * result->document.index + q];
                }
                assert_int_equal(result->rank, place);
                assert_int_equal(result->rank, i < 3 ? i + 1 : N_DOCUMENTS - (i - 3));
            }
        }
        attrib_run_close(run);
    }
}

/* Documents longer than the context are several sequences: shares of maps and of tokens
 * sum to the score all the same, by whole queries and by cut ones. Sums of a dozen f32
 * products, compared with the sum of their sizes. */
static void test_numbers__shares_of_split_documents_sum_to_the_score(void **state)
{
    fixture *f = *state;
    attrib_corpus_options read;
    char path[MAX_PATH];
    const char *paths[] = {path};
    attrib_error err = {0};
    snprintf(path, sizeof path, "%s/split.jsonl", f->folder);
    tiny_write_corpus(path, N_DOCUMENTS);
    attrib_corpus_options_default(&read);
    read.context = 4;
    attrib_corpus_close(f->corpus);
    f->corpus = NULL;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, &read, &f->corpus,
                                &err),
             &err);
    assert_true(attrib_corpus_summarize(f->corpus)->n_sequences > 2 * N_DOCUMENTS);
    for (size_t rank = 0; rank <= 2; rank += 2) {
        attrib_run *run = NULL;
        check_ok(score(f, rank, ATTRIB_NORMALIZE_NONE, &run, &err), &err);
        for (size_t i = 0; i < 2 * 3; i++) {
            const attrib_result *result = &attrib_run_answer(run, i / 3)->top[i % 3];
            double modules = 0;
            double tokens = 0;
            double scale = fabs(result->score);
            for (size_t m = 0; m < result->n_modules; m++) {
                modules += result->modules[m].score;
                scale += fabs(result->modules[m].score);
            }
            for (size_t t = 0; t < result->n_tokens; t++) {
                tokens += result->tokens[t].score;
                scale += fabs(result->tokens[t].score);
            }
            assert_true(scale > 0);
            assert_true(fabs(modules - result->score) <= 1e-5 * scale);
            assert_true(fabs(tokens - result->score) <= 1e-5 * scale);
        }
        attrib_run_close(run);
    }
}

/* Six queries, which have a tag. */
static const char rows[] = "{\"ids\": [1, 2, 3], \"mask\": [0, 0, 1], \"k\": \"b\"}\n"
                           "{\"ids\": [5, 6], \"mask\": [0, 1], \"k\": \"a\"}\n"
                           "{\"ids\": [4, 6], \"mask\": [0, 1], \"k\": \"c\"}\n"
                           "{\"ids\": [7, 6], \"mask\": [0, 1], \"k\": \"b\"}\n"
                           "{\"ids\": [9, 6], \"mask\": [0, 1], \"k\": \"a\"}\n"
                           "{\"ids\": [2, 6], \"mask\": [0, 1], \"k\": \"b\"}\n";

/* Those in place of the two. */
static void ask_rows(fixture *f)
{
    attrib_error err = {0};
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/rows.jsonl", f->folder);
    write_file(path, rows, sizeof rows - 1);
    attrib_queries_close(f->queries);
    f->queries = NULL;
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &f->queries, &err), &err);
}

/* Cut queries are settled by as many whole ones at a time as are held: four of six, and
 * the two that are left. */
static void test_numbers__whole_queries_take_turns(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_run *in_turns = NULL;
    ask_rows(f);
    check_ok(score(f, 2, ATTRIB_NORMALIZE_NONE, &run, &err), &err);
    n_whole = 4;
    check_ok(score(f, 2, ATTRIB_NORMALIZE_NONE, &in_turns, &err), &err);
    assert_int_equal(attrib_run_describe(run)->n_answers, 6);
    for (size_t q = 0; q < 6; q++) {
        const attrib_answer *a = attrib_run_answer(in_turns, q);
        const attrib_answer *b = attrib_run_answer(run, q);
        assert_string_equal(a->query.id, b->query.id);
        assert_true(a->loss == b->loss);
        assert_int_equal(a->n_top, b->n_top);
        for (size_t i = 0; i < b->n_top; i++) {
            assert_int_equal(a->top[i].document.index, b->top[i].document.index);
            assert_true(a->top[i].score == b->top[i].score);
        }
    }
    attrib_run_close(in_turns);
    attrib_run_close(run);
}

/* Rows of one value are one query, wherever they stand; queries come in the order in
 * which their values first do. */
static void test_numbers__values_are_numbered_as_they_come(void **state)
{
    fixture *f = *state;
    static const char *const ids[] = {"b", "a", "c"};
    static const size_t n_rows[] = {3, 2, 1};
    static const int32_t first[] = {1, 5, 4};
    static const int32_t last[] = {2, 9, 4}; /* rows of a query are in their order */
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.aggregate = "k";
    ask_rows(f);
    check_ok(attrib_run_score(NULL,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .corpus = f->corpus,
                                                  .queries = f->queries,
                                                  .options = &options},
                              &run, &err),
             &err);
    assert_int_equal(attrib_run_describe(run)->n_queries, 3);
    for (size_t q = 0; q < 3; q++) {
        const attrib_answer *answer = attrib_run_answer(run, q);
        assert_string_equal(answer->query.id, ids[q]);
        assert_int_equal(answer->n_rows, n_rows[q]);
        assert_int_equal(answer->query.ids[0], first[q]);
        assert_int_equal(answer->query.ids[answer->query.n_tokens - 2], last[q]);
    }
    attrib_run_close(run);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_numbers__scores_that_are_not_finite_are_refused),
        WITH_FIXTURE(test_numbers__files_of_scores_that_are_not_finite_are_refused),
        WITH_FIXTURE(test_numbers__records_that_do_not_fit_are_refused),
        WITH_FIXTURE(test_numbers__what_scores_are_divided_by),
        WITH_FIXTURE(test_numbers__places_count_from_both_ends),
        WITH_FIXTURE(test_numbers__shares_of_split_documents_sum_to_the_score),
        WITH_FIXTURE(test_numbers__whole_queries_take_turns),
        WITH_FIXTURE(test_numbers__values_are_numbered_as_they_come),
    };
    return run_cases(tests, NULL, NULL);
}
