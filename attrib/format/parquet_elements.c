/* SPDX-License-Identifier: MIT */
/* Schema elements of Parquet (parquet-format's parquet.thrift). */
#include "format/parquet_elements.h"

#include <string.h>

#define MAX_NAME 1024 /* bytes */

/* ConvertedType to what LogicalType says. */
static const struct converted {
    at_annotation annotation;
    bool is_unsigned;
    int64_t per_second;
} converted_types[] = {
    {AT_AS_STRING, false, 0},
    {AT_AS_MAP, false, 0},
    {AT_AS_MAP, false, 0},
    {AT_AS_LIST, false, 0},
    {AT_AS_ENUM, false, 0},
    {AT_AS_DECIMAL, false, 0},
    {AT_AS_DATE, false, 0},
    {AT_AS_TIME, false, 1000},
    {AT_AS_TIME, false, 1000000},
    {AT_AS_TIMESTAMP, false, 1000},
    {AT_AS_TIMESTAMP, false, 1000000},
    {AT_AS_INTEGER, true, 0},
    {AT_AS_INTEGER, true, 0},
    {AT_AS_INTEGER, true, 0},
    {AT_AS_INTEGER, true, 0},
    {AT_AS_INTEGER, false, 0},
    {AT_AS_INTEGER, false, 0},
    {AT_AS_INTEGER, false, 0},
    {AT_AS_INTEGER, false, 0},
    {AT_AS_JSON, false, 0},
    {AT_AS_BSON, false, 0},
    {AT_AS_INTERVAL, false, 0},
};

static attrib_status read_converted(at_thrift *t,
                                    const at_thrift_field *field,
                                    at_element *e,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t code = 0;
    AT_TRY(at_thrift_size(t, field, &code, err));
    AT_CHECK(code < sizeof converted_types / sizeof *converted_types, ATTRIB_ENOTSUP,
             "%s: converted type %zu is not known", t->name, code);
    if (!e->is_logical) {
        e->annotation = converted_types[code].annotation;
        e->is_unsigned = converted_types[code].is_unsigned;
        e->per_second = converted_types[code].per_second;
        e->is_utc = e->annotation == AT_AS_TIMESTAMP;
    }
done:
    return status;
}

/* union TimeUnit: the field that is there says the unit. */
static attrib_status read_unit(at_thrift *t, at_element *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        e->per_second = field.id == 1   ? 1000
                        : field.id == 2 ? 1000000
                        : field.id == 3 ? 1000000000
                                        : 0;
        AT_TRY(at_thrift_skip(t, &field, err));
        AT_TRY(at_thrift_next(t, &field, err));
    }
done:
    return status;
}

/* The parameters of a logical type: those of the four types that have some are told
 * apart by their place. */
static attrib_status read_parameters(at_thrift *t, at_element *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        bool is_true = field.type == AT_THRIFT_TRUE;
        if (e->annotation == AT_AS_DECIMAL && field.id == 1) {
            AT_TRY(at_thrift_int(t, &field, &e->scale, err));
        } else if (e->per_second == 0 && field.id == 2 &&
                   field.type == AT_THRIFT_STRUCT) {
            AT_TRY(read_unit(t, e, err));
        } else {
            e->is_utc = field.id == 1 ? is_true : e->is_utc;
            e->is_unsigned = e->annotation == AT_AS_INTEGER && field.id == 2 && !is_true;
            AT_TRY(at_thrift_skip(t, &field, err));
        }
        AT_TRY(at_thrift_next(t, &field, err));
    }
done:
    return status;
}

/* union LogicalType: the number of the field that is there is the type. */
static attrib_status read_logical(at_thrift *t, at_element *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        AT_CHECK(field.id >= 1 && field.id <= AT_AS_GEOGRAPHY, ATTRIB_ENOTSUP,
                 "%s: logical type %d is not known", t->name, (int)field.id);
        AT_TRY(at_thrift_struct(t, &field, err));
        e->annotation = (at_annotation)field.id;
        e->is_logical = true;
        e->is_utc = false;
        e->is_unsigned = false;
        e->per_second = 0;
        AT_TRY(read_parameters(t, e, err));
        AT_TRY(at_thrift_next(t, &field, err));
    }
done:
    return status;
}

static attrib_status read_name(at_thrift *t,
                               const at_thrift_field *field,
                               at_arena *arena,
                               at_element *e,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice name = {0};
    AT_TRY(at_thrift_bytes(t, field, &name, err));
    AT_CHECK(name.n_bytes == 0 || !memchr(name.bytes, '\0', name.n_bytes), ATTRIB_EFORMAT,
             "%s: a NUL byte in a column's name", t->name);
    AT_CHECK(name.n_bytes <= MAX_NAME, ATTRIB_ERANGE,
             "%s: a column's name of %zu bytes, at most %d are read", t->name,
             name.n_bytes, MAX_NAME);
    AT_TRY(at_arena_text(arena, name.bytes, name.n_bytes, &e->name, err));
done:
    return status;
}

static attrib_status read_code(at_thrift *t,
                               const at_thrift_field *field,
                               size_t limit,
                               size_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_size(t, field, out, err));
    AT_CHECK(*out < limit, ATTRIB_EFORMAT, "%s: field %d is %zu, expected less than %zu",
             t->name, (int)field->id, *out, limit);
done:
    return status;
}

static attrib_status read_element_field(at_thrift *t,
                                        const at_thrift_field *field,
                                        at_arena *arena,
                                        at_element *e,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t code = 0;
    switch (field->id) {
    case 1:
        AT_TRY(read_code(t, field, AT_PARQUET_FIXED + 1, &code, err));
        e->has_type = true;
        e->type = (at_parquet_type)code;
        break;
    case 2:
        AT_TRY(read_code(t, field, INT32_MAX, &e->type_length, err));
        break;
    case 3:
        AT_TRY(read_code(t, field, AT_REPEATED + 1, &code, err));
        e->repetition = (at_repetition)code;
        break;
    case 4:
        AT_TRY(read_name(t, field, arena, e, err));
        break;
    case 5:
        AT_TRY(read_code(t, field, INT32_MAX, &e->n_children, err));
        break;
    case 6:
        AT_TRY(read_converted(t, field, e, err));
        break;
    case 7:
        AT_TRY(at_thrift_int(t, field, &e->scale, err));
        break;
    case 10:
        AT_TRY(at_thrift_struct(t, field, err));
        AT_TRY(read_logical(t, e, err));
        break;
    default:
        AT_TRY(at_thrift_skip(t, field, err));
    }
done:
    return status;
}

attrib_status at_element_read(at_thrift *t,
                              at_arena *arena,
                              at_element *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    *out = (at_element){.name = ""};
    AT_TRY(at_thrift_next(t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        AT_TRY(read_element_field(t, &field, arena, out, err));
        AT_TRY(at_thrift_next(t, &field, err));
    }
    AT_CHECK(out->has_type == (out->n_children == 0), ATTRIB_EFORMAT,
             "%s: column \"%.100s\" is %s", t->name, out->name,
             out->has_type ? "a leaf with children" : "a group without children");
done:
    return status;
}
