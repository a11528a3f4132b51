/* SPDX-License-Identifier: MIT */
/* Any bytes as a GGUF file of a model: what its metadata and its tensors' names say.
 * Zeros follow the bytes, so that a header alone is a file. */
#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"

#define N_ZEROS ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_model(at_checkpoint *checkpoint)
{
    attrib_error err = {0};
    at_config config;
    if (at_gguf_config(checkpoint->gguf, &config, &err) != ATTRIB_OK) {
        if (err.message[0] == '\0') {
            abort();
        }
        return;
    }
    if (at_gguf_rename(checkpoint, &config, &err) != ATTRIB_OK) {
        if (err.message[0] == '\0') {
            abort();
        }
        return;
    }
    for (size_t i = 0; i < at_tensors_count(checkpoint->tensors); i++) {
        const at_tensor *tensor = at_tensors_get(checkpoint->tensors, i);
        if (at_tensors_find(checkpoint->tensors, tensor->name) != tensor) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at_checkpoint checkpoint = {0};
    unsigned char *bytes = calloc(size + N_ZEROS, 1);
    if (!bytes) {
        abort();
    }
    if (size) {
        memcpy(bytes, data, size);
    }
    if (at_gguf_open_bytes("fuzz", bytes, size + N_ZEROS, AT_GGUF_WHOLE, &checkpoint.gguf,
                           NULL) == ATTRIB_OK) {
        read_model(&checkpoint);
    }
    at_checkpoint_close(&checkpoint);
    free(bytes);
    return 0;
}
