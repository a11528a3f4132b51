/* SPDX-License-Identifier: MIT */
#include "decoder_fixture.h"

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
