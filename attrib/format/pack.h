/* SPDX-License-Identifier: MIT */
/* Members of msgpack maps, key and value in one call. */
#ifndef AT_FORMAT_PACK_H
#define AT_FORMAT_PACK_H

#include "format/record.h"

attrib_status at_pack_map(msgpack_packer *packer, size_t n, attrib_error *err);
attrib_status at_pack_flag(msgpack_packer *packer, bool value, attrib_error *err);
attrib_status at_pack_nil(msgpack_packer *packer, attrib_error *err);
attrib_status at_pack_array(msgpack_packer *packer, size_t n, attrib_error *err);
attrib_status at_pack_bytes(msgpack_packer *packer,
                            const void *bytes,
                            size_t n,
                            attrib_error *err);

attrib_status at_pack_text_member(msgpack_packer *packer,
                                  const char *key,
                                  const char *text,
                                  attrib_error *err); /* NULL = nil */
attrib_status at_pack_size_member(msgpack_packer *packer,
                                  const char *key,
                                  size_t value,
                                  attrib_error *err);
attrib_status at_pack_number_member(msgpack_packer *packer,
                                    const char *key,
                                    double value,
                                    attrib_error *err);
attrib_status at_pack_bytes_member(msgpack_packer *packer,
                                   const char *key,
                                   const void *bytes,
                                   size_t n,
                                   attrib_error *err);
attrib_status at_pack_map_member(msgpack_packer *packer,
                                 const char *key,
                                 size_t n,
                                 attrib_error *err);
attrib_status at_pack_array_member(msgpack_packer *packer,
                                   const char *key,
                                   size_t n,
                                   attrib_error *err);

#endif
