/* SPDX-License-Identifier: MIT */
/* Schemas of Parquet (parquet-format's LogicalTypes.md, its rules for lists of older
 * writers among them).
 *
 * 1. Subtrees   2. Leaves   3. The tree */
#include "format/parquet_schema.h"

#include <stdio.h>
#include <string.h>

#define MAX_PATH 200 /* bytes of a path in messages */

/* 1. Subtrees */

/* Where each subtree ends, and the leaves in their order. */
static attrib_status measure(at_element *all,
                             size_t n,
                             size_t i,
                             size_t depth,
                             size_t *n_chunks,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_element *e = &all[i];
    e->end = i + 1;
    AT_CHECK(depth < AT_PARQUET_MAX_DEPTH, ATTRIB_ENOTSUP,
             "column \"%.100s\": nested more than %d deep", e->name,
             AT_PARQUET_MAX_DEPTH);
    if (e->has_type) {
        e->i_chunk = (*n_chunks)++;
    }
    for (size_t k = 0; k < e->n_children; k++) {
        AT_CHECK(e->end < n, ATTRIB_EFORMAT, "column \"%.100s\": lacks children",
                 e->name);
        size_t child = e->end;
        AT_TRY(measure(all, n, child, depth + 1, n_chunks, err));
        e->end = all[child].end;
    }
done:
    return status;
}

/* 2. Leaves */

/* What the tree is made from. */
typedef struct builder {
    const at_element *all;
    const at_column_filter *filter;
    at_arena *arena;
    at_parquet_schema *out;
} builder;

/* Levels of what stands in one place of the schema. */
typedef struct levels {
    uint8_t definition, repetition, slot;
} levels;

static const char *const type_names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                         "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED"};
static const size_t type_widths[] = {1, 4, 8, 12, 4, 8, 0, 0};

/* What a leaf without an annotation holds. */
static at_column_kind plain_kind(at_parquet_type type)
{
    switch (type) {
    case AT_PARQUET_BOOLEAN:
        return AT_COLUMN_BOOL;
    case AT_PARQUET_INT32:
    case AT_PARQUET_INT64:
        return AT_COLUMN_INT;
    case AT_PARQUET_INT96:
        return AT_COLUMN_TIMESTAMP;
    case AT_PARQUET_FLOAT:
    case AT_PARQUET_DOUBLE:
        return AT_COLUMN_FLOAT;
    default:
        return AT_COLUMN_BINARY;
    }
}

static at_column_kind kind_of(const at_element *e)
{
    switch (e->annotation) {
    case AT_AS_STRING:
    case AT_AS_ENUM:
    case AT_AS_JSON:
        return AT_COLUMN_TEXT;
    case AT_AS_DECIMAL:
        return AT_COLUMN_DECIMAL;
    case AT_AS_DATE:
        return AT_COLUMN_DATE;
    case AT_AS_TIME:
        return AT_COLUMN_TIME;
    case AT_AS_TIMESTAMP:
        return AT_COLUMN_TIMESTAMP;
    case AT_AS_UUID:
        return AT_COLUMN_UUID;
    case AT_AS_FLOAT16:
        return AT_COLUMN_FLOAT;
    case AT_AS_INTEGER:
        return e->is_unsigned ? AT_COLUMN_UINT : AT_COLUMN_INT;
    default: /* without one, only nulls, or bytes that are no text */
        return plain_kind(e->type);
    }
}

/* Whether the physical type of a leaf may have its annotation. */
static bool fits_type(const at_element *e)
{
    bool is_integer = e->type == AT_PARQUET_INT32 || e->type == AT_PARQUET_INT64;
    bool is_bytes = e->type == AT_PARQUET_BYTE_ARRAY || e->type == AT_PARQUET_FIXED;
    switch (e->annotation) {
    case AT_AS_DECIMAL:
        return is_integer || is_bytes;
    case AT_AS_DATE:
        return e->type == AT_PARQUET_INT32;
    case AT_AS_TIME:
        return is_integer && e->per_second > 0;
    case AT_AS_TIMESTAMP:
        return e->type == AT_PARQUET_INT64 && e->per_second > 0;
    case AT_AS_INTEGER:
        return is_integer;
    case AT_AS_UUID:
        return e->type == AT_PARQUET_FIXED && e->type_length == 16;
    case AT_AS_FLOAT16:
        return e->type == AT_PARQUET_FIXED && e->type_length == 2;
    case AT_AS_NOTHING:
    case AT_AS_UNKNOWN:
        return true;
    default:
        return is_bytes;
    }
}

static const char *const annotation_names[] = {
    "",     "STRING",    "MAP",      "LIST",     "ENUM",     "DECIMAL", "DATE",
    "TIME", "TIMESTAMP", "INTERVAL", "INTEGER",  "UNKNOWN",  "JSON",    "BSON",
    "UUID", "FLOAT16",   "VARIANT",  "GEOMETRY", "GEOGRAPHY"};

static attrib_status check_leaf(const at_element *e, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(e->annotation != AT_AS_INTERVAL, ATTRIB_ENOTSUP,
             "column \"%.200s\": type INTERVAL is not read", path);
    AT_CHECK(fits_type(e), ATTRIB_ENOTSUP,
             "column \"%.200s\": type %s kept as %s is not read", path,
             annotation_names[e->annotation], type_names[e->type]);
    AT_CHECK(e->type != AT_PARQUET_FIXED || e->type_length > 0, ATTRIB_EFORMAT,
             "column \"%.200s\": values of a fixed length of 0", path);
    AT_CHECK(e->annotation != AT_AS_DECIMAL || (e->scale >= 0 && e->scale <= 1000),
             ATTRIB_ENOTSUP, "column \"%.200s\": a scale of %lld, expected 0 to 1000",
             path, (long long)e->scale);
    AT_CHECK(e->annotation != AT_AS_DECIMAL || e->type_length <= 32, ATTRIB_ENOTSUP,
             "column \"%.200s\": decimals of %zu bytes, at most 32 are read", path,
             e->type_length);
done:
    return status;
}

/* *is_read is false where the filter leaves the leaf out. */
static attrib_status build_leaf(builder *b,
                                const at_element *e,
                                const char *path,
                                at_parquet_node *out,
                                bool *is_read,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_column_kind kind = kind_of(e);
    *is_read = !b->filter->reads ||
               b->filter->reads(b->filter->context, path, kind == AT_COLUMN_BINARY);
    if (!*is_read) {
        return ATTRIB_OK;
    }
    AT_TRY(check_leaf(e, path, err));
    out->kind = kind;
    out->type = e->type;
    out->width = e->type == AT_PARQUET_FIXED ? e->type_length : type_widths[e->type];
    out->per_second = e->type == AT_PARQUET_INT96 ? 1000000000 : e->per_second;
    out->is_utc = e->is_utc;
    out->scale = (int32_t)e->scale;
    out->i_chunk = e->i_chunk;
    AT_TRY(at_arena_text(b->arena, path, strnlen(path, MAX_PATH), &out->path, err));
    out->i_leaf = b->out->n_leaves;
    b->out->leaves[b->out->n_leaves++] = out;
done:
    return status;
}

/* 3. The tree */

static attrib_status build(builder *b,
                           size_t i,
                           levels at,
                           const char *path,
                           at_parquet_node *out,
                           bool *is_read,
                           attrib_error *err);
static attrib_status build_value(builder *b,
                                 size_t i,
                                 levels at,
                                 const char *path,
                                 at_parquet_node *out,
                                 bool *is_read,
                                 attrib_error *err);

static attrib_status take_children(builder *b,
                                   size_t n,
                                   at_parquet_node *out,
                                   attrib_error *err)
{
    attrib_status status =
        at_arena_take(b->arena, n, sizeof *out->children, &out->children, err);
    if (status == ATTRIB_OK) {
        memset(out->children, 0, n * sizeof *out->children);
    }
    return status;
}

static levels of_elements(levels at)
{
    uint8_t definition = (uint8_t)(at.definition + 1);
    return (levels){definition, (uint8_t)(at.repetition + 1), definition};
}

/* Whether a list's repeated element is what the list holds, not a group around it: so
 * older writers had it. */
static bool is_two_level(const at_element *all, const at_element *list)
{
    const at_element *repeated = list + 1;
    size_t n = strlen(list->name);
    return repeated->has_type || repeated->n_children != 1 ||
           all[repeated - all + 1].repetition == AT_REPEATED ||
           strcmp(repeated->name, "array") == 0 ||
           (strncmp(repeated->name, list->name, n) == 0 &&
            strcmp(repeated->name + n, "_tuple") == 0);
}

static attrib_status build_list(builder *b,
                                size_t i,
                                levels at,
                                const char *path,
                                at_parquet_node *out,
                                bool *is_read,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_element *e = &b->all[i];
    AT_CHECK(e->n_children == 1 && e[1].repetition == AT_REPEATED, ATTRIB_ENOTSUP,
             "column \"%.200s\": a list without one repeated element", path);
    out->kind = AT_COLUMN_LIST;
    out->element = (uint8_t)(at.definition + 1);
    AT_TRY(take_children(b, 1, out, err));
    out->n_children = 1;
    AT_TRY(is_two_level(b->all, e)
               ? build_value(b, i + 1, of_elements(at), path, out->children, is_read, err)
               : build(b, i + 2, of_elements(at), path, out->children, is_read, err));
    out->i_leaf = out->children->i_leaf;
done:
    return status;
}

/* A map that is not read whole is not read. */
static attrib_status build_map(builder *b,
                               size_t i,
                               levels at,
                               const char *path,
                               at_parquet_node *out,
                               bool *is_read,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_element *e = &b->all[i];
    const size_t n_leaves = b->out->n_leaves;
    bool has_values = false;
    AT_CHECK(e->n_children == 1 && e[1].repetition == AT_REPEATED &&
                 e[1].n_children == 2 && e[2].has_type,
             ATTRIB_ENOTSUP, "column \"%.200s\": a map without keys and values", path);
    out->kind = AT_COLUMN_MAP;
    out->element = (uint8_t)(at.definition + 1);
    AT_TRY(take_children(b, 2, out, err));
    out->n_children = 2;
    AT_TRY(build(b, i + 2, of_elements(at), path, &out->children[0], is_read, err));
    AT_TRY(build(b, i + 3, of_elements(at), path, &out->children[1], &has_values, err));
    if (!*is_read || !has_values) {
        b->out->n_leaves = n_leaves;
        *is_read = false;
    }
    out->i_leaf = n_leaves;
done:
    return status;
}

static attrib_status build_struct(builder *b,
                                  size_t i,
                                  levels at,
                                  const char *path,
                                  at_parquet_node *out,
                                  bool *is_read,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_element *e = &b->all[i];
    at_buffer below = {0};
    out->kind = AT_COLUMN_STRUCT;
    out->i_leaf = b->out->n_leaves;
    AT_TRY(take_children(b, e->n_children, out, err));
    for (size_t k = 0, child = i + 1; k < e->n_children; k++, child = b->all[child].end) {
        at_parquet_node *node = &out->children[out->n_children];
        bool is_child_read = false;
        at_buffer_clear(&below);
        AT_TRY(at_buffer_print(&below, err, "%s%s%s", path, *path ? "." : "",
                               b->all[child].name));
        AT_TRY(build(b, child, at, below.bytes, node, &is_child_read, err));
        node->name = b->all[child].name;
        out->n_children += is_child_read;
    }
    *is_read = out->n_children > 0;
done:
    at_buffer_free(&below);
    return status;
}

/* An element as if it stood there once. */
static attrib_status build_value(builder *b,
                                 size_t i,
                                 levels at,
                                 const char *path,
                                 at_parquet_node *out,
                                 bool *is_read,
                                 attrib_error *err)
{
    const at_element *e = &b->all[i];
    *out = (at_parquet_node){
        .definition = at.definition, .repetition = at.repetition, .slot = at.slot};
    if (e->has_type) {
        return build_leaf(b, e, path, out, is_read, err);
    }
    switch (e->annotation) {
    case AT_AS_LIST:
        return build_list(b, i, at, path, out, is_read, err);
    case AT_AS_MAP:
        return build_map(b, i, at, path, out, is_read, err);
    case AT_AS_NOTHING:
        return build_struct(b, i, at, path, out, is_read, err);
    default:
        return at_fail(err, ATTRIB_ENOTSUP,
                       "column \"%.200s\": type %s of a group is not read", path,
                       annotation_names[e->annotation]);
    }
}

/* An element with its repetition: one that is repeated without being in a list is a list
 * that is never null. */
static attrib_status build(builder *b,
                           size_t i,
                           levels at,
                           const char *path,
                           at_parquet_node *out,
                           bool *is_read,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (b->all[i].repetition != AT_REPEATED) {
        at.definition = (uint8_t)(at.definition + (b->all[i].repetition == AT_OPTIONAL));
        return build_value(b, i, at, path, out, is_read, err);
    }
    *out = (at_parquet_node){.kind = AT_COLUMN_LIST,
                             .definition = at.definition,
                             .repetition = at.repetition,
                             .slot = at.slot,
                             .element = (uint8_t)(at.definition + 1)};
    AT_TRY(take_children(b, 1, out, err));
    out->n_children = 1;
    AT_TRY(build_value(b, i, of_elements(at), path, out->children, is_read, err));
    out->i_leaf = out->children->i_leaf;
done:
    return status;
}

static attrib_status fail_unread(const at_element *all, attrib_error *err)
{
    char found[160] = "";
    size_t length = 0;
    size_t i = 1;
    for (; i < all[0].end && length < sizeof found; i = all[i].end) {
        int n = snprintf(found + length, sizeof found - length, "%s\"%s\"",
                         length ? ", " : "", all[i].name);
        length += n > 0 ? (size_t)n : 0;
    }
    return at_fail(err, ATTRIB_ESHAPE, "none of its columns is read; found %s%s", found,
                   length >= sizeof found ? "..." : "");
}

attrib_status at_parquet_schema_read(at_thrift *t,
                                     const at_thrift_field *field,
                                     const at_column_filter *filter,
                                     at_arena *arena,
                                     at_parquet_schema *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    at_element *all = NULL;
    bool is_read = false;
    builder b = {.filter = filter, .arena = arena, .out = out};
    AT_TRY(at_thrift_list(t, field, AT_THRIFT_STRUCT, &n, err));
    AT_CHECK(n >= 1 && n <= AT_PARQUET_MAX_ELEMENTS, ATTRIB_ERANGE,
             "%s: a schema of %zu elements, expected 1 to %zu", t->name, n,
             AT_PARQUET_MAX_ELEMENTS);
    AT_TRY(at_arena_take(arena, n, sizeof *all, &all, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_element_read(t, arena, &all[i], err));
    }
    AT_CHECK(!all[0].has_type, ATTRIB_EFORMAT, "%s: a schema that is no group", t->name);
    AT_TRY(measure(all, n, 0, 0, &out->n_chunks, err));
    AT_CHECK(all[0].end == n, ATTRIB_EFORMAT, "%s: %zu schema elements in no group",
             t->name, n - all[0].end);
    AT_TRY(at_arena_take(arena, out->n_chunks, sizeof *out->leaves, &out->leaves, err));
    b.all = all;
    AT_TRY(build_struct(&b, 0, (levels){0}, "", &out->root, &is_read, err));
    if (!is_read) {
        status = fail_unread(all, err);
    }
done:
    return status;
}
