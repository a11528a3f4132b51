/* SPDX-License-Identifier: MIT */
#include "decoder_fixture.h"

#include <stdio.h>
#include <stdlib.h>

void set_up(fixture *f, const tiny_options *options, const char *selection)
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

void tear_down(fixture *f)
{
    tiny_gradients_free(&f->gradients);
    at_decoder_free(f->decoder);
    attrib_model_close(f->model);
    ref_decoder_free_tensors(&f->reference);
    free(f->tracked);
}

void run(fixture *f, const tiny_batch *batch, double *losses)
{
    attrib_error err = {0};
    check_ok(tiny_run(&f->gradients, f->decoder, &batch->batch, AT_LABELS_DATA, 0, losses,
                      &err),
             &err);
}

double *weight_of(const ref_decoder *reference,
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

void check_differences(const fixture *f, const at_batch *batch, size_t stride)
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
