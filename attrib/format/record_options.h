/* SPDX-License-Identifier: MIT */
/* Options in records: a map of the names of a table's rows to their values. Words stand
 * for choices, and for sizes that have one. */
#ifndef AT_FORMAT_RECORD_OPTIONS_H
#define AT_FORMAT_RECORD_OPTIONS_H

#include "base/options.h"
#include "format/record.h"

/* Pack the map of a struct of options, as the value of a key that was packed. */
attrib_status at_pack_options(msgpack_packer *packer,
                              const attrib_option *table,
                              const void *options,
                              attrib_error *err);

/* Read it from `map`, which may be anything, into a struct of zeros; texts are copied
 * into `bank`. Options that are not there have their defaults. EFORMAT naming `name`
 * where an option is not of the table, or could not have been typed. */
attrib_status at_record_options(const char *name,
                                const msgpack_object *map,
                                const attrib_option *table,
                                at_arena *bank,
                                void *options,
                                attrib_error *err);

#endif
