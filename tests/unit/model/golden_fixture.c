/* SPDX-License-Identifier: MIT */
#include "golden_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void path_of(char *path, size_t size, const char *name, const char *file)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/model/%s%s", name, file);
    snprintf(path, size, "%s", source_path(relative));
}

static void read_sequences(golden *g)
{
    g->batch = (at_batch){json_array_size(g->rows), g->sequences, g->first_row};
    assert_in_range(g->batch.n_sequences, 1, 8);
    g->first_row[0] = 0;
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        const json_t *ids = json_object_get(json_array_get(g->rows, i), "ids");
        const json_t *mask = json_object_get(json_array_get(g->rows, i), "mask");
        size_t n = json_array_size(ids);
        assert_in_range(n, 1, MAX_TOKENS);
        for (size_t t = 0; t < n; t++) {
            g->ids[i][t] = (int32_t)json_integer_value(json_array_get(ids, t));
            g->mask[i][t] = (uint8_t)json_integer_value(json_array_get(mask, t));
        }
        g->sequences[i] = (attrib_sequence){
            .document = i, .n_tokens = n, .ids = g->ids[i], .mask = g->mask[i]};
        g->first_row[i + 1] = g->first_row[i] + n;
    }
}

void open_golden(golden *g, const char *name, bool is_gguf)
{
    attrib_error err = {0};
    char path[1024];
    if (is_gguf) {
        char file[128];
        snprintf(file, sizeof file, "tests/golden/gguf/%s.gguf", name);
        snprintf(path, sizeof path, "%s", source_path(file));
    } else {
        path_of(path, sizeof path, name, "");
    }
    check_ok(attrib_model_open(path, NULL, &g->model, &err), &err);
    path_of(path, sizeof path, name, "/expected.safetensors");
    check_ok(at_tensors_open(path, &g->gradients, &err), &err);
    path_of(path, sizeof path, name, "/expected.json");
    check_ok(at_json_read(path, (size_t)1 << 20, &g->root, &err), &err);
    g->rows = json_object_get(g->root, "sequences");
    read_sequences(g);
}

void close_golden(golden *g)
{
    attrib_model_close(g->model);
    at_tensors_close(g->gradients);
    json_decref(g->root);
}

void skip_uncounted(golden *g)
{
    g->skips_uncounted = true;
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        size_t n = g->sequences[i].n_tokens;
        while (n > 2 && !g->mask[i][n - 1]) {
            n--;
        }
        g->first_row[i + 1] = g->first_row[i] + (n > 1 ? n - 1 : 1);
    }
}

void check_logprobs(const golden *g)
{
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        const json_t *row = json_array_get(g->rows, i);
        const json_t *expected = json_object_get(row, "logprobs");
        attrib_error err = {0};
        double got[MAX_TOKENS];
        double want[MAX_TOKENS];
        size_t n = g->sequences[i].n_tokens;
        check_ok(attrib_model_logprobs(g->model, g->ids[i], n, got, &err), &err);
        assert_int_equal(json_array_size(expected), n - 1);
        for (size_t t = 0; t + 1 < n; t++) {
            want[t] = json_number_value(json_array_get(expected, t));
        }
        /* Two layers of seven products with sums of up to 40 terms round a number by
         * sqrt(2 x 7 x 40) 2^-24 = 1.4e-6 of its size, and logits are larger than their
         * log-probabilities. An eighth of what is allowed is measured. */
        check_close_f64(got, want, n - 1, 1e-5, 1e-5, "logprobs");
    }
}

void check_gradients(const golden *g)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_decoder *decoder = NULL;
    tiny_gradients gradients;
    double losses[8];
    check_ok(attrib_model_select(g->model, "all", &tracked, &n_tracked, &err), &err);
    assert_int_equal(n_tracked, at_tensors_count(g->gradients));
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    at_decoder_skip_uncounted(decoder, g->skips_uncounted);
    tiny_gradients_make(&gradients, g->model, tracked, n_tracked);
    check_ok(tiny_run(&gradients, decoder, &g->batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, m);
        const at_tensor *tensor = at_tensors_find(g->gradients, module->name);
        size_t shape[2] = {module->out_dim, module->in_dim};
        size_t n = module->out_dim * module->in_dim;
        double *want = calloc(n, sizeof *want);
        assert_true(tensor && want);
        check_ok(at_tensor_expect(tensor, 2, shape, &err), &err);
        check_ok(at_tensor_to_f64(tensor, 0, n, want, &err), &err);
        double distance = tiny_distance(gradients.values[m], want, n);
        /* Forward and back, 2 x 1.4e-6 (see check_logprobs()), and ten times that where
         * the terms of a softmax cancel; at most 1.3e-5 is measured. */
        if (!(distance < 3e-5)) {
            fail_msg("%s: off by %g of its largest entry", module->name, distance);
        }
        free(want);
    }
    tiny_gradients_free(&gradients);
    at_decoder_free(decoder);
    free(tracked);
}
