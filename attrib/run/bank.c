/* SPDX-License-Identifier: MIT */
/* Copies of queries, documents and results in a run's bank. */
#include "run/bank.h"

#include <string.h>

attrib_status at_bank_string(at_arena *bank, const char **text, attrib_error *err)
{
    return at_arena_text(bank, *text, *text ? strlen(*text) : 0, text, err);
}

static attrib_status bank_tags(at_arena *bank,
                               const attrib_tag **tags,
                               size_t n_tags,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tag *copy = NULL;
    AT_TRY(at_arena_take(bank, n_tags, sizeof *copy, &copy, err));
    for (size_t i = 0; i < n_tags; i++) {
        copy[i] = (*tags)[i];
        AT_TRY(at_bank_string(bank, &copy[i].key, err));
        AT_TRY(at_bank_string(bank, &copy[i].value, err));
    }
    *tags = copy;
done:
    return status;
}

static attrib_status bank_bytes(
    at_arena *bank, const void *bytes, size_t n, const void **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    void *copy = NULL;
    AT_TRY(at_arena_take(bank, n, 1, &copy, err));
    if (n) {
        memcpy(copy, bytes, n);
    }
    *out = copy;
done:
    return status;
}

static attrib_status bank_direction(at_arena *bank,
                                    const attrib_direction *direction,
                                    size_t n_tokens,
                                    const attrib_direction **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_direction *copy = NULL;
    const void *positions = NULL;
    AT_TRY(at_arena_take(bank, 1, sizeof *copy, &copy, err));
    AT_TRY(bank_bytes(bank, direction->positions, n_tokens, &positions, err));
    *copy = *direction;
    copy->values = NULL;
    copy->positions = positions;
    AT_TRY(at_bank_string(bank, &copy->path, err));
    *out = copy;
done:
    return status;
}

attrib_status at_bank_query(at_arena *bank,
                            const attrib_query *query,
                            attrib_query *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const void *ids = NULL;
    const void *mask = NULL;
    *out = *query;
    AT_TRY(at_bank_string(bank, &out->id, err));
    AT_TRY(at_bank_string(bank, &out->prompt, err));
    AT_TRY(at_bank_string(bank, &out->completion, err));
    AT_TRY(at_bank_string(bank, &out->against, err));
    AT_TRY(bank_tags(bank, &out->tags, out->n_tags, err));
    AT_TRY(bank_bytes(bank, query->ids, query->n_tokens * sizeof *query->ids, &ids, err));
    AT_TRY(bank_bytes(bank, query->mask, query->n_tokens, &mask, err));
    out->ids = ids;
    out->mask = mask;
    if (query->direction) {
        AT_TRY(bank_direction(bank, query->direction, query->n_tokens, &out->direction,
                              err));
    }
done:
    return status;
}

attrib_status at_bank_document(at_arena *bank,
                               attrib_document *document,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_bank_string(bank, &document->id, err));
    AT_TRY(at_bank_string(bank, &document->source, err));
    AT_TRY(at_bank_string(bank, &document->member, err));
    AT_TRY(bank_tags(bank, &document->tags, document->n_tags, err));
    AT_TRY(at_arena_text(bank, document->text, document->n_text_bytes, &document->text,
                         err));
    document->first_sequence = 0;
done:
    return status;
}

static attrib_status bank_tokens(at_arena *bank,
                                 const attrib_result *result,
                                 attrib_result *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_token_score *tokens = NULL;
    AT_TRY(at_arena_take(bank, result->n_tokens, sizeof *tokens, &tokens, err));
    for (size_t t = 0; t < result->n_tokens; t++) {
        tokens[t] = result->tokens[t];
        AT_TRY(
            at_arena_text(bank, tokens[t].text, tokens[t].n_bytes, &tokens[t].text, err));
    }
    out->tokens = tokens;
done:
    return status;
}

attrib_status at_bank_result(at_arena *bank,
                             const attrib_result *result,
                             attrib_result *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_module_score *modules = NULL;
    *out = *result;
    AT_TRY(at_bank_document(bank, &out->document, err));
    AT_TRY(bank_tokens(bank, result, out, err));
    AT_TRY(at_arena_take(bank, result->n_modules, sizeof *modules, &modules, err));
    for (size_t m = 0; m < result->n_modules; m++) {
        modules[m] = result->modules[m];
        AT_TRY(at_bank_string(bank, &modules[m].name, err));
    }
    out->modules = modules;
done:
    return status;
}
