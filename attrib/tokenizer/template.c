/* SPDX-License-Identifier: MIT */
/* Post-processors. Only the "single" template matters: a text is never one of a pair. */
#include "tokenizer/template.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/sequence.h"

/* Special tokens that one side may have; more are no template of a model. */
#define MAX_SPECIAL ((size_t)256)

/* Append the ids of special token `key` of a TemplateProcessing. */
static attrib_status add_special(const char *name,
                                 const json_t *processor,
                                 const char *key,
                                 const at_vocabulary *vocabulary,
                                 at_ids *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *specials = json_object_get(processor, "special_tokens");
    const json_t *ids = json_object_get(json_object_get(specials, key), "ids");
    AT_CHECK(json_is_array(ids), ATTRIB_EFORMAT,
             "%s: TemplateProcessing: special token \"%.64s\" has no \"ids\"", name, key);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        AT_CHECK(json_is_integer(id), ATTRIB_EFORMAT,
                 "%s: TemplateProcessing: special token \"%.64s\": expected ids", name,
                 key);
        AT_CHECK(at_vocabulary_has(vocabulary, json_integer_value(id)), ATTRIB_EFORMAT,
                 "%s: TemplateProcessing: special token \"%.64s\": id "
                 "%" JSON_INTEGER_FORMAT " is not in the vocabulary",
                 name, key, json_integer_value(id));
        int32_t value = (int32_t)json_integer_value(id);
        AT_CHECK(out->n_ids < MAX_SPECIAL, ATTRIB_ERANGE,
                 "%s: TemplateProcessing: more than %zu special tokens", name,
                 MAX_SPECIAL);
        AT_TRY(at_ids_add(out, &value, 1, err));
    }
done:
    return status;
}

/* One item of a template: {"Sequence": {"id": "A"}}, the text, or
 * {"SpecialToken": {"id": X}}. */
static attrib_status read_item(const char *name,
                               const json_t *item,
                               bool *is_text,
                               const char **id,
                               attrib_error *err)
{
    const json_t *sequence = json_object_get(item, "Sequence");
    const json_t *special = json_object_get(item, "SpecialToken");
    *is_text = sequence != NULL;
    *id = json_string_value(json_object_get(sequence ? sequence : special, "id"));
    return *id ? ATTRIB_OK
               : at_fail(err, ATTRIB_EFORMAT,
                         "%s: TemplateProcessing: expected \"Sequence\" or "
                         "\"SpecialToken\" with an \"id\"",
                         name);
}

static attrib_status read_template(const char *name,
                                   const json_t *processor,
                                   const at_vocabulary *vocabulary,
                                   at_template *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *single = json_object_get(processor, "single");
    bool has_text = false;
    AT_CHECK(json_is_array(single), ATTRIB_EFORMAT,
             "%s: TemplateProcessing: key \"single\": expected an array", name);
    for (size_t i = 0; i < json_array_size(single); i++) {
        bool is_text = false;
        const char *id = NULL;
        AT_TRY(read_item(name, json_array_get(single, i), &is_text, &id, err));
        AT_CHECK(!is_text || (strcmp(id, "A") == 0 && !has_text), ATTRIB_ENOTSUP,
                 "%s: TemplateProcessing: a text other than one \"A\" is not supported",
                 name);
        if (!is_text) {
            AT_TRY(add_special(name, processor, id, vocabulary,
                               has_text ? &out->after : &out->before, err));
        }
        has_text = has_text || is_text;
    }
    AT_CHECK(has_text, ATTRIB_ENOTSUP,
             "%s: TemplateProcessing: a template without the text is not supported",
             name);
done:
    return status;
}

/* "cls": ["<s>", 0] of a RobertaProcessing or BertProcessing, which put one token before
 * a text and one after it. */
static attrib_status add_pair(const char *name,
                              const json_t *processor,
                              const char *key,
                              const at_vocabulary *vocabulary,
                              at_ids *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *type = at_step_type(processor);
    const json_t *id = json_array_get(json_object_get(processor, key), 1);
    int32_t value = (int32_t)json_integer_value(id);
    AT_CHECK(json_is_integer(id), ATTRIB_EFORMAT,
             "%s: %s: key \"%s\": expected [token, id]", name, type, key);
    AT_CHECK(at_vocabulary_has(vocabulary, json_integer_value(id)), ATTRIB_EFORMAT,
             "%s: %s: key \"%s\": id %" JSON_INTEGER_FORMAT " is not in the vocabulary",
             name, type, key, json_integer_value(id));
    AT_TRY(at_ids_add(out, &value, 1, err));
done:
    return status;
}

/* One post-processor. ByteLevel is about offsets only. */
static attrib_status read_processor(const char *name,
                                    const json_t *processor,
                                    const at_vocabulary *vocabulary,
                                    at_template *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *type = at_step_type(processor);
    bool has_pair =
        strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0;
    if (strcmp(type, "ByteLevel") == 0) {
        return ATTRIB_OK;
    }
    if (!has_pair && strcmp(type, "TemplateProcessing") != 0) {
        return at_refuse_step(name, "post-processor", processor, err);
    }
    AT_CHECK(!out->adds, ATTRIB_ENOTSUP,
             "%s: more than one post-processor that adds tokens is not supported", name);
    out->adds = true;
    if (has_pair) {
        AT_TRY(add_pair(name, processor, "cls", vocabulary, &out->before, err));
        AT_TRY(add_pair(name, processor, "sep", vocabulary, &out->after, err));
    } else {
        AT_TRY(read_template(name, processor, vocabulary, out, err));
    }
done:
    return status;
}

attrib_status at_template_read(const char *name,
                               const json_t *json,
                               const at_vocabulary *vocabulary,
                               at_template *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    at_template template = {.is_there = json && !json_is_null(json)};
    AT_TRY(at_sequence_read(name, json, "processors", &sequence, err));
    for (size_t i = 0; i < sequence.n_steps; i++) {
        AT_TRY(read_processor(name, sequence.steps[i], vocabulary, &template, err));
    }
    *out = template;
    template = (at_template){0};
done:
    at_template_free(&template);
    return status;
}

void at_template_free(at_template *template)
{
    free(template->before.ids);
    free(template->after.ids);
    memset(template, 0, sizeof *template);
}
