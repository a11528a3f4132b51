/* SPDX-License-Identifier: MIT */
/* A chat template of any bytes ends in a status, and one that is recognized writes what
 * its form does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja.h"
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

/* One conversation of blanks and words, as the template and as the form write it. */
static void check_form(const attrib_tokenizer *t, const char *source, size_t n)
{
    static const at_chat_turn turns[] = {{AT_CHAT_USER, " b c\n", 5},
                                         {AT_CHAT_ASSISTANT, "d", 1}};
    attrib_error err = {0};
    at_jinja template = {0};
    at_buffer theirs = {0};
    at_buffer ours = {0};
    bool has_raised = false;
    json_t *variables = json_pack(
        "{s[{ss ss}{ss ss}] sb sn sn ss ss}", "messages", "role", "user", "content",
        " b c\n", "role", "assistant", "content", "d", "add_generation_prompt", 0,
        "tools", "documents", "bos_token", "<s>", "eos_token", "</s>");
    if (at_jinja_read(source, n, &template, &err) != ATTRIB_OK ||
        at_chat_write(&t->chat, turns, 2, AT_CHAT_CLOSED, (at_chat_sink){&ours, collect},
                      &err) != ATTRIB_OK) {
        abort();
    }
    /* A template may well ask for the messages that it was tried with. */
    attrib_status status = at_jinja_run(&template, variables, &theirs, &has_raised, &err);
    if (status == ATTRIB_OK && theirs.n_bytes == 0 && ours.n_bytes != 0 &&
        memmem(source, n, "if", 2) == NULL) {
        abort();
    }
    json_decref(variables);
    at_jinja_free(&template);
    at_buffer_free(&theirs);
    at_buffer_free(&ours);
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
        check_form(t, source, size);
    } else if (t->chat_problem.message[0] == '\0') {
        abort();
    }
    attrib_tokenizer_close(t);
    return 0;
}
