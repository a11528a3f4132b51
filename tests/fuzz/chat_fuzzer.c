/* SPDX-License-Identifier: MIT */
/* A chat template of any bytes is recognized or not, and a form that is writes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char json[] =
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{"
    "\"id\":1,\"content\":\"<s>\",\"special\":true},{\"id\":2,\"content\":\"</s>\","
    "\"special\":true}]}";

static attrib_status collect(
    void *context, const char *text, size_t n, bool is_said, attrib_error *err)
{
    (void)is_said;
    return at_buffer_append(context, text, n, err);
}

/* A form that was recognized writes a conversation. */
static void check_form(const attrib_tokenizer *t)
{
    static const at_chat_turn turns[] = {{AT_CHAT_USER, " b c\n", 5, false},
                                         {AT_CHAT_ASSISTANT, "d", 1, false}};
    attrib_error err = {0};
    at_buffer text = {0};
    if (at_chat_write(&t->chat, turns, 2, AT_CHAT_CLOSED, (at_chat_sink){&text, collect},
                      &err) != ATTRIB_OK ||
        !memchr(text.bytes, 'd', text.n_bytes)) {
        abort();
    }
    at_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_tokenizer *t = NULL;
    const char *source = (const char *)data;
    if (at_tokenizer_parse("fuzz", json, sizeof json - 1, &t, &err) != ATTRIB_OK) {
        abort();
    }
    t->bos = 1;
    t->eos = 2;
    if (at_tokenizer_take_chat_template(t, source, size, &err) != ATTRIB_OK) {
        abort();
    }
    if (t->chat.form) {
        check_form(t);
    } else if (t->chat_problem.message[0] == '\0') {
        abort();
    }
    attrib_tokenizer_close(t);
    return 0;
}
