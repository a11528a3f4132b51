/* SPDX-License-Identifier: MIT */
/* What the assistant says in a conversation that was rendered: the rules that chat.h
 * states. */
#ifndef AT_TOKENIZER_CHAT_SAID_H
#define AT_TOKENIZER_CHAT_SAID_H

#include "tokenizer/chat.h"
#include "tokenizer/jinja.h"

struct at_chat {
    const attrib_tokenizer *tokenizer;
    const at_jinja *template; /* the tokenizer's, or own */
    at_jinja own;
    const at_chat_named *named; /* NULL: the model's own, or a file */
    char date[11];
    char *prompt; /* for the assistant to speak, after a user's message */
    bool takes_parts[AT_CHAT_OTHER]; /* whether content may come in parts, by role */
};

typedef struct at_span {
    size_t start, end;
    bool begins_aside, ends_aside; /* by a thought or a call */
} at_span;

/* What is said, in order, and where the text ends. */
typedef struct at_said {
    at_span *items; /* [n] */
    size_t n, capacity;
    size_t n_bytes;
} at_said;

/* Find it in a text; free(out->items) after a failure too. ENOTSUP where a turn that
 * counts is not printed, or in more than one place. */
attrib_status at_chat_find_said(const at_chat *chat,
                                const at_jinja_value *text,
                                const at_chat_conversation *conversation,
                                at_said *out,
                                attrib_error *err);

/* Whether what is printed of message i ends in a token that the model's own files name as
 * an end. */
bool at_chat_ends_in_own_stop(const at_chat *chat, const at_jinja_value *text, size_t i);

/* The last place of a part in text [from, to), or SIZE_MAX. */
size_t at_chat_find_last(const char *text, size_t from, size_t to, const char *part);

#endif
