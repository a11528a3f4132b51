/* SPDX-License-Identifier: MIT */
/* Rows of JSON to documents.
 *
 * A row's shape is told by its fields (shape.h); its other scalar fields are tags. A
 * field that is null counts as absent, as tables that were joined have them.
 *
 * 1. Shapes to drafts
 * 2. Rows */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/talk.h"

/* 1. Shapes to drafts */

/* A row on its way to becoming documents. */
typedef struct row {
    const at_rules *rules;
    const char *name;
    json_t *object; /* borrowed */
    json_t **owner; /* where the object is owned; NULL there: it was let go of */
    bool is_long;
    at_shape shape;
    at_drafts *out;
} row;

static attrib_status build_tokens(const row *r, attrib_error *err)
{
    at_draft *draft = NULL;
    attrib_status status = at_drafts_add(r->out, &draft, err);
    if (status == ATTRIB_OK) {
        status = at_row_tokens(r->rules, r->name, r->object, r->shape.asked, draft, err);
    }
    return status;
}

/* A string field appended as a segment; one that is absent or null appends nothing. */
static attrib_status append_field(const row *r,
                                  const json_t *object,
                                  const char *field,
                                  at_draft *draft,
                                  at_segments *segments,
                                  attrib_error *err)
{
    const char *text = NULL;
    size_t n_bytes = 0;
    attrib_status status = at_row_text(r->name, object, field, &text, &n_bytes, err);
    return status == ATTRIB_OK
               ? at_draft_append(draft, segments, text, n_bytes, true, err)
               : status;
}

/* A long text is not copied: the draft borrows it, and the row is kept for that. */
static attrib_status build_text(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    const char *text = NULL;
    size_t n_bytes = 0;
    AT_TRY(at_drafts_add(r->out, &draft, err));
    if (r->is_long) {
        AT_TRY(at_row_text(r->name, r->object, r->shape.asked, &text, &n_bytes, err));
        at_draft_borrow(draft, text, n_bytes);
        draft->is_long = n_bytes > 0;
        r->out->row = json_incref(r->object);
        goto done;
    }
    AT_TRY(append_field(r, r->object, r->shape.asked, draft, &segments, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

/* What all shapes share: the id, and the fields left over as tags. */
static attrib_status finish_draft(const row *r, at_draft *draft, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_row_id(r->name, r->object, r->rules->id_field, draft, err));
    AT_TRY(at_shape_tags(r->rules, &r->shape, r->object, draft, err));
done:
    return status;
}

/* A long row whose only draft has its text is not kept while that is encoded. */
static attrib_status let_go(const row *r, at_draft *draft, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (r->is_long && r->shape.kind != AT_SHAPE_INSTANCES && !r->shape.rejected) {
        AT_TRY(finish_draft(r, draft, err));
        json_decref(*r->owner);
        *r->owner = NULL;
    }
done:
    return status;
}

/* What is asked as it stands, and its answer, which has the loss. */
static attrib_status add_pair(const row *r, const json_t *instance, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer asked = {0};
    at_segments segments = {0};
    at_draft *draft = NULL;
    const char *answered =
        r->shape.kind == AT_SHAPE_INSTANCES ? "output" : r->shape.answered;
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(at_shape_ask(&r->shape, r->name, r->object, instance, NULL, &asked, err));
    AT_TRY(at_draft_append(draft, &segments, asked.bytes, asked.n_bytes, false, err));
    at_buffer_free(&asked);
    AT_TRY(append_field(r, instance, answered, draft, &segments, err));
    AT_TRY(let_go(r, draft, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    at_buffer_free(&asked);
    return status;
}

static attrib_status add_conversation(const row *r,
                                      const json_t *instance,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_talk talk = {0};
    AT_TRY(at_drafts_add(r->out, &draft, err));
    draft->has_text = true;
    AT_TRY(at_talk_open(&talk, r->rules, r->name, draft, err));
    AT_TRY(at_talk_row(&talk, &r->shape, r->object, instance, err));
    AT_TRY(at_talk_write(&talk, AT_CHAT_CLOSED, err));
    at_messages_free(&talk.turns);
    AT_TRY(let_go(r, draft, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &talk.segments, draft, err));
done:
    at_talk_free(&talk);
    return status;
}

static attrib_status add_document(const row *r, const json_t *instance, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (r->shape.kind != AT_SHAPE_PAIR) {
        status = at_rules_need_chat(r->rules, err);
    }
    if (status != ATTRIB_OK) {
        return at_context(err, status, "%s", r->name);
    }
    return at_talk_is(r->rules, &r->shape, r->object) ? add_conversation(r, instance, err)
                                                      : add_pair(r, instance, err);
}

static attrib_status build_instances(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *instances = json_object_get(r->object, r->shape.answered);
    AT_CHECK(json_is_array(instances), ATTRIB_EFORMAT,
             "%s: field \"instances\": expected an array", r->name);
    for (size_t i = 0; i < json_array_size(instances); i++) {
        const json_t *instance = json_array_get(instances, i);
        AT_CHECK(json_is_object(instance), ATTRIB_EFORMAT, "%s: an instance is no object",
                 r->name);
        AT_TRY(add_document(r, instance, err));
    }
done:
    return status;
}

/* The rejected side follows the chosen one. */
static attrib_status join_sides(at_draft *draft,
                                const at_draft *rejected,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = draft->n_tokens + rejected->n_tokens;
    size_t capacity = draft->n_tokens;
    AT_TRY(at_grow(&draft->ids, &capacity, n, sizeof *draft->ids, err));
    capacity = draft->n_tokens;
    AT_TRY(at_grow(&draft->mask, &capacity, n, sizeof *draft->mask, err));
    memcpy(draft->ids + draft->n_tokens, rejected->ids,
           rejected->n_tokens * sizeof *draft->ids);
    memcpy(draft->mask + draft->n_tokens, rejected->mask, rejected->n_tokens);
    draft->rejected_token = draft->n_tokens;
    draft->rejected_byte = draft->text.n_bytes;
    AT_TRY(at_buffer_append(&draft->text, rejected->text.bytes, rejected->text.n_bytes,
                            err));
    draft->n_tokens = n;
    draft->n_predicted += rejected->n_predicted;
done:
    return status;
}

/* A document whose loss is that of the chosen side minus that of the rejected one. */
static attrib_status build_sides(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_drafts other = {0};
    row rejected = *r;
    bool is_whole = r->shape.kind == AT_SHAPE_TURNS;
    *(is_whole ? &rejected.shape.asked : &rejected.shape.answered) = r->shape.rejected;
    rejected.out = &other;
    AT_TRY(add_document(r, r->object, err));
    AT_TRY(add_document(&rejected, r->object, err));
    AT_CHECK(r->out->items[0].n_predicted && other.items[0].n_predicted, ATTRIB_ESHAPE,
             "%s: field \"%s\": no token counts, a margin needs one on either side",
             r->name, other.items[0].n_predicted ? "chosen" : r->shape.rejected);
    AT_TRY(join_sides(&r->out->items[0], &other.items[0], err));
done:
    at_drafts_free(&other);
    return status;
}

static attrib_status build(const row *r, attrib_error *err)
{
    if (r->shape.rejected) {
        return build_sides(r, err);
    }
    switch (r->shape.kind) {
    case AT_SHAPE_TOKENS:
        return build_tokens(r, err);
    case AT_SHAPE_TEXT:
        return build_text(r, err);
    case AT_SHAPE_INSTANCES:
        return build_instances(r, err);
    default:
        return add_document(r, r->object, err);
    }
}

/* 2. Rows */

/* Ids and tags of all drafts, where they are not there yet. */
static attrib_status finish_drafts(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer numbered = {0};
    for (size_t i = 0; i < r->out->n && *r->owner; i++) {
        at_draft *draft = &r->out->items[i];
        AT_TRY(finish_draft(r, draft, err));
        if (r->out->n > 1) {
            AT_TRY(at_buffer_print(&numbered, err, "%s#%zu",
                                   draft->id ? draft->id : r->name, i + 1));
            free(draft->id);
            draft->id = numbered.bytes;
            numbered = (at_buffer){0};
        }
    }
    r->out->hides_text = r->shape.hides_text;
done:
    at_buffer_free(&numbered);
    return status;
}

/* A row of no shape: where its text is null the document is empty, and only counted. */
static attrib_status refuse(const row *r, attrib_error *err)
{
    at_draft *empty = NULL;
    char wanted[160];
    if (at_row_at(r->object, r->rules->text_field)) {
        return at_drafts_add(r->out, &empty, err);
    }
    snprintf(wanted, sizeof wanted,
             "no field \"%.64s\", nor those of another kind of row",
             r->rules->text_field);
    return at_row_fail_fields(r->name, r->object, wanted, err);
}

attrib_status at_draft_from_row(const at_rules *rules,
                                const char *name,
                                const char *text,
                                size_t n_bytes,
                                at_drafts *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *object = NULL;
    row r = {
        .rules = rules, .name = name, .is_long = n_bytes >= AT_LONG_TEXT, .out = out};
    bool needs_answer = false;
    AT_TRY(at_row_parse(name, text, n_bytes, &object, err));
    r.object = object;
    r.owner = &object;
    AT_TRY(at_row_shape(rules, name, object, &r.shape, err));
    needs_answer = r.shape.kind == AT_SHAPE_PAIR || r.shape.kind == AT_SHAPE_INSTRUCTION;
    if (!r.shape.kind || (needs_answer && !r.shape.answered)) {
        status = refuse(&r, err);
        goto done;
    }
    AT_TRY(build(&r, err));
    AT_TRY(finish_drafts(&r, err));
done:
    json_decref(object);
    return status;
}
