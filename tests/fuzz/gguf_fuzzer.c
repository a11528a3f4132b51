/* SPDX-License-Identifier: MIT */
/* Any bytes as a GGUF file: every byte of every value and tensor accepted must be there.
 * The first input byte chooses whether the tensors' data are asked for. */
#include <stdlib.h>
#include <string.h>

#include "format/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that no read is left out. */
static unsigned sum(const void *bytes, size_t n)
{
    unsigned total = 0;
    for (size_t i = 0; i < n; i++) {
        total += ((const unsigned char *)bytes)[i];
    }
    return total;
}

static unsigned read_value(const at_gguf *gguf, const at_gguf_value *value)
{
    size_t size = 0;
    size_t n = 0;
    double number = 0;
    bool flag = false;
    const char *text = NULL;
    at_gguf_text *texts = NULL;
    int64_t *integers = NULL;
    double *numbers = NULL;
    unsigned total = sum(value->data, value->n_bytes);
    if (at_gguf_find(gguf, value->key) != value) {
        abort();
    }
    (void)!at_gguf_size(gguf, value->key, &size, NULL, NULL);
    (void)!at_gguf_number(gguf, value->key, &number, NULL, NULL);
    (void)!at_gguf_bool(gguf, value->key, &flag, NULL, NULL);
    if (at_gguf_get_text(gguf, value->key, &text, &n, NULL, NULL) == ATTRIB_OK) {
        total += sum(text, n + 1);
    }
    (void)!at_gguf_integers(gguf, value->key, &integers, &n, NULL);
    free(integers);
    (void)!at_gguf_numbers(gguf, value->key, &numbers, &n, NULL);
    free(numbers);
    if (at_gguf_texts(gguf, value->key, &texts, &n, NULL) == ATTRIB_OK) {
        for (size_t i = 0; i < n; i++) {
            total += sum(texts[i].bytes, texts[i].n);
        }
    }
    free(texts);
    return total;
}

static unsigned read_tensor(const at_tensor *tensor)
{
    float values[300];
    size_t n = tensor->n_elements < 300 ? tensor->n_elements : 300;
    unsigned total = sum(tensor->name, strlen(tensor->name));
    if (tensor->data) {
        total += sum(tensor->data, tensor->n_bytes);
        (void)!at_tensor_to_f32(tensor, 0, n, values, NULL);
        (void)!at_tensor_to_f32(tensor, tensor->n_elements - n, n, values, NULL);
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_gguf *gguf = NULL;
    unsigned total = 0;
    if (size == 0) {
        return 0;
    }
    at_gguf_part part = data[0] % 2 ? AT_GGUF_HEADER : AT_GGUF_WHOLE;
    if (at_gguf_open_bytes("fuzz", data + 1, size - 1, part, &gguf, &err) != ATTRIB_OK) {
        if (err.message[0] == '\0' || gguf) {
            abort();
        }
        return 0;
    }
    for (size_t i = 0; i < at_gguf_n_values(gguf); i++) {
        total += read_value(gguf, at_gguf_value_at(gguf, i));
    }
    const at_tensors *tensors = at_gguf_tensors(gguf);
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        total += read_tensor(at_tensors_get(tensors, i));
    }
    at_gguf_close(gguf);
    return total == 1 && size == 0; /* never; uses the sum */
}
