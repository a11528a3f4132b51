/* SPDX-License-Identifier: MIT */
/* Runs before a bank whose losses are made of their scores: what is found is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/validate.h"
#include "base/random.h"
#include "support/check.h"
#include "support/oom.h"
#include "unit/analyze/planted_run.h"
#include "unit/analyze/tables.h"

/* As many of the halves have a second seed, whose losses go the other way. */
enum { QUERIES = 5, DOCUMENTS = 40, SUBSETS = 24, REPEATED = 10, UNMEASURED = 4 };

/* Nats that are measured for one that sum of scores / N predicts. */
#define SLOPE 0.25

static char folder[256];
static attrib_run *run;
static attrib_validate_options options;
static const char *names[] = {"first", "second"};

static bool is_kept(size_t subset, size_t document)
{
    return at_uniform(5, subset, document) < 0.5;
}

/* The loss of a query after training on documents that `kept` chooses, by their scores.
 */
static double loss_of(size_t q, const bool *kept)
{
    double sum = 0;
    for (size_t d = 0; d < DOCUMENTS; d++) {
        sum += kept[d] ? *planted_score(run, q, d) : 0;
    }
    return 10 - SLOPE * sum / DOCUMENTS;
}

static FILE *open_table(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    return stream;
}

/* Losses of all queries by a seed: `sign` times what the scores say, and `more`. */
static void put_losses(
    FILE *losses, const char *name, int seed, double sign, double more, const bool *kept)
{
    fprintf(losses, "%s,%d", name, seed);
    for (size_t q = 0; q < QUERIES; q++) {
        bool is_missing = strcmp(name, "half-3") == 0 && q == UNMEASURED;
        fprintf(losses, is_missing ? "," : ",%.17g", more + sign * loss_of(q, kept));
    }
    fputc('\n', losses);
}

static void put_subset(FILE *subsets,
                       const char *name,
                       const char *about,
                       const bool *kept)
{
    fprintf(subsets, "%s,%s,", name, about);
    for (size_t d = 0; d < DOCUMENTS; d++) {
        fputc(kept[d] ? '1' : '0', subsets);
    }
    fputc('\n', subsets);
}

/* A subset with its losses by two seeds, of which the second's are one nat larger. */
static void put_twice(
    FILE *subsets, FILE *losses, const char *name, const char *about, const bool *kept)
{
    put_subset(subsets, name, about, kept);
    put_losses(losses, name, 1, 1, 0, kept);
    put_losses(losses, name, 2, 1, 1, kept);
}

static size_t best_document(size_t q)
{
    size_t best = 0;
    for (size_t d = 1; d < DOCUMENTS; d++) {
        best = *planted_score(run, q, d) > *planted_score(run, q, best) ? d : best;
    }
    return best;
}

/* Random halves, once more by two seeds, all documents, those without the first of each
 * query, and without d0. */
static void write_bank(void)
{
    FILE *subsets = open_table("subsets.csv");
    FILE *losses = open_table("losses.csv");
    FILE *documents = open_table("documents.csv");
    FILE *labels = open_table("labels.csv");
    bool kept[DOCUMENTS];
    char name[32];
    char about[32];
    fputs("subset,group,method,query,mask\n", subsets);
    fputs("subset,seed,q0,q1,q2,q3,q4\n", losses);
    fputs("id\n", documents);
    fputs("query,document\n", labels);
    for (size_t i = 0; i < SUBSETS; i++) {
        for (size_t d = 0; d < DOCUMENTS; d++) {
            kept[d] = is_kept(i, d);
        }
        snprintf(name, sizeof name, "half-%zu", i);
        put_subset(subsets, name, "half,,", kept);
        put_losses(losses, name, 1, 1, 0, kept);
        if (i < REPEATED) {
            put_losses(losses, name, 2, -1, 0, kept);
        }
        snprintf(name, sizeof name, "twice-%zu", i);
        put_twice(subsets, losses, name, "twice,,", kept);
    }
    memset(kept, true, sizeof kept);
    put_twice(subsets, losses, "all", "all,,", kept);
    for (size_t q = 0; q < QUERIES; q++) {
        kept[best_document(q)] = false;
        snprintf(name, sizeof name, "top-%zu", q);
        snprintf(about, sizeof about, "top,best,q%zu", q);
        put_twice(subsets, losses, name, about, kept);
        put_losses(losses, name, 3, 1, 0.5, kept); /* all documents: the mean of theirs */
        kept[best_document(q)] = true;
        fprintf(labels, "q%zu,d%zu\n", q, best_document(q));
    }
    kept[0] = false;
    put_subset(subsets, "any", "top,random,", kept);
    put_losses(losses, "any", 2, 1, 1, kept); /* by the second seed alone */
    for (size_t d = 0; d < DOCUMENTS; d++) {
        fprintf(documents, "d%zu\n", d);
    }
    fclose(subsets);
    fclose(losses);
    fclose(documents);
    fclose(labels);
}

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    run = planted_run(QUERIES, DOCUMENTS);
    planted_fill(run, 1);
    write_bank();
    attrib_validate_options_default(&options);
    options.replicates = 200;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    planted_free(run);
    remove_folder(folder);
    return 0;
}

static attrib_validate_job job_of(attrib_run **runs, size_t n)
{
    attrib_validate_job job;
    attrib_validate_job_default(&job);
    job.runs = runs;
    job.n_runs = n;
    job.names = names;
    job.bank = folder;
    job.options = &options;
    return job;
}

static attrib_analysis *validate_or_fail(attrib_run **runs, size_t n)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_validate_job job = job_of(runs, n);
    check_ok(attrib_validate(NULL, &job, &analysis, &err), &err);
    return analysis;
}

static const attrib_table *find_table(const attrib_analysis *analysis, const char *name)
{
    const attrib_table *table = NULL;
    for (size_t i = 0; (table = attrib_analysis_table(analysis, i)); i++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    fail_msg("no table %s", name);
    return NULL;
}

static void check_number(double got, double want, const char *what)
{
    check_close_f64(&got, &want, 1, 1e-9, 1e-9, what);
}

static void test_validate__finds_what_the_bank_is_made_of(void **state)
{
    (void)state;
    attrib_analysis *analysis = validate_or_fail(&run, 1);
    const attrib_table *lds = attrib_analysis_table(analysis, 0);
    assert_string_equal(attrib_analysis_kind(analysis), "validate");
    assert_string_equal(lds->name, "lds");
    assert_int_equal(lds->n_rows, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(find_text(lds, i, "group"), i ? "twice" : "half");
        assert_string_equal(find_text(lds, i, "run"), "first");
        assert_string_equal(find_text(lds, i, "setting"), "ekfac-0.1");
        check_number(find_number(lds, i, "subsets"), SUBSETS, "subsets");
        check_number(find_number(lds, i, "queries"), i ? QUERIES : QUERIES - 1,
                     "queries that were measured on all subsets");
        check_number(find_number(lds, i, "lds"), 1, "lds");
        check_number(find_number(lds, i, "low"), 1, "low");
        check_number(find_number(lds, i, "slope"), SLOPE, "slope");
    }
    const attrib_table *ceiling = find_table(analysis, "ceiling");
    assert_int_equal(ceiling->n_rows, 2);
    check_number(find_number(ceiling, 0, "ceiling"), -1, "ceiling of opposed seeds");
    check_number(find_number(ceiling, 0, "subsets"), REPEATED, "repeated subsets");
    check_number(find_number(ceiling, 1, "ceiling"), 1, "ceiling");
    check_number(find_number(ceiling, 1, "subsets"), SUBSETS, "repeated subsets");
    const attrib_table *queries = find_table(analysis, "queries");
    assert_int_equal(queries->n_rows, 2 * QUERIES);
    check_number(find_number(queries, 3, "slope"), SLOPE, "slope of a query");
    assert_true(isnan(find_number(queries, UNMEASURED, "lds")));
    assert_null(attrib_analysis_note(analysis, 0)); /* all documents are no group */
    attrib_analysis_free(analysis);
}

/* A baseline's scores have no size. */
static void test_validate__tells_no_sizes_of_baselines(void **state)
{
    (void)state;
    planted_options(run)->settings[0].strategy = ATTRIB_BM25;
    attrib_analysis *analysis = validate_or_fail(&run, 1);
    check_number(find_number(find_table(analysis, "lds"), 0, "lds"), 1, "lds");
    assert_true(isnan(find_number(find_table(analysis, "lds"), 0, "slope")));
    assert_int_equal(find_table(analysis, "sizes")->n_rows, 0);
    attrib_analysis_free(analysis);
    planted_options(run)->settings[0].strategy = ATTRIB_EKFAC;
}

static void test_validate__compares_removals_with_all_documents(void **state)
{
    (void)state;
    attrib_analysis *analysis = validate_or_fail(&run, 1);
    const attrib_table *removals = find_table(analysis, "removals");
    const attrib_table *sizes = find_table(analysis, "sizes");
    double best = 0;
    double any = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        best += *planted_score(run, q, best_document(q)) / DOCUMENTS / QUERIES;
        any += *planted_score(run, q, 0) / DOCUMENTS / QUERIES;
    }
    assert_int_equal(removals->n_rows, 2);
    assert_string_equal(find_text(removals, 0, "method"), "best");
    assert_string_equal(find_text(removals, 1, "method"), "random");
    check_number(find_number(removals, 0, "removed"), 1, "removed");
    check_number(find_number(removals, 0, "queries"), QUERIES, "queries");
    check_number(find_number(removals, 0, "rise"), SLOPE * best, "rise");
    check_number(find_number(removals, 1, "rise"), SLOPE * any, "rise by chance");
    check_number(find_number(removals, 0, "over_random"), SLOPE * (best - any), "over");
    assert_true(isnan(find_number(removals, 1, "over_random")));
    check_number(find_number(sizes, 0, "predicted"), best, "predicted");
    check_number(find_number(sizes, 0, "measured"), SLOPE * best, "measured");
    check_number(find_number(sizes, 0, "ratio"), 1 / SLOPE, "ratio");
    check_number(find_number(sizes, 0, "order"), 1, "order");
    attrib_analysis_free(analysis);
}

static void test_validate__finds_labelled_documents(void **state)
{
    (void)state;
    attrib_run *other = planted_run(QUERIES, DOCUMENTS);
    attrib_run *runs[] = {run, other};
    for (size_t q = 0; q < QUERIES; q++) {
        *planted_score(other, q, best_document(q)) = -1; /* the last of all */
    }
    attrib_analysis *analysis = validate_or_fail(runs, 2);
    const attrib_table *labels = find_table(analysis, "labels");
    assert_int_equal(labels->n_rows, 2);
    check_number(find_number(labels, 0, "recall_1"), 1, "recall@1");
    check_number(find_number(labels, 0, "recall"), 1, "recall@10");
    check_number(find_number(labels, 0, "mrr"), 1, "MRR");
    check_number(find_number(labels, 0, "auprc"), 1, "AUPRC");
    check_number(find_number(labels, 1, "recall_1"), 0, "recall@1");
    check_number(find_number(labels, 1, "recall"), 0, "recall@10");
    check_number(find_number(labels, 1, "mrr"), 1.0 / DOCUMENTS, "MRR");
    check_number(find_number(labels, 1, "auprc"), 1.0 / DOCUMENTS, "AUPRC");
    check_number(find_number(labels, 1, "difference"), 1.0 / DOCUMENTS - 1, "difference");
    attrib_analysis_free(analysis);
    planted_free(other);
}

/* Scores of the other sign predict the opposite, and those of other documents nothing. */
static void test_validate__tells_signs_and_shuffled_scores(void **state)
{
    (void)state;
    attrib_run *other = planted_run(QUERIES, DOCUMENTS);
    attrib_run *runs[] = {run, other};
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t d = 0; d < DOCUMENTS; d++) {
            *planted_score(other, q, d) = -*planted_score(run, q, d);
        }
    }
    attrib_analysis *analysis = validate_or_fail(runs, 2);
    const attrib_table *lds = find_table(analysis, "lds");
    const attrib_table *differences = find_table(analysis, "differences");
    check_number(find_number(lds, 1, "lds"), -1, "lds of the other sign");
    check_number(find_number(lds, 1, "slope"), -SLOPE, "slope of the other sign");
    assert_int_equal(differences->n_rows, 2);
    assert_string_equal(find_text(differences, 0, "less_run"), "first");
    check_number(find_number(differences, 0, "difference"), -2, "difference");
    check_number(find_number(differences, 0, "high"), -2, "of every replicate");
    attrib_analysis_free(analysis);
    planted_fill(other, 2);
    analysis = validate_or_fail(runs, 2);
    lds = find_table(analysis, "lds");
    assert_true(find_number(lds, 1, "low") < 0 && find_number(lds, 1, "high") > 0);
    attrib_analysis_free(analysis);
    planted_free(other);
}

static void test_validate__means_runs_that_have_the_same_settings(void **state)
{
    (void)state;
    attrib_run *other = planted_run(QUERIES, DOCUMENTS);
    attrib_run *runs[] = {run, other};
    options.with_mean = true;
    attrib_analysis *analysis = validate_or_fail(runs, 2); /* the other's scores are 0 */
    const attrib_table *lds = find_table(analysis, "lds");
    assert_int_equal(lds->n_rows, 6);
    assert_string_equal(find_text(lds, 2, "run"), "mean");
    check_number(find_number(lds, 1, "lds"), 0, "lds of scores that are all alike");
    check_number(find_number(lds, 2, "lds"), 1, "lds of the mean");
    check_number(find_number(lds, 2, "slope"), 2 * SLOPE, "slope of half the scores");
    attrib_analysis_free(analysis);
    planted_options(other)->settings[0].damping = 1;
    analysis = validate_or_fail(runs, 2);
    assert_int_equal(find_table(analysis, "lds")->n_rows, 4);
    attrib_analysis_free(analysis);
    options.with_mean = false;
    planted_free(other);
}

/* Documents in another order and more of them, and queries that the bank does not ask. */
static void test_validate__matches_by_ids(void **state)
{
    (void)state;
    attrib_run *other = planted_run(QUERIES + 1, DOCUMENTS + 1);
    char ids[DOCUMENTS + 1][8];
    for (size_t d = 0; d <= DOCUMENTS; d++) {
        snprintf(ids[d], sizeof ids[d], "d%zu", DOCUMENTS - d);
        planted_document(other, d)->id = ids[d];
        for (size_t q = 0; q < QUERIES; q++) {
            *planted_score(other, q + 1, d) =
                d > 0 ? *planted_score(run, q, DOCUMENTS - d) : 1e6;
        }
    }
    planted_answer(other, 0)->query.id = "unasked";
    for (size_t q = 1; q <= QUERIES; q++) {
        planted_answer(other, q)->query.id = planted_answer(run, q - 1)->query.id;
    }
    attrib_analysis *analysis = validate_or_fail(&other, 1);
    const attrib_table *lds = find_table(analysis, "lds");
    check_number(find_number(lds, 0, "lds"), 1, "lds");
    check_number(find_number(lds, 0, "slope"), SLOPE, "slope");
    check_note(analysis, "1 documents of the run are not in the bank");
    attrib_analysis_free(analysis);
    planted_answer(other, 1)->query.id = "unknown";
    attrib_run *runs[] = {run, other};
    analysis = validate_or_fail(runs, 2);
    for (size_t p = 0; p < 2; p++) {
        check_number(find_number(find_table(analysis, "lds"), 2 + p, "queries"),
                     QUERIES - 1, "queries");
    }
    check_note(analysis, "1 of the bank's 5 queries are not in every run");
    attrib_analysis_free(analysis);
    planted_free(other);
}

static void check_refused(attrib_run *of, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_validate_job job = job_of(&of, 1);
    check_fails(attrib_validate(NULL, &job, &analysis, &err), expected, &err);
    check_message(&err, message);
    assert_null(analysis);
}

static void test_validate__refuses_runs_of_other_documents(void **state)
{
    (void)state;
    attrib_run *other = planted_run(QUERIES, DOCUMENTS);
    FILE *documents = NULL;
    planted_document(other, 7)->id = "elsewhere";
    check_refused(other, ATTRIB_ESHAPE, "first: no document with the id \"d7\" of ");
    check_refused(other, ATTRIB_ESHAPE, "documents.csv line 9: score the documents");
    planted_document(other, 7)->id = "d8";
    check_refused(other, ATTRIB_ESHAPE, "first: two documents with the id \"d8\"");
    planted_document(other, 7)->id = "d7";
    for (size_t q = 0; q < QUERIES; q++) {
        planted_answer(other, q)->query.id = "z";
    }
    check_refused(other, ATTRIB_ESHAPE,
                  "no query of the bank (\"q0\", ...) is in the run");
    planted_options(other)->prefilter = "tfidf:3";
    for (size_t q = 0; q < QUERIES; q++) {
        planted_answer(other, q)->query.id = planted_answer(run, q)->query.id;
    }
    check_refused(other, ATTRIB_ENOTSUP, "prefilter tfidf:3");
    planted_free(other);
    documents = open_table("documents.csv");
    fputs("id,hash\n", documents);
    for (size_t d = 0; d < DOCUMENTS; d++) {
        fprintf(documents, "d%zu,%s\n", d,
                d == 3 ? "00000000000000000000000000000000" : "");
    }
    fclose(documents);
    check_refused(run, ATTRIB_ESHAPE, "the document \"d3\" has other bytes than in ");
    write_bank();
}

static void test_validate__refuses_what_it_is_not_given(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_validate_job job = job_of(&run, 0);
    check_fails(attrib_validate(NULL, &job, &analysis, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "no run");
    job = job_of(&run, 1);
    job.bank = NULL;
    err = (attrib_error){0};
    check_fails(attrib_validate(NULL, &job, &analysis, &err), ATTRIB_EINVAL, &err);
    options.replicates = 1;
    check_refused(run, ATTRIB_EINVAL, "replicates: 1 is not in [10, 1000000]");
    options.replicates = 200;
    check_table_covers(attrib_validate_options_table(), sizeof options, SIZE_MAX);
}

static void test_validate__has_the_same_bytes_for_any_threads(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options threads;
    attrib_analysis *analyses[2] = {validate_or_fail(&run, 1), NULL};
    attrib_validate_job job = job_of(&run, 1);
    attrib_session_options_default(&threads);
    threads.n_threads = 2;
    check_ok(attrib_session_new(&threads, &session, &err), &err);
    check_ok(attrib_validate(session, &job, &analyses[1], &err), &err);
    check_same_analysis(analyses[0], analyses[1]);
    attrib_analysis_free(analyses[0]);
    attrib_analysis_free(analyses[1]);
    attrib_session_free(session);
}

static void test_validate__survives_memory_that_runs_out(void **state)
{
    (void)state;
    attrib_run *runs[] = {run, run};
    attrib_status status = ATTRIB_ENOMEM;
    options.replicates = 10;
    options.with_mean = true;
    for (size_t n = 0; status != ATTRIB_OK; n++) {
        attrib_error err = {0};
        attrib_analysis *analysis = NULL;
        attrib_validate_job job = job_of(runs, 2);
        oom_n_left = n;
        status = attrib_validate(NULL, &job, &analysis, &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
            assert_null(analysis);
        }
        assert_true(n < 5000);
        attrib_analysis_free(analysis);
    }
    options.replicates = 200;
    options.with_mean = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate__finds_what_the_bank_is_made_of),
        cmocka_unit_test(test_validate__tells_no_sizes_of_baselines),
        cmocka_unit_test(test_validate__compares_removals_with_all_documents),
        cmocka_unit_test(test_validate__finds_labelled_documents),
        cmocka_unit_test(test_validate__tells_signs_and_shuffled_scores),
        cmocka_unit_test(test_validate__means_runs_that_have_the_same_settings),
        cmocka_unit_test(test_validate__matches_by_ids),
        cmocka_unit_test(test_validate__refuses_runs_of_other_documents),
        cmocka_unit_test(test_validate__refuses_what_it_is_not_given),
        cmocka_unit_test(test_validate__has_the_same_bytes_for_any_threads),
        cmocka_unit_test(test_validate__survives_memory_that_runs_out),
    };
    return run_cases(tests, set_up, tear_down);
}
