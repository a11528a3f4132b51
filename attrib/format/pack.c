/* SPDX-License-Identifier: MIT */
/* Members of msgpack maps. */
#include "format/pack.h"

#include <string.h>

static attrib_status fail_memory(attrib_error *err)
{
    return at_fail(err, ATTRIB_ENOMEM, "out of memory for a record");
}

attrib_status at_pack_map(msgpack_packer *packer, size_t n, attrib_error *err)
{
    return msgpack_pack_map(packer, n) == 0 ? ATTRIB_OK : fail_memory(err);
}

attrib_status at_pack_flag(msgpack_packer *packer, bool value, attrib_error *err)
{
    int failed = value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    return failed == 0 ? ATTRIB_OK : fail_memory(err);
}

attrib_status at_pack_nil(msgpack_packer *packer, attrib_error *err)
{
    return msgpack_pack_nil(packer) == 0 ? ATTRIB_OK : fail_memory(err);
}

attrib_status at_pack_array(msgpack_packer *packer, size_t n, attrib_error *err)
{
    return msgpack_pack_array(packer, n) == 0 ? ATTRIB_OK : fail_memory(err);
}

attrib_status at_pack_bytes(msgpack_packer *packer,
                            const void *bytes,
                            size_t n,
                            attrib_error *err)
{
    bool is_packed = msgpack_pack_bin(packer, n) == 0 &&
                     (n == 0 || msgpack_pack_bin_body(packer, bytes, n) == 0);
    return is_packed ? ATTRIB_OK : fail_memory(err);
}

attrib_status at_pack_text_member(msgpack_packer *packer,
                                  const char *key,
                                  const char *text,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_key(packer, key, err));
    if (text) {
        AT_TRY(at_pack_text(packer, text, strlen(text), err));
    } else {
        AT_TRY(at_pack_nil(packer, err));
    }
done:
    return status;
}

attrib_status at_pack_size_member(msgpack_packer *packer,
                                  const char *key,
                                  size_t value,
                                  attrib_error *err)
{
    attrib_status status = at_pack_key(packer, key, err);
    return status == ATTRIB_OK ? at_pack_size(packer, value, err) : status;
}

attrib_status at_pack_number_member(msgpack_packer *packer,
                                    const char *key,
                                    double value,
                                    attrib_error *err)
{
    attrib_status status = at_pack_key(packer, key, err);
    return status == ATTRIB_OK ? at_pack_number(packer, value, err) : status;
}

attrib_status at_pack_bytes_member(msgpack_packer *packer,
                                   const char *key,
                                   const void *bytes,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = at_pack_key(packer, key, err);
    return status == ATTRIB_OK ? at_pack_bytes(packer, bytes, n, err) : status;
}

attrib_status at_pack_map_member(msgpack_packer *packer,
                                 const char *key,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = at_pack_key(packer, key, err);
    return status == ATTRIB_OK ? at_pack_map(packer, n, err) : status;
}

attrib_status at_pack_array_member(msgpack_packer *packer,
                                   const char *key,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = at_pack_key(packer, key, err);
    return status == ATTRIB_OK ? at_pack_array(packer, n, err) : status;
}
