/* SPDX-License-Identifier: MIT */
/* How a corpus was read: what a store of its tokens depends on. */
#ifndef AT_CORPUS_READING_H
#define AT_CORPUS_READING_H

#include "attrib/corpus.h"
#include "format/record.h"

/* Pack the options that were given as a map of texts; those that have their default are
 * left out. */
attrib_status at_reading_pack(const attrib_corpus_options *options,
                              msgpack_packer *packer,
                              attrib_error *err);

/* Check options against such a map: EINVAL for one that was given and is not what the
 * store was made with. */
attrib_status at_reading_check(const char *path,
                               const msgpack_object *map,
                               const attrib_corpus_options *options,
                               attrib_error *err);

/* The value of an option in the map, "chat-template"; NULL where it has its default. Not
 * followed by a NUL. */
const char *at_reading_find(const msgpack_object *map, const char *name, size_t *n);

#endif
