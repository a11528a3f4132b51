/* SPDX-License-Identifier: MIT */
/* Members of objects of JSON that are written as text, in the order of the calls, which
 * jansson does not keep; and the member that tells of a run. */
#ifndef AT_EXPORT_JSON_MEMBERS_H
#define AT_EXPORT_JSON_MEMBERS_H

#include "export/write.h"

/* "key": after a comma, where it is not the first of its object. */
attrib_status at_append_key(at_buffer *out, const char *key, attrib_error *err);

/* A member; text NULL is null, as is a number that is not finite. */
attrib_status at_append_member_text(at_buffer *out,
                                    const char *key,
                                    const char *text,
                                    attrib_error *err);
attrib_status at_append_member_size(at_buffer *out,
                                    const char *key,
                                    size_t value,
                                    attrib_error *err);
attrib_status at_append_member_real(at_buffer *out,
                                    const char *key,
                                    double value,
                                    attrib_error *err);
attrib_status at_append_member_flag(at_buffer *out,
                                    const char *key,
                                    bool value,
                                    attrib_error *err);

/* "run": {n_documents, strategy, ..., meaning} (json_run.c). */
attrib_status at_append_run(at_buffer *out, const at_listed *listed, attrib_error *err);

#endif
