/* SPDX-License-Identifier: MIT */
/* Decoders: reading them. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/decode_step.h"
#include "tokenizer/sequence.h"

/* Real decoders put in a space. */
#define MAX_CONTENT ((size_t)256)

static attrib_status read_mark(const char *name,
                               const json_t *json,
                               const char *key,
                               at_detokenizer_step *step,
                               attrib_error *err)
{
    const char *text = NULL;
    attrib_status status = at_step_text(name, json, key, &text, &step->n_mark, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    if (at_count_characters(text, step->n_mark) != 1) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: %s: key \"%s\": \"%.64s\" is not one character", name,
                       at_step_type(json), key, text);
    }
    memcpy(step->mark, text, step->n_mark);
    return ATTRIB_OK;
}

static attrib_status read_replace(const char *name,
                                  const json_t *json,
                                  at_detokenizer_step *step,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *content = NULL;
    step->kind = AT_DECODER_REPLACE;
    AT_TRY(at_step_text(name, json, "content", &content, &step->n_content, err));
    AT_CHECK(step->n_content <= MAX_CONTENT, ATTRIB_ERANGE,
             "%s: Replace: content of %zu bytes, at most %zu are read", name,
             step->n_content, MAX_CONTENT);
    AT_TRY(at_copy_text(content, step->n_content, &step->content, err));
    AT_TRY(at_pattern_read(name, json, "pattern", &step->pattern, err));
done:
    return status;
}

static attrib_status read_metaspace(const char *name,
                                    const json_t *json,
                                    at_detokenizer_step *step,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *scheme = NULL;
    bool adds_space = true; /* of files before there were schemes */
    step->kind = AT_DECODER_METASPACE;
    AT_TRY(read_mark(name, json, "replacement", step, err));
    AT_TRY(at_json_text(name, json, "prepend_scheme", &scheme, NULL, err));
    AT_TRY(at_json_bool(name, json, "add_prefix_space", &adds_space, NULL, err));
    step->drops_first = scheme ? strcmp(scheme, "never") != 0 : adds_space;
done:
    return status;
}

static attrib_status read_step(const char *name,
                               const json_t *json,
                               at_detokenizer_step *step,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *type = at_step_type(json);
    if (strcmp(type, "ByteLevel") == 0) {
        step->kind = AT_DECODER_BYTE_LEVEL;
    } else if (strcmp(type, "ByteFallback") == 0) {
        step->kind = AT_DECODER_BYTE_FALLBACK;
    } else if (strcmp(type, "Fuse") == 0) {
        step->kind = AT_DECODER_FUSE;
    } else if (strcmp(type, "Replace") == 0) {
        AT_TRY(read_replace(name, json, step, err));
    } else if (strcmp(type, "Metaspace") == 0) {
        AT_TRY(read_metaspace(name, json, step, err));
    } else if (strcmp(type, "Strip") == 0) {
        step->kind = AT_DECODER_STRIP;
        AT_TRY(read_mark(name, json, "content", step, err));
        AT_TRY(at_json_size(name, json, "start", &step->n_start, NULL, err));
        AT_TRY(at_json_size(name, json, "stop", &step->n_stop, NULL, err));
    } else {
        status = at_refuse_step(name, "decoder", json, err);
    }
done:
    return status;
}

attrib_status at_detokenizer_read(const char *name,
                                  const json_t *json,
                                  at_detokenizer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    at_detokenizer decoder = {.is_there = json && !json_is_null(json)};
    AT_TRY(at_sequence_read(name, json, "decoders", &sequence, err));
    AT_TRY(at_array(sequence.n_steps, sizeof *decoder.steps, &decoder.steps, err));
    for (size_t i = 0; i < sequence.n_steps; i++) {
        decoder.n_steps = i + 1;
        AT_TRY(read_step(name, sequence.steps[i], &decoder.steps[i], err));
        decoder.has_byte_level =
            decoder.has_byte_level || decoder.steps[i].kind == AT_DECODER_BYTE_LEVEL;
    }
    *out = decoder;
    decoder = (at_detokenizer){0};
done:
    at_detokenizer_free(&decoder);
    return status;
}

void at_detokenizer_free(at_detokenizer *decoder)
{
    for (size_t i = 0; i < decoder->n_steps; i++) {
        free(decoder->steps[i].content);
        at_pattern_free(&decoder->steps[i].pattern);
    }
    free(decoder->steps);
    memset(decoder, 0, sizeof *decoder);
}
