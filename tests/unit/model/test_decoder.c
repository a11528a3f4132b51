/* SPDX-License-Identifier: MIT */
/* Forward and backward of the decoder against a naive f64 decoder and its central
 * differences; what may not change a result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/layers.h"
#include "tiny.h"

/* f32 rounds each product of a layer by 6e-8; through some ten layers of sums of a dozen
 * terms that stays below 1e-6 of a gradient's largest entry, but where terms cancel: at
 * most 5e-6 is measured. */
#define GRADIENT_TOLERANCE 2e-5

/* Logits of up to 10, each an f32 sum of up to 16 terms, err by 10 sqrt(16) 2^-24
 * = 2.4e-6; a loss sums at most 15 of them, whose errors are independent: sqrt(15)
 * x 2.4e-6 = 9e-6. At most 2.3e-6 is measured. */
#define LOSS_TOLERANCE 1e-5

#define STEP           1e-4 /* of central differences in f64: truncation 1e-8, rounding 1e-11 */

typedef struct fixture {
    ref_decoder reference;
    attrib_model *model;
    at_decoder *decoder;
    size_t *tracked;
    size_t n_tracked;
    tiny_gradients gradients;
} fixture;

static void set_up(fixture *f, const tiny_options *options, const char *selection)
{
    attrib_error err = {0};
    tiny_make(&f->reference, options);
    f->model = tiny_open(&f->reference, options->is_tied);
    f->tracked = NULL;
    f->n_tracked = 0;
    if (selection) {
        check_ok(
            attrib_model_select(f->model, selection, &f->tracked, &f->n_tracked, &err),
            &err);
    }
    check_ok(at_decoder_new(f->model, f->tracked, f->n_tracked, &f->decoder, &err), &err);
    tiny_gradients_make(&f->gradients, f->model, f->tracked, f->n_tracked);
}

static void tear_down(fixture *f)
{
    tiny_gradients_free(&f->gradients);
    at_decoder_free(f->decoder);
    attrib_model_close(f->model);
    ref_decoder_free_tensors(&f->reference);
    free(f->tracked);
}

static void run(fixture *f, const tiny_batch *batch, double *losses)
{
    attrib_error err = {0};
    check_ok(tiny_run(&f->gradients, f->decoder, &batch->batch, AT_LABELS_DATA, 0, losses,
                      &err),
             &err);
}

/* The reference's weight that is entry [o, i] of a module's extended matrix. */
static double *weight_of(const ref_decoder *reference,
                         const attrib_module *module,
                         size_t o,
                         size_t i)
{
    char name[128];
    bool is_bias = module->has_bias && i + 1 == module->in_dim;
    snprintf(name, sizeof name, "%s.%s", module->name, is_bias ? "bias" : "weight");
    ref_tensor *tensor = ref_decoder_find(reference, name);
    if (is_bias) {
        return &tensor->values[o];
    }
    bool is_transposed = reference->is_gpt2 && module->kind != ATTRIB_MODULE_HEAD;
    return &tensor->values[is_transposed ? i * tensor->shape[1] + o
                                         : o * tensor->shape[1] + i];
}

static double batch_loss(const ref_decoder *reference, const at_batch *batch)
{
    double loss = 0;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        loss += tiny_loss(reference, &batch->sequences[i]);
    }
    return loss;
}

/* (loss(w + h) - loss(w - h)) / 2 h */
static double difference_at(const ref_decoder *reference,
                            double *w,
                            const at_batch *batch)
{
    double kept = *w;
    *w = kept + STEP;
    double above = batch_loss(reference, batch);
    *w = kept - STEP;
    double below = batch_loss(reference, batch);
    *w = kept;
    return (above - below) / (2 * STEP);
}

/* Compare every `stride`-th entry of each tracked map's G with central differences. */
static void check_differences(const fixture *f, const at_batch *batch, size_t stride)
{
    for (size_t m = 0; m < f->n_tracked; m++) {
        const attrib_module *module = attrib_model_module(f->model, f->tracked[m]);
        size_t n = module->in_dim * module->out_dim;
        double *got = calloc(n, sizeof *got);
        double *want = calloc(n, sizeof *want);
        size_t n_checked = 0;
        assert_true(got && want);
        for (size_t j = m % stride; j < n; j += stride) {
            double *w =
                weight_of(&f->reference, module, j / module->in_dim, j % module->in_dim);
            want[n_checked] = difference_at(&f->reference, w, batch);
            got[n_checked++] = f->gradients.values[m][j];
        }
        double distance = tiny_distance(got, want, n_checked);
        if (!(distance < GRADIENT_TOLERANCE) || n_checked == 0) {
            fail_msg("%s: gradient off by %g of its largest entry", module->name,
                     distance);
        }
        free(got);
        free(want);
    }
}

static attrib_status ignore(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    (void)context;
    (void)i_tracked;
    (void)a;
    (void)ds;
    (void)err;
    return ATTRIB_OK;
}

static const tiny_options variants[] = {
    {.seed = 1},
    {.seed = 2, .has_biases = true},
    {.seed = 3, .is_tied = true},
    {.seed = 4, .is_gpt2 = true, .is_tied = true},
    {.seed = 5, .is_gpt2 = true},
    {.seed = 7, .window = 4},
};

#define N_VARIANTS (sizeof variants / sizeof variants[0])

static const size_t lengths[] = {9, 1, 16, 2, 5}; /* 16 is the context */

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
    check_ok(at_decoder_run(f.decoder, &batch.batch, AT_LABELS_DATA, 0, ignore, NULL,
                            losses, &err),
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

static void test_decoder__maps_come_last_first(void **state)
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
static void test_decoder__packing_changes_nothing(void **state)
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
            /* up to 33 rows, summed in another order: sqrt(33) 2^-24 = 3.4e-7 */
            if (!(distance < 1e-6)) {
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
static void test_decoder__runs_repeat_exactly(void **state)
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
static void test_decoder__nothing_counted_is_zero(void **state)
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
static void test_decoder__drawn_labels_follow_the_model(void **state)
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
static void test_decoder__labels_are_drawn_by_place_in_the_document(void **state)
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
static void test_decoder__drawn_labels_do_not_depend_on_the_batch(void **state)
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
        cmocka_unit_test(test_decoder__maps_come_last_first),
        cmocka_unit_test(test_decoder__packing_changes_nothing),
        cmocka_unit_test(test_decoder__runs_repeat_exactly),
        cmocka_unit_test(test_decoder__nothing_counted_is_zero),
        cmocka_unit_test(test_decoder__drawn_labels_follow_the_model),
        cmocka_unit_test(test_decoder__labels_are_drawn_by_place_in_the_document),
        cmocka_unit_test(test_decoder__drawn_labels_do_not_depend_on_the_batch),
        cmocka_unit_test(test_decoder__refuses_what_it_cannot_run),
        cmocka_unit_test(test_decoder__refuses_losses_that_overflow),
        cmocka_unit_test(test_decoder__a_failing_tap_stops_the_run),
    };
    return run_cases(tests, NULL, NULL);
}
