/* SPDX-License-Identifier: MIT */
/* Groups of documents and queries: sums, tests with effects that are planted
 * and with none, and forecasts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "base/random.h"
#include "grouped.h"
#include "support/check.h"
#include "tables.h"

static void tag_queries(attrib_run *run, const attrib_tag *tags, size_t n)
{
    for (size_t q = 0; q < planted_info(run)->n_queries; q++) {
        planted_answer(run, q)->query.tags = &tags[q % n];
        planted_answer(run, q)->query.n_tags = 1;
    }
}

static const attrib_tag abilities[2] = {{"ability", "\"maths\""},
                                        {"ability", "\"talk\""}};

/* 1. Sums */

/* Documents d with d % 3 == kind against queries with q % 2 == ability. */
static void check_pair(attrib_run *run,
                       const attrib_table *table,
                       size_t kind,
                       size_t ability)
{
    static const char *const kind_names[] = {"code", "chat", "wiki"};
    static const char *const ability_names[] = {"maths", "talk"};
    size_t row =
        find_row(table, "documents", kind_names[kind], "queries", ability_names[ability]);
    size_t n_documents = planted_info(run)->n_documents;
    double n_members = 0;
    double n_queries = 0;
    double sum = 0;
    double per_nat = 0;
    double lift = 0;
    for (size_t d = kind; d < n_documents; d += 3) {
        n_members++;
    }
    for (size_t q = ability; q < planted_info(run)->n_queries; q += 2) {
        double positive = 0;
        double total = 0;
        n_queries++;
        for (size_t d = 0; d < n_documents; d++) {
            double score = *planted_score(run, q, d);
            total += fmax(score, 0);
            positive += d % 3 == kind ? fmax(score, 0) : 0;
            sum += d % 3 == kind ? score : 0;
            per_nat += d % 3 == kind ? score / planted_answer(run, q)->loss : 0;
        }
        lift += positive / total / (n_members / (double)n_documents);
    }
    const double want[5] = {n_members, sum, sum / n_members / n_queries,
                            per_nat / n_members / n_queries, lift / n_queries};
    const double got[5] = {
        find_number(table, row, "n_documents"), find_number(table, row, "sum"),
        find_number(table, row, "mean"), find_number(table, row, "per_nat"),
        find_number(table, row, "lift")};
    check_close_f64(got, want, 5, 1e-12, 1e-14, kind_names[kind]);
    assert_true(find_number(table, row, "mean_low") < want[2]);
    assert_true(find_number(table, row, "mean_high") > want[2]);
}

static void test_groups__sums_are_of_their_members(void **state)
{
    (void)state;
    attrib_run *run = planted_run(6, 50);
    planted_fill(run, 2);
    tag_documents(run, kinds, 3);
    tag_queries(run, abilities, 2);
    group_options.query_tag = "ability";
    for (size_t q = 0; q < 6; q++) {
        planted_answer(run, q)->loss = 1 + (double)q;
    }
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 6);
    for (size_t kind = 0; kind < 3; kind++) {
        check_pair(run, table, kind, 0);
        check_pair(run, table, kind, 1);
    }
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_groups__scores_that_are_cosines_have_no_nats(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 9);
    planted_fill(run, 2);
    tag_documents(run, kinds, 3);
    for (int how = ATTRIB_NORMALIZE_NONE; how <= ATTRIB_NORMALIZE_UNIT; how++) {
        planted_options(run)->normalize = (attrib_normalize)how;
        planted_answer(run, 0)->loss = 4;
        attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
        const attrib_table *table = attrib_analysis_table(analysis, 0);
        double mean = find_number(table, 0, "mean");
        double per_nat = find_number(table, 0, "per_nat");
        assert_true(how == ATTRIB_NORMALIZE_UNIT ? isnan(per_nat)
                                                 : per_nat == mean / (how ? 1 : 4));
        attrib_analysis_free(analysis);
    }
    planted_free(run);
}

/* 2. Tests */

/* The ten first documents of the one query are 5 of code, 5 of chat and none of wiki. */
static void test_groups__one_query_has_an_exact_p(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 60);
    tag_documents(run, kinds, 3);
    for (size_t d = 0; d < 60; d++) {
        *planted_score(run, 0, d) = d % 3 == 2 ? -100 - (double)d : -(double)d;
    }
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    size_t code = find_row(table, "documents", "code", NULL, NULL);
    size_t wiki = find_row(table, "documents", "wiki", NULL, NULL);
    assert_true(find_number(table, code, "top") == 5);
    assert_true(fabs(find_number(table, code, "enrichment") - 1.5) < 1e-12);
    assert_true(find_number(table, code, "p") == at_hypergeometric_p(5, 60, 20, 10));
    assert_true(find_number(table, wiki, "top") == 0);
    assert_true(find_number(table, wiki, "p") == 1);
    assert_true(find_number(table, wiki, "bottom") == 10);
    assert_true(find_number(table, wiki, "opposing_p") ==
                at_hypergeometric_p(10, 60, 20, 10));
    assert_true(find_number(table, wiki, "opposing_rate") ==
                3 * find_number(table, wiki, "opposing_p"));
    assert_true(isnan(find_number(table, code, "mean_low")));
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* Code helps maths by construction, and nothing else helps anything. */
static void test_groups__a_planted_effect_is_found(void **state)
{
    (void)state;
    attrib_run *run = planted_run(8, 300);
    planted_fill(run, 3);
    tag_documents(run, kinds, 3);
    tag_queries(run, abilities, 2);
    group_options.query_tag = "ability";
    for (size_t d = 0; d < 300; d += 3) {
        for (size_t q = 0; q < 8; q += 2) {
            *planted_score(run, q, d) += 1;
        }
    }
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    for (size_t row = 0; row < 6; row++) {
        bool is_planted = strcmp(find_text(table, row, "documents"), "code") == 0 &&
                          strcmp(find_text(table, row, "queries"), "maths") == 0;
        assert_true((find_number(table, row, "rate") < 0.05) == is_planted);
        assert_true((find_number(table, row, "mean_low") > 0.5) == is_planted);
        assert_true((find_number(table, row, "lift") > 1.2) == is_planted);
    }
    check_note(analysis, "any two documents trade their tags");
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* Discoveries at a rate of 0.1 in runs where tags say nothing. All queries of a group are
 * alike, so that their counts are far from independent; where `by_source`, documents of a
 * source are alike too, and have one tag. */
static size_t count_false_discoveries(bool by_source, attrib_permute permute)
{
    size_t n_runs = 0;
    static const char *const sources[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    group_options.permute = permute;
    group_options.query_tag = "ability";
    for (uint64_t seed = 0; seed < 40; seed++) {
        attrib_run *run = planted_run(8, 240);
        planted_fill(run, seed);
        tag_queries(run, abilities, 2);
        for (size_t d = 0; d < 240; d++) {
            size_t source = d % 8;
            size_t unit = by_source ? source : d;
            size_t kind = by_source ? source % 2 : at_draw(seed, 77, d, 3);
            planted_document(run, d)->tags = &kinds[kind];
            planted_document(run, d)->n_tags = 1;
            planted_document(run, d)->source = sources[source];
            double shared = 3 * (at_uniform(seed, 78, unit) - 0.5);
            for (size_t q = 0; q < 8; q++) {
                *planted_score(run, q, d) += shared;
            }
        }
        attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
        const attrib_table *table = attrib_analysis_table(analysis, 0);
        bool is_found = false;
        for (size_t row = 0; row < table->n_rows; row++) {
            is_found |= find_number(table, row, "rate") < 0.1;
        }
        n_runs += is_found;
        attrib_analysis_free(analysis);
        planted_free(run);
    }
    return n_runs;
}

/* 4 of 40 runs may have a discovery; 9 or more have a chance of 1.5 %. */
static void test_groups__tags_that_say_nothing_are_no_discoveries(void **state)
{
    (void)state;
    assert_in_range(count_false_discoveries(false, ATTRIB_PERMUTE_DOCUMENTS), 0, 8);
    assert_in_range(count_false_discoveries(false, ATTRIB_PERMUTE_WITHIN), 0, 8);
    assert_in_range(count_false_discoveries(true, ATTRIB_PERMUTE_SOURCES), 0, 8);
    assert_in_range(count_false_discoveries(true, ATTRIB_PERMUTE_AUTO), 0, 8);
    /* What trading whole sources is for. */
    assert_in_range(count_false_discoveries(true, ATTRIB_PERMUTE_DOCUMENTS), 20, 40);
}

/* One source has all of the first documents, and all of its documents have one tag: that
 * the tag is more frequent there says nothing where tags trade within sources. */
static void test_groups__within_sources_what_sources_differ_in_is_left_out(void **state)
{
    (void)state;
    attrib_run *run = planted_run(2, 100);
    planted_fill(run, 5);
    for (size_t d = 0; d < 100; d++) {
        planted_document(run, d)->tags = &kinds[d < 30 ? 0 : d % 2];
        planted_document(run, d)->n_tags = 1;
        planted_document(run, d)->source = d < 30 ? "first" : "second";
        for (size_t q = 0; q < 2; q++) {
            *planted_score(run, q, d) += d < 30 ? 20 : 0;
        }
    }
    planted_answer(run, 0)->query.tags = abilities;
    planted_answer(run, 0)->query.n_tags = 1;
    planted_answer(run, 1)->query.tags = abilities;
    planted_answer(run, 1)->query.n_tags = 1;
    group_options.query_tag = "ability";
    for (int i = 0; i < 2; i++) {
        group_options.permute = i ? ATTRIB_PERMUTE_WITHIN : ATTRIB_PERMUTE_DOCUMENTS;
        attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
        const attrib_table *table = attrib_analysis_table(analysis, 0);
        size_t row = find_row(table, "documents", "code", NULL, NULL);
        double p = find_number(table, row, "p");
        assert_true(i ? p == 1 : p < 0.02);
        check_note(analysis,
                   i ? "documents of the same source trade" : "any two documents trade");
        attrib_analysis_free(analysis);
    }
    planted_free(run);
}

/* Three sources of 1, 2 and 5 documents. The first is of code, and has one of the two
 * first documents; the second has the other. Code falls on each source in a third of the
 * permutations, and only on the first it has as many of the first documents for its size:
 * on the second as many, but of twice the size. */
static void test_groups__groups_that_trade_sources_change_their_sizes(void **state)
{
    (void)state;
    static const char *const sources[8] = {"a", "b", "b", "c", "c", "c", "c", "c"};
    attrib_run *run = planted_run(2, 8);
    tag_queries(run, abilities, 1);
    for (size_t d = 0; d < 8; d++) {
        planted_document(run, d)->source = sources[d];
        planted_document(run, d)->tags = &kinds[d > 0];
        planted_document(run, d)->n_tags = 1;
        for (size_t q = 0; q < 2; q++) {
            *planted_score(run, q, d) = -(double)d;
        }
    }
    group_options.query_tag = "ability";
    group_options.permute = ATTRIB_PERMUTE_SOURCES;
    group_options.top = 2;
    group_options.replicates = 2000;
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    size_t row = find_row(table, "documents", "code", NULL, NULL);
    assert_true(fabs(find_number(table, row, "p") - 1.0 / 3) < 0.05);
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_groups__sources_of_several_values_cannot_trade(void **state)
{
    (void)state;
    attrib_run *run = planted_run(2, 30);
    tag_documents(run, kinds, 3);
    tag_queries(run, abilities, 1);
    group_options.query_tag = "ability";
    group_options.permute = ATTRIB_PERMUTE_SOURCES;
    check_refused(run, "groups", NULL, ATTRIB_EINVAL,
                  "sources cannot trade tags: \"corpus.jsonl:\"");
    planted_free(run);
}

/* 3. Forecasts */

/* 64 documents are two in each of 32 parts; those of code have score 1 in one half of the
 * parts and 3 in the other, of chat -2. */
static attrib_run *run_of_two_kinds(void)
{
    attrib_run *run = planted_run(3, 64);
    for (size_t d = 0; d < 64; d++) {
        planted_document(run, d)->tags = &kinds[d < 32 ? 0 : 1];
        planted_document(run, d)->n_tags = 1;
        *planted_score(run, 0, d) = d < 32 ? 1 + 2 * (double)(d % 2) : -2;
        *planted_score(run, 1, d) = d < 32 ? -1 : 0;
        *planted_score(run, 2, d) = d % 2 ? 5.5 : -5;
    }
    return run;
}

static void test_groups__a_forecast_weighs_the_sums_of_groups(void **state)
{
    (void)state;
    attrib_run *run = run_of_two_kinds();
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    group_options.scale = 10;
    job.kind = "reweight";
    job.run = run;
    job.changes = "code=+0.1,chat=-0.2";
    job.options = &group_options;
    check_ok(attrib_analyze(NULL, &job, &analysis, &err), &err);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    /* q0: (0.1 x 64 + 0.2 x 64) / 64; q1: -0.1 x 32 / 64; of q2 each kind sums up to 8:
     * (0.1 - 0.2) x 8 / 64, far less than parts differ by. */
    const double changes[3] = {0.3, -0.0125, -0.05};
    static const char *const ids[3] = {"q0", "q2", "q1"};
    static const char *const signs[3] = {"up", "unclear", "down"};
    for (size_t row = 0; row < 3; row++) {
        assert_string_equal(find_text(table, row, "queries"), ids[row]);
        assert_string_equal(find_text(table, row, "sign"), signs[row]);
        const double got[2] = {find_number(table, row, "relative"),
                               find_number(table, row, "nats")};
        const double want[2] = {changes[row] / 0.3, 10 * changes[row]};
        check_close_f64(got, want, 2, 1e-12, 1e-12, ids[row]);
    }
    /* A part of q0 is (0.1 x (1 or 3) + 0.4) / 64, 0.1 / 64 from the mean:
     * sqrt(32 / 31 x 32) x 0.1 / 64. */
    double error = sqrt(32.0 / 31 * 32) * 0.1 / 64 / 0.3;
    assert_true(fabs(find_number(table, 0, "relative_error") - error) < 1e-12);
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_groups__changes_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    attrib_run *run = run_of_two_kinds();
    static const char *const broken[][2] = {
        {"code", "\"code\" is not as in code=+0.1"},
        {"=1", "\"=1\" is not as in code=+0.1"},
        {"", "\"\" is not as in code=+0.1"},
        {"code=+0.1,,", "\"\" is not as in code=+0.1"},
        {"code=", "\"code=\": expected a number of at least -1"},
        {"code=+0.1x", "\"code=+0.1x\": expected a number"},
        {"code=-1.5", "expected a number of at least -1"},
        {"code=nan", "expected a number of at least -1"},
        {"code=inf", "expected a number of at least -1"},
        {"codes=1", "no document has kind \"codes\": there are chat, code"},
        {"code=1,code=2", "\"code\" twice"}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        check_refused(run, "reweight", broken[i][0], ATTRIB_EINVAL, broken[i][1]);
    }
    check_refused(run, "reweight", NULL, ATTRIB_EINVAL, "reweight needs changes");
    planted_free(run);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(test_groups__##name, grouped_set_up)
    const struct CMUnitTest tests[] = {
        CASE(sums_are_of_their_members),
        CASE(scores_that_are_cosines_have_no_nats),
        CASE(one_query_has_an_exact_p),
        CASE(a_planted_effect_is_found),
        CASE(tags_that_say_nothing_are_no_discoveries),
        CASE(within_sources_what_sources_differ_in_is_left_out),
        CASE(groups_that_trade_sources_change_their_sizes),
        CASE(sources_of_several_values_cannot_trade),
        CASE(a_forecast_weighs_the_sums_of_groups),
        CASE(changes_that_cannot_be_read_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
