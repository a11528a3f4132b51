/* SPDX-License-Identifier: MIT */
/* Conversations of rows, for documents and queries alike. */
#ifndef AT_CORPUS_CHATS_H
#define AT_CORPUS_CHATS_H

#include "corpus/draft.h"

/* Choose the template of conversations: `name` NULL for the model's own where it has one,
 * "model" for that and no other, else a name. Any name wraps prompts too. EINVAL for
 * names that are not known, ENOTSUP for "model" where its template is not recognized. */
attrib_status at_rules_choose_chat(at_rules *rules, const char *name, attrib_error *err);

/* ENOTSUP where the model's own template would be needed and is not recognized. */
attrib_status at_rules_need_chat(const at_rules *rules, attrib_error *err);

/* Turns whose texts are borrowed from a row. Zeroed = none. */
typedef struct at_messages {
    at_chat_turn *items; /* [n] */
    size_t n, capacity;
} at_messages;

void at_messages_free(at_messages *turns);
attrib_status at_messages_add(at_messages *turns,
                              at_chat_role role,
                              const char *text,
                              size_t n_bytes,
                              attrib_error *err);

/* ENOTSUP for a turn that says more than its text: calls of tools, thoughts, and a weight
 * other than 0 and 1. */
attrib_status at_message_check(const char *name, const json_t *turn, attrib_error *err);

/* Whether the model is trained on what an assistant's turn says: not where the row says
 * {"train": false} or {"weight": 0}. */
bool at_message_counts(const json_t *turn);

/* The turns of a list of messages. ENOTSUP for roles and messages that templates here
 * have no place for. */
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
