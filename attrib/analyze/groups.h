/* SPDX-License-Identifier: MIT */
/* Which groups of a tag documents and queries belong to: one for each value of a list,
 * one more for each prefix of a/b where the tag is a hierarchy, or a bin of a number. */
#ifndef AT_ANALYZE_GROUPS_H
#define AT_ANALYZE_GROUPS_H

#include "analyze/analyze.h"

typedef struct at_grouping {
    size_t n_items, n_groups;
    const char **names; /* [n_groups] by name, or by number */
    size_t *sizes;      /* [n_groups] items */
    size_t *first;      /* [n_items + 1] where the groups of each item begin */
    uint32_t *groups;   /* [first[n_items]] */
    size_t n_untagged;  /* items in no group */
    at_arena *texts;    /* the names */
} at_grouping;

/* Group the documents of the subject by a tag, or by what is known without one: source,
 * member, n_tokens. A tag of numbers with more than options.bins values is cut into bins.
 * ESHAPE where no document has it, ERANGE beyond options.max_groups values. */
attrib_status at_group_documents(const at_inquiry *inquiry,
                                 const char *tag,
                                 at_grouping *out,
                                 attrib_error *err);

/* Group queries by options.query_tag; each by itself where that is NULL. */
attrib_status at_group_queries(const at_inquiry *inquiry,
                               at_grouping *out,
                               attrib_error *err);

/* Group documents by the file that they came from: an archive's members are files of
 * their own. There is no limit on these. */
attrib_status at_group_by_file(const at_inquiry *inquiry,
                               at_grouping *out,
                               attrib_error *err);

void at_grouping_free(at_grouping *grouping); /* fine for one that is zeroed */

/* Say how many items have no group. */
attrib_status at_say_untagged(const at_grouping *grouping,
                              const char *tag,
                              attrib_analysis *out,
                              attrib_error *err);

/* The group of this name; SIZE_MAX where there is none. */
size_t at_find_group(const at_grouping *grouping, const char *name, size_t n);

#endif
