/* SPDX-License-Identifier: MIT */
/* Answers that queries list, and how many documents of the corpus have them. */
#ifndef AT_ANALYZE_ANSWERS_H
#define AT_ANALYZE_ANSWERS_H

#include "analyze/analyze.h"
#include "analyze/word_list.h"

typedef struct at_wanted {
    size_t query;
    char *text;
    at_word_list words; /* at least one */
    size_t n_in_corpus; /* documents that have the words one after the other */
    size_t last;        /* 1 + the document that was counted last */
} at_wanted;

typedef struct at_wanted_list {
    at_wanted *items; /* [n] by query */
    size_t n, capacity;
} at_wanted_list;

/* The answers of all queries: the values of their tag options.answers_tag. ESHAPE where
 * there are none, EINVAL for one without words. */
attrib_status at_wanted_collect(const at_inquiry *inquiry,
                                at_wanted_list *out,
                                attrib_error *err);
void at_wanted_free(at_wanted_list *list);

/* Documents that could not be read again, and why the first could not. */
typedef struct at_unread {
    size_t n;
    attrib_error why;
} at_unread;

/* Read all documents again, and count those that have each answer. */
attrib_status at_wanted_count(const at_inquiry *inquiry,
                              at_wanted_list *list,
                              at_unread *unread,
                              attrib_error *err);

#endif
