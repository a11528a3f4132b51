/* SPDX-License-Identifier: MIT */
/* What paths hold, by their JSON reports; and one report as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/export.h"
#include "attrib/score.h"
#include "base/file.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "support/check.h"
#include "support/scratch.h"

/* A path in the scratch folder; one at a time. */
static json_t *report_on(const char *path)
{
    char out[512];
    attrib_error err = {0};
    json_t *report = NULL;
    snprintf(out, sizeof out, "%s/.report", folder);
    check_ok(attrib_inspect(path, NULL, true, out, &err), &err);
    check_ok(at_json_read(out, 1 << 24, &report, &err), &err);
    assert_string_equal(json_string_value(json_object_get(report, "path")), path);
    return report;
}

static void check_text(const json_t *object, const char *key, const char *want)
{
    const char *got = json_string_value(json_object_get(object, key));
    if (!got || strcmp(got, want) != 0) {
        fail_msg("%s: \"%s\", expected \"%s\"", key, got ? got : "nothing", want);
    }
}

static void check_size(const json_t *object, const char *key, json_int_t want)
{
    const json_t *got = json_object_get(object, key);
    if (!json_is_integer(got) || json_integer_value(got) != want) {
        fail_msg("%s: %lld, expected %lld", key, (long long)json_integer_value(got),
                 (long long)want);
    }
}

static void check_shape(const json_t *object, json_int_t rows, json_int_t columns)
{
    const json_t *shape = json_object_get(object, "shape");
    assert_int_equal(json_array_size(shape), 2);
    assert_int_equal(json_integer_value(json_array_get(shape, 0)), rows);
    assert_int_equal(json_integer_value(json_array_get(shape, 1)), columns);
}

/* 1. Models and tokenizers */

static void test_inspect__a_model_with_its_maps(void **state)
{
    (void)state;
    need_assets();
    char path[4096];
    snprintf(path, sizeof path, "%s", asset_path("models/stories260K/hf"));
    json_t *report = report_on(path);
    check_text(report, "kind", "model");
    check_text(report, "architecture", "llama");
    check_size(report, "layers", 5);
    check_size(report, "kv_heads", 4);
    check_size(report, "context", 512);
    check_size(report, "parameters", 260032);
    check_text(report, "norm", "RMSNorm");
    check_text(report, "activation", "SiLU");
    check_text(report, "positions", "rotary");
    check_text(report, "rope_scaling", "none");
    assert_true(json_is_null(json_object_get(report, "window")));
    check_text(report, "type", "F32");
    const json_t *tokenizer = json_object_get(report, "tokenizer");
    check_text(tokenizer, "type", "BPE (byte fallback)");
    check_size(tokenizer, "tokens", 512);
    const json_t *modules = json_object_get(report, "modules");
    assert_int_equal(json_array_size(modules), 5 * 7 + 1);
    const json_t *down = json_array_get(modules, 6);
    check_text(down, "name", "model.layers.0.mlp.down_proj");
    check_text(down, "kind", "mlp");
    check_shape(down, 64, 172);
    check_size(down, "parameters", 64 * 172);
    /* 5 layers of 3 maps of 64 x 172 */
    double share = json_real_value(json_object_get(report, "tracked_share"));
    assert_true(share == 15.0 * 64 * 172 / 260032);
    json_decref(report);
}

/* What sets a layer apart: windows, two bases, caps. */
static void test_inspect__how_a_layer_computes(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s", source_path("tests/golden/model/gemma3"));
    json_t *report = report_on(path);
    check_text(report, "architecture", "gemma3_text");
    check_text(report, "activation", "GELU (tanh)");
    check_text(report, "rope_scaling", "linear");
    check_size(report, "window", 4);
    check_size(report, "windowed_layers", 1);
    assert_true(json_real_value(json_object_get(report, "rope_theta")) == 1000);
    assert_true(json_real_value(json_object_get(report, "local_rope_theta")) == 50);
    json_decref(report);
    snprintf(path, sizeof path, "%s", source_path("tests/golden/model/gpt-neox"));
    report = report_on(path);
    check_text(report, "norm", "LayerNorm");
    check_text(report, "activation", "GELU");
    check_size(report, "rotary_dim", 4);
    assert_true(json_is_true(json_object_get(report, "parallel")));
    assert_true(json_is_false(json_object_get(report, "gated")));
    json_decref(report);
}

static void test_inspect__a_gguf_file(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s",
             source_path("tests/golden/gguf/llama-tied-bf16.gguf"));
    json_t *report = report_on(path);
    check_text(report, "kind", "gguf");
    check_size(report, "version", 3);
    check_size(report, "n_tensors", 20);
    const json_t *model = json_object_get(report, "model");
    check_text(model, "architecture", "llama");
    const json_t *down = json_array_get(json_object_get(model, "modules"), 6);
    check_text(down, "name", "model.layers.0.mlp.down_proj");
    check_text(down, "type", "BF16");
    assert_true(json_is_null(json_object_get(report, "tokenizer")));
    const json_t *value = json_array_get(json_object_get(report, "metadata"), 2);
    check_text(value, "key", "llama.block_count");
    check_text(value, "type", "u32");
    check_size(value, "value", 2);
    const json_t *tensor = json_array_get(json_object_get(report, "tensors"), 0);
    check_text(tensor, "name", "blk.0.attn_k.weight");
    check_size(tensor, "bytes", (json_int_t)24 * 24 * 2);
    json_decref(report);
}

/* A vocabulary alone is shown, and is no model. */
static void test_inspect__a_gguf_file_that_is_no_model(void **state)
{
    (void)state;
    need_assets();
    char path[4096];
    snprintf(path, sizeof path, "%s", asset_path("tokenizers/ggml-vocab-gpt-2.gguf"));
    json_t *report = report_on(path);
    check_size(report, "n_tensors", 0);
    assert_true(json_is_null(json_object_get(report, "model")));
    check_text(json_object_get(report, "tokenizer"), "type", "BPE (byte-level)");
    check_size(json_object_get(report, "tokenizer"), "tokens", 50257);
    assert_true(json_is_null(
        json_object_get(json_object_get(report, "tokenizer"), "chat_template")));
    json_decref(report);
}

static void test_inspect__a_tokenizer(void **state)
{
    (void)state;
    need_assets();
    char path[4096];
    snprintf(path, sizeof path, "%s", asset_path("models/stories260K/hf/tokenizer.json"));
    json_t *report = report_on(path);
    check_text(report, "kind", "tokenizer");
    check_size(report, "tokens", 512);
    json_decref(report);
}

/* 2. Tensors */

static void write_tensors(const char *path)
{
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    const size_t shape[2] = {1000, 3};
    float data[3000] = {0};
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    check_ok(at_tensor_writer_declare(writer, "weight", ATTRIB_F32, 2, shape, &err),
             &err);
    check_ok(at_tensor_writer_declare(writer, "b", ATTRIB_U8, 0, NULL, &err), &err);
    check_ok(at_tensor_writer_write(writer, data, sizeof data, &err), &err);
    check_ok(at_tensor_writer_write(writer, data, 1, &err), &err);
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
}

static void test_inspect__tensors_as_text(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer text = {0};
    at_buffer want = {0};
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("x.safetensors"));
    write_tensors(path);
    check_ok(attrib_inspect(path, NULL, false, in_folder("report"), &err), &err);
    check_ok(at_read_file(in_folder("report"), 1 << 20, &text, &err), &err);
    check_ok(at_buffer_print(&want, &err,
                             "path       %s\n"
                             "kind       tensors\n"
                             "n tensors  2\n"
                             "elements   3,001\n"
                             "bytes      12,001\n"
                             "tensors\n"
                             "  name    type  shape       bytes\n"
                             "  b       U8    -               1\n"
                             "  weight  F32   [1000, 3]  12,000\n",
                             path),
             &err);
    assert_string_equal(text.bytes, want.bytes);
    at_buffer_free(&text);
    at_buffer_free(&want);
}

/* 3. Corpora */

static void test_inspect__a_corpus_by_kinds_and_tags(void **state)
{
    (void)state;
    attrib_error err = {0};
    static const char rows[] =
        "{\"id\": \"a\", \"text\": \"one\", \"kind\": \"x\", \"year\": 1}\n"
        "{\"prompt\": \"Say two.\", \"completion\": \" two\", \"kind\": \"y\"}\n"
        "{\"ids\": [5, 6, 7]}\n";
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("corpus"));
    check_ok(at_make_folder(path, &err), &err);
    write_file(in_folder("corpus/rows.jsonl"), rows, sizeof rows - 1);
    write_file(in_folder("corpus/plain.txt"), "caf\xC3\xA9 \xF0\x9F\x98\x80\n", 11);
    json_t *report = report_on(path);
    check_text(report, "kind", "corpus");
    check_size(report, "documents", 4);
    check_size(report, "whole_files", 1);
    check_size(report, "rows_of_text", 2);
    check_size(report, "rows_of_tokens", 1);
    check_size(report, "with_loss_on_a_part", 1);
    check_size(report, "tokens_in_rows", 3);
    check_size(report, "files", 2);
    check_size(report, "text_bytes", 11 + 3 + 12);
    const json_t *tags = json_object_get(report, "tags");
    assert_int_equal(json_array_size(tags), 2);
    check_text(json_array_get(tags, 0), "key", "kind");
    check_text(json_array_get(tags, 0), "example", "\"x\"");
    check_size(json_array_get(tags, 0), "documents", 2);
    check_text(json_array_get(tags, 1), "example", "1");
    json_decref(report);
}

/* 4. Factors and runs: Kronfluence's, and our own of two documents */

static void test_inspect__factors_of_kronfluence(void **state)
{
    (void)state;
    need_assets();
    char path[4096];
    snprintf(path, sizeof path, "%s", asset_path("kronfluence/factors_sampled"));
    json_t *report = report_on(path);
    check_text(report, "kind", "factors");
    check_text(report, "made_by", "Kronfluence");
    assert_int_equal(json_array_size(json_object_get(report, "files")), 7);
    const json_t *modules = json_object_get(report, "modules");
    assert_int_equal(json_array_size(modules), 15);
    check_text(json_array_get(modules, 0), "name", "model.layers.0.mlp.down_proj");
    check_shape(json_array_get(modules, 0), 64, 172);
    check_size(json_array_get(modules, 0), "tokens", 2583);
    check_size(json_array_get(modules, 0), "sequences", 40);
    json_decref(report);
}

/* The fixture's model with the first `n` documents, and its queries. */
typedef struct fixture {
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_queries *queries;
    attrib_factors *factors;
    attrib_run *run;
} fixture;

static void open_fixture(fixture *self, size_t n_documents)
{
    attrib_error err = {0};
    char path[4096];
    const char *paths[1] = {path};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 512;
    options.max_documents = n_documents;
    *self = (fixture){0};
    check_ok(
        attrib_model_open(asset_path("models/stories260K/hf"), NULL, &self->model, &err),
        &err);
    snprintf(path, sizeof path, "%s", asset_path("kronfluence/documents.jsonl"));
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, &options,
                                &self->corpus, &err),
             &err);
    check_ok(attrib_queries_open(NULL, asset_path("kronfluence/queries.jsonl"), NULL,
                                 &options, &self->queries, &err),
             &err);
}

static void close_fixture(fixture *self)
{
    attrib_run_close(self->run);
    attrib_factors_close(self->factors);
    attrib_queries_close(self->queries);
    attrib_corpus_close(self->corpus);
    attrib_model_close(self->model);
}

static void test_inspect__factors_of_our_own(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    fixture self;
    attrib_fit_options options;
    open_fixture(&self, 2);
    attrib_fit_options_default(&options);
    options.modules = "model.layers.4.mlp.*";
    options.seed = 7;
    check_ok(
        attrib_factors_fit(NULL, self.model, self.corpus, &options, &self.factors, &err),
        &err);
    check_ok(attrib_factors_write(self.factors, in_folder("factors"), "attrib fit", &err),
             &err);
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("factors"));
    json_t *report = report_on(path);
    check_text(report, "kind", "factors");
    check_text(report, "made_by", "attrib");
    check_text(report, "strategy", "ekfac");
    check_text(report, "selection", "model.layers.4.mlp.*");
    check_text(report, "command", "attrib fit");
    check_text(report, "model_hash", attrib_model_hash(self.model));
    check_size(report, "seed", 7);
    check_size(report, "sequences", 2);
    assert_int_equal(json_array_size(json_object_get(report, "modules")), 3);
    json_decref(report);
    close_fixture(&self);
}

/* A real run is inspected, and goes through every format. */
static void test_inspect__a_run_of_our_own(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    fixture self;
    attrib_score_options options;
    open_fixture(&self, 3);
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.top = 1;
    check_ok(attrib_run_score(NULL,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = self.model,
                                                  .corpus = self.corpus,
                                                  .queries = self.queries,
                                                  .options = &options,
                                                  .folder = in_folder("run")},
                              &self.run, &err),
             &err);
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("run"));
    json_t *report = report_on(path);
    check_text(report, "kind", "run");
    check_size(report, "n_queries", 5);
    check_size(report, "n_documents", 3);
    const json_t *setting = json_array_get(json_object_get(report, "settings"), 0);
    check_text(setting, "strategy", "identity");
    check_text(setting, "damping", "none");
    const json_t *queries = json_object_get(report, "queries");
    assert_int_equal(json_array_size(queries), 5);
    check_size(json_array_get(queries, 0), "reported", 2);
    json_decref(report);
    attrib_run_close(self.run);
    self.run = NULL;
    check_ok(attrib_run_open(path, &self.run, &err), &err);
    for (int format = 0; format <= ATTRIB_EXPORT_SAFETENSORS; format++) {
        attrib_export_options chosen;
        attrib_export_options_default(&chosen);
        chosen.format = (attrib_export_format)format;
        check_ok(attrib_export_run(self.run, &chosen, in_folder("out"), &err), &err);
    }
    at_tensors *tensors = NULL;
    const size_t shape[2] = {5, 3};
    check_ok(at_tensors_open(in_folder("out"), &tensors, &err), &err);
    check_ok(at_tensor_expect(at_tensors_find(tensors, "all_modules"), 2, shape, &err),
             &err);
    at_tensors_close(tensors);
    check_ok(attrib_export_text(self.run, 4, NULL, in_folder("out"), &err), &err);
    close_fixture(&self);
}

/* 5. What cannot be told */

static void test_inspect__failures_name_the_path(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_fails(attrib_inspect(in_folder("none"), NULL, true, "-", &err), ATTRIB_EIO,
                &err);
    check_message(&err, in_folder("none"));
    err = (attrib_error){0};
    write_file(in_folder("bad.safetensors"), "12345678", 8);
    check_fails(attrib_inspect(in_folder("bad.safetensors"), NULL, true, "-", &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err, in_folder("bad.safetensors"));
    err = (attrib_error){0};
    check_ok(at_make_folder(in_folder("f"), &err), &err);
    write_file(in_folder("f/manifest.msgpack"), "ATTRIBR1", 8);
    check_fails(attrib_inspect(in_folder("f"), NULL, true, "-", &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "manifest.msgpack: 8 bytes (truncated)");
    /* A run that was stopped has parts and no manifest. */
    err = (attrib_error){0};
    check_ok(at_make_folder(in_folder("g"), &err), &err);
    write_file(in_folder("g/scores-0000-000000.safetensors"), "", 0);
    check_fails(attrib_inspect(in_folder("g"), NULL, true, "-", &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "finished run");
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_inspect__a_model_with_its_maps),
        WITH_FOLDER(test_inspect__how_a_layer_computes),
        WITH_FOLDER(test_inspect__a_gguf_file),
        WITH_FOLDER(test_inspect__a_gguf_file_that_is_no_model),
        WITH_FOLDER(test_inspect__a_tokenizer),
        WITH_FOLDER(test_inspect__tensors_as_text),
        WITH_FOLDER(test_inspect__a_corpus_by_kinds_and_tags),
        WITH_FOLDER(test_inspect__factors_of_kronfluence),
        WITH_FOLDER(test_inspect__factors_of_our_own),
        WITH_FOLDER(test_inspect__a_run_of_our_own),
        WITH_FOLDER(test_inspect__failures_name_the_path),
    };
    return run_cases(tests, NULL, NULL);
}
