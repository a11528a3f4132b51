/* SPDX-License-Identifier: MIT */
/* Settings of GGUF files: what they mean to a model, and each that is not known or does
 * not agree with the others refused by name. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "tiny.h"

static void path_of(char *path, size_t size, const char *name, const char *suffix)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/gguf/%s%s", name, suffix);
    snprintf(path, size, "%s", source_path(relative));
}

typedef struct file {
    unsigned char *bytes;
    size_t n;
    char path[512];
    char folder[256];
} file;

static void read_fixture(file *f, const char *name)
{
    at_map map = {0};
    attrib_error err = {0};
    char path[1024];
    path_of(path, sizeof path, name, ".gguf");
    check_ok(at_map_open(path, &map, &err), &err);
    f->n = map.n_bytes;
    f->bytes = malloc(f->n);
    assert_non_null(f->bytes);
    memcpy(f->bytes, map.bytes, f->n);
    at_map_close(&map);
    make_scratch_folder(f->folder, sizeof f->folder);
    snprintf(f->path, sizeof f->path, "%s/m.gguf", f->folder);
}

/* Where a text begins in the file. */
static unsigned char *find(const file *f, const char *text)
{
    unsigned char *found = memmem(f->bytes, f->n, text, strlen(text));
    assert_non_null(found);
    return found;
}

/* Put one text in place of another of its length. */
static void replace(const file *f, const char *old, const char *new)
{
    assert_int_equal(strlen(old), strlen(new));
    unsigned char *place = find(f, old);
    for (size_t i = 0; new[i]; i++) {
        place[i] = (unsigned char)new[i];
    }
}

/* The file as it was changed is refused; it is freed. */
static void refuse(file *f, attrib_status status, const char *message)
{
    attrib_model *model = NULL;
    attrib_error err = {0};
    write_file(f->path, f->bytes, f->n);
    check_fails(attrib_model_open(f->path, NULL, &model, &err), status, &err);
    check_message(&err, message);
    check_message(&err, f->path);
    assert_null(model);
    free(f->bytes);
    remove_folder(f->folder);
}

/* The 4 bytes of a value of 32 bits, after its key and type. */
static void set_u32(const file *f, const char *key, uint32_t value)
{
    memcpy(find(f, key) + strlen(key) + 4, &value, sizeof value);
}

/* The file as it was changed is a model; it is freed. */
static attrib_model *accept(file *f)
{
    attrib_model *model = NULL;
    attrib_error err = {0};
    write_file(f->path, f->bytes, f->n);
    check_ok(attrib_model_open(f->path, NULL, &model, &err), &err);
    free(f->bytes);
    remove_folder(f->folder);
    return model;
}

static void test_gguf_settings__other_architectures_are_refused_with_the_reason(
    void **state)
{
    (void)state;

    static const char *const names[][2] = {
        {"bloom", ""},
        {"olmoe", ": it is a mixture of experts"},
        {"dots1", ": it is a mixture of experts"},
        {"mamba", ": it is a recurrent or state-space model"},
        {"rwkv6", ": it is a recurrent or state-space model"},
        {"dream", ": it is a diffusion model"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char message[128];
        file f;
        read_fixture(&f, "llama-gqa-untied");
        /* after its key, its type and its length */
        memcpy(find(&f, "general.architecture") + 20 + 4 + 8, names[i][0], 5);
        snprintf(message, sizeof message, "architecture \"%s\" is not supported%s",
                 names[i][0], names[i][1]);
        refuse(&f, ATTRIB_ENOTSUP, message);
    }
}

static void append(char *out, size_t *n, const void *bytes, size_t n_bytes)
{
    memcpy(out + *n, bytes, n_bytes);
    *n += n_bytes;
}

static void append_text(char *out, size_t *n, const char *text)
{
    uint64_t length = strlen(text);
    append(out, n, &length, sizeof length);
    append(out, n, text, strlen(text));
}

/* Put `general.type` before the file's keys, and after it a key that fills the 64 bytes:
 * the tensors stay aligned. */
static void say_type(file *f, const char *type)
{
    const uint32_t text_type = 8;
    const uint32_t number[2] = {4, 0};
    char keys[64];
    char filler[32] = "general.filler";
    size_t n = 0;
    uint64_t n_keys = 0;
    append_text(keys, &n, "general.type");
    append(keys, &n, &text_type, sizeof text_type);
    append_text(keys, &n, type);
    filler[sizeof keys - n - sizeof(uint64_t) - sizeof number] = '\0';
    append_text(keys, &n, filler);
    append(keys, &n, number, sizeof number);
    assert_int_equal(n, sizeof keys);
    f->bytes = realloc(f->bytes, f->n + n);
    assert_non_null(f->bytes);
    memmove(f->bytes + 24 + n, f->bytes + 24, f->n - 24);
    memcpy(f->bytes + 24, keys, n);
    memcpy(&n_keys, f->bytes + 16, sizeof n_keys);
    n_keys += 2;
    memcpy(f->bytes + 16, &n_keys, sizeof n_keys);
    f->n += n;
}

static void test_gguf_settings__what_is_no_model_is_named(void **state)
{
    (void)state;
    static const char *const types[][2] = {{"adapter", ": a LoRA adapter"},
                                           {"imatrix", ": an importance matrix"},
                                           {"mmproj", ": a projector"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        file f;
        read_fixture(&f, "llama-gqa-untied");
        say_type(&f, types[i][0]);
        refuse(&f, ATTRIB_ENOTSUP, types[i][1]);
    }
    file f;
    read_fixture(&f, "llama-gqa-untied");
    say_type(&f, "model");
    attrib_model_close(accept(&f));
}

static void test_gguf_settings__what_is_not_known_is_refused(void **state)
{
    (void)state;
    file f;
    read_fixture(&f, "llama-gqa-untied");
    replace(&f, "general.architecture", "general.architektur_");
    refuse(&f, ATTRIB_EFORMAT, "key \"general.architecture\" is missing");
    read_fixture(&f, "llama-gqa-untied");
    replace(&f, "llama.vocab_size", "llama.vocab_sizf");
    refuse(&f, ATTRIB_ENOTSUP, "key \"llama.vocab_sizf\" is not supported");
    read_fixture(&f, "llama-gqa-untied");
    replace(&f, "llama.vocab_size", "llama.expert_num");
    refuse(&f, ATTRIB_ENOTSUP, "llama.expert_num: a mixture of experts is not supported");
    read_fixture(&f, "llama-gqa-untied");
    replace(&f, "blk.0.attn_q.weight", "blk.0.attn_x.weight");
    refuse(&f, ATTRIB_ESHAPE, "tensor model.layers.0.self_attn.q_proj.weight is missing");
    read_fixture(&f, "llama-rope-linear");
    replace(&f, "linear", "qubist");
    refuse(&f, ATTRIB_ENOTSUP, "qubist");
}

/* Numbers that llama.cpp does not do without either, or takes for another when missing.
 */
static void test_gguf_settings__needed_numbers_must_be_there(void **state)
{
    (void)state;

    static const char *const keys[][3] = {
        {"llama-gqa-untied", "llama.attention.layer_norm_rms_epsilon",
         "llamx.attention.layer_norm_rms_epsilon"},
        {"gpt2-tied", "gpt2.attention.layer_norm_epsilon",
         "gptx.attention.layer_norm_epsilon"},
        {"granite", "granite.attention.scale", "granitx.attention.scale"},
        {"granite", "granite.logit_scale", "granitx.logit_scale"},
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char message[128];
        file f;
        read_fixture(&f, keys[i][0]);
        replace(&f, keys[i][1], keys[i][2]);
        snprintf(message, sizeof message, "key \"%s\" is missing", keys[i][1]);
        refuse(&f, ATTRIB_EFORMAT, message);
    }
}

static void test_gguf_settings__what_does_not_agree_is_refused(void **state)
{
    (void)state;
    file f;
    read_fixture(&f, "llama-gqa-untied");
    replace(&f, "llama.block_count", "llama.block_kount");
    refuse(&f, ATTRIB_ENOTSUP, "key \"llama.block_kount\" is not supported");
    read_fixture(&f, "llama-gqa-untied");
    set_u32(&f, "llama.vocab_size", 51);
    refuse(&f, ATTRIB_ENOTSUP, "llama.vocab_size 51 is not supported, expected 50");
    read_fixture(&f, "llama-gqa-untied");
    set_u32(&f, "llama.rope.dimension_count", 4);
    refuse(&f, ATTRIB_ENOTSUP, "llama.rope.dimension_count 4 is not supported, expected");
    read_fixture(&f, "llama-gqa-untied");
    set_u32(&f, "llama.feed_forward_length", 41);
    refuse(&f, ATTRIB_ESHAPE, "mlp.gate_proj.weight: [40, 24], expected [41, 24]");
    read_fixture(&f, "llama-rope-linear-joined");
    set_u32(&f, "llama.attention.head_count_kv", 1);
    refuse(&f, ATTRIB_ESHAPE, "blk.0.attn_qkv.weight: 32 rows, expected 24");
    read_fixture(&f, "llama-gqa-untied");
    set_u32(&f, "llama.block_count", 0);
    refuse(&f, ATTRIB_ERANGE, "expected 1 to");
    read_fixture(&f, "llama-gqa-untied");
    const uint32_t not_finite = 0x7F800000; /* the last weight of the last tensor */
    memcpy(f.bytes + f.n - 32, &not_finite, sizeof not_finite);
    refuse(&f, ATTRIB_ENUMERIC, "is not finite");
}

/* Divisors of frequencies that no setting of Llama 3's scaling gives. */
static void test_gguf_settings__other_frequencies_are_refused(void **state)
{
    (void)state;
    file f;
    const float strange = 1.25f;
    read_fixture(&f, "llama-rope-llama3");
    /* rope_freqs.weight is the first tensor: the data begin with it, at a multiple of 32
     * behind the last tensor's entry, and 1 is its first divisor. */
    const uint32_t one = 0x3F800000;
    size_t at = 0;
    for (size_t i = 0; i + sizeof one <= f.n; i += 32) {
        if (memcmp(f.bytes + i, &one, sizeof one) == 0) {
            at = i;
            break;
        }
    }
    assert_true(at > 0);
    memcpy(f.bytes + at, &strange, sizeof strange);
    refuse(&f, ATTRIB_ENOTSUP, "rope_freqs.weight: divisor 0 is 1.25, not 1");
    read_fixture(&f, "llama-rope-llama3");
    memcpy(f.bytes + at + 3 * sizeof one, &(float){NAN}, sizeof one);
    refuse(&f, ATTRIB_ERANGE, "rope_freqs.weight: entry 3 is nan, expected a number");
}

/* The factors of the fixtures, as they lie in the file. */
static const float within[] = {1, 1.5f, 2.5f};
static const float beyond[] = {2, 5, 9};

static void set_factor(const file *f, const float *factors, size_t i, float value)
{
    unsigned char *place = memmem(f->bytes, f->n, factors, sizeof within);
    assert_non_null(place);
    memcpy(place + i * sizeof value, &value, sizeof value);
}

/* The length of a vector, after its name and its number of dimensions. */
static void set_length(const file *f, const char *name, uint64_t n)
{
    memcpy(find(f, name) + strlen(name) + 4, &n, sizeof n);
}

static void test_gguf_settings__longrope_is_whole_or_refused(void **state)
{
    (void)state;
    file f;

    static const char *const parts[][3] = {
        {"rope_factors_short.weight", "rope_factors_shorx.weight",
         "tensor rope_factors_short.weight is missing"},
        {"rope_factors_long.weight", "rope_factors_lonx.weight",
         "tensor rope_factors_long.weight is missing"},
        {"phi3.rope.scaling.attn_factor", "phix.rope.scaling.attn_factor",
         "key \"phi3.rope.scaling.attn_factor\" is missing"},
        {"phi3.rope.scaling.original", "phix.rope.scaling.original",
         "key \"phi3.rope.scaling.original_context_length\" is missing"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        read_fixture(&f, "phi3-longrope");
        replace(&f, parts[i][0], parts[i][1]);
        refuse(&f, ATTRIB_EFORMAT, parts[i][2]);
    }
    read_fixture(&f, "llama-longrope");
    replace(&f, "longrope", "shorrope");
    refuse(&f, ATTRIB_ENOTSUP,
           "llama.rope.scaling.type \"shorrope\" with rope_factors_short.weight is not");
    read_fixture(&f, "phi3-longrope");
    set_length(&f, "rope_factors_short.weight", 2);
    refuse(&f, ATTRIB_ESHAPE,
           "rope_factors_short.weight: 2 elements, rope_factors_long.weight: 3");
    read_fixture(&f, "phi3-longrope");
    set_length(&f, "rope_factors_short.weight", 2);
    set_length(&f, "rope_factors_long.weight", 2);
    refuse(&f, ATTRIB_ESHAPE, "short_factor has 2 entries, expected 3");
}

static void test_gguf_settings__longrope_of_strange_numbers_is_refused(void **state)
{
    (void)state;
    static const float strange[] = {0, -1, NAN, INFINITY};
    file f;
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        read_fixture(&f, "phi3-longrope");
        set_factor(&f, within, i % 3, strange[i]);
        refuse(&f, ATTRIB_ERANGE, "expected a number above 0");
        read_fixture(&f, "phi3-longrope");
        set_factor(&f, beyond, i % 3, strange[i]);
        refuse(&f, ATTRIB_ERANGE, "rope_factors_long.weight: entry");
    }
    read_fixture(&f, "phi3-longrope");
    set_u32(&f, "phi3.rope.scaling.attn_factor", 0);
    refuse(&f, ATTRIB_ERANGE, "attention_factor 0, expected above 0");
    read_fixture(&f, "phi3-longrope");
    set_u32(&f, "phi3.rope.scaling.original_context_length", 0);
    refuse(&f, ATTRIB_ERANGE, "original_max_position_embeddings 0, expected at least 1");
    read_fixture(&f, "phi3-longrope"); /* what does not turn at all is a number too */
    set_factor(&f, within, 2, FLT_MAX);
    attrib_model_close(accept(&f));
}

/* What layers of a model look back on, as a text of digits. */
static void check_windows(const attrib_model *model, const char *expected)
{
    assert_int_equal(model->config.n_layers, strlen(expected));
    for (size_t i = 0; i < model->config.n_layers; i++) {
        assert_int_equal(at_config_window(&model->config, i), expected[i] - '0');
    }
}

/* Windows and positions of layers, where the file does not say them in full. */
static void test_gguf_settings__windows_of_layers(void **state)
{
    (void)state;
    file f;
    read_fixture(&f, "olmo3-window");
    attrib_model *model = accept(&f);
    check_windows(model, "50");
    attrib_model_close(model);
    read_fixture(&f, "olmo3-window"); /* three of four layers */
    replace(&f, "olmo2.attention.sliding_window_pattern",
            "olmox.attention.sliding_window_pattern");
    replace(&f, "olmo2.rope.freq_base_swa", "olmox.rope.freq_base_swa");
    model = accept(&f);
    check_windows(model, "55");
    assert_true(model->config.local_rope.theta == 20);
    attrib_model_close(model);
    read_fixture(&f, "gemma3"); /* five of six */
    replace(&f, "gemma3.attention.sliding_window_pattern",
            "gemmax.attention.sliding_window_pattern");
    replace(&f, "gemma3.rope.freq_base_swa", "gemmax.rope.freq_base_swa");
    model = accept(&f);
    check_windows(model, "44");
    assert_true(model->config.local_rope.theta == 10000);
    attrib_model_close(model);
    read_fixture(&f, "gemma3"); /* without a window at all */
    replace(&f, "gemma3.attention.sliding_window", "gemmax.attention.sliding_window");
    model = accept(&f);
    check_windows(model, "00");
    attrib_model_close(model);
}

static void test_gguf_settings__strange_windows_are_refused(void **state)
{
    (void)state;
    static const char pattern[] = "olmo2.attention.sliding_window_pattern";
    const uint32_t u8 = 0;
    file f;
    read_fixture(&f, "olmo3-window"); /* behind the key: array, type, length, values */
    memcpy(find(&f, pattern) + strlen(pattern) + 4, &u8, sizeof u8);
    refuse(&f, ATTRIB_EFORMAT, "2 of u8, expected true or false of each of 2 layers");
    read_fixture(&f, "olmo3-window");
    find(&f, pattern)[strlen(pattern) + 4 + 4 + 8] = 2;
    refuse(&f, ATTRIB_EFORMAT, "expected true or false");
    read_fixture(&f, "olmo3-window");
    set_u32(&f, "olmo2.block_count", 3);
    refuse(&f, ATTRIB_EFORMAT, "2 of bool, expected true or false of each of 3 layers");
    read_fixture(&f, "olmo3-window");
    set_u32(&f, "olmo2.attention.sliding_window", 0);
    refuse(&f, ATTRIB_ENOTSUP, "sliding_window null is not supported");
    read_fixture(&f, "gemma3");
    set_u32(&f, "gemma3.attention.sliding_window_pattern", 0);
    refuse(&f, ATTRIB_ERANGE, "sliding_window_pattern 0, expected at least 1");
    read_fixture(&f, "gemma3");
    set_u32(&f, "gemma3.block_count", UINT32_MAX);
    refuse(&f, ATTRIB_ERANGE, "layers: 4294967295, expected 1 to 16384");
}

/* A key that is not there, or says what others mean otherwise. */
static void test_gguf_settings__scalings_are_as_llama_cpp_means_them(void **state)
{
    (void)state;
    const float longer = 1.5f;
    uint32_t bits = 0;
    file f;
    read_fixture(&f, "llama-rope-linear");
    replace(&f, "llama.rope.scaling.type", "llamx.rope.scaling.type");
    attrib_model *model = accept(&f);
    assert_int_equal(model->config.rope.kind, AT_ROPE_LINEAR);
    assert_true(model->config.rope.factor == 3);
    attrib_model_close(model);
    read_fixture(&f, "llama-rope-linear");
    replace(&f, "llama.rope.scaling.type", "llamx.rope.scaling.type");
    set_u32(&f, "llama.rope.scaling.factor", 0);
    model = accept(&f);
    assert_int_equal(model->config.rope.kind, AT_ROPE_PLAIN);
    attrib_model_close(model);
    read_fixture(&f, "olmo3-window");
    memcpy(&bits, &longer, sizeof bits);
    set_u32(&f, "olmo2.rope.scaling.attn_factor", bits);
    refuse(&f, ATTRIB_ENOTSUP, "attn_factor 1.5 is not supported, expected 1.13863");
    read_fixture(&f, "granite");
    find(&f,
         "granite.rope.scaling.finetuned")[strlen("granite.rope.scaling.finetuned") + 4] =
        0;
    refuse(&f, ATTRIB_ENOTSUP, "granite.rope.scaling.finetuned false is not supported");
}

/* A type that can be named alone is refused by its name. */
static void test_gguf_settings__types_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    file f;
    read_fixture(&f, "gpt-neox");
    /* A matrix of F16, called I16, the same size: its type stands after its name, the
     * number of its dimensions and two of these, 20 bytes. */
    unsigned char *name = find(&f, "blk.0.attn_output.weight");
    const uint32_t i16 = 25;
    memcpy(name + strlen("blk.0.attn_output.weight") + 20, &i16, sizeof i16);
    refuse(&f, ATTRIB_ENOTSUP, "attention.dense.weight: elements are I16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_gguf_settings__other_architectures_are_refused_with_the_reason),
        cmocka_unit_test(test_gguf_settings__what_is_no_model_is_named),
        cmocka_unit_test(test_gguf_settings__what_is_not_known_is_refused),
        cmocka_unit_test(test_gguf_settings__needed_numbers_must_be_there),
        cmocka_unit_test(test_gguf_settings__what_does_not_agree_is_refused),
        cmocka_unit_test(test_gguf_settings__other_frequencies_are_refused),
        cmocka_unit_test(test_gguf_settings__longrope_is_whole_or_refused),
        cmocka_unit_test(test_gguf_settings__longrope_of_strange_numbers_is_refused),
        cmocka_unit_test(test_gguf_settings__windows_of_layers),
        cmocka_unit_test(test_gguf_settings__strange_windows_are_refused),
        cmocka_unit_test(test_gguf_settings__scalings_are_as_llama_cpp_means_them),
        cmocka_unit_test(test_gguf_settings__types_that_cannot_be_read_are_named),
    };
    return run_cases(tests, NULL, NULL);
}
