/* SPDX-License-Identifier: MIT */
/* Conditions on documents: "kind=person", "year>=1800".
 *
 * 1. Reading conditions.
 * 2. Values of documents.
 * 3. Whether a condition holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "format/json.h"

typedef enum relation { EQUAL, DIFFERENT, BELOW, AT_MOST, ABOVE, AT_LEAST } relation;

/* The longer signs first, as they begin like the shorter ones. */
static const struct {
    const char *sign;
    relation relation;
} signs[] = {
    {"!=", DIFFERENT}, {"<=", AT_MOST}, {">=", AT_LEAST},
    {"=", EQUAL},      {"<", BELOW},    {">", ABOVE},
};

#define TAGS "tags."

typedef struct condition {
    char *key, *value;
    relation relation;
    bool is_number;
    double number; /* of the value */
} condition;

struct attrib_where {
    condition *conditions; /* [n] */
    size_t n;
};

/* 1. Reading conditions */

/* Whether all of a text is one number. */
static bool read_number(const char *text, double *out)
{
    char *end = NULL;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) {
        return false; /* strtod() also takes spaces, "inf", and hexadecimal digits */
    }
    *out = strtod(text, &end);
    return *end == '\0';
}

static attrib_status read_condition(const char *text, condition *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_key = strcspn(text, "=!<>");
    const char *rest = text + n_key;
    size_t i = 0;
    const size_t n_signs = sizeof signs / sizeof *signs;
    while (i < n_signs && strncmp(rest, signs[i].sign, strlen(signs[i].sign)) != 0) {
        i++;
    }
    AT_CHECK(n_key > 0 && i < n_signs, ATTRIB_EINVAL,
             "condition \"%.80s\": expected KEY=VALUE, or !=, <, <=, >, >= in place of =",
             text);
    rest += strlen(signs[i].sign);
    out->relation = signs[i].relation;
    out->is_number = read_number(rest, &out->number);
    AT_CHECK(out->is_number || out->relation == EQUAL || out->relation == DIFFERENT,
             ATTRIB_EINVAL, "condition \"%.80s\": %s compares with a number", text,
             signs[i].sign);
    AT_TRY(at_copy_text(text, n_key, &out->key, err));
    AT_TRY(at_copy_text(rest, strlen(rest), &out->value, err));
done:
    return status;
}

attrib_status attrib_where_new(const char *const *conditions,
                               size_t n,
                               attrib_where **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_where *where = NULL;
    AT_TRY(at_array(1, sizeof *where, &where, err));
    AT_TRY(at_array(n, sizeof *where->conditions, &where->conditions, err));
    where->n = n;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(read_condition(conditions[i], &where->conditions[i], err));
    }
    *out = where;
    where = NULL;
done:
    attrib_where_free(where);
    return status;
}

void attrib_where_free(attrib_where *where)
{
    if (!where) {
        return;
    }
    for (size_t i = 0; where->conditions && i < where->n; i++) {
        free(where->conditions[i].key);
        free(where->conditions[i].value);
    }
    free(where->conditions);
    free(where);
}

/* 2. Values of documents */

/* Whether a text or number of a document is equal to the value, or, under other
 * relations than EQUAL and DIFFERENT, stands to it as the relation says. */
static bool compares(const condition *c, const char *text, bool is_text)
{
    double number = 0;
    bool is_number = read_number(text, &number);
    switch (c->relation) {
    case BELOW:
        return is_number && number < c->number;
    case AT_MOST:
        return is_number && number <= c->number;
    case ABOVE:
        return is_number && number > c->number;
    case AT_LEAST:
        return is_number && number >= c->number;
    default:
        return strcmp(text, c->value) == 0 ||
               (!is_text && is_number && c->is_number && number >= c->number &&
                number <= c->number);
    }
}

/* A scalar of JSON; others stand to no value in any relation. */
static bool compares_scalar(const condition *c, const json_t *value)
{
    char digits[40];
    if (json_is_string(value)) {
        return compares(c, json_string_value(value), true);
    }
    if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        return compares(c, digits, false);
    }
    if (json_is_real(value)) {
        snprintf(digits, sizeof digits, "%.17g", json_real_value(value));
        return compares(c, digits, false);
    }
    return json_is_boolean(value) &&
           compares(c, json_is_true(value) ? "true" : "false", true);
}

/* A tag's value, compact JSON; in a damaged run it may be anything, and equals nothing
 * then. */
static bool compares_tag(const condition *c, const char *json)
{
    bool does = false;
    json_t *value = NULL;
    size_t n = strlen(json);
    if (*json != '"' && *json != '[') { /* a number, true or false as it stands */
        return compares(c, json, strcmp(json, "true") == 0);
    }
    if (at_json_parse("tag", json, n, &value, NULL) != ATTRIB_OK) {
        return false;
    }
    if (json_is_array(value)) {
        for (size_t i = 0; !does && i < json_array_size(value); i++) {
            does = compares_scalar(c, json_array_get(value, i));
        }
    } else {
        does = compares_scalar(c, value);
    }
    json_decref(value);
    return does;
}

static bool compares_size(const condition *c, size_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", value);
    return compares(c, digits, false);
}

/* 3. Whether a condition holds */

static bool compares_tags(const condition *c,
                          const char *key,
                          const attrib_document *document)
{
    for (size_t i = 0; i < document->n_tags; i++) {
        if (strcmp(document->tags[i].key, key) == 0) {
            return compares_tag(c, document->tags[i].value);
        }
    }
    return false;
}

static bool compares_document(const condition *c, const attrib_document *document)
{
    const struct {
        const char *key, *text;
    } texts[] = {
        {"id", document->id}, {"source", document->source}, {"member", document->member}};

    const struct {
        const char *key;
        size_t size;
    } sizes[] = {{"line", document->line},
                 {"n_tokens", document->n_tokens},
                 {"n_predicted", document->n_predicted}};

    if (strncmp(c->key, TAGS, sizeof TAGS - 1) == 0) {
        return compares_tags(c, c->key + sizeof TAGS - 1, document);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(c->key, texts[i].key) == 0) {
            return texts[i].text && compares(c, texts[i].text, true);
        }
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(c->key, sizes[i].key) == 0) {
            return compares_size(c, sizes[i].size);
        }
    }
    return compares_tags(c, c->key, document);
}

bool attrib_where_holds(const attrib_where *where, const attrib_document *document)
{
    for (size_t i = 0; where && i < where->n; i++) {
        const condition *c = &where->conditions[i];
        if (compares_document(c, document) != (c->relation != DIFFERENT)) {
            return false;
        }
    }
    return true;
}
