/* SPDX-License-Identifier: MIT */
/* Plans of runs against counts made by hand: queries, scores, explanations and scans. The
 * model and its costs stand in test_plan.c. */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/planned.h"

/* A query's documents are drawn: of 1,024, each of 100 queries explains 20, and 1024
 * (1 - (1 - 20/1024)^100) are gone through. */
static void test_plan__explains_documents_once(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.scored = attrib_volume_even(1024, 512 * 1024, 512);
    attrib_shape shape = one_layer;
    shape.context = 512;
    work.n_queries = 1;
    attrib_plan one = make_plan(&shape, &work, &machine);
    work.n_queries = 100;
    attrib_plan many = make_plan(&shape, &work, &machine);
    double products = 511 * (12 + 10) * 2; /* of a query and document */
    double pass = stage_of(&one, "explain")->flop / 20 - products;
    double passed = 1024 * (1 - pow(1 - 20 / 1024.0, 100));
    double want = passed * pass + 2000 * products;
    assert_true(fabs(stage_of(&many, "explain")->flop - want) < 1e-9 * want);
}

/* Without curvature queries are neither rotated nor divided, their own modules count, and
 * what factors would be like is of no matter. */
static void test_plan__identity_needs_no_factors(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.fitted.n_documents = 0;
    attrib_plan fitted = make_plan(&one_layer, &work, &machine);
    scoring.settings[0].strategy = ATTRIB_IDENTITY;
    attrib_plan plain = make_plan(&one_layer, &work, &machine);
    check_flop(&plain, "score", stage_of(&fitted, "score")->flop);
    assert_true(stage_of(&plain, "query")->flop < stage_of(&fitted, "query")->flop);
    fitting.modules = "all";
    attrib_plan same = make_plan(&one_layer, &work, &machine);
    assert_int_equal(same.n_maps, plain.n_maps);
    scoring.modules = "all";
    attrib_plan other = make_plan(&one_layer, &work, &machine);
    assert_int_not_equal(other.n_maps, plain.n_maps);
}

/* Options are the run's: cosines need self-influences, and each stage has its limit. */
static void test_plan__options_are_those_of_stages(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    scoring.with_self = true;
    attrib_plan with_self = make_plan(&one_layer, &work, &machine);
    scoring.with_self = false;
    scoring.normalize = ATTRIB_NORMALIZE_UNIT;
    attrib_plan unit = make_plan(&one_layer, &work, &machine);
    check_flop(&unit, "score", stage_of(&with_self, "score")->flop);
    scoring.normalize = ATTRIB_NORMALIZE_NATS;
    attrib_plan nats = make_plan(&one_layer, &work, &machine);
    assert_true(stage_of(&nats, "score")->flop < stage_of(&unit, "score")->flop);
    fitting.ram_limit = 1;
    attrib_plan small = make_plan(&one_layer, &work, &machine);
    assert_int_equal(stage_of(&nats, "covariance")->n_passes, 1);
    assert_int_equal(stage_of(&small, "covariance")->n_passes, 2);
    assert_true(stage_of(&small, "score")->memory_bytes ==
                stage_of(&nats, "score")->memory_bytes);
    work.n_queries = 100;
    attrib_plan many = make_plan(&one_layer, &work, &machine);
    scoring.ram_limit = 1;
    attrib_plan turns = make_plan(&one_layer, &work, &machine);
    assert_int_equal(stage_of(&many, "score")->n_passes, 1);
    assert_int_equal(stage_of(&turns, "score")->n_passes, 100);
}

/* Cut queries take r (O + I) floats a map in place of O I. */
static void test_plan__rank_saves_memory(void **state)
{
    (void)state;
    attrib_shape shape = {.size = sizeof shape,
                          .n_layers = 3,
                          .width = 256,
                          .mlp_width = 1024,
                          .n_heads = 4,
                          .n_vocabulary = 1000};
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.n_queries = 1000;
    attrib_plan full = make_plan(&shape, &work, &machine);
    scoring.query_rank = 8;
    attrib_plan cut = make_plan(&shape, &work, &machine);
    double saved =
        stage_of(&full, "score")->memory_bytes - stage_of(&cut, "score")->memory_bytes;
    double up = 1024.0 * 257 - 8 * (1024.0 + 257);
    double down = 256.0 * 1025 - 8 * (256.0 + 1025);
    /* except for the bounds of scores, and for the 8 maps that are rebuilt at a time */
    assert_true(fabs(saved - 4 * 1000 * 3 * (up + down)) < 2e-3 * saved);
}

/* All products of narrow maps are OpenBLAS's, those of cut queries and of the norms that
 * bound them too: at half of its rate they take twice as long. */
static void test_plan__cut_queries_have_the_rate_of_blas(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    machine.blas_flops = machine.flops / 2;
    work.n_queries = 2;
    scoring.query_rank = 1;
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    const attrib_plan_stage *stage = stage_of(&plan, "score");
    assert_int_equal(plan.query_rank, 1);
    assert_true(fabs(stage->busy_seconds / (2 * stage->flop) - 1) < 1e-9);
}

/* Twice the settings: an inverse for each, the same gradients, which each multiplies. */
static void test_plan__settings_share_a_pass(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    scoring.n_settings = 2;
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    check_flop(&plan, "query", 640 + (96 + 168) + (80 + 140) + 2 * (168 + 140));
    check_flop(&plan, "score", 624 + 132 + 2 * 2 * (12 + 10));
    check_flop(&plan, "explain", 624 + 2 * 132);
}

/* A sum of three rows: three gradients, one inverse. */
static void test_plan__sums_share_an_inverse(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.query_rows = 3;
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    check_flop(&plan, "query", 3 * (640 + (96 + 168) + (80 + 140)) + 168 + 140);
    check_flop(&plan, "score", 624 + 132);
}

/* A self-influence is the gradient in the eigenbasis, as Lambda's; a share of each token
 * is an f32. */
static void test_plan__counts_self_influences_and_tokens(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_plan plain = make_plan(&one_layer, &work, &machine);
    scoring.with_self = true;
    scoring.with_tokens = true;
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    check_flop(&plan, "score", 624 + 132 + (72 + 150) + (60 + 140));
    double more =
        stage_of(&plan, "score")->disk_bytes - stage_of(&plain, "score")->disk_bytes;
    assert_true(more == 8 + 4 * 4);
}

/* Cut queries score a round of 64 of the 640 documents of 4 tokens in full, or all;
 * memory holds all of them as candidates, with two orders. */
static void test_plan__says_what_rescoring_may_take(void **state)
{
    (void)state;
    attrib_shape shape = one_layer;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.scored = attrib_volume_even(640, 4 * 640, 16);
    scoring.with_tokens = true; /* which a single query is cut for */
    attrib_plan whole = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *known = stage_of(&whole, "explain");
    assert_true(known->most_flop == known->flop && known->most_seconds == known->seconds);
    scoring.query_rank = 1;
    attrib_plan cut = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *open = stage_of(&cut, "explain");
    assert_true(fabs(open->most_flop - 10 * open->flop) < 1e-9 * open->most_flop);
    assert_true(fabs(open->flop - 64.0 / 20 * known->flop) < 1e-9 * open->flop);
    assert_true(open->memory_bytes >= known->memory_bytes + 640 * (3 * 8 + 2 * 8));
    scoring.max_rescored = 128;
    attrib_plan limited = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *least = stage_of(&limited, "explain");
    assert_true(least->flop == open->flop);
    assert_true(fabs(least->most_flop - 2 * least->flop) < 1e-9 * least->most_flop);
}

/* A rank that is chosen later lies between the best one and whole queries: where few
 * documents are there no pilot chooses, and queries stay whole. */
static void test_plan__rank_that_is_chosen_later_is_between(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_shape shape = one_layer;
    shape.width = 512;
    shape.mlp_width = 2048;
    work.fitted = (attrib_volume){0};
    work.scored = attrib_volume_even(10000, 160000, 16);
    work.n_queries = 50;
    attrib_plan whole = make_plan(&shape, &work, &machine);
    scoring.query_rank = ATTRIB_RANK_AUTO;
    attrib_plan plan = make_plan(&shape, &work, &machine);
    assert_true(plan.query_rank > 0);
    assert_true(stage_of(&plan, "score")->seconds < stage_of(&whole, "score")->seconds);
    assert_true(stage_of(&plan, "score")->most_seconds ==
                stage_of(&whole, "score")->seconds);
    assert_true(stage_of(&plan, "score")->memory_bytes >=
                stage_of(&whole, "score")->memory_bytes);
    scoring.query_rank = plan.query_rank;
    attrib_plan cut = make_plan(&shape, &work, &machine);
    assert_true(stage_of(&plan, "score")->seconds ==
                stage_of(&cut, "score")->seconds * (1 + 256.0 / 10000)); /* a pilot */
    scoring.query_rank = ATTRIB_RANK_AUTO;
    work.scored = attrib_volume_even(2000, 32000, 16);
    plan = make_plan(&shape, &work, &machine);
    assert_int_equal(plan.query_rank, 0);
    assert_true(stage_of(&plan, "score")->most_seconds ==
                stage_of(&plan, "score")->seconds);
}

/* The rank of a run of some queries of rank 8 against documents of a length, of which
 * some are scored again at most (0: as many as it takes). */
static size_t planned_rank(size_t n_queries,
                           size_t n_documents,
                           size_t length,
                           size_t max_rescored,
                           bool with_tokens)
{
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document(); /* which sets `scoring` back */
    attrib_shape shape = one_layer;
    scoring.with_tokens = with_tokens;
    shape.width = 512;
    shape.mlp_width = 2048;
    shape.context = 2048;
    work.fitted = (attrib_volume){0};
    work.scored =
        attrib_volume_even((double)n_documents, (double)(n_documents * length), length);
    work.n_queries = n_queries;
    scoring.query_rank = 8;
    scoring.max_rescored = max_rescored;
    return make_plan(&shape, &work, &machine).query_rank;
}

/* The maps are of [2048, 512], 1.05 million multiply-adds a token whole. Cut, they take
 * 20 thousand and the norms, 20 thousand at 16 tokens and 1.05 million from 820 on. */
static void test_plan__one_query_is_whole_where_that_costs_less(void **state)
{
    (void)state;
    assert_int_equal(planned_rank(1, 10000, 16, 10, false), 8);
    assert_int_equal(planned_rank(1, 10000, 1024, 10, false), 0);
    assert_int_equal(planned_rank(1, 10000, 16, 10000, false), 0);
    assert_int_equal(planned_rank(1, 10000, 16, 0, false), 0);
    assert_int_equal(planned_rank(1, 8, 16, 1, false), 0); /* for which it is prepared */
    assert_int_equal(planned_rank(2, 10000, 16, 0, false), 8);
    assert_int_equal(planned_rank(1, 10000, 16, 0, true), 8);
}

/* A filter and hidden states have stages of their own. */
static void test_plan__filters_and_baselines_are_stages(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    machine.element_seconds = 1;
    attrib_work work = one_document();
    work.fitted = (attrib_volume){0};
    work.scored = attrib_volume_even(100, 1600, 16);
    scoring.prefilter = "tfidf:5";
    scoring.n_settings = 2;
    scoring.settings[1] = (attrib_setting){.strategy = ATTRIB_HIDDEN};
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    assert_int_equal(plan.n_stages, 5);
    assert_string_equal(plan.stages[0].name, "prefilter");
    assert_true(plan.stages[0].seconds > 0);
    assert_true(stage_of(&plan, "hidden")->flop > 0);
    assert_true(stage_of(&plan, "hidden")->memory_bytes > 0);
}

/* An index whose questions score `n_exact` documents of either end, which has so many
 * bytes a document. The work is set to 1,024 documents of 4 tokens. */
static attrib_work asked(size_t n_queries, const char *filter, size_t bytes)
{
    static attrib_index_options index;
    attrib_work work = one_document();
    attrib_index_options_default(&index);
    index.bytes_per_document = bytes;
    work.index = &index;
    work.scored = attrib_volume_even(1024, 4 * 1024, 16);
    work.n_queries = n_queries;
    scoring.prefilter = filter;
    scoring.top = 1;
    return work;
}

static attrib_plan plan_asked(size_t n_queries, const char *filter, size_t bytes)
{
    attrib_machine machine = ideal(1, 1);
    attrib_work work = asked(n_queries, filter, bytes);
    return make_plan(&one_layer, &work, &machine);
}

/* More bytes a document are more numbers, 5 a byte in 1.8 planes, which are read once and
 * multiplied by each query: 0.12 units for a number and a query, and for a byte 0.22 and,
 * where it is checked, 0.08. */
static void test_plan__scans_multiply_numbers(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    machine.element_seconds = 1;
    static const size_t queries[] = {1, 8};
    for (size_t i = 0; i < 2; i++) {
        double busy[2];
        for (size_t k = 0; k < 2; k++) {
            attrib_work work = asked(queries[i], "index:1", 100 * (k + 1));
            attrib_plan plan = make_plan(&one_layer, &work, &machine);
            busy[k] = stage_of(&plan, "scan")->busy_seconds;
        }
        double by_hand = 1024 * 100 * (0.22 + 0.08 + 0.12 * (double)queries[i] * 5 / 1.8);
        assert_true(fabs((busy[1] - busy[0]) / by_hand - 1) < 1e-6);
    }
}

/* Queries in turns of one scan all records each. */
static void test_plan__scans_go_by_what_is_held(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    machine.element_seconds = 1; /* a turn checks and reads all records */
    attrib_work work = asked(1, "index:1", 100);
    attrib_plan one = make_plan(&one_layer, &work, &machine);
    work = asked(8, "index:1", 100);
    scoring.ram_limit = 1;
    attrib_plan turns = make_plan(&one_layer, &work, &machine);
    double ratio =
        stage_of(&turns, "scan")->busy_seconds / stage_of(&one, "scan")->busy_seconds;
    assert_true(fabs(ratio - 8) < 1e-6);
}

/* A query is held as it was prepared, [4, 3] and [2, 5] in 64 bytes each, and as the scan
 * multiplies it, 16 columns in 2 bytes; and of 16 pieces of 512 documents there are its
 * estimates. */
static void test_plan__scans_hold_queries(void **state)
{
    (void)state;
    attrib_plan few = plan_asked(100, "index:1", 100);
    attrib_plan many = plan_asked(200, "index:1", 100);
    double of_query = 2 * 64 + 2 * 16 * (7 + 7) + 16 * 512 * 8;
    double more =
        stage_of(&many, "scan")->memory_bytes - stage_of(&few, "scan")->memory_bytes;
    if (fabs(more / (100 * of_query) - 1) > 1e-9) {
        fail_msg("%g bytes a query, %g by hand", more / 100, of_query);
    }
    attrib_plan wider = plan_asked(100, "index:1", 1100); /* a piece is in memory */
    more = stage_of(&wider, "scan")->memory_bytes - stage_of(&few, "scan")->memory_bytes;
    assert_true(more == 512 * 1000);
}

/* Sizes are chosen as if nothing were left out; and what queries report is drawn from all
 * documents, whatever a filter chose. */
static void test_plan__filters_leave_sizes(void **state)
{
    (void)state;
    attrib_plan whole = plan_asked(100, NULL, 100);
    attrib_plan by_index = plan_asked(100, "index:1", 100);
    attrib_plan by_words = plan_asked(100, "tfidf:2", 100);
    double memory = stage_of(&whole, "score")->memory_bytes;
    assert_true(stage_of(&by_index, "score")->memory_bytes == memory);
    assert_true(stage_of(&by_words, "score")->memory_bytes == memory);
    double flop = stage_of(&whole, "explain")->flop;
    assert_true(fabs(stage_of(&by_index, "explain")->flop / flop - 1) < 1e-9);
    assert_true(stage_of(&by_index, "score")->flop < stage_of(&whole, "score")->flop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__explains_documents_once),
        cmocka_unit_test(test_plan__identity_needs_no_factors),
        cmocka_unit_test(test_plan__options_are_those_of_stages),
        cmocka_unit_test(test_plan__rank_saves_memory),
        cmocka_unit_test(test_plan__cut_queries_have_the_rate_of_blas),
        cmocka_unit_test(test_plan__settings_share_a_pass),
        cmocka_unit_test(test_plan__sums_share_an_inverse),
        cmocka_unit_test(test_plan__counts_self_influences_and_tokens),
        cmocka_unit_test(test_plan__says_what_rescoring_may_take),
        cmocka_unit_test(test_plan__rank_that_is_chosen_later_is_between),
        cmocka_unit_test(test_plan__one_query_is_whole_where_that_costs_less),
        cmocka_unit_test(test_plan__filters_and_baselines_are_stages),
        cmocka_unit_test(test_plan__scans_multiply_numbers),
        cmocka_unit_test(test_plan__scans_go_by_what_is_held),
        cmocka_unit_test(test_plan__scans_hold_queries),
        cmocka_unit_test(test_plan__filters_leave_sizes),
    };
    return run_cases(tests, NULL, NULL);
}
