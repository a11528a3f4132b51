/* SPDX-License-Identifier: MIT */
/* Members that a record must have, copied into a run's bank. EFORMAT names what is
 * missing or of another kind. */
#ifndef AT_RUN_MEMBERS_H
#define AT_RUN_MEMBERS_H

#include "format/record.h"
#include "run/run.h"

typedef struct at_member_reader {
    attrib_run *run;  /* whose bank takes what is read */
    const char *name; /* path of the file, for messages */
} at_member_reader;

/* A member of a kind. `map` may be an object of another kind, which has no members. */
attrib_status at_member_find(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             msgpack_object_type type,
                             const msgpack_object **out,
                             attrib_error *err);

attrib_status at_member_size(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             size_t *out,
                             attrib_error *err);

/* ENUMERIC where it is not finite. */
attrib_status at_member_number(const at_member_reader *self,
                               const msgpack_object *map,
                               const char *key,
                               double *out,
                               attrib_error *err);

/* Copy a text; nil becomes NULL where it is allowed. */
attrib_status at_member_text(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             bool may_be_nil,
                             const char **out,
                             attrib_error *err);

attrib_status at_member_bytes(const at_member_reader *self,
                              const msgpack_object *map,
                              const char *key,
                              const char **out,
                              size_t *n,
                              attrib_error *err);

/* Tags as [{key, value}], the member "tags". */
attrib_status at_member_tags(const at_member_reader *self,
                             const msgpack_object *map,
                             const attrib_tag **out,
                             size_t *n_tags,
                             attrib_error *err);

#endif
