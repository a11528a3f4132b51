/* SPDX-License-Identifier: MIT */
/* Tables of options: functions of the library that read their rows. */
#ifndef AT_BASE_OPTIONS_H
#define AT_BASE_OPTIONS_H

#include "base/memory.h"

/* What stands between the words of a choice: in its row of a table, and in an array of
 * their names, so that a list of words is written once. */
#define AT_OR    "|"
#define AT_COMMA ,

/* Check that every value is one that could have been typed. EINVAL names the first that
 * is not, as attrib_option_read() does. A text that has a default may not be NULL. */
attrib_status at_options_check(const attrib_option *table,
                               const void *options,
                               attrib_error *err);

/* The row whose name is the `n` characters given; NULL where there is none. */
const attrib_option *at_options_find(const attrib_option *table,
                                     const char *name,
                                     size_t n);

/* Word `i` of a choice and its length; NULL where it has fewer. */
const char *at_option_word(const attrib_option *option, int i, size_t *n);

/* The word that stands for a size; NULL where none does. */
const char *at_option_size_word(const attrib_option *option, size_t size);

/* The address of the option's field in a struct of options. */
void *at_option_field(const attrib_option *option, void *options);
const void *at_option_value(const attrib_option *option, const void *options);

/* Write a share "I/N" as it would be typed. */
#define AT_SHARE_SIZE 44
void at_option_share(const attrib_option *option,
                     const void *options,
                     char *out,
                     size_t size);

/* Whether two structs of options have the same value of one option. */
bool at_option_is_same(const attrib_option *option, const void *a, const void *b);

/* The number of structs or shares that an option holds. */
size_t at_option_count(const attrib_option *option, const void *options);
void at_option_set_count(const attrib_option *option, void *options, size_t n);

#endif
