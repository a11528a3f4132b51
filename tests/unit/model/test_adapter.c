/* SPDX-License-Identifier: MIT */
/* LoRA adapters: how they are found and named, and that both ways of holding weights add
 * them alike. What they compute is test_golden.c's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter_fixture.h"

/* 1. Finding */

/* The folder of an adapter stands for its base with it, and the name of the base may be
 * absolute. */
static void test_adapter__names_its_base(void **state)
{
    (void)state;
    path_text path;
    path_text base;
    double with[N_IDS - 1];
    double without[N_IDS - 1];
    double same[N_IDS - 1];
    copy c = begin("llama-patterns");
    path_in(path, "adapter", "llama-patterns");
    path_in(base, "model", "llama-gqa-untied");
    attrib_model *a = opened(path, NULL);
    attrib_model *b = opened(base, path);
    attrib_model *absolute = opened(c.folder, NULL);
    attrib_model *plain = opened(base, NULL);
    fingerprint(a, with);
    fingerprint(b, same);
    assert_memory_equal(with, same, sizeof with);
    fingerprint(absolute, same);
    assert_memory_equal(with, same, sizeof with);
    fingerprint(plain, without);
    assert_true(fabs(with[3] - without[3]) > 1e-3);
    assert_string_equal(attrib_model_hash(a), attrib_model_hash(b));
    assert_string_not_equal(attrib_model_hash(a), attrib_model_hash(plain));
    assert_null(attrib_model_adapter(plain));
    assert_string_equal(attrib_model_tokenizer_path(plain), base);
    attrib_model_close(a);
    attrib_model_close(b);
    attrib_model_close(absolute);
    attrib_model_close(plain);
    remove_folder(c.folder);
}

static void test_adapter__is_described(void **state)
{
    (void)state;
    path_text path;
    attrib_model *model = opened(path_in(path, "adapter", "llama-patterns"), NULL);
    const attrib_adapter_info *info = attrib_model_adapter(model);
    assert_string_equal(info->folder, path);
    assert_string_equal(info->base, "../../model/llama-gqa-untied");
    assert_int_equal(info->n_modules, 14);
    assert_int_equal(info->min_rank, 2);
    assert_int_equal(info->max_rank, 5);
    assert_true(info->alpha == 6 && info->is_scaled_by_root);
    assert_int_equal(info->n_replaced, 0);
    /* rank (in + out): layer 0 has up_proj of rank 2, attention of layer 1 has rank 3 */
    assert_int_equal(info->n_parameters, 5 * (48 + 36 + 36 + 48 + 64 + 64) + 2 * 64 +
                                             3 * (48 + 36 + 36 + 48) + 5 * 3 * 64);
    attrib_model_close(model);
    model = opened(path_in(path, "adapter", "llama-saved"), NULL);
    assert_int_equal(attrib_model_adapter(model)->n_modules, 4);
    assert_int_equal(attrib_model_adapter(model)->n_replaced, 20);
    attrib_model_close(model);
}

/* The tokenizer in an adapter's folder comes before the base's. */
static void test_adapter__brings_its_tokenizer(void **state)
{
    (void)state;
    path_text base;
    path_text file;
    copy c = begin("llama-patterns");
    path_in(base, "model", "llama-gqa-untied");
    attrib_model *model = opened(base, c.folder);
    assert_string_equal(attrib_model_tokenizer_path(model), base);
    attrib_model_close(model);
    snprintf(file, sizeof file, "%s/tokenizer.json", c.folder);
    write_file(file, "{}", 2);
    model = opened(base, c.folder);
    assert_string_equal(attrib_model_tokenizer_path(model), c.folder);
    attrib_model_close(model);
    remove_folder(c.folder);
}

/* Where an adapter lies in the folder of a model, the user says whether that is its base,
 * by naming the folder twice. */
static void test_adapter__next_to_a_model_is_asked_about(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors"};
    path_text path;
    double with[N_IDS - 1];
    double same[N_IDS - 1];
    copy c = begin("llama-patterns");
    for (size_t i = 0; i < 2; i++) {
        attrib_error err = {0};
        at_map map = {0};
        path_in(path, "model/llama-gqa-untied", files[i]);
        check_ok(at_map_open(path, &map, &err), &err);
        snprintf(path, sizeof path, "%s/%s", c.folder, files[i]);
        write_file(path, map.bytes, map.n_bytes);
        at_map_close(&map);
    }
    copy_config(&c, "base_model_name_or_path", "\"org/base\"");
    refused(
        c.folder, NULL, ATTRIB_ENOTSUP,
        ": an adapter of org/base, which is not there: give the base as the model, and "
        "this folder as its adapter");
    attrib_model *model = opened(c.folder, c.folder);
    fingerprint(model, same);
    attrib_model_close(model);
    model = opened(path_in(path, "adapter", "llama-patterns"), NULL);
    fingerprint(model, with);
    attrib_model_close(model);
    assert_memory_equal(with, same, sizeof with);
    refused(c.folder, path, ATTRIB_ENOTSUP, "only one adapter is read");
    copy_config(&c, "base_model_name_or_path", "null");
    refused(c.folder, NULL, ATTRIB_ENOTSUP, ": an adapter that names no base");
    snprintf(path, sizeof path, "\"%s\"", c.folder);
    copy_config(&c, "base_model_name_or_path", path);
    refused(c.folder, NULL, ATTRIB_ENOTSUP, "which is an adapter too");
    remove_folder(c.folder);
}

/* 2. Adding */

/* Widened when they are used or once, weights have the same bytes. */
static void test_adapter__weights_are_held_either_way(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-patterns", "llama-embedding", "llama-head",
                                        "llama-saved", "gpt2-bias"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        attrib_error err = {0};
        path_text path;
        double used[N_IDS - 1];
        double once[N_IDS - 1];
        attrib_model *model = opened(path_in(path, "adapter", names[i]), NULL);
        fingerprint(model, used);
        attrib_model_close(model);
        check_ok(open_with(path, NULL, ATTRIB_WEIGHTS_F32, &model, &err), &err);
        fingerprint(model, once);
        attrib_model_close(model);
        assert_memory_equal(used, once, sizeof used);
    }
}

/* The same base in a GGUF file, whose rows of q and k stand in another order and whose
 * maps of GPT-2 are transposed. f32 against f32, as check_logprobs() of test_golden.c. */
static void test_adapter__is_added_to_gguf(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"llama-patterns", "llama-gqa-untied.gguf"},
                                           {"gpt2-bias", "gpt2-tied.gguf"}};
    for (size_t i = 0; i < 2; i++) {
        path_text path;
        double got[N_IDS - 1];
        double want[N_IDS - 1];
        copy c = begin(names[i][0]);
        path_in(path, "gguf", names[i][1]);
        if (i == 1) {
            refused(path, c.folder, ATTRIB_ENOTSUP,
                    "an adapter that replaces tensors is not read with a GGUF file");
        }
        copy_tensors(&c, &(change){.drop = ".bias"});
        attrib_model *model = opened(c.folder, NULL);
        fingerprint(model, want);
        attrib_model_close(model);
        model = opened(path, c.folder);
        fingerprint(model, got);
        attrib_model_close(model);
        check_close_f64(got, want, N_IDS - 1, 1e-5, 1e-5, "logprobs");
        remove_folder(c.folder);
    }
}

/* The scale is part of what identifies a model; where its base lay is not. */
static void test_adapter__scale_is_part_of_the_hash(void **state)
{
    (void)state;
    copy c = begin("llama-layers");
    copy elsewhere = begin("llama-layers");
    path_text base;
    path_text link;
    attrib_model *a = opened(c.folder, NULL);
    assert_non_null(realpath(path_in(base, "model", "llama-gqa-untied"), link));
    snprintf(base, sizeof base, "%s/base", elsewhere.folder);
    assert_int_equal(symlink(link, base), 0);
    copy_config(&elsewhere, "base_model_name_or_path", "\"./base\"");
    attrib_model *b = opened(elsewhere.folder, NULL);
    assert_string_equal(attrib_model_hash(a), attrib_model_hash(b));
    attrib_model_close(b);
    copy_config(&c, "lora_alpha", "9");
    b = opened(c.folder, NULL);
    assert_string_not_equal(attrib_model_hash(a), attrib_model_hash(b));
    attrib_model_close(a);
    attrib_model_close(b);
    remove_folder(c.folder);
    remove_folder(elsewhere.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapter__names_its_base),
        cmocka_unit_test(test_adapter__is_described),
        cmocka_unit_test(test_adapter__brings_its_tokenizer),
        cmocka_unit_test(test_adapter__next_to_a_model_is_asked_about),
        cmocka_unit_test(test_adapter__weights_are_held_either_way),
        cmocka_unit_test(test_adapter__is_added_to_gguf),
        cmocka_unit_test(test_adapter__scale_is_part_of_the_hash),
    };
    return run_cases(tests, NULL, NULL);
}
