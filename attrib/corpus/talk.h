/* SPDX-License-Identifier: MIT */
/* The turns of a row on their way to a draft: by the chat template in force, or, where
 * there is none, what was said and a newline. */
#ifndef AT_CORPUS_TALK_H
#define AT_CORPUS_TALK_H

#include "corpus/chats.h"
#include "corpus/shape.h"

typedef struct at_talk {
    at_rules rules; /* the template may be another one for this row */
    const char *name;
    at_draft *draft;      /* borrowed */
    at_messages turns;    /* where there is a template */
    at_segments segments; /* of the draft's text */
    at_buffer asked;      /* text that the turns borrow */
} at_talk;

/* Begin to fill an empty draft. ENOTSUP where the model's own template is not known. */
attrib_status at_talk_open(at_talk *talk,
                           const at_rules *rules,
                           const char *name,
                           at_draft *draft,
                           attrib_error *err);
void at_talk_free(at_talk *talk);

/* Whether a row is a conversation: messages, or a pair that the rules or the row make
 * one. */
bool at_talk_is(const at_rules *rules, const at_shape *shape, const json_t *row);

/* Put in the turns of a row: what the system says, earlier turns, what is asked, and,
 * where there is one, the answer (of `instance`, which may be the row). */
attrib_status at_talk_row(at_talk *talk,
                          const at_shape *shape,
                          const json_t *row,
                          const json_t *instance,
                          attrib_error *err);

/* Write the turns into the draft; its segments are then those of the talk. */
attrib_status at_talk_write(at_talk *talk, at_chat_end end, attrib_error *err);

#endif
