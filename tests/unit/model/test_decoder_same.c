/* SPDX-License-Identifier: MIT */
/* What may not change a result of the decoder: packing, order, repetition; and which
 * labels are drawn. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "decoder_fixture.h"

static void test_decoder_same__maps_come_last_first(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        double losses[5];
        set_up(&f, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 40);
        run(&f, &batch, losses);
        assert_int_equal(f.gradients.n_handed, f.n_tracked);
        for (size_t i = 0; i < f.n_tracked; i++) {
            assert_int_equal(f.gradients.order[i], f.n_tracked - 1 - i);
        }
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

/* Sequences one by one, and together in another order, give the same G and losses. Other
 * shapes of products round otherwise, by 6e-8, which the saturated attention of these
 * weights, where large terms cancel, makes some ten times larger. */
static void test_decoder_same__packing_changes_nothing(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture packed;
        fixture alone;
        tiny_batch batch;
        double losses[5];
        double losses_alone[5];
        set_up(&packed, &variants[v], "all");
        set_up(&alone, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 50 + v);
        run(&packed, &batch, losses);
        for (size_t i = 5; i-- > 0;) {
            attrib_error err = {0};
            size_t first_row[2] = {0, lengths[i]};
            at_batch single = {1, &batch.sequences[i], first_row};
            check_ok(tiny_run(&alone.gradients, alone.decoder, &single, AT_LABELS_DATA, 0,
                              &losses_alone[i], &err),
                     &err);
        }
        check_close_f64(losses, losses_alone, 5, 0, LOSS_TOLERANCE, "losses");
        for (size_t m = 0; m < packed.n_tracked; m++) {
            const attrib_module *module = attrib_model_module(packed.model, m);
            double distance =
                tiny_distance(packed.gradients.values[m], alone.gradients.values[m],
                              module->in_dim * module->out_dim);
            /* up to 33 rows, summed in another order: sqrt(33) 2^-24 = 3.4e-7, ten times
             * larger as said above; OpenBLAS's kernels for Haswell, whose sums depend on
             * a row's place, reach 1.0e-6 */
            if (!(distance < 4e-6)) {
                fail_msg("%s: gradient differs by %g of its largest entry", module->name,
                         distance);
            }
        }
        tiny_batch_free(&batch);
        tear_down(&packed);
        tear_down(&alone);
    }
}

/* The same bytes again, with a decoder that has seen other batches in between. */
static void test_decoder_same__runs_repeat_exactly(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        fixture again;
        tiny_batch batch;
        tiny_batch other;
        const size_t other_lengths[] = {16, 16, 16, 3};
        double losses[5];
        double losses_again[5];
        set_up(&f, &variants[v], "all");
        set_up(&again, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 60);
        tiny_batch_make(&other, other_lengths, 4, 13, 61);
        run(&f, &batch, losses);
        run(&again, &other, losses_again);
        tiny_gradients_free(&again.gradients);
        tiny_gradients_make(&again.gradients, again.model, again.tracked,
                            again.n_tracked);
        run(&again, &batch, losses_again);
        assert_memory_equal(losses, losses_again, sizeof losses);
        for (size_t m = 0; m < f.n_tracked; m++) {
            const attrib_module *module = attrib_model_module(f.model, m);
            assert_memory_equal(f.gradients.values[m], again.gradients.values[m],
                                module->in_dim * module->out_dim * sizeof(double));
        }
        tiny_batch_free(&batch);
        tiny_batch_free(&other);
        tear_down(&f);
        tear_down(&again);
    }
}

/* A batch in which nothing counts has no loss and no gradient, and is handed over. */
static void test_decoder_same__nothing_counted_is_zero(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    const size_t one[] = {1, 4};
    double losses[2];
    set_up(&f, &variants[4], "all");
    tiny_batch_make(&batch, one, 2, 13, 70);
    memset(batch.mask, 0, 5);
    run(&f, &batch, losses);
    assert_int_equal(f.gradients.n_handed, f.n_tracked);
    assert_true(losses[0] == 0 && losses[1] == 0);
    for (size_t m = 0; m < f.n_tracked; m++) {
        const attrib_module *module = attrib_model_module(f.model, m);
        for (size_t i = 0; i < module->in_dim * module->out_dim; i++) {
            assert_true(f.gradients.values[m][i] == 0);
        }
    }
    tiny_batch_free(&batch);
    tear_down(&f);
}

/* Gradients and losses of long sequences whose ends count, or a stretch within, without
 * the rows that do not. Tolerances as those of packing, for sums of up to 170 rows. */
static void test_decoder_same__rows_that_count_are_enough(void **state)
{
    const size_t long_lengths[] = {170, 3, 90};
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture all;
        fixture some;
        tiny_batch batch;
        double losses[3];
        double losses_of_some[3];
        tiny_options options = variants[v];
        options.context = 170;
        set_up(&all, &options, "all");
        set_up(&some, &options, "all");
        tiny_batch_make(&batch, long_lengths, 3, 13, 80 + v);
        memset(batch.mask, 0, 150);          /* of the first, and all of the second: */
        memset(batch.mask + 170, 0, 3 + 10); /* tiles of 64 without a row that counts */
        memset(batch.mask + 173 + 30, 0, 60);
        run(&all, &batch, losses);
        at_decoder_skip_uncounted(some.decoder, true);
        run(&some, &batch, losses_of_some);
        assert_false(all.decoder->n_rows < all.decoder->n_all);
        check_close_f64(losses, losses_of_some, 3, 0, LOSS_TOLERANCE, "losses");
        for (size_t m = 0; m < all.n_tracked; m++) {
            const attrib_module *module = attrib_model_module(all.model, m);
            double distance =
                tiny_distance(some.gradients.values[m], all.gradients.values[m],
                              module->in_dim * module->out_dim);
            if (!(distance < 3e-6)) {
                fail_msg("%s: gradient differs by %g of its largest entry", module->name,
                         distance);
            }
        }
        tiny_batch_free(&batch);
        tear_down(&all);
        tear_down(&some);
    }
}

/* The label whose log-probability makes this loss. */
static size_t find_label(const double *logprobs, double loss)
{
    size_t best = 0;
    for (size_t label = 1; label < 13; label++) {
        if (fabs(logprobs[label] + loss) < fabs(logprobs[best] + loss)) {
            best = label;
        }
    }
    assert_true(fabs(logprobs[best] + loss) < LOSS_TOLERANCE);
    return best;
}

/* One position counts, under many seeds: labels come as often as the model says. */
static void test_decoder_same__drawn_labels_follow_the_model(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    const size_t one[] = {6};

    enum { N_DRAWS = 2000 };

    double count[13] = {0};
    double logprobs[13];
    double chi_square = 0;
    set_up(&f, &variants[0], NULL);
    tiny_batch_make(&batch, one, 1, 13, 80);
    memset(batch.mask, 0, 6);
    batch.mask[4] = 1;
    for (int32_t label = 0; label < 13; label++) {
        int32_t targets[6] = {-1, -1, -1, -1, label, -1};
        double of_row[6];
        ref_decoder_logprobs(&f.reference, batch.ids, targets, 6, of_row);
        logprobs[label] = of_row[3];
    }
    for (uint64_t seed = 0; seed < N_DRAWS; seed++) {
        attrib_error err = {0};
        double loss = 0;
        check_ok(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_SAMPLED, seed, NULL,
                                NULL, &loss, &err),
                 &err);
        count[find_label(logprobs, loss)]++;
    }
    for (size_t label = 0; label < 13; label++) {
        double expected = N_DRAWS * exp(logprobs[label]);
        chi_square += pow(count[label] - expected, 2) / fmax(expected, 1);
    }
    assert_true(chi_square < 40); /* 12 degrees of freedom: p = 1e-4 */
    tiny_batch_free(&batch);
    tear_down(&f);
}

/* The label that a uniform number draws; 13 where it lies so near the border of two that
 * f32 may have drawn the other. */
static size_t label_at(const double logprobs[13], double uniform)
{
    double cumulative = 0;
    for (size_t label = 0; label < 13; label++) {
        cumulative += exp(logprobs[label]);
        if (fabs(cumulative - uniform) < 1e-5) {
            return 13;
        }
        if (cumulative > uniform) {
            return label;
        }
    }
    return 13;
}

/* The number that draws is that of the seed, the document and the place in the document,
 * of which a sequence may be any part. */
static void test_decoder_same__labels_are_drawn_by_place_in_the_document(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    const size_t one[] = {6};
    double logprobs[13];
    size_t n_checked = 0;
    set_up(&f, &variants[0], NULL);
    tiny_batch_make(&batch, one, 1, 13, 80);
    memset(batch.mask, 0, 6);
    batch.mask[4] = 1;
    for (int32_t label = 0; label < 13; label++) {
        int32_t targets[6] = {-1, -1, -1, -1, label, -1};
        double of_row[6];
        ref_decoder_logprobs(&f.reference, batch.ids, targets, 6, of_row);
        logprobs[label] = of_row[3];
    }
    for (size_t k = 0; k < 60; k++) {
        attrib_error err = {0};
        double loss = 0;
        uint64_t seed = k % 3;
        batch.sequences[0].document = 5 * (k % 4);
        batch.sequences[0].offset = 7 * k;
        size_t want = label_at(logprobs, at_uniform(seed, 5 * (k % 4), 7 * k + 4));
        check_ok(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_SAMPLED, seed, NULL,
                                NULL, &loss, &err),
                 &err);
        if (want < 13) {
            assert_int_equal(find_label(logprobs, loss), want);
            n_checked++;
        }
    }
    assert_true(n_checked > 50);
    tiny_batch_free(&batch);
    tear_down(&f);
}

/* Draws belong to (document, position): not to the batch, nor to how a document is cut.
 */
static void test_decoder_same__drawn_labels_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    double losses[5];
    double alone = 0;
    attrib_error err = {0};
    set_up(&f, &variants[3], NULL);
    tiny_batch_make(&batch, lengths, 5, 13, 90);
    batch.sequences[2].offset = 100;
    check_ok(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_SAMPLED, 7, NULL, NULL,
                            losses, &err),
             &err);
    for (size_t i = 0; i < 5; i++) {
        size_t first_row[2] = {0, lengths[i]};
        at_batch single = {1, &batch.sequences[i], first_row};
        check_ok(at_decoder_run(f.decoder, &single, AT_LABELS_SAMPLED, 7, NULL, NULL,
                                &alone, &err),
                 &err);
        assert_true(fabs(alone - losses[i]) < LOSS_TOLERANCE);
    }
    tiny_batch_free(&batch);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder_same__maps_come_last_first),
        cmocka_unit_test(test_decoder_same__packing_changes_nothing),
        cmocka_unit_test(test_decoder_same__runs_repeat_exactly),
        cmocka_unit_test(test_decoder_same__nothing_counted_is_zero),
        cmocka_unit_test(test_decoder_same__rows_that_count_are_enough),
        cmocka_unit_test(test_decoder_same__drawn_labels_follow_the_model),
        cmocka_unit_test(test_decoder_same__labels_are_drawn_by_place_in_the_document),
        cmocka_unit_test(test_decoder_same__drawn_labels_do_not_depend_on_the_batch),
    };
    return run_cases(tests, NULL, NULL);
}
