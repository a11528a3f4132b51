/* SPDX-License-Identifier: MIT */
/* The values of tags as labels. */
#ifndef AT_ANALYZE_LABELS_H
#define AT_ANALYZE_LABELS_H

#include "analyze/analyze.h"

typedef struct at_label {
    const char *text; /* "person", "12", "true" */
    double number;    /* NAN for what is no number */
} at_label;

/* Called for each value of a tag: once for a scalar, for each element of a list. */
typedef attrib_status (*at_label_fn)(void *context,
                                     const at_label *label,
                                     attrib_error *err);

/* Hand the values of a tag, compact JSON, to `fn`. */
attrib_status at_each_label(const char *json,
                            at_label_fn fn,
                            void *context,
                            attrib_error *err);

/* The tag with this key; NULL where there is none. */
const attrib_tag *at_find_tag(const attrib_tag *tags, size_t n, const char *key);

/* Hand the values of a document's tag to `fn`, or what is known of it without a tag:
 * source, member, n_tokens. None where there is neither. */
attrib_status at_each_document_label(const attrib_document *document,
                                     const char *key,
                                     at_label_fn fn,
                                     void *context,
                                     attrib_error *err);

#endif
