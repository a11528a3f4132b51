/* SPDX-License-Identifier: MIT */
/* The order in which a merge adds the sums of folders. */
#ifndef AT_CURVATURE_MERGE_ORDER_H
#define AT_CURVATURE_MERGE_ORDER_H

#include "curvature/folder.h"

/* The documents of a folder's covariances, or of its Lambda. */
const at_origins *at_merge_origins(const at_folder *folder, bool is_lambda);

/* Put folders [n] into the order in which they are added: those of parts of one corpus,
 * cut into the same number of parts and with the same seed, are a group, in the order of
 * parts; groups keep the order of their first folders. ends_group [n] says after which
 * folder the sum of a group is whole. */
attrib_status at_merge_sort(
    at_folder **folders, size_t n, bool is_lambda, bool *ends_group, attrib_error *err);

/* The documents of all sums, folders in order: parts that follow each other in a group
 * are one run. EINVAL where the same documents are in two folders; ERANGE. */
attrib_status at_merge_join(at_folder *const *folders,
                            size_t n,
                            bool is_lambda,
                            const bool *ends_group,
                            at_origins *out,
                            attrib_error *err);

/* EINVAL that names the parts which are missing of a corpus. */
attrib_status at_merge_check_whole(const at_origins *origins, attrib_error *err);

#endif
