/* SPDX-License-Identifier: MIT */
/* Any bytes as an adapter: adapter_config.json up to the first NUL, then the bytes of
 * adapter_model.safetensors. What is accepted is asked for every module that it has. */
#include <stdlib.h>
#include <string.h>

#include "model/adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_message(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK && (err->status != status || !err->message[0])) {
        abort();
    }
}

/* Ask for what a module's matrices add to a weight that they would fit, the last number
 * of which must be there. */
static void add_up(at_adapter *adapter, const at_lora *lora, bool is_transposed)
{
    attrib_error err = {0};
    const at_delta *delta = NULL;
    at_buffer name = {0};
    bool is_turned = is_transposed || lora->is_embedding;
    size_t in = lora->a->n_dims == 2 ? lora->a->shape[1] : 1;
    size_t out = lora->b->n_dims == 2 ? lora->b->shape[0] : 1;
    at_adapted matrix = {.n_rows = is_turned ? in : out,
                         .n_columns = is_turned ? out : in,
                         .is_transposed = is_transposed,
                         .is_embedding = lora->is_embedding};
    if (at_buffer_print(&name, &err, "%s.weight", lora->module) != ATTRIB_OK) {
        abort();
    }
    matrix.name = name.bytes;
    expect_message(at_adapter_delta(adapter, &matrix, &delta, &err), &err);
    if (delta) {
        float last = delta->left[matrix.n_rows * delta->rank - 1] +
                     delta->right[delta->rank * matrix.n_columns - 1];
        if (last != last) {
            abort();
        }
    }
    at_buffer_free(&name);
}

static void ask(at_adapter *adapter)
{
    attrib_error err = {0};
    char hash[AT_HASH_SIZE] = "";
    char *base = NULL;
    const at_tensor *tensor = NULL;
    bool is_untied = false;
    for (size_t i = 0; i < adapter->n_loras; i++) {
        add_up(adapter, &adapter->loras[i], i % 2);
    }
    for (size_t i = 0; i < adapter->n_replacements; i++) {
        expect_message(
            at_adapter_replacement(adapter, adapter->replacements[i].name, &tensor, &err),
            &err);
    }
    err = (attrib_error){0};
    expect_message(at_adapter_check_used(adapter, &err), &err);
    err = (attrib_error){0};
    expect_message(
        at_adapter_untie(adapter, "model.embed_tokens", "lm_head", &is_untied, &err),
        &err);
    err = (attrib_error){0};
    expect_message(at_adapter_base(adapter, &base, &err), &err);
    expect_message(at_adapter_hash(adapter, hash, &err), &err);
    free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_adapter *adapter = NULL;
    at_tensors *tensors = NULL;
    at_buffer text = {0};
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t n = end ? (size_t)(end - data) : size;
    const uint8_t *rest = end ? end + 1 : data + size;
    if (at_buffer_append(&text, (const char *)data, n, &err) != ATTRIB_OK ||
        at_tensors_open_bytes("fuzz", rest, size - (size_t)(rest - data), &tensors,
                              &err) != ATTRIB_OK) {
        at_buffer_free(&text);
        return 0;
    }
    attrib_status status = at_adapter_parse("fuzz", &text, tensors, &adapter, &err);
    expect_message(status, &err);
    if (status == ATTRIB_OK) {
        ask(adapter);
        at_adapter_close(adapter);
    } else {
        at_tensors_close(tensors);
    }
    at_buffer_free(&text);
    return 0;
}
