/* SPDX-License-Identifier: MIT */
/* Factors that are finished already, where the same are to be made again. */
#ifndef AT_CURVATURE_FINISHED_H
#define AT_CURVATURE_FINISHED_H

#include "curvature/factors.h"

/* Append what is different in `made`, by the names of options, with commas between. What
 * basis Lambda stands in, and which stages were done, is not compared. */
attrib_status at_factors_compare(const attrib_factors *was,
                                 const attrib_factors *made,
                                 at_buffer *out,
                                 attrib_error *err);

/* Whether a folder holds finished factors, of whatever fit. */
bool at_factors_are_finished(const char *folder);

/* EIO where a folder holds other factors than are to be made, saying what is different.
 */
attrib_status at_factors_check_same(const attrib_factors *was,
                                    const attrib_factors *made,
                                    const char *folder,
                                    attrib_error *err);

/* Whether a folder holds the finished factors `made`, which say what is to be made, with
 * these pieces. EIO where it holds others, saying what is different, or where one of
 * their files is missing; EFORMAT where one was changed since: they are read once. */
attrib_status at_factors_find_finished(const char *folder,
                                       const attrib_factors *made,
                                       unsigned pieces,
                                       bool *is_there,
                                       attrib_error *err);

#endif
