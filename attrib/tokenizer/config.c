/* SPDX-License-Identifier: MIT */
/* What the files next to a tokenizer.json say: the ids that begin and end a document or
 * end what a model writes, and the chat template.
 *
 *   1. Files and tokens   2. Ends of documents   3. Ends of what is written
 *   4. The chat template   5. The whole */
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/utf8.h"

#define MAX_CONFIG ((size_t)64 << 20)

/* 1. Files and tokens */

/* A file's JSON, NULL where the file is not there. One that is there but cannot be read,
 * as a link to nothing, fails: without it ids would be others. */
static attrib_status read_config(
    const char *folder, const char *file, char **path, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_join_path(folder, file, path, err));
    if (!at_is_there(*path)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_json_read(*path, MAX_CONFIG, out, err));
    AT_CHECK(json_is_object(*out), ATTRIB_EFORMAT, "%s: expected an object", *path);
done:
    return status;
}

/* Look up "bos_token": "<s>", or {"content": "<s>"}. */
static attrib_status find_token(const attrib_tokenizer *t,
                                const char *path,
                                const json_t *config,
                                const char *key,
                                int32_t *id,
                                attrib_error *err)
{
    const json_t *token = json_object_get(config, key);
    if (json_is_object(token)) {
        token = json_object_get(token, "content");
    }
    if (!token || json_is_null(token)) {
        return ATTRIB_OK;
    }
    if (!json_is_string(token)) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: key \"%s\": expected a token", path,
                       key);
    }
    *id = at_vocabulary_find(&t->vocabulary, json_string_value(token),
                             json_string_length(token));
    if (*id < 0) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: key \"%s\": token \"%.64s\" is not in the vocabulary", path,
                       key, json_string_value(token));
    }
    return ATTRIB_OK;
}

/* Read "bos_token_id": 1, or a list of which the first counts; -1 and null are none. */
static attrib_status find_id(const attrib_tokenizer *t,
                             const char *path,
                             const json_t *config,
                             const char *key,
                             int32_t *id,
                             attrib_error *err)
{
    const json_t *value = json_object_get(config, key);
    if (json_is_array(value)) {
        value = json_array_get(value, 0);
    }
    if (!value || json_is_null(value)) {
        return ATTRIB_OK;
    }
    if (!json_is_integer(value)) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: key \"%s\": expected an id", path, key);
    }
    if (json_integer_value(value) < 0) {
        return ATTRIB_OK;
    }
    if (!at_vocabulary_has(&t->vocabulary, json_integer_value(value))) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: key \"%s\": id %" JSON_INTEGER_FORMAT
                       " is not in the vocabulary of %zu tokens",
                       path, key, json_integer_value(value), t->vocabulary.n_tokens);
    }
    *id = (int32_t)json_integer_value(value);
    return ATTRIB_OK;
}

/* 2. Ends of documents */

/* Special tokens that are not in the vocabulary are left out: only templates ask. */
static attrib_status find_special(attrib_tokenizer *t,
                                  const char *path,
                                  const json_t *config,
                                  attrib_error *err)
{
    for (size_t i = 0; i < AT_SPECIAL_NAMES; i++) {
        attrib_error ignored = {0};
        attrib_status status =
            find_token(t, path, config, at_special_names[i], &t->special[i], &ignored);
        if (status == ATTRIB_ENOMEM) {
            return at_fail(err, status, "%s", ignored.message);
        }
        t->special[i] = status == ATTRIB_OK ? t->special[i] : -1;
    }
    return ATTRIB_OK;
}

static attrib_status configure_tokenizer(attrib_tokenizer *t,
                                         const char *folder,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *config = NULL;
    bool adds_bos = false;
    bool adds_eos = false;
    int32_t bos = -1;
    AT_TRY(read_config(folder, "tokenizer_config.json", &path, &config, err));
    if (!config) {
        goto done;
    }
    AT_TRY(find_token(t, path, config, "bos_token", &bos, err));
    AT_TRY(find_token(t, path, config, "eos_token", &t->eos, err));
    AT_TRY(find_special(t, path, config, err));
    AT_TRY(at_json_bool(path, config, "add_bos_token", &adds_bos, NULL, err));
    AT_TRY(at_json_bool(path, config, "add_eos_token", &adds_eos, NULL, err));
    t->bos = t->bos < 0 ? bos : t->bos;
    if (adds_bos && t->bos >= 0 && !t->template.is_there) {
        AT_TRY(at_ids_add(&t->template.before, &t->bos, 1, err));
    }
    if (adds_eos && t->eos >= 0 && !t->template.is_there) {
        AT_TRY(at_ids_add(&t->template.after, &t->eos, 1, err));
    }
done:
    free(path);
    json_decref(config);
    return status;
}

static attrib_status configure_ids(attrib_tokenizer *t,
                                   const char *folder,
                                   const char *file,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *config = NULL;
    if (t->bos >= 0 && t->eos >= 0) {
        return ATTRIB_OK;
    }
    AT_TRY(read_config(folder, file, &path, &config, err));
    if (t->bos < 0) {
        AT_TRY(find_id(t, path, config, "bos_token_id", &t->bos, err));
    }
    if (t->eos < 0) {
        AT_TRY(find_id(t, path, config, "eos_token_id", &t->eos, err));
    }
done:
    free(path);
    json_decref(config);
    return status;
}

/* 3. Ends of what is written */

attrib_status at_tokenizer_add_stop(attrib_tokenizer *t, int64_t id, attrib_error *err)
{
    int32_t stop = (int32_t)id;
    if (!at_vocabulary_has(&t->vocabulary, id)) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < t->stops.n_ids; i++) {
        if (t->stops.ids[i] == stop) {
            return ATTRIB_OK;
        }
    }
    return at_ids_add(&t->stops, &stop, 1, err);
}

/* "eos_token_id" of generation_config.json or config.json, a number or a list. */
static attrib_status add_stops_of(attrib_tokenizer *t,
                                  const char *folder,
                                  const char *file,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *config = NULL;
    const json_t *ids = NULL;
    AT_TRY(read_config(folder, file, &path, &config, err));
    ids = json_object_get(config, "eos_token_id");
    if (json_is_integer(ids)) {
        AT_TRY(at_tokenizer_add_stop(t, json_integer_value(ids), err));
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        AT_CHECK(json_is_integer(id), ATTRIB_EFORMAT,
                 "%s: key \"eos_token_id\": expected ids", path);
        AT_TRY(at_tokenizer_add_stop(t, json_integer_value(id), err));
    }
done:
    free(path);
    json_decref(config);
    return status;
}

attrib_status at_tokenizer_add_stops(attrib_tokenizer *tokenizer, attrib_error *err)
{
    static const char *const ends[] = {"<|im_end|>",    "<|eot_id|>", "<|eom_id|>",
                                       "<end_of_turn>", "<|end|>",    "<|endoftext|>"};
    attrib_status status = ATTRIB_OK;
    if (tokenizer->eos >= 0) {
        AT_TRY(at_tokenizer_add_stop(tokenizer, tokenizer->eos, err));
    }
    tokenizer->n_own_stops = tokenizer->stops.n_ids;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        int32_t id = at_vocabulary_find(&tokenizer->vocabulary, ends[i], strlen(ends[i]));
        if (id >= 0 && tokenizer->vocabulary.tokens[id].is_added) {
            AT_TRY(at_tokenizer_add_stop(tokenizer, id, err));
        }
    }
done:
    return status;
}

size_t at_tokenizer_n_own_stops(const attrib_tokenizer *tokenizer)
{
    return tokenizer->n_own_stops;
}

/* 4. The chat template */

attrib_status at_tokenizer_take_chat_template(attrib_tokenizer *tokenizer,
                                              const char *source,
                                              size_t n,
                                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    free(tokenizer->chat_source);
    at_jinja_free(&tokenizer->chat_template);
    tokenizer->chat_source = NULL;
    tokenizer->chat_template = (at_jinja){0};
    tokenizer->chat_problem = (attrib_error){0};
    AT_TRY(at_copy_text(source, n, &tokenizer->chat_source, err));
    status =
        at_jinja_read(source, n, &tokenizer->chat_template, &tokenizer->chat_problem);
    status = status == ATTRIB_ENOMEM
                 ? at_fail(err, status, "%s", tokenizer->chat_problem.message)
                 : ATTRIB_OK;
done:
    return status;
}

/* "chat_template" of a file: a text, or a list of {name, template}, of which "default"
 * counts; *is_there where the file has one. */
static attrib_status take_configured_template(attrib_tokenizer *t,
                                              const char *folder,
                                              const char *file,
                                              bool *is_there,
                                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *config = NULL;
    const json_t *template = NULL;
    const json_t *list = NULL;
    AT_TRY(read_config(folder, file, &path, &config, err));
    template = json_object_get(config, "chat_template");
    list = template;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && strcmp(name, "default") == 0) {
            template = json_object_get(one, "template");
        }
    }
    AT_CHECK(!template || json_is_null(template) || json_is_string(template),
             ATTRIB_EFORMAT,
             "%s: key \"chat_template\": expected a text, or a list with a "
             "\"default\"",
             path);
    *is_there = json_is_string(template);
    if (*is_there) {
        AT_TRY(at_tokenizer_take_chat_template(t, json_string_value(template),
                                               json_string_length(template), err));
    }
done:
    free(path);
    json_decref(config);
    return status;
}

attrib_status attrib_tokenizer_take_template(attrib_tokenizer *t,
                                             const char *folder,
                                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    bool is_there = false;
    at_buffer source = {0};
    size_t offset = 0;
    AT_TRY(at_join_path(folder, "chat_template.jinja", &path, err));
    if (!at_is_there(path)) {
        AT_TRY(take_configured_template(t, folder, "chat_template.json", &is_there, err));
        if (!is_there) {
            AT_TRY(take_configured_template(t, folder, "tokenizer_config.json", &is_there,
                                            err));
        }
        goto done;
    }
    AT_TRY(at_read_file(path, MAX_CONFIG, &source, err));
    AT_CHECK(source.n_bytes == 0 ||
                 at_utf8_is_valid(source.bytes, source.n_bytes, &offset),
             ATTRIB_EFORMAT, "%s: byte %zu is not UTF-8", path, offset);
    AT_TRY(at_tokenizer_take_chat_template(t, source.bytes ? source.bytes : "",
                                           source.n_bytes, err));
done:
    free(path);
    at_buffer_free(&source);
    return status;
}

int32_t at_tokenizer_special(const attrib_tokenizer *tokenizer, size_t i)
{
    return tokenizer->special[i];
}

bool at_tokenizer_has(const attrib_tokenizer *tokenizer, const char *token)
{
    return at_vocabulary_find(&tokenizer->vocabulary, token, strlen(token)) >= 0;
}

const struct at_jinja *at_tokenizer_template(const attrib_tokenizer *tokenizer,
                                             const attrib_error **problem)
{
    *problem = &tokenizer->chat_problem;
    return &tokenizer->chat_template;
}

/* 5. The whole */

attrib_status at_tokenizer_configure(attrib_tokenizer *tokenizer,
                                     const char *folder,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(configure_tokenizer(tokenizer, folder, err));
    AT_TRY(configure_ids(tokenizer, folder, "config.json", err));
    AT_TRY(configure_ids(tokenizer, folder, "generation_config.json", err));
    AT_TRY(add_stops_of(tokenizer, folder, "generation_config.json", err));
    AT_TRY(add_stops_of(tokenizer, folder, "config.json", err));
    AT_TRY(at_tokenizer_add_stops(tokenizer, err));
    AT_TRY(attrib_tokenizer_take_template(tokenizer, folder, err));
done:
    return status;
}
