/* SPDX-License-Identifier: MIT */
/* Checkpoints: names with and without their prefix, tied heads, and every refusal. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/safetensors.h"
#include "tiny.h"

/* A folder whose tensors a test changes before it is opened. */
typedef struct checkpoint {
    ref_decoder reference;
    char folder[256];
} checkpoint;

static void begin(checkpoint *c, bool is_gpt2, bool is_tied)
{
    tiny_options options = {
        .is_gpt2 = is_gpt2, .is_tied = is_tied, .has_biases = true, .seed = 21};
    tiny_make(&c->reference, &options);
    make_scratch_folder(c->folder, sizeof c->folder);
}

static void end(checkpoint *c)
{
    remove_folder(c->folder);
    ref_decoder_free_tensors(&c->reference);
}

static attrib_model *opened(const checkpoint *c)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_ok(attrib_model_open(c->folder, NULL, &model, &err), &err);
    return model;
}

static void refused(const checkpoint *c, attrib_status status, const char *message)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_fails(attrib_model_open(c->folder, NULL, &model, &err), status, &err);
    check_message(&err, message);
    check_message(&err, c->folder);
    assert_null(model);
}

/* The log-probabilities of a fixed sequence, as a model's fingerprint. */
static void fingerprint(const attrib_model *model, double out[5])
{
    const int32_t ids[] = {3, 1, 4, 1, 5, 9};
    attrib_error err = {0};
    check_ok(attrib_model_logprobs(model, ids, 6, out, &err), &err);
}

static void test_weights__prefix_may_be_left_out(void **state)
{
    (void)state;
    checkpoint c;
    double with[5];
    double without[5];
    begin(&c, true, true);
    tiny_write(&c.reference, true, c.folder);
    attrib_model *model = opened(&c);
    fingerprint(model, with);
    attrib_model_close(model);
    for (size_t i = 0; i < c.reference.n_tensors; i++) {
        char *name = c.reference.tensors[i].name;
        const char *prefix = "transformer.";
        if (strncmp(name, prefix, strlen(prefix)) == 0) {
            memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
        }
    }
    tiny_write(&c.reference, true, c.folder);
    model = opened(&c);
    fingerprint(model, without);
    assert_memory_equal(with, without, sizeof with);
    assert_string_equal(attrib_model_module(model, 0)->name,
                        "transformer.h.0.attn.c_attn");
    attrib_model_close(model);
    end(&c);
}

/* Write the tensors of the folder anew as F64. */
static void widen_folder(const checkpoint *c)
{
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    at_tensor_writer *writer = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/model.safetensors", c->folder);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        const at_tensor *tensor = at_tensors_get(tensors, i);
        check_ok(at_tensor_writer_declare(writer, tensor->name, ATTRIB_F64,
                                          tensor->n_dims, tensor->shape, &err),
                 &err);
    }
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        const at_tensor *tensor = at_tensors_get(tensors, i);
        for (size_t j = 0; j < tensor->n_elements; j++) {
            double value = 0;
            check_ok(at_tensor_to_f64(tensor, j, 1, &value, &err), &err);
            check_ok(at_tensor_writer_write(writer, &value, sizeof value, &err), &err);
        }
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
    at_tensors_close(tensors);
}

/* Values that f32 holds are the same model in F64. */
static void test_weights__f64_is_read(void **state)
{
    (void)state;
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        checkpoint c;
        double narrow[5];
        double wide[5];
        begin(&c, is_gpt2, true);
        tiny_write(&c.reference, true, c.folder);
        attrib_model *model = opened(&c);
        fingerprint(model, narrow);
        attrib_model_close(model);
        widen_folder(&c);
        model = opened(&c);
        assert_int_equal(attrib_model_describe(model)->dtype, ATTRIB_F64);
        fingerprint(model, wide);
        assert_memory_equal(narrow, wide, sizeof wide);
        attrib_model_close(model);
        end(&c);
    }
}

/* Write the folder as tied, but with lm_head.weight in the file. */
static void write_with_head(const checkpoint *c)
{
    char path[512];
    char config[1024];
    tiny_write(&c->reference, false, c->folder);
    tiny_config(&c->reference, true, config, sizeof config);
    snprintf(path, sizeof path, "%s/config.json", c->folder);
    write_file(path, config, strlen(config));
}

static void test_weights__tied_head_may_be_stored_twice(void **state)
{
    (void)state;
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        checkpoint c;
        begin(&c, is_gpt2, true);
        write_with_head(&c);
        attrib_model *model = opened(&c);
        assert_true(attrib_model_describe(model)->is_head_tied);
        attrib_model_close(model);
        ref_decoder_find(&c.reference, "lm_head.weight")->values[5] += 1;
        write_with_head(&c);
        refused(&c, ATTRIB_ESHAPE, "lm_head.weight differs from");
        end(&c);
    }
}

static void test_weights__known_buffers_are_passed_over(void **state)
{
    (void)state;
    const char *const names[][2] = {
        {"model.layers.0.self_attn.rotary_emb.inv_freq",
         "model.layers.0.self_attn.strange.weight"},
        {"transformer.h.0.attn.masked_bias", "transformer.h.0.attn.c_attn.scale"}};
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        checkpoint c;
        begin(&c, is_gpt2, false);
        size_t n = c.reference.n_tensors++;
        double value = 1;
        c.reference.tensors[n] = (ref_tensor){.n_dims = 1, .shape = {1, 1}};
        c.reference.tensors[n].values = &value;
        strcpy(c.reference.tensors[n].name, names[is_gpt2][0]);
        tiny_write(&c.reference, false, c.folder);
        attrib_model_close(opened(&c));
        strcpy(c.reference.tensors[n].name, names[is_gpt2][1]);
        tiny_write(&c.reference, false, c.folder);
        refused(&c, ATTRIB_ENOTSUP, names[is_gpt2][1]);
        refused(&c, ATTRIB_ENOTSUP,
                is_gpt2 ? "is not known for architecture \"gpt2\""
                        : "is not known for architecture \"llama\"");
        c.reference.n_tensors--;
        end(&c);
    }
}

static void test_weights__each_missing_tensor_is_named(void **state)
{
    (void)state;
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        checkpoint c;
        begin(&c, is_gpt2, false);
        for (size_t i = 0; i < c.reference.n_tensors; i++) {
            ref_tensor *tensor = &c.reference.tensors[i];
            ref_tensor kept = *tensor;
            char message[160];
            snprintf(message, sizeof message, "tensor %s is missing", kept.name);
            *tensor = c.reference.tensors[c.reference.n_tensors - 1];
            c.reference.n_tensors--;
            tiny_write(&c.reference, false, c.folder);
            refused(&c, ATTRIB_ESHAPE, message);
            c.reference.tensors[c.reference.n_tensors++] = *tensor;
            *tensor = kept;
        }
        end(&c);
    }
}

static void test_weights__wrong_shapes_are_named(void **state)
{
    (void)state;
    checkpoint c;
    begin(&c, false, false);
    ref_tensor *up = ref_decoder_find(&c.reference, "model.layers.1.mlp.up_proj.weight");
    up->shape[0] = 12;
    up->shape[1] = 10;
    tiny_write(&c.reference, false, c.folder);
    refused(&c, ATTRIB_ESHAPE,
            "model.layers.1.mlp.up_proj.weight: [12, 10], expected [10, 12]");
    up->shape[0] = 120;
    up->shape[1] = 1;
    up->n_dims = 1;
    tiny_write(&c.reference, false, c.folder);
    refused(&c, ATTRIB_ESHAPE,
            "model.layers.1.mlp.up_proj.weight: [120], expected [10, 12]");
    end(&c);
}

static void test_weights__weights_must_be_finite(void **state)
{
    (void)state;
    const char *const names[] = {"transformer.wte.weight", "transformer.h.1.ln_2.bias",
                                 "transformer.h.1.mlp.c_fc.weight",
                                 "transformer.h.0.attn.c_attn.bias"};
    const double bad[] = {nan(""), HUGE_VAL, -HUGE_VAL};
    checkpoint c;
    begin(&c, true, false);
    for (size_t i = 0; i < 4; i++) {
        ref_tensor *tensor = ref_decoder_find(&c.reference, names[i]);
        for (size_t j = 0; j < 3; j++) {
            char message[160];
            double kept = tensor->values[7];
            tensor->values[7] = bad[j];
            tiny_write(&c.reference, false, c.folder);
            snprintf(message, sizeof message, "%s: weight 7 is not finite", names[i]);
            refused(&c, ATTRIB_ENUMERIC, message);
            tensor->values[7] = kept;
        }
    }
    end(&c);
}

static void test_weights__truncated_files_are_refused(void **state)
{
    (void)state;
    checkpoint c;
    char path[512];
    begin(&c, false, false);
    tiny_write(&c.reference, false, c.folder);
    snprintf(path, sizeof path, "%s/model.safetensors", c.folder);
    attrib_model_close(opened(&c));
    const off_t sizes[] = {10000, 100, 8, 3, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(truncate(path, sizes[i]), 0);
        refused(&c, ATTRIB_EFORMAT, "model.safetensors");
    }
    assert_int_equal(unlink(path), 0);
    refused(&c, ATTRIB_EIO, "model.safetensors");
    end(&c);
}

/* Sizes that would need terabytes fail on what the file lacks, before memory is taken. */
static void test_weights__huge_sizes_take_no_memory(void **state)
{
    (void)state;
    checkpoint c;
    begin(&c, false, false);
    c.reference.n_vocabulary = (size_t)1 << 24;
    c.reference.mlp_width = (size_t)1 << 22;
    tiny_write(&c.reference, false, c.folder);
    refused(&c, ATTRIB_ESHAPE, "[13, 12], expected [16777216, 12]");
    c.reference.n_vocabulary = 13;
    tiny_write(&c.reference, false, c.folder);
    refused(&c, ATTRIB_ESHAPE, "expected [4194304, 12]");
    end(&c);
}

static void test_weights__modules_are_listed_in_forward_order(void **state)
{
    (void)state;
    static const char *const llama[] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    checkpoint c;
    begin(&c, false, false);
    tiny_write(&c.reference, false, c.folder);
    attrib_model *model = opened(&c);
    assert_int_equal(attrib_model_n_modules(model), 15);
    for (size_t i = 0; i < 14; i++) {
        const attrib_module *module = attrib_model_module(model, i);
        char name[64];
        snprintf(name, sizeof name, "model.layers.%zu.%s", i / 7, llama[i % 7]);
        assert_string_equal(module->name, name);
        assert_int_equal(module->layer, i / 7);
        assert_int_equal(module->kind,
                         i % 7 < 4 ? ATTRIB_MODULE_ATTENTION : ATTRIB_MODULE_MLP);
        assert_true(module->has_bias);
    }
    const attrib_module *o = attrib_model_module(model, 3);
    assert_true(o->in_dim == 17 && o->out_dim == 12); /* four heads of four, and 1 */
    const attrib_module *head = attrib_model_module(model, 14);
    assert_string_equal(head->name, "lm_head");
    assert_true(head->in_dim == 12 && head->out_dim == 13 && !head->has_bias);
    assert_true(head->layer == 2 && head->kind == ATTRIB_MODULE_HEAD);
    attrib_model_close(model);
    end(&c);
}

static void check_selection(const attrib_model *model,
                            const char *selection,
                            const size_t *want,
                            size_t n_want)
{
    attrib_error err = {0};
    size_t *indices = NULL;
    size_t n = 0;
    check_ok(attrib_model_select(model, selection, &indices, &n, &err), &err);
    assert_int_equal(n, n_want);
    assert_memory_equal(indices, want, n * sizeof *want);
    attrib_free(indices);
}

static void test_weights__selections(void **state)
{
    (void)state;
    checkpoint c;
    begin(&c, true, true);
    tiny_write(&c.reference, true, c.folder);
    attrib_model *model = opened(&c);
    check_selection(model, "mlp", (const size_t[]){2, 3, 6, 7}, 4);
    check_selection(model, "attention", (const size_t[]){0, 1, 4, 5}, 4);
    check_selection(model, "head", (const size_t[]){8}, 1);
    check_selection(model, "all", (const size_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8}, 9);
    check_selection(model, "head,mlp,mlp", (const size_t[]){2, 3, 6, 7, 8}, 5);
    check_selection(model, "*.c_fc", (const size_t[]){2, 6}, 2);
    check_selection(model, "transformer.h.1.*,lm_head", (const size_t[]){4, 5, 6, 7, 8},
                    5);
    check_selection(model, "transformer.h.?.mlp.c_proj", (const size_t[]){3, 7}, 2);
    const char *const bad[] = {"", "mlp,", "mlp,conv", "model.*", ","};
    for (size_t i = 0; i < 5; i++) {
        attrib_error err = {0};
        size_t *indices = NULL;
        size_t n = 0;
        check_fails(attrib_model_select(model, bad[i], &indices, &n, &err), ATTRIB_EINVAL,
                    &err);
        check_message(&err, "matches no linear map");
        assert_null(indices);
    }
    attrib_model_close(model);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights__prefix_may_be_left_out),
        cmocka_unit_test(test_weights__f64_is_read),
        cmocka_unit_test(test_weights__tied_head_may_be_stored_twice),
        cmocka_unit_test(test_weights__known_buffers_are_passed_over),
        cmocka_unit_test(test_weights__each_missing_tensor_is_named),
        cmocka_unit_test(test_weights__wrong_shapes_are_named),
        cmocka_unit_test(test_weights__weights_must_be_finite),
        cmocka_unit_test(test_weights__truncated_files_are_refused),
        cmocka_unit_test(test_weights__huge_sizes_take_no_memory),
        cmocka_unit_test(test_weights__modules_are_listed_in_forward_order),
        cmocka_unit_test(test_weights__selections),
    };
    return run_cases(tests, NULL, NULL);
}
