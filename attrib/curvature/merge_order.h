/* SPDX-License-Identifier: MIT */
/* The order in which a merge adds the sums of factors. */
#ifndef AT_CURVATURE_MERGE_ORDER_H
#define AT_CURVATURE_MERGE_ORDER_H

#include "curvature/factors.h"

/* Factors whose sums are added. */
typedef struct at_summands {
    attrib_factors **list; /* [n] with the opened files of their folders */
    bool *ends_group;      /* [n] after which of them the sum of a group is whole */
    size_t n;
    at_fit_stage stage; /* whose sums are added: of covariances or of Lambda */
} at_summands;

/* Put the list into the order of addition, and set ends_group. Parts of one corpus, cut
 * into the same number of parts and with the same seed, are a group, in the order of
 * parts; groups keep the order of their first members. */
attrib_status at_merge_sort(at_summands *summands, attrib_error *err);

/* The documents of all sums, in order: parts that follow each other in a group are one
 * entry. EINVAL where the same documents are in two folders; ERANGE. */
attrib_status at_merge_join(const at_summands *summands,
                            at_origins *out,
                            attrib_error *err);

/* EINVAL names the parts of a corpus that are missing. */
attrib_status at_merge_check_whole(const at_origins *origins, attrib_error *err);

#endif
