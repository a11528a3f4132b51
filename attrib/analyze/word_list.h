/* SPDX-License-Identifier: MIT */
/* Texts as words: runs of letters and digits, where letters of ASCII are the same in
 * either case. All bytes beyond ASCII are letters. */
#ifndef AT_ANALYZE_WORD_LIST_H
#define AT_ANALYZE_WORD_LIST_H

#include "base/memory.h"

/* Words by their hashes, 64 bits each. Zeroed = none. */
typedef struct at_word_list {
    uint64_t *hashes; /* [n] */
    size_t n, capacity;
} at_word_list;

/* Take the words of a text in place of those that are there. */
attrib_status at_word_list_read(at_word_list *words,
                                const char *text,
                                size_t n,
                                attrib_error *err);
void at_word_list_free(at_word_list *words);

/* Whether all words of `part` stand in `words` one after the other; false where it has
 * none. */
bool at_word_list_contains(const at_word_list *words, const at_word_list *part);

/* How many of the runs of `length` words of `part` stand in `words`, over how many it
 * has; of all its words where these are fewer. 0 where it has none. */
double at_word_list_share(const at_word_list *words,
                          const at_word_list *part,
                          size_t length);

#endif
