/* SPDX-License-Identifier: MIT */
/* A chat template of any bytes is refused, or writes conversations: the text whole, with
 * what is said in it part by part. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/chat.h"
#include "tokenizer/tokenizer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char json[] =
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{"
    "\"id\":1,\"content\":\"<s>\",\"special\":true},{\"id\":2,\"content\":\"</s>\","
    "\"special\":true}]}";

static const char conversation[] =
    "[{\"role\":\"system\",\"content\":\" b c\\n\"},{\"role\":\"user\",\"content\":\"d "
    "\\u00e9"
    "\"},{\"role\":\"assistant\",\"content\":\"<think>\\ne\\n</think>\\n\\nf</s>\","
    "\"reasoning_content\":\"g\",\"tool_calls\":[{\"function\":{\"name\":\"h\","
    "\"arguments\":{"
    "\"i\":[1,2.5,null,true]}}}]},{\"role\":\"tool\",\"content\":\"{}\"},{\"role\":"
    "\"assistant\","
    "\"content\":\"j\"}]";

/* What was put, and how much of it is said. */
typedef struct written {
    at_buffer text;
    size_t n_said;
} written;

static attrib_status collect(
    void *context, const char *text, size_t n, bool is_said, attrib_error *err)
{
    written *w = context;
    w->n_said += is_said ? n : 0;
    return n ? at_buffer_append(&w->text, text, n, err)
             : at_fail(err, ATTRIB_ENOMEM, "an empty part");
}

static void write_all(const at_chat *chat, const json_t *messages)
{
    at_chat_message given[5];
    size_t n = json_array_size(messages);
    for (size_t i = 0; i < n; i++) {
        given[i] = (at_chat_message){json_array_get(messages, i), i == 2 || i == 4};
    }
    for (at_chat_end end = AT_CHAT_CLOSED; end <= AT_CHAT_OPEN; end++) {
        attrib_error err = {0};
        written w = {0};
        attrib_status status =
            at_chat_write(chat, &(at_chat_conversation){given, n, messages, end},
                          (at_chat_sink){&w, collect}, &err);
        if (status == ATTRIB_ENOMEM ||
            (status != ATTRIB_OK) != (err.message[0] != '\0') ||
            w.n_said > w.text.n_bytes || (end == AT_CHAT_ASKS && w.n_said)) {
            abort();
        }
        at_buffer_free(&w.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_tokenizer *t = NULL;
    at_chat *chat = NULL;
    const char *source = (const char *)data;
    json_t *messages = json_loads(conversation, 0, NULL);
    if (!messages ||
        at_tokenizer_parse("fuzz", json, sizeof json - 1, &t, &err) != ATTRIB_OK) {
        abort();
    }
    t->bos = 1;
    t->eos = 2;
    if (at_tokenizer_add_stops(t, &err) != ATTRIB_OK ||
        at_tokenizer_take_chat_template(t, source, size, &err) != ATTRIB_OK) {
        abort();
    }
    if (at_chat_open(t, "model", "2026-11-30", &chat, &err) == ATTRIB_OK) {
        write_all(chat, messages);
    } else if (err.message[0] == '\0') {
        abort();
    }
    at_chat_close(chat);
    attrib_tokenizer_close(t);
    json_decref(messages);
    return 0;
}
