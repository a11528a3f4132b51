/* SPDX-License-Identifier: MIT */
/* What is measured of sequences besides losses: hidden states along directions, and the
 * gradient by the token vectors, against differences of a naive f64 decoder. */
#include <math.h>
#include <stdlib.h>

#include "decoder_fixture.h"
#include "model/shift.h"

/* Hidden states along a direction, in batches where others have losses: after each layer
 * and behind the last norm, at one position and at several. */
static void test_measured__directions_match_central_differences(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        attrib_direction directions[5];
        float values[64];
        uint8_t positions[16] = {0};
        double losses[5];
        double want[5];
        uint64_t seed = 70 + v;
        set_up(&f, &variants[v], "all");
        tiny_batch_make(&batch, lengths, 5, 13, 110 + v);
        assert_true(f.reference.width <= 64);
        for (size_t i = 0; i < f.reference.width; i++) {
            values[i] = (float)(2 * tiny_random(&seed) - 1);
        }
        positions[0] = positions[1] = positions[8] = positions[15] = 1;
        for (size_t i = 0; i < 5; i++) {
            directions[i] = (attrib_direction){NULL, values, f.reference.width,
                                               1 + i % f.reference.n_layers, positions};
            batch.sequences[i].direction = i == 3 ? NULL : &directions[i];
            want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
        }
        run(&f, &batch, losses);
        check_close_f64(losses, want, 5, 0, LOSS_TOLERANCE, "losses");
        check_differences(&f, &batch.batch, 5);
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

/* Maps that have no part in a hidden state are handed over with ds = 0. */
static void test_measured__maps_behind_a_direction_have_no_gradient(void **state)
{
    (void)state;
    fixture f;
    tiny_batch batch;
    float values[64] = {1, -1, 2};
    const uint8_t positions[9] = {[8] = 1};
    double losses[1];
    set_up(&f, &variants[0], "all");
    tiny_batch_make(&batch, lengths, 1, 13, 3);
    attrib_direction direction = {NULL, values, f.reference.width, 1, positions};
    batch.sequences[0].direction = &direction;
    run(&f, &batch, losses);
    assert_int_equal(f.gradients.n_handed, f.n_tracked);
    for (size_t m = 0; m < f.n_tracked; m++) {
        const attrib_module *module = attrib_model_module(f.model, f.tracked[m]);
        double sum = 0;
        for (size_t j = 0; j < module->in_dim * module->out_dim; j++) {
            sum += fabs(f.gradients.values[m][j]);
        }
        assert_int_equal(sum > 0, module->layer < 1);
    }
    tiny_batch_free(&batch);
    tear_down(&f);
}

/* What a loss changes by as a token's vector is multiplied by 1 + eps, against
 * differences of the reference, whose embedding has that row multiplied: each token
 * stands once. */
static void test_measured__inputs_match_central_differences(void **state)
{
    (void)state;
    static const int32_t ids[] = {3, 1, 12, 7, 5, 0, 9, 2, 11};
    static const uint8_t mask[] = {0, 1, 0, 1, 1, 1, 0, 1, 1};
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        double losses[1];
        double got[9];
        double want[9];
        attrib_error err = {0};
        const attrib_sequence sequence = {.n_tokens = 9, .ids = ids, .mask = mask};
        const size_t first_row[] = {0, 9};
        const at_batch batch = {1, &sequence, first_row};
        set_up(&f, &variants[v], NULL);
        double *embedding = f.reference.tensors[0].values;
        for (size_t t = 0; t < 9; t++) {
            double *row = embedding + (size_t)ids[t] * f.reference.width;
            double loss[2];
            for (size_t side = 0; side < 2; side++) {
                double scale = side ? (1 + STEP) / (1 - STEP) : 1 - STEP;
                for (size_t i = 0; i < f.reference.width; i++) {
                    row[i] *= scale;
                }
                loss[side] = tiny_loss(&f.reference, &sequence);
            }
            for (size_t i = 0; i < f.reference.width; i++) {
                row[i] /= 1 + STEP;
            }
            want[t] = (loss[1] - loss[0]) / (2 * STEP);
        }
        at_decoder_report_rows(f.decoder, (at_row_results){.inputs = got});
        check_ok(at_decoder_run(f.decoder, &batch, AT_LABELS_DATA, 0, NULL, NULL, losses,
                                &err),
                 &err);
        double distance = tiny_distance(got, want, 9);
        if (!(distance < GRADIENT_TOLERANCE)) {
            fail_msg("variant %zu: off by %g of the largest", v, distance);
        }
        tear_down(&f);
    }
}

/* Losses of a model that is moved along a direction are the reference's, moved alike:
 * biases and matrices that files hold transposed among them; the model itself stays. */
static void test_measured__a_shifted_model_has_other_weights(void **state)
{
    (void)state;
    const double alpha = 0.125; /* so that alpha P is exact */
    for (size_t v = 0; v < N_VARIANTS; v++) {
        fixture f;
        tiny_batch batch;
        attrib_error err = {0};
        double losses[2][5];
        double want[5];
        uint64_t seed = 40 + v;
        at_shift *shift = NULL;
        at_decoder *decoder = NULL;
        set_up(&f, &variants[v], "all");
        float **p = calloc(f.n_tracked, sizeof *p);
        assert_non_null(p);
        tiny_batch_make(&batch, lengths, 5, 13, 130 + v);
        run(&f, &batch, losses[0]);
        for (size_t m = 0; m < f.n_tracked; m++) {
            const attrib_module *module = attrib_model_module(f.model, f.tracked[m]);
            size_t n = module->in_dim * module->out_dim;
            p[m] = calloc(n, sizeof **p);
            assert_non_null(p[m]);
            for (size_t j = 0; j < n; j++) {
                p[m][j] = (float)(2 * tiny_random(&seed) - 1);
                *weight_of(&f.reference, module, j / module->in_dim,
                           j % module->in_dim) += alpha * (double)p[m][j];
            }
        }
        const at_direction_set direction = {f.tracked, f.n_tracked,
                                            (const float *const *)p};
        check_ok(at_shift_new(f.model, &direction, alpha, &shift, &err), &err);
        check_ok(at_decoder_new(at_shift_model(shift), NULL, 0, &decoder, &err), &err);
        check_ok(at_decoder_run(decoder, &batch.batch, AT_LABELS_DATA, 0, NULL, NULL,
                                losses[1], &err),
                 &err);
        for (size_t i = 0; i < 5; i++) {
            want[i] = tiny_loss(&f.reference, &batch.sequences[i]);
        }
        check_close_f64(losses[1], want, 5, 0, LOSS_TOLERANCE, "losses");
        at_decoder_free(decoder);
        at_shift_free(shift);
        run(&f, &batch, losses[1]);
        assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
        for (size_t m = 0; m < f.n_tracked; m++) {
            free(p[m]);
        }
        free(p);
        tiny_batch_free(&batch);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured__directions_match_central_differences),
        cmocka_unit_test(test_measured__maps_behind_a_direction_have_no_gradient),
        cmocka_unit_test(test_measured__inputs_match_central_differences),
        cmocka_unit_test(test_measured__a_shifted_model_has_other_weights),
    };
    return run_cases(tests, NULL, NULL);
}
