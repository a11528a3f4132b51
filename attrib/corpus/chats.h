/* SPDX-License-Identifier: MIT */
/* Conversations of rows, for documents and queries alike. */
#ifndef AT_CORPUS_CHATS_H
#define AT_CORPUS_CHATS_H

#include "corpus/draft.h"

/* Choose the template of conversations: `name` NULL for the model's own where it has one,
 * "model" for that and no other, else a name or a file. Any name wraps prompts too.
 * `date` is what templates take for today; NULL: today. EINVAL for names that are not
 * known, and as of at_chat_open() for "model" where its template cannot be run. */
attrib_status at_rules_choose_chat(at_rules *rules,
                                   const char *name,
                                   const char *date,
                                   attrib_error *err);
/* Give back what at_rules_choose_chat() opened. */
void at_rules_free(at_rules *rules);

/* Why the model's own template cannot be run, where it would be needed. */
attrib_status at_rules_need_chat(const at_rules *rules, attrib_error *err);

/* A turn: the message that the template is given, and its text, which the message holds:
 * "" where its content is no text. */
typedef struct at_chat_turn {
    at_chat_role role;
    json_t *message;  /* owned */
    const char *text; /* [n_bytes] */
    size_t n_bytes;
    bool is_silent; /* the row says that the assistant is not trained on it */
} at_chat_turn;

/* Turns of a row. Zeroed = none. */
typedef struct at_messages {
    at_chat_turn *items; /* [n] */
    size_t n, capacity;
    json_t *tools;       /* owned, or NULL */
    const at_chat *chat; /* that will write them; borrowed */
} at_messages;

void at_messages_free(at_messages *turns);
attrib_status at_messages_add(at_messages *turns,
                              at_chat_role role,
                              const char *text,
                              size_t n_bytes,
                              attrib_error *err);

/* The tools of a row: a list, or a text that holds one as JSON. */
attrib_status at_messages_take_tools(at_messages *turns,
                                     const char *name,
                                     const json_t *tools,
                                     attrib_error *err);

/* ENOTSUP for a turn that says more than its text: calls of tools, and thoughts. */
attrib_status at_message_check(const char *name, const json_t *turn, attrib_error *err);

/* Whether the model is trained on what an assistant's turn says: not where the row says
 * {"train": false} or {"weight": 0}. ENOTSUP for a weight other than 0 and 1. */
attrib_status at_message_counts(const char *name,
                                const json_t *turn,
                                bool *out,
                                attrib_error *err);

/* The turns of a list of messages, which go to the template as they are; "human", "gpt"
 * and "model" are the user and the assistant. Content in parts is one text, unless the
 * template takes parts of such a role. ENOTSUP for parts that are no text. */
attrib_status at_messages_read(const char *name,
                               const json_t *messages,
                               const char *role_field,
                               const char *said_field,
                               at_messages *out,
                               attrib_error *err);

/* Append a conversation as the template in force writes it; loss on what the assistant
 * says and on the end of its turn. No turns, no text. */
attrib_status at_draft_converse(const at_rules *rules,
                                const char *name,
                                const at_messages *turns,
                                at_chat_end end,
                                at_draft *draft,
                                at_segments *segments,
                                attrib_error *err);

#endif
