/* SPDX-License-Identifier: MIT */
/* The ids that begin and end a document, from the configuration beside a tokenizer.json.
 */
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_CONFIG ((size_t)64 << 20)

/* A file's JSON, NULL where the file is not there. */
static attrib_status read_config(
    const char *folder, const char *file, char **path, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_join_path(folder, file, path, err));
    if (!at_is_file(*path)) {
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

attrib_status at_tokenizer_configure(attrib_tokenizer *tokenizer,
                                     const char *folder,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(configure_tokenizer(tokenizer, folder, err));
    AT_TRY(configure_ids(tokenizer, folder, "config.json", err));
    AT_TRY(configure_ids(tokenizer, folder, "generation_config.json", err));
done:
    return status;
}
