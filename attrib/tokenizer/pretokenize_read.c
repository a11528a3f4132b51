/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers: reading them. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/pretokenize_step.h"
#include "tokenizer/sequence.h"

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static attrib_status read_byte_level(const char *name,
                                     const json_t *json,
                                     at_pretokenizer_step *step,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool adds_space = true;
    bool uses_regex = true;
    AT_TRY(at_json_bool(name, json, "add_prefix_space", &adds_space, NULL, err));
    AT_TRY(at_json_bool(name, json, "use_regex", &uses_regex, NULL, err));
    step->maps_bytes = true;
    step->scheme = adds_space ? AT_PREPEND_ALWAYS : AT_PREPEND_NEVER;
    memcpy(step->mark, " ", 2);
    step->n_mark = 1;
    step->behavior = AT_SPLIT_ISOLATED;
    if (uses_regex) {
        AT_TRY(at_pattern_from_regex(name, gpt2_pattern, sizeof gpt2_pattern - 1,
                                     &step->pattern, err));
    }
done:
    return status;
}

static attrib_status read_behavior(const char *name,
                                   const json_t *json,
                                   at_split_behavior *out,
                                   attrib_error *err)
{
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *text = NULL;
    attrib_status status = at_json_text(name, json, "behavior", &text, NULL, err);
    if (status != ATTRIB_OK || !text) { /* Isolated is Punctuation's default */
        return status;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (at_split_behavior)i;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP, "%s: behavior \"%.64s\" is not supported", name,
                   text);
}

static attrib_status read_split(const char *name,
                                const json_t *json,
                                at_pretokenizer_step *step,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(json_is_string(json_object_get(json, "behavior")), ATTRIB_EFORMAT,
             "%s: Split: key \"behavior\": expected a string", name);
    AT_TRY(at_pattern_read(name, json, "pattern", &step->pattern, err));
    AT_TRY(read_behavior(name, json, &step->behavior, err));
    AT_TRY(at_json_bool(name, json, "invert", &step->is_inverted, NULL, err));
done:
    return status;
}

static attrib_status read_scheme(const char *name,
                                 const json_t *json,
                                 at_prepend_scheme *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    bool adds_space = true; /* of files before there were schemes */
    AT_TRY(at_json_text(name, json, "prepend_scheme", &text, NULL, err));
    AT_TRY(at_json_bool(name, json, "add_prefix_space", &adds_space, NULL, err));
    if (!text) {
        *out = adds_space ? AT_PREPEND_ALWAYS : AT_PREPEND_NEVER;
    } else if (strcmp(text, "always") == 0) {
        *out = AT_PREPEND_ALWAYS;
    } else if (strcmp(text, "first") == 0) {
        *out = AT_PREPEND_FIRST;
    } else if (strcmp(text, "never") == 0) {
        *out = AT_PREPEND_NEVER;
    } else {
        status = at_fail(err, ATTRIB_ENOTSUP,
                         "%s: prepend_scheme \"%.64s\" is not supported", name, text);
    }
done:
    return status;
}

static attrib_status read_metaspace(const char *name,
                                    const json_t *json,
                                    at_pretokenizer_step *step,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *mark = NULL;
    bool splits = true;
    AT_TRY(at_step_text(name, json, "replacement", &mark, &step->n_mark, err));
    AT_CHECK(at_count_characters(mark, step->n_mark) == 1, ATTRIB_EFORMAT,
             "%s: Metaspace: replacement \"%.64s\" is not one character", name, mark);
    memcpy(step->mark, mark, step->n_mark);
    AT_TRY(read_scheme(name, json, &step->scheme, err));
    AT_TRY(at_json_bool(name, json, "split", &splits, NULL, err));
    step->replaces_spaces = true;
    step->behavior = AT_SPLIT_MERGED_WITH_NEXT;
    if (splits) {
        AT_TRY(at_pattern_from_text(name, mark, step->n_mark, &step->pattern, err));
    }
done:
    return status;
}

static attrib_status read_digits(const char *name,
                                 const json_t *json,
                                 at_pretokenizer_step *step,
                                 attrib_error *err)
{
    bool is_individual = false;
    step->pattern = (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_numeric};
    attrib_status status =
        at_json_bool(name, json, "individual_digits", &is_individual, NULL, err);
    step->behavior = is_individual ? AT_SPLIT_ISOLATED : AT_SPLIT_CONTIGUOUS;
    return status;
}

static attrib_status read_step(const char *name,
                               const json_t *json,
                               at_pretokenizer_step *step,
                               attrib_error *err)
{
    const char *type = at_step_type(json);
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(name, json, step, err);
    }
    if (strcmp(type, "Split") == 0) {
        return read_split(name, json, step, err);
    }
    if (strcmp(type, "Metaspace") == 0) {
        return read_metaspace(name, json, step, err);
    }
    if (strcmp(type, "Digits") == 0) {
        return read_digits(name, json, step, err);
    }
    if (strcmp(type, "Punctuation") == 0) {
        step->pattern =
            (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_punctuation};
        return read_behavior(name, json, &step->behavior, err);
    }
    if (strcmp(type, "WhitespaceSplit") == 0) {
        step->pattern = (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_space};
        step->behavior = AT_SPLIT_REMOVED;
        return ATTRIB_OK;
    }
    if (strcmp(type, "Whitespace") == 0) {
        step->pattern = (at_pattern){.kind = AT_PATTERN_WORDS};
        step->behavior = AT_SPLIT_REMOVED;
        step->is_inverted = true;
        return ATTRIB_OK;
    }
    return at_refuse_step(name, "pre-tokenizer", json, err);
}

attrib_status at_pretokenizer_read(const char *name,
                                   const json_t *json,
                                   at_pretokenizer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    at_pretokenizer pretokenizer = {0};
    AT_TRY(at_sequence_read(name, json, "pretokenizers", &sequence, err));
    AT_TRY(
        at_array(sequence.n_steps, sizeof *pretokenizer.steps, &pretokenizer.steps, err));
    for (size_t i = 0; i < sequence.n_steps; i++) {
        at_pretokenizer_step *step = &pretokenizer.steps[i];
        pretokenizer.n_steps = i + 1;
        AT_TRY(read_step(name, sequence.steps[i], step, err));
        pretokenizer.has_byte_level = pretokenizer.has_byte_level || step->maps_bytes;
        pretokenizer.ends_in_bytes = step->maps_bytes;
    }
    *out = pretokenizer;
    pretokenizer = (at_pretokenizer){0};
done:
    at_pretokenizer_free(&pretokenizer);
    return status;
}

void at_pretokenizer_free(at_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->n_steps; i++) {
        at_pattern_free(&pretokenizer->steps[i].pattern);
    }
    free(pretokenizer->steps);
    memset(pretokenizer, 0, sizeof *pretokenizer);
}
