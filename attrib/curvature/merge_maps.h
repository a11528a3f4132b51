/* SPDX-License-Identifier: MIT */
/* Runs of maps, whose eigenvectors several machines found, made one. */
#ifndef AT_CURVATURE_MERGE_MAPS_H
#define AT_CURVATURE_MERGE_MAPS_H

#include "curvature/factors.h"

/* Write the maps of all n factors, which are put in the order of their runs, into a new
 * folder, to the bytes of a merge of all maps. EINVAL names a run that is missing, there
 * twice, or of other sums than the first. */
attrib_status at_merge_maps(attrib_session *session,
                            attrib_factors **list,
                            size_t n,
                            const attrib_merge_options *options,
                            const char *folder,
                            attrib_error *err);

#endif
