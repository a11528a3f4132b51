/* SPDX-License-Identifier: MIT */
/* One query.
 *
 * 1. Prompt and completion to ids   2. Rows */
#include "corpus/query.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/talk.h"

/* 1. Prompt and completion to ids */

void at_query_free(at_query *e)
{
    at_draft_free(&e->draft);
    at_draft_free(&e->against);
    at_measuring_free(&e->measuring);
    free(e->prompt);
    free(e->completion);
    free(e->tags);
    free(e->ids);
    free(e->mask);
    *e = (at_query){0};
}

/* Join the sides of a margin. */
static attrib_status join_sides(at_query *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_draft *sides[] = {&e->draft, &e->against};
    size_t n = 0;
    AT_TRY(at_add(e->draft.n_tokens, e->against.n_tokens, &n, err));
    free(e->ids);
    free(e->mask);
    e->ids = NULL;
    e->mask = NULL;
    AT_TRY(at_array(n, sizeof *e->ids, &e->ids, err));
    AT_TRY(at_array(n, 1, &e->mask, err));
    n = 0;
    for (size_t i = 0; i < 2; i++) {
        memcpy(e->ids + n, sides[i]->ids, sides[i]->n_tokens * sizeof *e->ids);
        memcpy(e->mask + n, sides[i]->mask, sides[i]->n_tokens);
        n += sides[i]->n_tokens;
    }
    e->query.ids = e->ids;
    e->query.mask = e->mask;
    e->query.n_tokens = n;
    e->query.against_token = e->draft.n_tokens;
    e->query.against = json_string_value(e->measuring.against);
done:
    return status;
}

attrib_status at_query_publish(at_query *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = e->draft.tags.bytes;
    free(e->tags);
    e->tags = NULL;
    AT_TRY(at_array(e->draft.n_tags, sizeof *e->tags, &e->tags, err));
    for (size_t i = 0; i < e->draft.n_tags; i++) {
        e->tags[i].key = text;
        e->tags[i].value = text + strlen(text) + 1;
        text = e->tags[i].value + strlen(e->tags[i].value) + 1;
    }
    e->query = (attrib_query){
        .id = e->draft.id,
        .prompt = e->prompt,
        .completion = e->completion,
        .tags = e->tags,
        .n_tags = e->draft.n_tags,
        .ids = e->draft.ids,
        .mask = e->draft.mask,
        .n_tokens = e->draft.n_tokens,
        .is_generated = e->query.is_generated,
        .is_cut = e->query.is_cut,
        .is_turn = e->query.is_turn,
        .measure = e->measuring.measure,
        .has_rejected = e->query.has_rejected,
    };
    if (e->against.n_tokens) {
        AT_TRY(join_sides(e, err));
    }
    if (e->measuring.direction.path) {
        AT_TRY(at_direction_place(e->draft.id, e->draft.mask, e->draft.n_tokens,
                                  &e->measuring.direction, err));
        e->query.direction = &e->measuring.direction.published;
    }
done:
    return status;
}

/* Prompt and completion as turns: the template's prompt for the assistant to speak after
 * the one, or the other as what it says, without the end of its turn. */
static attrib_status converse(const at_rules *rules,
                              const char *name,
                              at_query *e,
                              at_segments *segments,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_messages turns = {0};
    AT_TRY(at_messages_add(&turns, AT_CHAT_USER, e->prompt, strlen(e->prompt), err));
    if (e->completion) {
        AT_TRY(at_messages_add(&turns, AT_CHAT_ASSISTANT, e->completion,
                               strlen(e->completion), err));
    }
    AT_TRY(at_draft_converse(rules, name, &turns,
                             e->completion ? AT_CHAT_OPEN : AT_CHAT_ASKS, &e->draft,
                             segments, err));
done:
    at_messages_free(&turns);
    return status;
}

/* Whether a prompt is asked as a turn that nobody named a template for: it has no
 * completion, and the model answers in turns. Where the model's template cannot be run
 * nobody knows. */
static attrib_status choose_turn(const at_rules *rules,
                                 const char *name,
                                 at_query *e,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error problem = {0};
    if (!e->completion) {
        status = at_rules_need_chat(rules, &problem);
        AT_CHECK(status == ATTRIB_OK, status,
                 "%s: %s (--chat-template plain asks as it stands)", name,
                 problem.message);
        e->query.is_turn = rules->asks_in_turns;
    }
done:
    return status;
}

attrib_status at_query_encode(const at_rules *rules,
                              const char *name,
                              at_query *e,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_segments segments = {0};
    AT_CHECK(!e->completion || *e->completion, ATTRIB_EINVAL, "%s: an empty completion",
             name);
    AT_TRY(choose_turn(rules, name, e, err));
    if (rules->wraps_prompts || e->query.is_turn) {
        AT_TRY(converse(rules, name, e, &segments, err));
    } else {
        AT_TRY(at_draft_append(&e->draft, &segments, e->prompt, strlen(e->prompt), false,
                               err));
        if (e->completion) {
            AT_TRY(at_draft_append(&e->draft, &segments, e->completion,
                                   strlen(e->completion), true, err));
        }
    }
    AT_TRY(at_draft_encode(rules, name, &segments, &e->draft, err));
done:
    free(segments.items);
    return status;
}

/* Let the assistant say this last, in the place of what it says. */
static attrib_status say_instead(at_messages *turns, const char *said, attrib_error *err)
{
    if (turns->n > 0 && turns->items[turns->n - 1].role == AT_CHAT_ASSISTANT) {
        turns->n--;
        json_decref(turns->items[turns->n].message);
    }
    return at_messages_add(turns, AT_CHAT_ASSISTANT, said, strlen(said), err);
}

/* A conversation: the last turn is what the assistant says, or else the model shall write
 * it. `said`, where it is there, stands in the place of the former. */
static attrib_status encode_talk(const at_rules *rules,
                                 const char *name,
                                 const json_t *row,
                                 const at_shape *shape,
                                 const char *said,
                                 at_query *e,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_talk talk = {0};
    AT_TRY(at_talk_open(&talk, rules, name, &e->draft, err));
    AT_CHECK(rules->chat, ATTRIB_EINVAL,
             "%s: messages, and the model has no chat template: name one", name);
    AT_TRY(at_talk_row(&talk, shape, row, row, err));
    AT_CHECK(talk.turns.n > 0, ATTRIB_EFORMAT,
             "%s: field \"%s\": expected an array of messages", name, shape->asked);
    AT_TRY(said ? say_instead(&talk.turns, said, err) : ATTRIB_OK);
    {
        const at_chat_turn *last = &talk.turns.items[talk.turns.n - 1];
        const at_segments *segments = &talk.segments;
        bool is_said = last->role == AT_CHAT_ASSISTANT;
        AT_TRY(at_talk_write(&talk, is_said ? AT_CHAT_OPEN : AT_CHAT_ASKS, err));
        size_t n_prompt = is_said && segments->n > 1
                              ? segments->items[segments->n - 2].end
                              : e->draft.text.n_bytes;
        bool is_asked = shape->kind != AT_SHAPE_TURNS && talk.asked.bytes;
        AT_TRY(at_copy_text(is_asked ? talk.asked.bytes : e->draft.text.bytes,
                            is_asked ? talk.asked.n_bytes : n_prompt, &e->prompt, err));
        if (is_said) {
            AT_CHECK(last->n_bytes, ATTRIB_EINVAL, "%s: an empty completion", name);
            AT_TRY(at_copy_text(last->text, last->n_bytes, &e->completion, err));
        }
    }
    AT_TRY(at_draft_encode(rules, name, &talk.segments, &e->draft, err));
done:
    at_talk_free(&talk);
    return status;
}

/* The ids of one side of a query. */
static attrib_status check_side(size_t context,
                                const char *name,
                                const at_draft *side,
                                bool is_answered,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(side->n_tokens > 0, ATTRIB_EINVAL, "%s: an empty prompt", name);
    AT_CHECK(side->n_predicted > 0 || !is_answered, ATTRIB_EINVAL,
             "%s: the completion has no token after the first to predict", name);
    AT_CHECK(side->n_tokens <= context, ATTRIB_ERANGE,
             "%s: %zu tokens, the context holds %zu", name, side->n_tokens, context);
done:
    return status;
}

attrib_status at_query_check(size_t context,
                             const char *name,
                             at_query *e,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_side(context, name, &e->draft, e->completion != NULL, err));
    if (e->measuring.against) {
        status = check_side(context, name, &e->against, true, err);
        AT_TRY(at_context(err, status, "field \"against\""));
    }
    if (e->measuring.direction.path) {
        AT_TRY(at_direction_place(name, e->draft.mask, e->draft.n_tokens,
                                  &e->measuring.direction, err));
    }
    e->n_prompt_ids = e->draft.n_tokens;
    for (size_t t = e->draft.n_tokens; t > 0; t--) {
        e->n_prompt_ids = e->draft.mask[t - 1] ? t - 1 : e->n_prompt_ids;
    }
done:
    return status;
}

/* 2. Rows */

/* Whether a field may hold a completion: a text, or messages. */
static bool may_answer(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);
    return json_string_length(value) > 0 || json_is_string(first) ||
           json_is_object(first);
}

/* The model answers a prompt only where nothing else in its row may be the completion
 * under a name that is not known. A row that says "completion": null asks for it. */
static attrib_status check_unanswered(const at_rules *rules,
                                      const char *name,
                                      const at_shape *shape,
                                      json_t *row,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (json_is_null(json_object_get(row, "completion"))) {
        return ATTRIB_OK;
    }
    for (void *it = json_object_iter(row); it; it = json_object_iter_next(row, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *value = json_object_iter_value(it);
        bool is_read = at_row_is_twice(key) || strcmp(key, "tags") == 0 ||
                       at_shape_reads(rules, shape, row, key, value);
        AT_CHECK(
            is_read || !may_answer(value), ATTRIB_ESHAPE,
            "%s: is field \"%.64s\" the completion? name it so, put it into \"tags\", "
            "or say \"completion\": null for the model to write one",
            name, key);
    }
done:
    return status;
}

static attrib_status read_pair(const at_rules *rules,
                               const char *name,
                               const json_t *row,
                               const at_shape *shape,
                               at_query *e,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer asked = {0};
    const char *text = NULL;
    size_t n_bytes = 0;
    AT_TRY(at_shape_ask(shape, name, row, row, NULL, &asked, err));
    AT_TRY(at_copy_text(asked.bytes, asked.n_bytes, &e->prompt, err));
    if (shape->answered) {
        AT_TRY(at_row_text(name, row, shape->answered, &text, &n_bytes, err));
        AT_TRY(at_copy_text(text, n_bytes, &e->completion, err));
    }
    AT_TRY(at_query_encode(rules, name, e, err));
done:
    at_buffer_free(&asked);
    return status;
}

attrib_status at_query_read(const at_rules *rules,
                            const char *name,
                            json_t *row,
                            const at_shape *shape,
                            at_query *e,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_prompt = shape->kind == AT_SHAPE_PAIR || shape->kind == AT_SHAPE_INSTRUCTION;
    e->query.has_rejected = shape->kind != AT_SHAPE_TOKENS && at_row_has(row, "rejected");
    if (shape->kind == AT_SHAPE_TOKENS) {
        bool is_trained = strcmp(shape->asked, AT_TRAINED_IDS) == 0;
        const char *mask = is_trained ? "labels" : "mask";
        AT_CHECK(at_row_has(row, mask), ATTRIB_ESHAPE,
                 "%s: %s without %s, which tell the completion from the prompt", name,
                 shape->asked, is_trained ? mask : "a mask");
        AT_TRY(at_row_tokens(rules, name, row, shape->asked, &e->draft, err));
    } else if (!has_prompt && shape->kind != AT_SHAPE_TURNS) {
        AT_TRY(at_row_fail_fields(
            name, row, "none of \"prompt\", \"messages\" and \"ids\", which a query has",
            err));
    } else {
        if (has_prompt && !shape->answered) {
            AT_TRY(check_unanswered(rules, name, shape, row, err));
        }
        AT_TRY(at_talk_is(rules, shape, row)
                   ? encode_talk(rules, name, row, shape, NULL, e, err)
                   : read_pair(rules, name, row, shape, e, err));
    }
done:
    return status;
}

/* The text `against` in the place of the completion. */
static attrib_status encode_against(const at_rules *rules,
                                    const char *name,
                                    const json_t *row,
                                    const at_shape *shape,
                                    const at_query *e,
                                    at_query *other,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *said = json_string_value(e->measuring.against);
    if (at_talk_is(rules, shape, row)) {
        return encode_talk(rules, name, row, shape, said, other, err);
    }
    AT_TRY(at_copy_text(e->prompt, strlen(e->prompt), &other->prompt, err));
    AT_TRY(at_copy_text(said, strlen(said), &other->completion, err));
    other->query.is_turn = e->query.is_turn;
    AT_TRY(at_query_encode(rules, name, other, err));
done:
    return status;
}

attrib_status at_query_read_against(const at_rules *rules,
                                    const char *name,
                                    const json_t *row,
                                    const at_shape *shape,
                                    at_query *e,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_query other = {0};
    const json_t *against = e->measuring.against;
    bool has_ids = shape->kind == AT_SHAPE_TOKENS;
    if (!against) {
        return ATTRIB_OK;
    }
    AT_CHECK(has_ids == json_is_object(against), ATTRIB_ESHAPE,
             "%s: field \"against\": expected %s, as the row has %s", name,
             has_ids ? "{\"ids\": [...], \"mask\": [...]}" : "a text",
             has_ids ? "ids" : "a prompt");
    if (!has_ids) {
        AT_TRY(encode_against(rules, name, row, shape, e, &other, err));
    } else {
        AT_CHECK(at_row_has(against, "mask"), ATTRIB_ESHAPE,
                 "%s: field \"against\": ids without a mask", name);
        AT_TRY(at_row_tokens(rules, name, against, "ids", &other.draft, err));
    }
    e->against = other.draft;
    other.draft = (at_draft){0};
done:
    at_query_free(&other);
    return status;
}
