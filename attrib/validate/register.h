/* SPDX-License-Identifier: MIT */
/* Names and where they stand in a list. */
#ifndef AT_VALIDATE_REGISTER_H
#define AT_VALIDATE_REGISTER_H

#include "base/memory.h"

typedef struct at_registered {
    const char *text;
    size_t place;
} at_registered;

typedef struct at_register {
    at_registered *sorted; /* [n] by text, equal ones by place */
    size_t n;
} at_register;

/* Index `texts` [n], which are borrowed. */
attrib_status at_register_index(const char *const *texts,
                                size_t n,
                                at_register *out,
                                attrib_error *err);

/* The first place of a name; SIZE_MAX where there is none. *is_twice (may be NULL) says
 * whether there is another. */
size_t at_register_find(const at_register *names, const char *text, bool *is_twice);

/* A name that stands twice, and its second place; NULL where all differ. */
const at_registered *at_register_twice(const at_register *names);

void at_register_free(at_register *names);

#endif
