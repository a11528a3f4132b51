/* SPDX-License-Identifier: MIT */
/* 1. Which options.   2. Their values as texts.   3. Keeping.   4. Taking over. */
#include "cli/readings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. Which options */

static const option *const tables[] = {source_table, field_table, file_table,
                                       selection_table, token_table};

#define N_TABLES (sizeof tables / sizeof *tables)

/* What an option of a question may do to the same option of the index. */
typedef enum reading_role {
    IS_ITS_OWN, /* as paths and the model's weights are; the date is kept by itself */
    READS,      /* decides what documents and tokens are: it must be the index's */
    SELECTS,    /* leaves documents out: where the index has all, it may */
    LABELS      /* names documents and their tags: it may be another one */
} reading_role;

static reading_role role_of(const char *name)
{
    static const struct {
        const char *name;
        reading_role role;
    } others[] = {
        {"model", IS_ITS_OWN},
        {"corpus", IS_ITS_OWN},
        {"weights-in-memory", IS_ITS_OWN},
        {"date", IS_ITS_OWN},
        {"include", SELECTS},
        {"exclude", SELECTS},
        {"where", SELECTS},
        {"max-tokens", SELECTS},
        {"sample", SELECTS},
        {"sample-seed", SELECTS},
        {"sample-by", SELECTS},
        {"deduplicate", SELECTS},
        {"max-documents", SELECTS},
        {"id-field", LABELS},
        {"tag-fields", LABELS},
        {"on-bad-row", LABELS},
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(others[i].name, name) == 0) {
            return others[i].role;
        }
    }
    return READS;
}

static const option *find_option(const char *name)
{
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const option *o = tables[t]; o->name; o++) {
            if (strcmp(o->name, name) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

/* 2. Their values as texts */

/* Word i of those between bars. */
static char *copy_word(const char *words, int i)
{
    for (; i > 0; i--) {
        words += strcspn(words, "|") + 1;
    }
    return strndup(words, strcspn(words, "|"));
}

/* A path means the same from any folder; a name that is no file stays. */
static char *copy_text(const option *o, const char *text)
{
    bool may_be_path = strcmp(o->name, "adapter") == 0 ||
                       strcmp(o->name, "tokenizer") == 0 ||
                       strcmp(o->name, "chat-template") == 0;
    char *path = may_be_path ? realpath(text, NULL) : NULL;
    return path ? path : strdup(text);
}

/* Value i of an option: owned; NULL without memory. */
static char *value_of(const option *o, const source_options *source, size_t i)
{
    const void *at = (const char *)source + o->offset;
    char digits[32] = "true";
    switch (o->kind) {
    case OPTION_PATHS:
        return strdup(((const path_list *)at)->paths[i]);
    case OPTION_CHOICE:
        return copy_word(o->value, *(const int *)at);
    case OPTION_SEED:
        snprintf(digits, sizeof digits, "%" PRIu64, *(const uint64_t *)at);
        return strdup(digits);
    case OPTION_SIZE:
        snprintf(digits, sizeof digits, "%zu", *(const size_t *)at);
        return strdup(digits);
    case OPTION_FLAG:
        return strdup(digits);
    default:
        return copy_text(o, *(const char *const *)at);
    }
}

static size_t count_values(const option *o, const source_options *source)
{
    const void *at = (const char *)source + o->offset;
    return o->kind == OPTION_PATHS ? ((const path_list *)at)->n : 1;
}

/* 3. Keeping */

static attrib_status add(readings *self, const char *name, char *text, attrib_error *err)
{
    size_t n = self->n + 1;
    attrib_reading *list = text ? reallocarray(self->list, n, sizeof *list) : NULL;
    self->list = list ? list : self->list;
    char **texts = list ? reallocarray(self->texts, n, sizeof *texts) : NULL;
    if (!texts) {
        free(text);
        return cli_fail(err, ATTRIB_ENOMEM, "the options of reading");
    }
    self->texts = texts;
    self->texts[self->n] = text;
    self->list[self->n++] = (attrib_reading){name, text};
    return ATTRIB_OK;
}

attrib_status readings_list(const source_options *source,
                            const cli_given *given,
                            readings *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const option *o = tables[t]; o->name; o++) {
            if (role_of(o->name) == IS_ITS_OWN || !options_given(given, o->name)) {
                continue;
            }
            for (size_t i = 0; status == ATTRIB_OK && i < count_values(o, source); i++) {
                status = add(out, o->name, value_of(o, source, i), err);
            }
        }
    }
    return status;
}

void readings_free(readings *self)
{
    for (size_t i = 0; i < self->n; i++) {
        free(self->texts[i]);
    }
    free(self->texts);
    free(self->list);
    *self = (readings){0};
}

/* 4. Taking over */

static const char *find_kept(const attrib_index_info *info, const char *name)
{
    for (size_t i = 0; i < info->n_readings; i++) {
        if (strcmp(info->readings[i].name, name) == 0) {
            return info->readings[i].value;
        }
    }
    return NULL;
}

/* What is drawn, or comes first, depends on what else leaves documents out. */
static attrib_status check_selection(const option *o,
                                     const attrib_index_info *info,
                                     const char *folder,
                                     attrib_error *err)
{
    const char *const draws[] = {"sample", "max-documents"};
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
        const char *kept = find_kept(info, draws[i]);
        if (kept && strcmp(draws[i], o->name) != 0) {
            return cli_fail(
                err, ATTRIB_EINVAL,
                "%s: the index was made with --%s %.40s, which would take "
                "other documents together with --%s: leave it out, or make another "
                "index",
                folder, draws[i], kept, o->name);
        }
    }
    return ATTRIB_OK;
}

/* Refuse an option that was given and contradicts what the index has, or has by default.
 */
static attrib_status check_given(const option *o,
                                 const source_options *source,
                                 const attrib_index_info *info,
                                 const char *folder,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading_role role = role_of(o->name);
    const char *kept = find_kept(info, o->name);
    const char *made = kept ? kept : o->standard;
    if (role == IS_ITS_OWN || role == LABELS) {
        return ATTRIB_OK;
    }
    if (role == SELECTS && (!kept || o->kind == OPTION_PATHS)) {
        return check_selection(o, info, folder, err);
    }
    char *value = value_of(o, source, 0);
    if (!value) {
        return cli_fail(err, ATTRIB_ENOMEM, "the options of reading");
    }
    if (!made || strcmp(made, value) != 0) {
        status = cli_fail(err, ATTRIB_EINVAL,
                          "%s: the index was made with %s%.80s%s%.80s, not --%s %.80s: "
                          "leave it out, or make another index",
                          folder, kept ? "--" : "the default of --", o->name,
                          kept ? " " : "", kept ? kept : "", o->name, value);
    }
    free(value);
    return status;
}

/* Add a condition to those that were given, in a list of our own. */
static attrib_status add_condition(path_list *list,
                                   const char *value,
                                   bool *owns_where,
                                   attrib_error *err)
{
    const char **paths =
        reallocarray(*owns_where ? list->paths : NULL, list->n + 1, sizeof *paths);
    if (!paths) {
        return cli_fail(err, ATTRIB_ENOMEM, "the options of reading");
    }
    if (!*owns_where && list->n > 0) {
        memcpy(paths, list->paths, list->n * sizeof *paths);
    }
    *owns_where = true;
    list->paths = paths;
    list->paths[list->n++] = value;
    return ATTRIB_OK;
}

static attrib_status take_one(const attrib_reading *kept,
                              const char *folder,
                              const cli_given *given,
                              source_options *source,
                              bool *owns_where,
                              attrib_error *err)
{
    const option *o = find_option(kept->name);
    if (!o || role_of(kept->name) == IS_ITS_OWN) {
        return cli_fail(err, ATTRIB_EVERSION,
                        "%s: made with --%.60s, which this attrib does not know: make "
                        "it again",
                        folder, kept->name);
    }
    if (o->kind == OPTION_PATHS) {
        path_list *list = (path_list *)(void *)((char *)source + o->offset);
        return add_condition(list, kept->value, owns_where, err);
    }
    if (options_given(given, o->name)) {
        return ATTRIB_OK;
    }
    if (o->kind == OPTION_FLAG) {
        *(bool *)((char *)source + o->offset) = true;
        return ATTRIB_OK;
    }
    return attrib_option_read(o, kept->value, source, err);
}

bool readings_label(const cli_given *given)
{
    bool labels = false;
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const option *o = tables[t]; o->name; o++) {
            labels |= role_of(o->name) == LABELS && options_given(given, o->name);
        }
    }
    return labels;
}

attrib_status readings_take(const attrib_index_info *info,
                            const char *folder,
                            const cli_given *given,
                            bool reads_store,
                            source_options *source,
                            bool *owns_where,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const option *o = tables[t]; status == ATTRIB_OK && o->name; o++) {
            status = options_given(given, o->name)
                         ? check_given(o, source, info, folder, err)
                         : ATTRIB_OK;
        }
    }
    for (size_t i = 0; status == ATTRIB_OK && i < info->n_readings; i++) {
        const attrib_reading *kept = &info->readings[i];
        if (!reads_store || role_of(kept->name) != SELECTS) {
            status = take_one(kept, folder, given, source, owns_where, err);
        }
    }
    return status;
}
