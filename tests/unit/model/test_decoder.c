/* SPDX-License-Identifier: MIT */
/* Forward and backward of the decoder against a naive f64 decoder and its central
 * differences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "decoder_fixture.h"
#include "support/made_model.h"

static void test_decoder__losses_match_the_reference(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        double losses[5];
        double want[5];
        set_up(&f, &variants[v], NULL);
        tiny_batch_make(&batch, lengths, 5, 13, v);
        run(&f, &batch, losses);
        for (size_t i = 0; i < 5; i++) {
            want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
        }
        check_close_f64(losses, want, 5, 0, LOSS_TOLERANCE, "losses");
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

static void test_decoder__gradients_match_central_differences(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        double losses[5];
        set_up(&f, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 10 + v);
        run(&f, &batch, losses);
        check_differences(&f, &batch.batch, 1);
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

/* Several tiles of queries and of counted rows; windows shorter and longer than a tile,
 * which leave out whole tiles of keys. */
static void test_decoder__gradients_match_where_tiles_meet(void **state)
{
    (void)state;
    const size_t long_lengths[] = {150, 64, 65};
    static const tiny_options options[] = {
        {.context = 200, .seed = 6},
        {.is_gpt2 = true, .context = 200, .seed = 6},
        {.window = 10, .context = 200, .seed = 6},
        {.window = 66, .context = 200, .seed = 6},
    };
    for (size_t v = 0; v < 4; v++) {
        fixture f;
        tiny_batch batch;
        double losses[3];
        set_up(&f, &options[v], "all");
        tiny_batch_make(&batch, long_lengths, 3, 13, 6);
        run(&f, &batch, losses);
        check_differences(&f, &batch.batch, 101);
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

/* Labels that a sequence brings stand in for drawn ones, and never for data. */
static void test_decoder__labels_stand_for_drawn_ones(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    double losses[2];
    double want[2];
    const size_t two[] = {7, 6};
    int32_t labels[13];
    attrib_error err = {0};
    set_up(&f, &variants[1], "all");
    tiny_batch_make(&batch, two, 2, 13, 20);
    for (size_t t = 0; t < 13; t++) {
        labels[t] = batch.mask[t] ? (int32_t)(12 - t) : -1;
    }
    for (size_t i = 0; i < 2; i++) {
        want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
        batch.sequences[i].labels = labels + batch.first_row[i];
    }
    check_ok(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_DATA, 0, made_ignore_pairs,
                            NULL, losses, &err),
             &err);
    check_close_f64(losses, want, 2, 0, LOSS_TOLERANCE, "losses of data");
    check_ok(tiny_run(&f.gradients, f.decoder, &batch.batch, AT_LABELS_SAMPLED, 0, losses,
                      &err),
             &err);
    for (size_t i = 0; i < 2; i++) {
        want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
    }
    check_close_f64(losses, want, 2, 0, LOSS_TOLERANCE, "losses of labels");
    check_differences(&f, &batch.batch, 7);
    tiny_batch_free(&batch);
    tear_down(&f);
}

/* The gradient of a difference of losses, that of the documents of two sides. */
static void test_decoder__subtracted_sequences_match_central_differences(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        double losses[5];
        double want[5];
        set_up(&f, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 90 + v);
        for (size_t i = 0; i < 5; i++) {
            batch.sequences[i].is_subtracted = i != 2;
            want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
        }
        run(&f, &batch, losses);
        check_close_f64(losses, want, 5, 0, LOSS_TOLERANCE, "losses");
        assert_true(losses[2] > 0 && losses[0] < 0);
        check_differences(&f, &batch.batch, 1);
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

/* The backward pass stops at the lowest tracked map, so each choice takes another way
 * through it: the pairs must be those of tracking everything. */
static void test_decoder__each_selection_gives_the_same_pairs(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture all;
        tiny_batch batch;
        double losses[5];
        set_up(&all, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 30 + v);
        run(&all, &batch, losses);
        for (size_t m = 0; m < all.n_tracked; m++) {
            const attrib_module *module = attrib_model_module(all.model, m);
            fixture one;
            set_up(&one, &variants[v], module->name);
            run(&one, &batch, losses);
            assert_int_equal(one.n_tracked, 1);
            assert_int_equal(one.gradients.n_handed, 1);
            assert_memory_equal(one.gradients.values[0], all.gradients.values[m],
                                module->in_dim * module->out_dim * sizeof(double));
            tear_down(&one);
        }
        tiny_batch_free(&batch);
        tear_down(&all);
    }
}

/* An entry of the direction of a map. */
static double direction_at(size_t module, size_t i)
{
    return 2 * at_uniform(9, module, i) - 1;
}

static attrib_status add_direction(void *context,
                                   const attrib_outputs *to,
                                   attrib_error *err)
{
    const fixture *f = context;
    size_t module = f->tracked[to->i_tracked];
    size_t in_dim = attrib_model_module(f->model, module)->in_dim;
    double p[32];
    (void)err;
    assert_true(in_dim <= 32);
    for (size_t o = 0; o < to->n_outputs; o++) {
        for (size_t i = 0; i < in_dim; i++) {
            p[i] = direction_at(module, (to->first + o) * in_dim + i);
        }
        for (size_t t = 0; t < to->n_rows; t++) {
            double sum = 0;
            for (size_t i = 0; i < in_dim; i++) {
                sum += p[i] * (double)to->a[t * in_dim + i];
            }
            to->d_out[t * to->stride + o] += (float)sum;
        }
    }
    return ATTRIB_OK;
}

/* A vocabulary of several blocks, against rows of several tiles, with maps below the head
 * and the head's own: slopes are < P, G > of the pass in reverse, and losses its losses.
 */
static void test_decoder__slopes_of_a_large_vocabulary(void **state)
{
    (void)state;
    const size_t several[] = {40, 9};
    const tiny_options options = {.context = 64, .width = 16, .n_vocabulary = 140001};
    fixture f;
    tiny_batch batch;
    attrib_error err = {0};
    double losses[2];
    double along_losses[2];
    double slopes[2];
    double want = 0;
    double square = 0;
    set_up(&f, &options, "all");
    const at_matrix *head = &f.model->head.weight;
    assert_true(at_matrix_block_rows(head) < head->n_rows);
    assert_true(at_matrix_tile_rows(head) < 40);
    tiny_batch_make(&batch, several, 2, options.n_vocabulary, 50);
    run(&f, &batch, losses);
    check_ok(at_decoder_run_along(f.decoder, &batch.batch, add_direction, &f,
                                  along_losses, slopes, &err),
             &err);
    for (size_t m = 0; m < f.n_tracked; m++) {
        const attrib_module *module = attrib_model_module(f.model, f.tracked[m]);
        for (size_t i = 0; i < module->in_dim * module->out_dim; i++) {
            want += direction_at(f.tracked[m], i) * f.gradients.values[m][i];
            square += f.gradients.values[m][i] * f.gradients.values[m][i];
        }
    }
    /* The same logits, whose exponentials are summed in tiles of another size: of large
     * losses a relative 16 x 2^-24. A slope sums entries that err independently, each by
     * some roundings of f32: 5e-7 of their norm is measured. */
    check_close_f64(along_losses, losses, 2, 1e-6, 1e-6, "losses");
    assert_true(fabs(slopes[0] + slopes[1] - want) < 2e-6 * sqrt(square));
    tiny_batch_free(&batch);
    tear_down(&f);
}

static void test_decoder__refuses_what_it_cannot_run(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    const size_t too_long[] = {3, 17};
    double losses[2];
    set_up(&f, &variants[0], "mlp");
    tiny_batch_make(&batch, too_long, 2, 13, 1);
    attrib_error err = {0};
    check_fails(
        tiny_run(&f.gradients, f.decoder, &batch.batch, AT_LABELS_DATA, 0, losses, &err),
        ATTRIB_ERANGE, &err);
    check_message(&err,
                  "document 1: a sequence of 17 tokens exceeds the model's context");
    const int32_t bad[] = {13, -1, INT32_MAX, INT32_MIN};
    batch.batch.n_sequences = 1;
    for (size_t i = 0; i < 4; i++) {
        err = (attrib_error){0};
        batch.ids[2] = bad[i];
        check_fails(tiny_run(&f.gradients, f.decoder, &batch.batch, AT_LABELS_DATA, 0,
                             losses, &err),
                    ATTRIB_ERANGE, &err);
        check_message(&err, "document 0: token 2: id ");
        check_message(&err, "is outside the vocabulary of 13");
    }
    tiny_batch_free(&batch);
    tear_down(&f);
}

static void test_decoder__refuses_losses_that_overflow(void **state)
{
    (void)state;
    ref_decoder reference;
    attrib_error err = {0};
    double logprobs[3];
    const int32_t ids[] = {1, 2, 3, 4};
    tiny_make(&reference, &variants[0]);
    for (size_t i = 0; i < 13 * 12; i++) {
        ref_decoder_find(&reference, "lm_head.weight")->values[i] = i % 2 ? 3e38 : -3e38;
    }
    attrib_model *model = tiny_open(&reference, false);
    check_fails(attrib_model_logprobs(model, ids, 4, logprobs, &err), ATTRIB_ENUMERIC,
                &err);
    check_message(&err, "loss is not finite");
    attrib_model_close(model);
    ref_decoder_free_tensors(&reference);
}

static attrib_status refuse(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    (void)a;
    (void)ds;
    ++*(size_t *)context;
    return i_tracked == 3 ? at_fail(err, ATTRIB_ECANCELED, "enough") : ATTRIB_OK;
}

/* A tap's failure comes back, and nothing is handed over after it. */
static void test_decoder__a_failing_tap_stops_the_run(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    double losses[5];
    size_t n_calls = 0;
    attrib_error err = {0};
    set_up(&f, &variants[3], "all");
    tiny_batch_make(&batch, lengths, 5, 13, 100);
    check_fails(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_DATA, 0, refuse,
                               &n_calls, losses, &err),
                ATTRIB_ECANCELED, &err);
    assert_int_equal(n_calls, f.n_tracked - 3);
    tiny_batch_free(&batch);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder__losses_match_the_reference),
        cmocka_unit_test(test_decoder__gradients_match_central_differences),
        cmocka_unit_test(test_decoder__gradients_match_where_tiles_meet),
        cmocka_unit_test(test_decoder__labels_stand_for_drawn_ones),
        cmocka_unit_test(test_decoder__subtracted_sequences_match_central_differences),
        cmocka_unit_test(test_decoder__each_selection_gives_the_same_pairs),
        cmocka_unit_test(test_decoder__slopes_of_a_large_vocabulary),
        cmocka_unit_test(test_decoder__refuses_what_it_cannot_run),
        cmocka_unit_test(test_decoder__refuses_losses_that_overflow),
        cmocka_unit_test(test_decoder__a_failing_tap_stops_the_run),
    };
    return run_cases(tests, NULL, NULL);
}
