/* SPDX-License-Identifier: MIT */
/* Slopes along directions against PyTorch's gradients (scripts/make-model-fixtures), and
 * sequences that are subtracted. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "golden_fixture.h"
#include "support/made_model.h"

/* A direction of the tracked maps: entries in [-1, 1) that depend on place and map. */
typedef struct direction {
    const golden *g;
    const size_t *tracked;
} direction;

static double direction_at(size_t module, size_t i)
{
    return 2 * at_uniform(5, module, i) - 1;
}

static attrib_status add_direction(void *context,
                                   const attrib_outputs *to,
                                   attrib_error *err)
{
    const direction *along = context;
    size_t module = along->tracked[to->i_tracked];
    size_t in_dim = attrib_model_module(along->g->model, module)->in_dim;
    (void)err;
    for (size_t t = 0; t < to->n_rows; t++) {
        for (size_t o = 0; o < to->n_outputs; o++) {
            double sum = 0;
            for (size_t i = 0; i < in_dim; i++) {
                sum += direction_at(module, (to->first + o) * in_dim + i) *
                       (double)to->a[t * in_dim + i];
            }
            to->d_out[t * to->stride + o] += (float)sum;
        }
    }
    return ATTRIB_OK;
}

/* < P, G > over tracked maps, and |G|, of PyTorch's gradients. */
static double expect_slope(const golden *g,
                           const size_t *tracked,
                           size_t n_tracked,
                           double *norm)
{
    attrib_error err = {0};
    double slope = 0;
    double square = 0;
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, tracked[m]);
        const at_tensor *tensor = at_tensors_find(g->gradients, module->name);
        size_t n = module->out_dim * module->in_dim;
        double *gradient = calloc(n, sizeof *gradient);
        assert_true(tensor && gradient);
        check_ok(at_tensor_to_f64(tensor, 0, n, gradient, &err), &err);
        for (size_t i = 0; i < n; i++) {
            slope += direction_at(tracked[m], i) * gradient[i];
            square += gradient[i] * gradient[i];
        }
        free(gradient);
    }
    *norm = sqrt(square);
    return slope;
}

/* The slopes of the batch in forward mode add up to PyTorch's, and each is what its
 * sequence has alone; losses are those of a pass in reverse. */
static void check_along(const golden *g, const size_t *tracked, size_t n_tracked)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    double losses[8];
    double slopes[8];
    double norm = 0;
    double sum = 0;
    direction along = {g, tracked};
    double want = expect_slope(g, tracked, n_tracked, &norm);
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    at_decoder_skip_uncounted(decoder, g->skips_uncounted);
    check_ok(at_decoder_run_along(decoder, &g->batch, add_direction, &along, losses,
                                  slopes, &err),
             &err);
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        size_t first_row[2] = {0, g->sequences[i].n_tokens};
        at_batch alone = {1, &g->sequences[i], first_row};
        double loss = 0;
        double slope = 0;
        check_ok(at_decoder_run_along(decoder, &alone, add_direction, &along, &loss,
                                      &slope, &err),
                 &err);
        /* the same sums of up to 40 terms in another order: sqrt(40) 2^-24 = 4e-7 */
        assert_true(fabs(loss - losses[i]) < 1e-6 * (1 + fabs(loss)));
        /* A slope goes through about 7 products of each of 2 layers, whose errors add up
         * as their squares do: sqrt(14) 4e-7 = 1.5e-6, where 1.1e-6 is measured. */
        assert_true(fabs(slope - slopes[i]) < 3e-6 * (norm + fabs(slope)));
        check_ok(at_decoder_run(decoder, &alone, AT_LABELS_DATA, 0, made_ignore_pairs,
                                NULL, &loss, &err),
                 &err);
        assert_true(fabs(loss - losses[i]) < 1e-6 * (1 + fabs(loss)));
        sum += slopes[i];
    }
    /* Entries of a gradient may err by 1e-5 of the largest (see check_gradients()), each
     * its own way; 5e-6 of their norm is measured. */
    if (!(fabs(sum - want) < 1e-5 * norm)) {
        fail_msg("%s%s: slope %.9g, expected %.9g, of gradients with norm %g",
                 attrib_model_module(g->model, tracked[0])->name,
                 n_tracked > 1 ? " and others" : "", sum, want, norm);
    }
    at_decoder_free(decoder);
}

/* Along a direction of all maps, and of each alone. */
static void test_golden_slopes__slopes_match_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        size_t *tracked = NULL;
        size_t n_tracked = 0;
        print_message("%s\n", fixtures[i].name);
        open_golden(&g, fixtures[i].name, false);
        check_ok(attrib_model_select(g.model, "all", &tracked, &n_tracked, &err), &err);
        check_along(&g, tracked, n_tracked);
        for (size_t m = 0; m < n_tracked; m++) {
            check_along(&g, &tracked[m], 1);
        }
        skip_uncounted(&g);
        check_along(&g, tracked, n_tracked);
        free(tracked);
        close_golden(&g);
    }
}

/* Run the batch in both modes, its sequences subtracted or not. */
static void run_signed(golden *g,
                       const size_t *tracked,
                       size_t n_tracked,
                       bool is_subtracted,
                       double numbers[3][8],
                       tiny_gradients *gradients)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    direction along = {g, tracked};
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        g->sequences[i].is_subtracted = is_subtracted;
    }
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(gradients, g->model, tracked, n_tracked);
    check_ok(tiny_run(gradients, decoder, &g->batch, AT_LABELS_DATA, 0, numbers[0], &err),
             &err);
    check_ok(at_decoder_run_along(decoder, &g->batch, add_direction, &along, numbers[1],
                                  numbers[2], &err),
             &err);
    at_decoder_free(decoder);
}

/* A sequence that is subtracted has, bit for bit, minus the loss, the slope and the
 * gradient that it has otherwise, whatever the head does to logits. */
static void test_golden_slopes__subtracting_changes_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        size_t *tracked = NULL;
        size_t n_tracked = 0;
        double numbers[2][3][8] = {{{0}}};
        tiny_gradients gradients[2];
        open_golden(&g, fixtures[i].name, false);
        check_ok(attrib_model_select(g.model, "all", &tracked, &n_tracked, &err), &err);
        for (size_t k = 0; k < 2; k++) {
            run_signed(&g, tracked, n_tracked, k == 1, numbers[k], &gradients[k]);
        }
        for (size_t k = 0; k < 3 * g.batch.n_sequences; k++) {
            size_t s = k % g.batch.n_sequences;
            size_t of = k / g.batch.n_sequences;
            assert_true(numbers[1][of][s] == -numbers[0][of][s]);
            assert_true(s > 0 || numbers[0][of][s] != 0);
        }
        for (size_t m = 0; m < n_tracked; m++) {
            const attrib_module *module = attrib_model_module(g.model, tracked[m]);
            for (size_t k = 0; k < module->in_dim * module->out_dim; k++) {
                assert_true(gradients[1].values[m][k] == -gradients[0].values[m][k]);
            }
        }
        tiny_gradients_free(&gradients[0]);
        tiny_gradients_free(&gradients[1]);
        free(tracked);
        close_golden(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_slopes__slopes_match_pytorch),
        cmocka_unit_test(test_golden_slopes__subtracting_changes_signs),
    };
    return run_cases(tests, NULL, NULL);
}
