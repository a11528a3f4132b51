/* SPDX-License-Identifier: MIT */
#include "run/members.h"

#include <math.h>

attrib_status at_member_find(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             msgpack_object_type type,
                             const msgpack_object **out,
                             attrib_error *err)
{
    const msgpack_object *member =
        map->type == MSGPACK_OBJECT_MAP ? at_record_find(map, key) : NULL;
    if (!member || member->type != type) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: member \"%s\" is missing or of another kind", self->name,
                       key);
    }
    *out = member;
    return ATTRIB_OK;
}

attrib_status at_member_size(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             size_t *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    AT_TRY(at_member_find(self, map, key, MSGPACK_OBJECT_POSITIVE_INTEGER, &member, err));
    *out = (size_t)member->via.u64;
done:
    return status;
}

attrib_status at_member_number(const at_member_reader *self,
                               const msgpack_object *map,
                               const char *key,
                               double *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double value = 0;
    AT_CHECK(map->type == MSGPACK_OBJECT_MAP && at_record_find(map, key), ATTRIB_EFORMAT,
             "%s: member \"%s\" is missing", self->name, key);
    AT_TRY(at_record_number(self->name, map, key, &value, err));
    AT_CHECK(isfinite(value), ATTRIB_ENUMERIC, "%s: %s is not finite", self->name, key);
    *out = value;
done:
    return status;
}

attrib_status at_member_text(const at_member_reader *self,
                             const msgpack_object *map,
                             const char *key,
                             bool may_be_nil,
                             const char **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    const msgpack_object *nil =
        map->type == MSGPACK_OBJECT_MAP ? at_record_find(map, key) : NULL;
    if (may_be_nil && nil && nil->type == MSGPACK_OBJECT_NIL) {
        *out = NULL;
        return ATTRIB_OK;
    }
    AT_TRY(at_member_find(self, map, key, MSGPACK_OBJECT_STR, &member, err));
    AT_TRY(at_arena_text(self->run->bank, member->via.str.ptr, member->via.str.size, out,
                         err));
done:
    return status;
}

attrib_status at_member_bytes(const at_member_reader *self,
                              const msgpack_object *map,
                              const char *key,
                              const char **out,
                              size_t *n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    AT_TRY(at_member_find(self, map, key, MSGPACK_OBJECT_BIN, &member, err));
    AT_TRY(at_arena_text(self->run->bank, member->via.bin.size ? member->via.bin.ptr : "",
                         member->via.bin.size, out, err));
    *n = member->via.bin.size;
done:
    return status;
}

attrib_status at_member_tags(const at_member_reader *self,
                             const msgpack_object *map,
                             const attrib_tag **out,
                             size_t *n_tags,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = NULL;
    attrib_tag *tags = NULL;
    AT_TRY(at_member_find(self, map, "tags", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_TRY(
        at_arena_take(self->run->bank, list->via.array.size, sizeof *tags, &tags, err));
    for (size_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *tag = &list->via.array.ptr[i];
        AT_TRY(at_member_text(self, tag, "key", false, &tags[i].key, err));
        AT_TRY(at_member_text(self, tag, "value", false, &tags[i].value, err));
    }
    *out = tags;
    *n_tags = list->via.array.size;
done:
    return status;
}
