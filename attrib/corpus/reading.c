/* SPDX-License-Identifier: MIT */
#include "corpus/reading.h"

#include <stdio.h>
#include <string.h>

#include "format/pack.h"

typedef enum reading_kind {
    TEXT,
    FLAG,
    SIZE,
    TOKEN_DTYPE,
    BAD_ROWS,
    PREFERENCE
} reading_kind;

typedef struct reading {
    const char *name;
    reading_kind kind;
    size_t offset;
} reading;

#define AT(field) offsetof(attrib_corpus_options, field)

/* The options that decide what the tokens of a store are, by the names that they have on
 * the command line. The context is compared by itself, and selections apply to stores
 * too. */
static const reading readings[] = {
    {"text-field", TEXT, AT(text_field)},
    {"id-field", TEXT, AT(id_field)},
    {"prompt-field", TEXT, AT(prompt_field)},
    {"completion-field", TEXT, AT(completion_field)},
    {"messages-field", TEXT, AT(messages_field)},
    {"tag-fields", TEXT, AT(tag_fields)},
    {"append-eos", FLAG, AT(append_eos)},
    {"unit", TEXT, AT(unit)},
    {"token-dtype", TOKEN_DTYPE, AT(token_dtype)},
    {"document-end", TEXT, AT(document_end)},
    {"include", TEXT, AT(include)},
    {"exclude", TEXT, AT(exclude)},
    {"on-bad-row", BAD_ROWS, AT(on_bad_row)},
    {"preference", PREFERENCE, AT(preference)},
    {"chat-template", TEXT, AT(chat_template)},
};

#define N_READINGS (sizeof readings / sizeof *readings)

/* The value of an option as text; NULL for none. */
static const char *value_of(const reading *r, const attrib_corpus_options *options)
{
    static const char *const dtypes[] = {"file", "uint16", "uint32", "int32"};
    const char *at = (const char *)options + r->offset;
    switch (r->kind) {
    case TEXT:
        return *(const char *const *)(const void *)at;
    case FLAG:
        return *(const bool *)(const void *)at ? "true" : "false";
    case TOKEN_DTYPE:
        return dtypes[options->token_dtype];
    case BAD_ROWS:
        return options->on_bad_row == ATTRIB_BAD_ROWS_SKIP ? "skip" : "stop";
    default:
        return options->preference == ATTRIB_PREFERENCE_MARGIN ? "margin" : "chosen";
    }
}

static bool is_same(const char *a, const char *b)
{
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

/* The value of an option that is not its default; NULL for the default. "document" is the
 * default unit by its name. */
static const char *given_value(const reading *r, const attrib_corpus_options *options)
{
    attrib_corpus_options standard;
    attrib_corpus_options_default(&standard);
    const char *value = value_of(r, options);
    if (strcmp(r->name, "unit") == 0 && is_same(value, "document")) {
        return NULL;
    }
    return is_same(value, value_of(r, &standard)) ? NULL : value;
}

attrib_status at_reading_pack(const attrib_corpus_options *options,
                              msgpack_packer *packer,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    for (size_t i = 0; i < N_READINGS; i++) {
        n += given_value(&readings[i], options) != NULL;
    }
    AT_TRY(at_pack_map_member(packer, "options", n, err));
    for (size_t i = 0; i < N_READINGS; i++) {
        const char *value = given_value(&readings[i], options);
        if (value) {
            AT_TRY(at_pack_text_member(packer, readings[i].name, value, err));
        }
    }
done:
    return status;
}

const char *at_reading_find(const msgpack_object *map, const char *name, size_t *n)
{
    const msgpack_object *value = at_record_find(map, name);
    if (!value || value->type != MSGPACK_OBJECT_STR) {
        return NULL;
    }
    *n = value->via.str.size;
    return value->via.str.ptr;
}

attrib_status at_reading_check(const char *path,
                               const msgpack_object *map,
                               const attrib_corpus_options *options,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < N_READINGS; i++) {
        const char *given = given_value(&readings[i], options);
        size_t n = 0;
        const char *made = at_reading_find(map, readings[i].name, &n);
        bool agrees =
            !given || (made && n == strlen(given) && memcmp(made, given, n) == 0);
        AT_CHECK(agrees, ATTRIB_EINVAL,
                 "%s: a store that was made with %s%s%s%.*s, not %.80s: leave it out, or "
                 "make another store",
                 path, made ? "" : "the default ", readings[i].name, made ? " " : "",
                 made ? (int)at_smaller(n, 80) : 0, made ? made : "", given);
    }
done:
    return status;
}
