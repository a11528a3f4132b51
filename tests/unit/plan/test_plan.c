/* SPDX-License-Identifier: MIT */
/* Plans against counts made by hand.
 *
 * The model: one layer of width 2 with one head, MLP of 4, 8 tokens, biases as in GPT-2.
 * Its maps [O, I], I counting the bias: queries, keys and values [6, 3], output [2, 3],
 * up [4, 3], down [2, 5], head [8, 2]. One document of 4 tokens, 3 predicted. FLOP:
 *
 *   forward     4 (18 + 6 + 12 + 10) 2 = 368, head 3 x 16 x 2 = 96
 *   attention   4 x 4 scores of 2 multiply-adds, and as many with the values: 128
 *   backward    down 4 x 10 x 2 = 80, head 96; up and attention have nothing tracked
 *               below
 *   a pass      768
 *   without the row that predicts nothing, which all but covariances leave out: forward
 *               3 x 46 x 2 = 276 and 96, attention 96, backward 60 and 96: 624
 *   covariance  up 4 (3^2 + 4^2) = 100, down 4 (5^2 + 2^2) = 116 (half of each square)
 *   Lambda      up: G 72, rotated by rows 2 x 3 (9 + 16) = 150, which is less than as a
 *               gradient 2 (3 x 16 + 4 x 9) = 168; down: 60 and 2 (5 x 4 + 2 x 25) = 140
 *   query       of 4 tokens, one of them its completion: a pass with the head on one row
 *               640, G in the eigenbasis 264 + 220, and back 168 + 140
 *   score       by rows: 2 x 3 (12 + 10) = 132
 *   explain     the same */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/planned.h"

static void test_plan__counts_what_a_hand_counts(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    assert_int_equal(plan.n_stages, 6);
    check_flop(&plan, "covariance", 768 + 100 + 116);
    check_flop(&plan, "lambda", 624 + (72 + 150) + (60 + 140));
    check_flop(&plan, "query", 640 + (96 + 168) + (80 + 140) + 168 + 140);
    check_flop(&plan, "score", 624 + 132);
    check_flop(&plan, "explain", 624 + 132);
    assert_int_equal(plan.n_maps, 2);
    assert_true(plan.n_tracked_parameters == 12 + 10);
    /* embeddings 16 + 32, maps 18 + 6 + 12 + 10, three norms of 4 */
    assert_true(plan.n_parameters == 48 + 46 + 12);
}

static void test_plan__time_is_flop_over_rate(void **state)
{
    (void)state;
    attrib_work work = one_document();
    work.fitted = work.scored = attrib_volume_even(1024, 512 * 1024, 2048);
    attrib_shape shape = one_layer;
    shape.context = 2048;
    attrib_machine one = ideal(1, 1);
    attrib_machine many = ideal(4, 8);
    attrib_plan slow = make_plan(&shape, &work, &one);
    attrib_plan fast = make_plan(&shape, &work, &many);
    const char *names[] = {"covariance", "lambda", "score"};
    for (size_t i = 0; i < 3; i++) {
        const attrib_plan_stage *a = stage_of(&slow, names[i]);
        const attrib_plan_stage *b = stage_of(&fast, names[i]);
        assert_true(fabs(a->seconds - a->flop) < 1e-9 * a->flop);
        assert_true(fabs(b->seconds * 32 - a->seconds) < 1e-9 * a->seconds);
        assert_true(a->flop == b->flop);
    }
    /* 33 blocks on 32 cores take two rounds. */
    work.fitted = attrib_volume_even(33, 512 * 33, 2048);
    attrib_plan more = make_plan(&shape, &work, &many);
    const attrib_plan_stage *two = stage_of(&more, "covariance");
    assert_true(fabs(two->seconds - 2 * two->flop / 33) < 1e-9 * two->seconds);
    /* One query's pass cannot be divided, its two maps can; every host prepares it. */
    assert_true(stage_of(&slow, "query")->seconds == 640 + 432 + 360);
    assert_true(stage_of(&fast, "query")->seconds == 640 + 432);
    /* Documents are scored in parts of 512, each a pass by itself: 512 and 256 blocks on
     * three cores take 171 and 86 rounds, where 768 would take 256. */
    attrib_machine three = ideal(1, 3);
    work.scored = attrib_volume_even(768, 512 * 768, 2048);
    attrib_plan parts = make_plan(&shape, &work, &three);
    const attrib_plan_stage *score = stage_of(&parts, "score");
    assert_true(fabs(score->seconds - 257 * score->flop / 768) < 1e-9 * score->seconds);
}

/* What memory takes from the system adds to the time. */
static void test_plan__counts_fresh_memory(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 2);
    attrib_work work = one_document();
    attrib_plan before = make_plan(&one_layer, &work, &machine);
    machine.fresh_seconds = 1;
    attrib_plan after = make_plan(&one_layer, &work, &machine);
    const attrib_plan_stage *a = stage_of(&before, "lambda");
    const attrib_plan_stage *b = stage_of(&after, "lambda");
    double taken = 2 * (b->seconds - a->seconds); /* by two cores at once */
    assert_true(taken > 0);
    assert_true(taken < b->memory_bytes);
    assert_true(a->memory_bytes == b->memory_bytes);
}

/* A fit of single weights has neither covariances nor bases; and single stages are
 * planned as they are fitted. */
static void test_plan__follows_strategy_and_stages(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_plan all = make_plan(&one_layer, &work, &machine);
    fitting.strategy = ATTRIB_DIAGONAL;
    attrib_plan diagonal = make_plan(&one_layer, &work, &machine);
    assert_int_equal(diagonal.n_stages, 4);
    check_flop(&diagonal, "lambda", 624 + 72 + 60);
    check_flop(&diagonal, "query", 640 + 96 + 80);
    fitting.strategy = ATTRIB_KFAC; /* as ekfac, but for Lambda */
    attrib_plan kfac = make_plan(&one_layer, &work, &machine);
    assert_int_equal(kfac.n_stages, all.n_stages - 1);
    for (size_t i = 0; i < kfac.n_stages; i++) {
        assert_string_not_equal(kfac.stages[i].name, "lambda");
        check_flop(&all, kfac.stages[i].name, kfac.stages[i].flop);
    }
    fitting.strategy = ATTRIB_EKFAC;
    work.scored.n_documents = 0;
    fitting.stages = ATTRIB_FIT_COVARIANCE;
    attrib_plan covariance = make_plan(&one_layer, &work, &machine);
    assert_int_equal(covariance.n_stages, 1);
    check_flop(&covariance, "covariance", stage_of(&all, "covariance")->flop);
    fitting.stages = ATTRIB_FIT_LAMBDA;
    attrib_plan lambda = make_plan(&one_layer, &work, &machine);
    assert_int_equal(lambda.n_stages, 1);
    check_flop(&lambda, "lambda", stage_of(&all, "lambda")->flop);
}

/* k blocks divide the decomposition by k^2, and the squares of the covariances by k. */
static void test_plan__blocks_divide(void **state)
{
    (void)state;
    attrib_shape shape = {.size = sizeof shape,
                          .n_layers = 2,
                          .width = 4096,
                          .mlp_width = 8192,
                          .n_heads = 32,
                          .n_vocabulary = 1000,
                          .is_gated = true};
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_plan whole = make_plan(&shape, &work, &machine);
    fitting.n_blocks = 4;
    attrib_plan cut = make_plan(&shape, &work, &machine);
    double ratio =
        stage_of(&whole, "eigenbasis")->flop / stage_of(&cut, "eigenbasis")->flop;
    assert_true(fabs(ratio - 16) < 0.01 * 16); /* but for the checks, in n^2 */
    double saved = stage_of(&whole, "covariance")->memory_bytes -
                   stage_of(&cut, "covariance")->memory_bytes;
    /* 2 layers of 3 maps [4096, 8192]: f64 lower triangles, three quarters saved, and a
     * worker's panel, a few thousandths of that */
    double triangles = 6 * (4096.0 * 4096 + 8192.0 * 8192) * 4;
    assert_true(fabs(saved - 0.75 * triangles) < 0.01 * triangles);
}

/* Memory for half of the maps makes two passes, each with its own pass of the model, and
 * neither takes more than there is. */
static void test_plan__memory_makes_passes(void **state)
{
    (void)state;
    attrib_shape shape = {.size = sizeof shape,
                          .n_layers = 8,
                          .width = 1024,
                          .mlp_width = 4096,
                          .n_heads = 16,
                          .n_vocabulary = 1000};
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    attrib_plan whole = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *all = stage_of(&whole, "covariance");
    /* 16 maps: f64 lower triangles of [1025, 1025] and [4096, 4096], and the others */
    double sums = 8 * 4 * (1025.0 * 1025 + 4096.0 * 4096 + 4097.0 * 4097 + 1024.0 * 1024);
    machine.ram_bytes = all->memory_bytes - sums / 4;
    attrib_plan cut = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *two = stage_of(&cut, "covariance");
    assert_int_equal(all->n_passes, 1);
    assert_int_equal(two->n_passes, 2);
    assert_true(two->memory_bytes <= machine.ram_bytes);
    assert_true(two->flop > 1.3 * all->flop && two->flop < 2 * all->flop);
}

/* FLOP of a token of 512 beyond those of one of 64, in `n_layers` of GPT-2's kind, but
 * for what is made again: attention's products with 288 keys for 64 (the mean of whole
 * tiles of 64), and the head, which sees 511 tokens of 512 for 63 of 64. */
static double more_of_a_wide_token(size_t n_layers)
{
    double attention = 2 * 1024.0 * (288 - 64) * ((double)(n_layers - 1) * 7 + 2);
    double head = 2 * 2 * 1000.0 * 1024 * (511.0 / 512 - 63.0 / 64);
    return attention + head;
}

/* What is made again where a host has only so much memory; 0: as much as it takes. *used
 * is what the stage takes. */
static double find_made_again(size_t n_layers, double ram_bytes, double *used)
{
    attrib_shape shape = {.size = sizeof shape,
                          .n_layers = n_layers,
                          .width = 1024,
                          .mlp_width = 4096,
                          .n_heads = 16,
                          .n_vocabulary = 1000};
    attrib_machine machine = ideal(1, 1);
    attrib_work work;
    machine.ram_bytes = ram_bytes;
    attrib_work_default(&work);
    work.fitted = attrib_volume_even(1, 512, 2048);
    attrib_plan wide = make_plan(&shape, &work, &machine);
    work.fitted = attrib_volume_even(1, 64, 2048);
    attrib_plan narrow = make_plan(&shape, &work, &machine);
    assert_int_equal(stage_of(&wide, "covariance")->n_passes, 1);
    *used = stage_of(&wide, "covariance")->memory_bytes;
    return stage_of(&wide, "covariance")->flop / 512 -
           stage_of(&narrow, "covariance")->flop / 64 - more_of_a_wide_token(n_layers);
}

/* Where memory has room, nothing is made again. Where a worker's scratch would be large
 * for it, queries, keys and values of all layers but the first and the last are, [3072,
 * 1025] each. (Layer 0 has no map tracked below its attention, the last one keeps them.)
 * Where it still would be, so is what UP gives in some layers, [4096, 1025] each: with it
 * a layer keeps 12.6 MB of 512 tokens, which 12 layers have room for and 20 have not. */
static void test_plan__counts_what_is_made_again(void **state)
{
    (void)state;
    double qkv = 2 * 3072.0 * 1025;
    double up = 2 * 4096.0 * 1025;
    double most[2];
    double used[2];
    assert_true(fabs(find_made_again(12, 0, &most[0])) < 1e-6 * qkv);
    assert_true(fabs(find_made_again(20, 0, &most[1])) < 1e-6 * qkv);
    double n_qkv = find_made_again(12, most[0], &used[0]) / qkv;
    assert_true(fabs(n_qkv - 10) < 1e-6);
    double n_up = (find_made_again(20, most[1], &used[1]) - 18 * qkv) / up;
    assert_true(fabs(n_up - round(n_up)) < 1e-6);
    assert_true(n_up >= 1 && n_up <= 19);
    assert_true(used[0] < most[0] && used[1] < most[1]);
    assert_true(fabs(find_made_again(20, 2 * most[1], &used[1])) < 1e-6 * qkv);
    assert_true(used[1] == most[1]);
}

/* Cores wait for the last pieces of others, which is no work: three blocks on two cores
 * take as long as four. */
static void test_plan__tells_work_from_waiting(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 2);
    attrib_work work = one_document();
    work.fitted = attrib_volume_even(3, 3 * 512, 512);
    work.scored = (attrib_volume){0};
    attrib_shape shape = one_layer;
    shape.context = 512;
    attrib_plan plan = make_plan(&shape, &work, &machine);
    const attrib_plan_stage *stage = stage_of(&plan, "covariance");
    assert_true(fabs(stage->seconds / stage->busy_seconds - 4.0 / 3) < 1e-6);
}

/* A model most of whose products are large. */
static const attrib_shape wide = {.size = sizeof(attrib_shape),
                                  .n_layers = 1,
                                  .width = 4096,
                                  .mlp_width = 16384,
                                  .n_heads = 32,
                                  .n_vocabulary = 4096,
                                  .context = 512};

static void check_rate(const attrib_plan *in_f32, const attrib_plan *other, double want)
{
    double rate =
        stage_of(in_f32, "covariance")->seconds / stage_of(other, "covariance")->seconds;
    if (fabs(rate / want - 1) > 0.02) {
        fail_msg("products run at %g of the rate in f32, expected %g", rate, want);
    }
}

/* Products in bf16 take the time that was measured, or a Zen 4's share of that in f32; to
 * a fiftieth, as small ones, of attention here, stay in f32. */
static void test_plan__products_in_bf16_have_their_rate(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.fitted = attrib_volume_even(1, 512, 512);
    work.scored = (attrib_volume){0};
    attrib_plan in_f32 = make_plan(&wide, &work, &machine);
    fitting.precision = ATTRIB_BF16_PRODUCTS;
    attrib_plan plan = make_plan(&wide, &work, &machine);
    check_rate(&in_f32, &plan, 2.15);
    machine.bf16_flops = 3 * machine.flops;
    plan = make_plan(&wide, &work, &machine);
    check_rate(&in_f32, &plan, 3);
}

/* What OpenBLAS does takes its own time: all products of a one_layer model, and of a wide
 * one the symmetric ones of covariances, in panels of 384 columns. */
static void test_plan__blas_has_its_rate(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_machine slow = ideal(1, 1);
    attrib_work work = one_document();
    slow.blas_flops = slow.flops / 2;
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    attrib_plan slower = make_plan(&one_layer, &work, &slow);
    double n = stage_of(&plan, "lambda")->flop;
    assert_true(fabs(stage_of(&slower, "lambda")->busy_seconds / (2 * n) - 1) < 1e-9);
    work.fitted = attrib_volume_even(1, 512, 512);
    plan = make_plan(&wide, &work, &machine);
    slower = make_plan(&wide, &work, &slow);
    /* up and down: 4,097 and 16,385 columns with the bias, 4,096 and 16,384 without */
    double squares = 0;
    const double widths[] = {4097, 16384, 16385, 4096};
    for (size_t i = 0; i < 4; i++) {
        double whole = floor(widths[i] / 384);
        double left = widths[i] - whole * 384;
        squares += 512 * (whole * 384 * 384 + left * left);
    }
    double more = stage_of(&slower, "covariance")->busy_seconds -
                  stage_of(&plan, "covariance")->busy_seconds;
    if (fabs(more / squares - 1) > 0.05) {
        fail_msg("%g FLOP more at half the rate, %g in squares", more, squares);
    }
}

static void test_plan__leaves_out_what_is_not_asked(void **state)
{
    (void)state;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    work.scored = (attrib_volume){0};
    attrib_plan plan = make_plan(&one_layer, &work, &machine);
    assert_int_equal(plan.n_stages, 3);
    work = one_document();
    work.fitted = (attrib_volume){0};
    plan = make_plan(&one_layer, &work, &machine);
    assert_int_equal(plan.n_stages, 3);
    assert_string_equal(plan.stages[0].name, "query");
}

static void test_plan__refuses_nonsense(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = NULL;
    attrib_plan plan;
    attrib_machine machine = ideal(1, 1);
    attrib_work work = one_document();
    check_ok(attrib_outline_new(&one_layer, &model, &err), &err);
    work.fitted = work.scored = (attrib_volume){0};
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "no documents");
    err = (attrib_error){0};
    work = one_document();
    work.n_queries = 0;
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    err = (attrib_error){0};
    work = one_document();
    scoring.top = 0;
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "top: 0 is not in [1, ");
    err = (attrib_error){0};
    work = one_document();
    fitting.n_blocks = 0;
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "blocks: 0 is not in [1, ");
    err = (attrib_error){0};
    work = one_document();
    machine.flops = (double)NAN;
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    err = (attrib_error){0};
    machine = ideal(1, 1);
    fitting.modules = "nothing";
    check_fails(attrib_plan_make(model, &work, &machine, &plan, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "nothing");
    attrib_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__counts_what_a_hand_counts),
        cmocka_unit_test(test_plan__time_is_flop_over_rate),
        cmocka_unit_test(test_plan__counts_fresh_memory),
        cmocka_unit_test(test_plan__follows_strategy_and_stages),
        cmocka_unit_test(test_plan__blocks_divide),
        cmocka_unit_test(test_plan__memory_makes_passes),
        cmocka_unit_test(test_plan__counts_what_is_made_again),
        cmocka_unit_test(test_plan__tells_work_from_waiting),
        cmocka_unit_test(test_plan__products_in_bf16_have_their_rate),
        cmocka_unit_test(test_plan__blas_has_its_rate),
        cmocka_unit_test(test_plan__leaves_out_what_is_not_asked),
        cmocka_unit_test(test_plan__refuses_nonsense),
    };
    return run_cases(tests, NULL, NULL);
}
