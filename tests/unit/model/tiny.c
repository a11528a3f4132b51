/* SPDX-License-Identifier: MIT */
#include "tiny.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

double tiny_random(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void fill(ref_tensor *tensor, uint64_t *state)
{
    bool is_norm = strstr(tensor->name, "norm.weight") || strstr(tensor->name, "ln_");
    double center = is_norm && strstr(tensor->name, "weight") ? 1 : 0;
    for (size_t i = 0; i < tensor->shape[0] * tensor->shape[1]; i++) {
        double value = center + 1.2 * (tiny_random(state) - 0.5);
        tensor->values[i] = (double)(float)value;
    }
}

void tiny_make(ref_decoder *reference, const tiny_options *options)
{
    uint64_t state = options->seed;
    size_t width = options->width ? options->width : 12;
    *reference = (ref_decoder){
        .is_gpt2 = options->is_gpt2,
        .n_layers = 2,
        .width = width,
        .n_heads = options->is_gpt2 ? 3 : 4,
        .n_kv_heads = options->is_gpt2 ? 3 : 2,
        .head_dim = options->is_gpt2 ? width / 3 : 4,
        .mlp_width = 10,
        .n_vocabulary = options->n_vocabulary ? options->n_vocabulary : 13,
        .context = options->context ? options->context : 16,
        .window = options->window,
        .epsilon = 1e-5,
        .theta = 100,
        .has_attention_bias = options->has_biases,
        .has_mlp_bias = options->has_biases,
    };
    ref_decoder_make_tensors(reference);
    for (size_t i = 0; i < reference->n_tensors; i++) {
        fill(&reference->tensors[i], &state);
    }
    if (options->is_tied) {
        memcpy(ref_decoder_find(reference, "lm_head.weight")->values,
               reference->tensors[0].values,
               reference->n_vocabulary * width * sizeof(double));
    }
}

void tiny_config(const ref_decoder *r, bool is_tied, char *text, size_t size)
{
    if (r->is_gpt2) {
        snprintf(
            text, size,
            "{\"model_type\": \"gpt2\", \"architectures\": [\"GPT2LMHeadModel\"], "
            "\"n_layer\": %zu, \"n_embd\": %zu, \"n_head\": %zu, \"n_inner\": %zu, "
            "\"vocab_size\": %zu, \"n_positions\": %zu, \"layer_norm_epsilon\": %.17g, "
            "\"activation_function\": \"gelu_new\", \"tie_word_embeddings\": %s}",
            r->n_layers, r->width, r->n_heads, r->mlp_width, r->n_vocabulary, r->context,
            r->epsilon, is_tied ? "true" : "false");
        return;
    }
    char kind[160] =
        "\"model_type\": \"llama\", \"architectures\": [\"LlamaForCausalLM\"]";
    if (r->window) {
        snprintf(kind, sizeof kind,
                 "\"model_type\": \"mistral\", \"architectures\": "
                 "[\"MistralForCausalLM\"], \"sliding_window\": %zu",
                 r->window);
    }
    snprintf(text, size,
             "{%s, "
             "\"num_hidden_layers\": %zu, \"hidden_size\": %zu, "
             "\"num_attention_heads\": %zu, \"num_key_value_heads\": %zu, "
             "\"head_dim\": %zu, \"intermediate_size\": %zu, \"vocab_size\": %zu, "
             "\"max_position_embeddings\": %zu, \"rms_norm_eps\": %.17g, "
             "\"rope_theta\": %.17g, \"attention_bias\": %s, \"mlp_bias\": %s, "
             "\"tie_word_embeddings\": %s}",
             kind, r->n_layers, r->width, r->n_heads, r->n_kv_heads, r->head_dim,
             r->mlp_width, r->n_vocabulary, r->context, r->epsilon, r->theta,
             r->has_attention_bias ? "true" : "false", r->has_mlp_bias ? "true" : "false",
             is_tied ? "true" : "false");
}

static bool is_left_out(const ref_tensor *tensor, bool is_tied)
{
    return is_tied && strcmp(tensor->name, "lm_head.weight") == 0;
}

static void write_tensors(const ref_decoder *r, bool is_tied, const char *path)
{
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    for (size_t i = 0; i < r->n_tensors; i++) {
        const ref_tensor *tensor = &r->tensors[i];
        if (!is_left_out(tensor, is_tied)) {
            check_ok(at_tensor_writer_declare(writer, tensor->name, ATTRIB_F32,
                                              tensor->n_dims, tensor->shape, &err),
                     &err);
        }
    }
    for (size_t i = 0; i < r->n_tensors; i++) {
        const ref_tensor *tensor = &r->tensors[i];
        size_t n = tensor->shape[0] * tensor->shape[1];
        for (size_t j = 0; !is_left_out(tensor, is_tied) && j < n; j++) {
            float value = (float)tensor->values[j];
            check_ok(at_tensor_writer_write(writer, &value, sizeof value, &err), &err);
        }
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
}

void tiny_write(const ref_decoder *reference, bool is_tied, const char *folder)
{
    char path[512];
    char config[1024];
    tiny_config(reference, is_tied, config, sizeof config);
    snprintf(path, sizeof path, "%s/config.json", folder);
    write_file(path, config, strlen(config));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    write_tensors(reference, is_tied, path);
}

attrib_model *tiny_open(const ref_decoder *reference, bool is_tied)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    char folder[256];
    make_scratch_folder(folder, sizeof folder);
    tiny_write(reference, is_tied, folder);
    check_ok(attrib_model_open(folder, NULL, &model, &err), &err);
    remove_folder(folder);
    return model;
}

/* -f of a sequence that measures a direction. */
static double loss_along(const ref_decoder *reference, const attrib_sequence *sequence)
{
    const attrib_direction *direction = sequence->direction;
    double *states = calloc(sequence->n_tokens * reference->width, sizeof *states);
    double sum = 0;
    double n = 0;
    assert_non_null(states);
    ref_decoder_states(reference, sequence->ids, sequence->n_tokens, direction->layer,
                       states);
    for (size_t t = 0; t < sequence->n_tokens; t++) {
        n += direction->positions[t];
        for (size_t i = 0; direction->positions[t] && i < reference->width; i++) {
            sum += (double)direction->values[i] * states[t * reference->width + i];
        }
    }
    free(states);
    return -sum / n;
}

double tiny_loss(const ref_decoder *reference, const attrib_sequence *sequence)
{
    if (sequence->direction) {
        return loss_along(reference, sequence);
    }
    double logprobs[512];
    double loss = 0;
    assert_true(sequence->n_tokens <= 512);
    ref_decoder_logprobs(reference, sequence->ids,
                         sequence->labels ? sequence->labels : sequence->ids,
                         sequence->n_tokens, logprobs);
    for (size_t t = 1; t < sequence->n_tokens; t++) {
        loss -= sequence->mask[t] ? logprobs[t - 1] : 0;
    }
    return sequence->is_subtracted ? -loss : loss;
}

void tiny_batch_make(tiny_batch *batch,
                     const size_t *lengths,
                     size_t n_sequences,
                     size_t n_vocabulary,
                     uint64_t seed)
{
    size_t n = 0;
    assert_true(n_sequences <= 8);
    for (size_t i = 0; i < n_sequences; i++) {
        batch->first_row[i] = n;
        n += lengths[i];
    }
    batch->first_row[n_sequences] = n;
    batch->ids = calloc(n + 1, sizeof *batch->ids);
    batch->mask = calloc(n + 1, sizeof *batch->mask);
    assert_true(batch->ids && batch->mask);
    for (size_t i = 0; i < n; i++) {
        batch->ids[i] = (int32_t)(tiny_random(&seed) * (double)n_vocabulary);
        batch->mask[i] = tiny_random(&seed) < 0.75;
    }
    for (size_t i = 0; i < n_sequences; i++) {
        size_t first = batch->first_row[i];
        batch->mask[first] = 0;
        batch->sequences[i] = (attrib_sequence){.document = i,
                                                .n_tokens = lengths[i],
                                                .ids = batch->ids + first,
                                                .mask = batch->mask + first};
    }
    batch->batch = (at_batch){n_sequences, batch->sequences, batch->first_row};
}

void tiny_batch_free(tiny_batch *batch)
{
    free(batch->ids);
    free(batch->mask);
}

void tiny_gradients_make(tiny_gradients *gradients,
                         const attrib_model *model,
                         const size_t *tracked,
                         size_t n_tracked)
{
    *gradients =
        (tiny_gradients){.model = model, .tracked = tracked, .n_tracked = n_tracked};
    gradients->values = calloc(n_tracked + 1, sizeof *gradients->values);
    gradients->order = calloc(n_tracked + 1, sizeof *gradients->order);
    assert_true(gradients->values && gradients->order);
    for (size_t i = 0; i < n_tracked; i++) {
        const attrib_module *module = attrib_model_module(model, tracked[i]);
        gradients->values[i] = calloc(module->in_dim * module->out_dim, sizeof(double));
        assert_non_null(gradients->values[i]);
    }
}

void tiny_gradients_free(tiny_gradients *gradients)
{
    for (size_t i = 0; i < gradients->n_tracked; i++) {
        free(gradients->values[i]);
    }
    free(gradients->values);
    free(gradients->order);
}

static attrib_status collect(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    tiny_gradients *g = context;
    const attrib_module *module = attrib_model_module(g->model, g->tracked[i_tracked]);
    size_t in_dim = module->in_dim;
    size_t n_rows = 0;
    (void)at_decoder_handed_rows(g->decoder, &n_rows);
    (void)err;
    g->order[g->n_handed++ % g->n_tracked] = i_tracked;
    for (size_t t = 0; t < n_rows; t++) {
        assert_true(!module->has_bias || a[t * in_dim + in_dim - 1] == 1.0f);
        for (size_t o = 0; o < module->out_dim; o++) {
            for (size_t i = 0; i < in_dim; i++) {
                g->values[i_tracked][o * in_dim + i] +=
                    (double)ds[t * module->out_dim + o] * (double)a[t * in_dim + i];
            }
        }
    }
    return ATTRIB_OK;
}

attrib_status tiny_run(tiny_gradients *gradients,
                       at_decoder *decoder,
                       const at_batch *batch,
                       at_labels labels,
                       uint64_t seed,
                       double *losses,
                       attrib_error *err)
{
    gradients->decoder = decoder;
    return at_decoder_run(decoder, batch, labels, seed, collect, gradients, losses, err);
}

double tiny_distance(const double *got, const double *want, size_t n)
{
    double difference = 0;
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs(got[i] - want[i]);
        difference = d > difference || isnan(d) ? d : difference;
        largest = fmax(largest, fabs(want[i]));
    }
    return largest > 0 ? difference / largest : difference;
}
