/* SPDX-License-Identifier: MIT */
/* The metadata of a GGUF file of any bytes ends in a status, and a tokenizer that it
 * makes encodes and decodes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/tokenizer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "ab  The dog's\n\n1234<s> caf\xC3\xA9 \xE4\xB8\xAD\xF0\x9F\x91\x8D";

static void use(const attrib_tokenizer *t)
{
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    char *decoded = NULL;
    size_t n_decoded = 0;
    if (attrib_tokenizer_encode(t, (attrib_text){text, sizeof text - 1}, true, &ids,
                                &n_ids, &err) != ATTRIB_OK) {
        if (err.message[0] == '\0') {
            abort();
        }
        return;
    }
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= attrib_tokenizer_n_tokens(t)) {
            abort();
        }
    }
    if (attrib_tokenizer_decode(t, (attrib_ids){ids, n_ids}, false, &decoded, &n_decoded,
                                &err) == ATTRIB_OK &&
        !at_utf8_is_valid(decoded, n_decoded, NULL)) {
        abort();
    }
    free(decoded);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_gguf *gguf = NULL;
    attrib_tokenizer *tokenizer = NULL;
    attrib_status status =
        at_gguf_open_bytes("fuzz", data, size, AT_GGUF_HEADER, &gguf, &err);
    if (status == ATTRIB_OK) {
        status = at_tokenizer_from_gguf(gguf, &tokenizer, &err);
    }
    if (status == ATTRIB_OK) {
        use(tokenizer);
    } else if (tokenizer || (err.message[0] == '\0' && status != ATTRIB_END)) {
        abort();
    }
    attrib_tokenizer_close(tokenizer);
    at_gguf_close(gguf);
    return 0;
}
