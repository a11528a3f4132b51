/* SPDX-License-Identifier: MIT */
/* Schema.fbs of Arrow's format, versions 4 and 5.
 *
 * Source: https://github.com/apache/arrow/blob/main/format/Schema.fbs. */
#include "format/arrow_schema.h"

#include <string.h>

#define MAX_DEPTH   32
#define MAX_COLUMNS 100000             /* children of all fields, all told */
#define MAX_NAMES   ((size_t)16 << 20) /* bytes of all names: fields may share one */

/* The members of the union Type. */
enum {
    TYPE_NULL = 1,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_BINARY,
    TYPE_TEXT,
    TYPE_BOOL,
    TYPE_DECIMAL,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_INTERVAL,
    TYPE_LIST,
    TYPE_STRUCT,
    TYPE_UNION,
    TYPE_FIXED_BINARY,
    TYPE_FIXED_LIST,
    TYPE_MAP,
    TYPE_DURATION,
    TYPE_LARGE_BINARY,
    TYPE_LARGE_TEXT,
    TYPE_LARGE_LIST,
    TYPE_RUN_END,
    TYPE_BINARY_VIEW,
    TYPE_TEXT_VIEW,
    N_TYPES
};

/* What the number of a type alone says; width 0: its table says more. */
static const struct {
    at_column_kind kind;
    at_arrow_layout layout;
    size_t width;
} types[N_TYPES] = {
    [TYPE_NULL] = {AT_COLUMN_NULL, AT_ARROW_NULL, 0},
    [TYPE_INT] = {AT_COLUMN_INT, AT_ARROW_NUMBERS, 0},
    [TYPE_FLOAT] = {AT_COLUMN_FLOAT, AT_ARROW_NUMBERS, 0},
    [TYPE_BINARY] = {AT_COLUMN_BINARY, AT_ARROW_OFFSETS, 4},
    [TYPE_TEXT] = {AT_COLUMN_TEXT, AT_ARROW_OFFSETS, 4},
    [TYPE_BOOL] = {AT_COLUMN_BOOL, AT_ARROW_BITS, 0},
    [TYPE_DECIMAL] = {AT_COLUMN_DECIMAL, AT_ARROW_FIXED, 0},
    [TYPE_DATE] = {AT_COLUMN_DATE, AT_ARROW_NUMBERS, 0},
    [TYPE_TIME] = {AT_COLUMN_TIME, AT_ARROW_NUMBERS, 0},
    [TYPE_TIMESTAMP] = {AT_COLUMN_TIMESTAMP, AT_ARROW_NUMBERS, 8},
    [TYPE_LIST] = {AT_COLUMN_LIST, AT_ARROW_LIST, 4},
    [TYPE_STRUCT] = {AT_COLUMN_STRUCT, AT_ARROW_STRUCT, 0},
    [TYPE_FIXED_BINARY] = {AT_COLUMN_BINARY, AT_ARROW_FIXED, 0},
    [TYPE_FIXED_LIST] = {AT_COLUMN_LIST, AT_ARROW_FIXED_LIST, 0},
    [TYPE_MAP] = {AT_COLUMN_MAP, AT_ARROW_LIST, 4},
    [TYPE_LARGE_BINARY] = {AT_COLUMN_BINARY, AT_ARROW_OFFSETS, 8},
    [TYPE_LARGE_TEXT] = {AT_COLUMN_TEXT, AT_ARROW_OFFSETS, 8},
    [TYPE_LARGE_LIST] = {AT_COLUMN_LIST, AT_ARROW_LIST, 8},
    [TYPE_BINARY_VIEW] = {AT_COLUMN_BINARY, AT_ARROW_VIEWS, 16},
    [TYPE_TEXT_VIEW] = {AT_COLUMN_TEXT, AT_ARROW_VIEWS, 16},
};

/* A schema on its way. */
typedef struct reading {
    at_arena *arena;
    size_t n_columns, n_name_bytes;
    const char *name; /* of the file */
} reading;

static attrib_status refuse(const reading *r,
                            const at_arrow_field *field,
                            const char *what,
                            attrib_error *err)
{
    return at_fail(err, ATTRIB_ENOTSUP, "%s: column \"%.100s\": %s is not read", r->name,
                   field->name, what);
}

static const char *name_of_type(int64_t type)
{
    switch (type) {
    case TYPE_INTERVAL:
        return "the type interval";
    case TYPE_UNION:
        return "the type union";
    case TYPE_DURATION:
        return "the type duration";
    case TYPE_RUN_END:
        return "the type of run-end encoded values";
    default:
        return type == N_TYPES || type == N_TYPES + 1 ? "the type of list views"
                                                      : "its unknown type";
    }
}

/* 1. Types */

/* Bits of a number as bytes, of those that are read. */
static attrib_status read_bits(const reading *r,
                               const at_flat_table *type,
                               size_t i_field,
                               int64_t standard,
                               at_arrow_field *out,
                               attrib_error *err)
{
    int64_t bits = 0;
    attrib_status status = at_flat_integer(type, i_field, 4, standard, &bits, err);
    if (status == ATTRIB_OK && bits != 8 && bits != 16 && bits != 32 && bits != 64) {
        return refuse(r, out, "its width in bits", err);
    }
    out->width = (size_t)bits / 8;
    return status;
}

static attrib_status read_int(const reading *r,
                              const at_flat_table *type,
                              at_arrow_field *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t is_signed = 0;
    AT_TRY(read_bits(r, type, 0, 0, out, err));
    AT_TRY(at_flat_integer(type, 1, 1, 0, &is_signed, err));
    out->is_signed = is_signed != 0;
    out->kind = is_signed ? AT_COLUMN_INT : AT_COLUMN_UINT;
done:
    return status;
}

/* Units of time, seconds to nanoseconds. */
static attrib_status read_unit(const reading *r,
                               const at_flat_table *type,
                               int64_t standard,
                               at_arrow_field *out,
                               attrib_error *err)
{
    static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
    int64_t unit = 0;
    attrib_status status = at_flat_integer(type, 0, 2, standard, &unit, err);
    if (status == ATTRIB_OK && (unit < 0 || unit > 3)) {
        return refuse(r, out, "its unit of time", err);
    }
    out->per_second = status == ATTRIB_OK ? per_second[unit] : 1;
    out->is_signed = true;
    return status;
}

/* A size that a table gives, of 0 to INT32_MAX. */
static attrib_status read_size(const reading *r,
                               const at_flat_table *type,
                               at_arrow_field *out,
                               attrib_error *err)
{
    int64_t size = 0;
    attrib_status status = at_flat_integer(type, 0, 4, 0, &size, err);
    if (status == ATTRIB_OK && size < 0) {
        return refuse(r, out, "its size", err);
    }
    out->width = (size_t)size;
    return status;
}

static attrib_status read_decimal(const reading *r,
                                  const at_flat_table *type,
                                  at_arrow_field *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t scale = 0;
    int64_t bits = 0;
    AT_TRY(at_flat_integer(type, 1, 4, 0, &scale, err));
    AT_TRY(at_flat_integer(type, 2, 4, 128, &bits, err));
    if (scale < -1000 || scale > 1000 ||
        (bits != 32 && bits != 64 && bits != 128 && bits != 256)) {
        return refuse(r, out, "its kind of decimals", err);
    }
    out->scale = (int32_t)scale;
    out->width = (size_t)bits / 8;
done:
    return status;
}

static attrib_status read_date(const reading *r,
                               const at_flat_table *type,
                               at_arrow_field *out,
                               attrib_error *err)
{
    int64_t unit = 0;
    attrib_status status = at_flat_integer(type, 0, 2, 1, &unit, err);
    if (status == ATTRIB_OK && unit != 0 && unit != 1) {
        return refuse(r, out, "its unit of time", err);
    }
    out->is_milliseconds = unit == 1;
    out->width = unit == 1 ? 8 : 4;
    out->is_signed = true;
    return status;
}

static attrib_status read_float(const reading *r,
                                const at_flat_table *type,
                                at_arrow_field *out,
                                attrib_error *err)
{
    int64_t precision = 0;
    attrib_status status = at_flat_integer(type, 0, 2, 0, &precision, err);
    if (status == ATTRIB_OK && (precision < 0 || precision > 2)) {
        return refuse(r, out, "its precision", err);
    }
    out->width = (size_t)2 << precision;
    return status;
}

static attrib_status read_timestamp(const reading *r,
                                    const at_flat_table *type,
                                    at_arrow_field *out,
                                    attrib_error *err)
{
    const char *zone = NULL;
    size_t n_zone = 0;
    attrib_status status = read_unit(r, type, 0, out, err);
    if (status == ATTRIB_OK) {
        status = at_flat_text(type, 1, &zone, &n_zone, err);
    }
    out->is_utc = n_zone > 0;
    return status;
}

static attrib_status read_time(const reading *r,
                               const at_flat_table *type,
                               at_arrow_field *out,
                               attrib_error *err)
{
    attrib_status status = read_unit(r, type, 1, out, err);
    return status == ATTRIB_OK ? read_bits(r, type, 1, 32, out, err) : status;
}

static attrib_status read_type(const reading *r,
                               int64_t number,
                               const at_flat_table *type,
                               at_arrow_field *out,
                               attrib_error *err)
{
    bool is_known = number > 0 && number < N_TYPES &&
                    (types[number].kind != AT_COLUMN_NULL || number == TYPE_NULL);
    if (!is_known || (!type->flat && number != TYPE_NULL)) {
        return refuse(r, out, name_of_type(number), err);
    }
    out->kind = types[number].kind;
    out->layout = types[number].layout;
    out->width = types[number].width;
    switch (number) {
    case TYPE_INT:
        return read_int(r, type, out, err);
    case TYPE_FLOAT:
        return read_float(r, type, out, err);
    case TYPE_DECIMAL:
        return read_decimal(r, type, out, err);
    case TYPE_DATE:
        return read_date(r, type, out, err);
    case TYPE_TIME:
        return read_time(r, type, out, err);
    case TYPE_TIMESTAMP:
        return read_timestamp(r, type, out, err);
    case TYPE_FIXED_BINARY:
    case TYPE_FIXED_LIST:
        return read_size(r, type, out, err);
    default:
        return ATTRIB_OK;
    }
}

/* 2. Fields */

static attrib_status read_name(reading *r,
                               const at_flat_table *table,
                               at_arrow_field *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    size_t n = 0;
    AT_TRY(at_flat_text(table, 0, &name, &n, err));
    r->n_name_bytes += n;
    AT_CHECK(r->n_name_bytes <= MAX_NAMES, ATTRIB_ERANGE,
             "%s: names of columns with more than %zu bytes in all", r->name, MAX_NAMES);
    AT_CHECK(n == 0 || !memchr(name, '\0', n), ATTRIB_EFORMAT,
             "%s: the name of a column has a NUL byte", r->name);
    AT_TRY(at_arena_text(r->arena, name ? name : "", n, &out->name, err));
done:
    return status;
}

static attrib_status read_dictionary(const reading *r,
                                     const at_flat_table *table,
                                     at_arrow_field *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_flat_table encoding = {0};
    at_flat_table type = {0};
    at_arrow_field index = {.name = out->name, .width = 4, .is_signed = true};
    AT_TRY(at_flat_table_in(table, 4, &encoding, err));
    if (!encoding.flat) {
        return ATTRIB_OK;
    }
    if (out->n_children || out->kind == AT_COLUMN_STRUCT) { /* which may have none */
        return refuse(r, out, "a dictionary of values that are nested", err);
    }
    AT_TRY(at_flat_integer(&encoding, 0, 8, 0, &out->dictionary, err));
    AT_TRY(at_flat_table_in(&encoding, 1, &type, err));
    if (type.flat) {
        AT_TRY(read_int(r, &type, &index, err));
    }
    out->has_dictionary = true;
    out->index_width = index.width;
    out->is_index_signed = index.is_signed;
done:
    return status;
}

/* Whether a field has the children that its type wants. */
static bool has_its_children(const at_arrow_field *field)
{
    const at_arrow_field *child = field->children;
    switch (field->kind) {
    case AT_COLUMN_LIST:
        return field->n_children == 1;
    case AT_COLUMN_MAP:
        return field->n_children == 1 && child->layout == AT_ARROW_STRUCT &&
               child->n_children == 2 && !child->has_dictionary;
    case AT_COLUMN_STRUCT:
        return true;
    default:
        return field->n_children == 0;
    }
}

static attrib_status read_fields(reading *r,
                                 const at_flat_table *table,
                                 size_t i_field,
                                 size_t depth,
                                 at_arrow_field *out,
                                 attrib_error *err);

static attrib_status read_field(reading *r,
                                const at_flat_table *table,
                                size_t depth,
                                at_arrow_field *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_flat_table type = {0};
    int64_t number = 0;
    AT_TRY(read_name(r, table, out, err));
    AT_TRY(at_flat_integer(table, 2, 1, 0, &number, err));
    AT_TRY(at_flat_table_in(table, 3, &type, err));
    AT_TRY(read_type(r, number, &type, out, err));
    AT_TRY(read_fields(r, table, 5, depth + 1, out, err));
    AT_TRY(read_dictionary(r, table, out, err));
    AT_CHECK(has_its_children(out), ATTRIB_EFORMAT,
             "%s: column \"%.100s\": %zu children do not fit its type", r->name,
             out->name, out->n_children);
done:
    return status;
}

/* The fields in a vector of a table as the children of one. */
static attrib_status read_fields(reading *r,
                                 const at_flat_table *table,
                                 size_t i_field,
                                 size_t depth,
                                 at_arrow_field *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_flat_vector fields = {0};
    at_flat_table child = {0};
    AT_CHECK(depth <= MAX_DEPTH, ATTRIB_ERANGE,
             "%s: columns that are nested more than %d deep", r->name, MAX_DEPTH);
    AT_TRY(at_flat_vector_in(table, i_field, 4, &fields, err));
    AT_CHECK(fields.n <= MAX_COLUMNS - r->n_columns, ATTRIB_ERANGE,
             "%s: more than %d columns", r->name, MAX_COLUMNS);
    r->n_columns += fields.n;
    if (fields.n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_arena_take(r->arena, fields.n, sizeof *out->children, &out->children, err));
    memset(out->children, 0, fields.n * sizeof *out->children);
    out->n_children = fields.n;
    for (size_t i = 0; i < fields.n; i++) {
        AT_TRY(at_flat_item_table(&fields, i, &child, err));
        AT_TRY(read_field(r, &child, depth, &out->children[i], err));
    }
done:
    return status;
}

attrib_status at_arrow_schema_read(const at_flat_table *schema,
                                   at_arena *arena,
                                   at_arrow_field *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading r = {.arena = arena, .name = schema->flat->name};
    int64_t endianness = 0;
    *out =
        (at_arrow_field){.name = "", .kind = AT_COLUMN_STRUCT, .layout = AT_ARROW_STRUCT};
    AT_TRY(at_flat_integer(schema, 0, 2, 0, &endianness, err));
    AT_CHECK(endianness == 0, ATTRIB_ENOTSUP, "%s: Arrow data in big-endian order",
             r.name);
    AT_TRY(read_fields(&r, schema, 1, 1, out, err));
done:
    return status;
}

/* 3. Columns that are left out */

/* Decide for a field and all below it; `path` leads to it and is as it was afterwards.
 * is_entry: it is the struct of a map's key and value, which have the path of the map. */
static attrib_status choose(const at_column_filter *filter,
                            at_buffer *path,
                            bool is_entry,
                            at_arrow_field *field,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t n_path = path->n_bytes;
    const bool has_names = field->kind == AT_COLUMN_STRUCT && !is_entry;
    size_t n_left_out = 0;
    if (field->n_children == 0) {
        field->is_left_out =
            !has_names &&
            !filter->reads(filter->context, path->bytes, field->kind == AT_COLUMN_BINARY);
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < field->n_children; i++) {
        at_arrow_field *child = &field->children[i];
        if (has_names) {
            AT_TRY(at_buffer_print(path, err, "%s%s", n_path ? "." : "", child->name));
        }
        AT_TRY(choose(filter, path, field->kind == AT_COLUMN_MAP, child, err));
        path->n_bytes = n_path;
        path->bytes[n_path] = '\0';
        n_left_out += child->is_left_out;
    }
    field->is_left_out = n_left_out >= (is_entry ? 1 : field->n_children);
done:
    return status;
}

attrib_status at_arrow_schema_choose(const char *name,
                                     const at_column_filter *filter,
                                     at_arrow_field *schema,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer path = {0};
    if (!filter->reads || schema->n_children == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(&path, "", 0, err));
    AT_TRY(choose(filter, &path, false, schema, err));
    AT_CHECK(!schema->is_left_out, ATTRIB_ESHAPE,
             "%s: none of its columns is read; found \"%.100s\"%s", name,
             schema->children[0].name, schema->n_children > 1 ? ", ..." : "");
done:
    at_buffer_free(&path);
    return status;
}
