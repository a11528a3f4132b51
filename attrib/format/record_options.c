/* SPDX-License-Identifier: MIT */
/* Options in records.
 *
 * 1. Packing   2. Reading */
#include "format/record_options.h"

#include <string.h>

#include "format/pack.h"

/* 1. Packing */

static attrib_status pack_structs(msgpack_packer *packer,
                                  const attrib_option *option,
                                  const void *options,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *structs = at_option_value(option, options);
    size_t n = at_option_count(option, options);
    AT_TRY(at_pack_array(packer, n, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_pack_options(packer, option->rows, structs + i * option->struct_bytes,
                               err));
    }
done:
    return status;
}

static attrib_status pack_size(msgpack_packer *packer,
                               const attrib_option *option,
                               size_t size,
                               attrib_error *err)
{
    const char *word = at_option_size_word(option, size);
    return word ? at_pack_text(packer, word, strlen(word), err)
                : at_pack_size(packer, size, err);
}

static attrib_status pack_value(msgpack_packer *packer,
                                const attrib_option *option,
                                const void *options,
                                attrib_error *err)
{
    const void *value = at_option_value(option, options);
    const char *text = NULL;
    char share[AT_SHARE_SIZE];
    size_t n = 0;
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        return at_pack_flag(packer, *(const bool *)value, err);
    case ATTRIB_OPTION_TEXT:
        text = *(const char *const *)value;
        return text ? at_pack_text(packer, text, strlen(text), err)
                    : at_pack_nil(packer, err);
    case ATTRIB_OPTION_SIZE:
    case ATTRIB_OPTION_BYTES:
        return pack_size(packer, option, *(const size_t *)value, err);
    case ATTRIB_OPTION_SEED:
        return at_pack_size(packer, (size_t) * (const uint64_t *)value, err);
    case ATTRIB_OPTION_SHARE:
        at_option_share(option, options, share, sizeof share);
        return at_pack_text(packer, share, strlen(share), err);
    case ATTRIB_OPTION_NUMBER:
        return at_pack_number(packer, *(const double *)value, err);
    case ATTRIB_OPTION_CHOICE:
        text = at_option_word(option, *(const int *)value, &n);
        return at_pack_text(packer, text, n, err);
    case ATTRIB_OPTION_STRUCTS:
        return pack_structs(packer, option, options, err);
    case ATTRIB_OPTION_OTHER:
        break;
    }
    return ATTRIB_OK;
}

attrib_status at_pack_options(msgpack_packer *packer,
                              const attrib_option *table,
                              const void *options,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    while (table[n].name) {
        n++;
    }
    AT_TRY(at_pack_map(packer, n, err));
    for (const attrib_option *o = table; o->name; o++) {
        AT_TRY(at_pack_key(packer, o->name, err));
        AT_TRY(pack_value(packer, o, options, err));
    }
done:
    return status;
}

/* 2. Reading */

/* What all values of a map are read with. */
typedef struct reader {
    const char *name; /* of the record */
    at_arena *bank;
} reader;

static attrib_status read_structs(const reader *self,
                                  const attrib_option *option,
                                  const msgpack_object *list,
                                  void *options,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *structs = at_option_field(option, options);
    AT_CHECK(list->type == MSGPACK_OBJECT_ARRAY &&
                 (double)list->via.array.size <= option->max,
             ATTRIB_EFORMAT, "%s: option \"%s\": expected at most %g maps", self->name,
             option->name, option->max);
    at_option_set_count(option, options, list->via.array.size);
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        char *of_struct = structs + i * option->struct_bytes;
        memset(of_struct, 0, option->struct_bytes);
        AT_TRY(at_record_options(self->name, &list->via.array.ptr[i], option->rows,
                                 self->bank, of_struct, err));
    }
done:
    return status;
}

/* A text in the bank; an element of it that is a NUL would end it early. */
static attrib_status read_text(const reader *self,
                               const attrib_option *option,
                               const msgpack_object *value,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = value->via.str.size;
    AT_CHECK(value->type == MSGPACK_OBJECT_STR && !memchr(value->via.str.ptr, 0, n),
             ATTRIB_EFORMAT, "%s: option \"%s\": expected text", self->name,
             option->name);
    AT_TRY(at_arena_text(self->bank, value->via.str.ptr, n, out, err));
done:
    return status;
}

/* A word, as it would be typed. */
static attrib_status read_word(const reader *self,
                               const attrib_option *option,
                               const msgpack_object *value,
                               void *options,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error inner = {0};
    const char *word = NULL;
    AT_TRY(read_text(self, option, value, &word, err));
    status = attrib_option_read(option, word, options, &inner);
    AT_CHECK(status == ATTRIB_OK, ATTRIB_EFORMAT, "%s: option %s", self->name,
             inner.message);
done:
    return status;
}

static attrib_status read_value(const reader *self,
                                const attrib_option *option,
                                const msgpack_object *value,
                                void *options,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    void *field = at_option_field(option, options);
    bool is_word = value->type == MSGPACK_OBJECT_STR;
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        AT_CHECK(value->type == MSGPACK_OBJECT_BOOLEAN, ATTRIB_EFORMAT,
                 "%s: option \"%s\": expected true or false", self->name, option->name);
        *(bool *)field = value->via.boolean;
        break;
    case ATTRIB_OPTION_TEXT:
        if (value->type != MSGPACK_OBJECT_NIL) {
            AT_TRY(read_text(self, option, value, field, err));
        }
        break;
    case ATTRIB_OPTION_SIZE:
    case ATTRIB_OPTION_BYTES:
    case ATTRIB_OPTION_SEED:
        if (is_word && option->words) {
            return read_word(self, option, value, options, err);
        }
        AT_CHECK(value->type == MSGPACK_OBJECT_POSITIVE_INTEGER, ATTRIB_EFORMAT,
                 "%s: option \"%s\": expected a whole number", self->name, option->name);
        if (option->kind == ATTRIB_OPTION_SEED) {
            *(uint64_t *)field = value->via.u64;
        } else {
            *(size_t *)field = (size_t)value->via.u64;
        }
        break;
    case ATTRIB_OPTION_NUMBER:
        AT_CHECK(value->type == MSGPACK_OBJECT_FLOAT64, ATTRIB_EFORMAT,
                 "%s: option \"%s\": expected a number", self->name, option->name);
        *(double *)field = value->via.f64;
        break;
    case ATTRIB_OPTION_SHARE:
    case ATTRIB_OPTION_CHOICE:
        return read_word(self, option, value, options, err);
    case ATTRIB_OPTION_STRUCTS:
        return read_structs(self, option, value, options, err);
    case ATTRIB_OPTION_OTHER:
        break;
    }
done:
    return status;
}

attrib_status at_record_options(const char *name,
                                const msgpack_object *map,
                                const attrib_option *table,
                                at_arena *bank,
                                void *options,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const reader self = {name, bank};
    attrib_error inner = {0};
    attrib_options_default(table, options);
    AT_CHECK(map->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: options, expected a map", name);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        AT_CHECK(pair->key.type == MSGPACK_OBJECT_STR, ATTRIB_EFORMAT,
                 "%s: an option without a name", name);
        const char *key = pair->key.via.str.ptr;
        size_t n = pair->key.via.str.size;
        const attrib_option *option = at_options_find(table, key, n);
        AT_CHECK(option, ATTRIB_EFORMAT, "%s: option \"%.*s\" is not known", name,
                 n < 40 ? (int)n : 40, key);
        AT_TRY(read_value(&self, option, &pair->val, options, err));
    }
    AT_CHECK(at_options_check(table, options, &inner) == ATTRIB_OK, ATTRIB_EFORMAT,
             "%s: option %s", name, inner.message);
done:
    return status;
}
