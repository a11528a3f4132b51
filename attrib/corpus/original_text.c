/* SPDX-License-Identifier: MIT */
/* The fields that rows are read by, and the text of a row that was read again. */
#include "corpus/kind.h"
#include "corpus/originals.h"

#include <stdlib.h>
#include <string.h>

attrib_status at_fields_copy(const at_fields *from, at_fields *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fields fields = {{0}};
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        const char *name = from->names[i];
        if (name) {
            AT_TRY(at_copy_text(name, strlen(name), &fields.names[i], err));
        }
    }
    *out = fields;
    fields = (at_fields){{0}};
done:
    at_fields_free(&fields);
    return status;
}

attrib_status at_fields_of(const attrib_corpus_options *options,
                           at_fields *out,
                           attrib_error *err)
{
    const char *const names[AT_N_FIELDS] = {
        [AT_FIELD_TEXT] = options->text_field,
        [AT_FIELD_ID] = options->id_field,
        [AT_FIELD_PROMPT] = options->prompt_field,
        [AT_FIELD_COMPLETION] = options->completion_field,
        [AT_FIELD_MESSAGES] = options->messages_field,
        [AT_FIELD_TAGS] = options->tag_fields,
    };
    at_fields borrowed;
    memcpy(borrowed.names, names, sizeof names);
    return at_fields_copy(&borrowed, out, err);
}

void at_fields_free(at_fields *fields)
{
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        free(fields->names[i]);
        fields->names[i] = NULL;
    }
}

at_rules at_rules_of_fields(const at_fields *fields)
{
    attrib_corpus_options options;
    const char *const *names = (const char *const *)fields->names;
    attrib_corpus_options_default(&options);
    options.text_field = names[AT_FIELD_TEXT];
    options.id_field = names[AT_FIELD_ID] ? names[AT_FIELD_ID] : options.id_field;
    options.prompt_field = names[AT_FIELD_PROMPT];
    options.completion_field = names[AT_FIELD_COMPLETION];
    options.messages_field = names[AT_FIELD_MESSAGES];
    options.tag_fields = names[AT_FIELD_TAGS];
    at_rules rules = at_rules_of(NULL, &options);
    rules.is_text_wanted = true;
    return rules;
}

/* The draft that a document's id names, or the first one. */
static const at_draft *choose_draft(const at_drafts *drafts, const char *id)
{
    for (size_t i = 0; i < drafts->n; i++) {
        if (drafts->items[i].id && strcmp(drafts->items[i].id, id) == 0) {
            return &drafts->items[i];
        }
    }
    return drafts->n ? &drafts->items[0] : NULL;
}

static bool begins_row(const char *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", bytes[i])) {
        i++;
    }
    return i < n && bytes[i] == '{';
}

attrib_status at_original_text(const at_fields *fields,
                               const at_place *place,
                               const char *id,
                               const char *bytes,
                               size_t n_bytes,
                               at_buffer *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_drafts drafts = {0};
    at_buffer name = {0};
    at_rules rules = at_rules_of_fields(fields);
    bool is_compressed = false;
    at_kind kind =
        at_kind_of_name(place->member ? place->member : place->source, &is_compressed);
    const at_draft *draft = NULL;
    if (!place->line || kind == AT_KIND_TEXT || !begins_row(bytes, n_bytes)) {
        return at_buffer_append(out, bytes, n_bytes, err);
    }
    AT_TRY(at_buffer_print(&name, err, "%s%s%s:%zu", place->source,
                           place->member ? ":" : "", place->member ? place->member : "",
                           place->line));
    AT_TRY(at_draft_from_row(&rules, name.bytes, bytes, n_bytes, &drafts, err));
    draft = choose_draft(&drafts, id);
    AT_CHECK(draft && draft->has_text, ATTRIB_ENOTSUP, "%s: tokens, which have no text",
             name.bytes);
    AT_TRY(at_buffer_append(out, draft->text.bytes, draft->text.n_bytes, err));
done:
    at_drafts_free(&drafts);
    at_buffer_free(&name);
    return status;
}
