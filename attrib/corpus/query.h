/* SPDX-License-Identifier: MIT */
/* One query: a prompt, or a conversation, and what was said to it. */
#ifndef AT_CORPUS_QUERY_H
#define AT_CORPUS_QUERY_H

#include "corpus/measure.h"
#include "corpus/shape.h"

/* A query and what it borrows from. Zeroed = empty. */
typedef struct at_query {
    attrib_query query;
    at_draft draft;
    char *prompt, *completion;
    attrib_tag *tags;
    size_t n_prompt_ids; /* how many ids stand before the completion */
    at_measuring measuring;
    at_draft against; /* the other side of a margin; empty where there is none */
    int32_t *ids;     /* [n_tokens] of both sides of a margin, one after the other */
    uint8_t *mask;    /* [n_tokens] */
} at_query;

void at_query_free(at_query *e);

/* Give the prompt and the completion (NULL: the model shall write one) their ids, and a
 * mask that is 1 on those of the completion. EINVAL for a completion of no bytes. */
attrib_status at_query_encode(const at_rules *rules,
                              const char *name,
                              at_query *e,
                              attrib_error *err);

/* Read a row of that shape, and give it ids. ESHAPE for rows that are no query. */
attrib_status at_query_read(const at_rules *rules,
                            const char *name,
                            json_t *row,
                            const at_shape *shape,
                            at_query *e,
                            attrib_error *err);

/* Read the other side of a margin: the row with `against` in the place of its completion,
 * asked as e is. ESHAPE for rows that have no such side. */
attrib_status at_query_read_against(const at_rules *rules,
                                    const char *name,
                                    const json_t *row,
                                    const at_shape *shape,
                                    at_query *e,
                                    attrib_error *err);

/* Check the ids of every side, and count those of the prompt: EINVAL where there are none
 * or none is predicted, ERANGE where they are more than the context or a position is not
 * among them. */
attrib_status at_query_check(size_t context,
                             const char *name,
                             at_query *e,
                             attrib_error *err);

/* Let e->query point to what the entry owns; again after that changed. */
attrib_status at_query_publish(at_query *e, attrib_error *err);

#endif
