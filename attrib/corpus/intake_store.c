/* SPDX-License-Identifier: MIT */
/* Passages whose documents are made, on their way to the store. */
#include <stdlib.h>
#include <string.h>

#include "corpus/intake_state.h"

bool at_intake_is_full(const at_intake *intake)
{
    return intake->max_documents &&
           at_corpus_counts(intake->corpus)->n_documents >= intake->max_documents;
}

/* An item on its way to the store. */
typedef struct storing {
    at_intake *intake;
    const at_item *it;
    at_origin origin;
    size_t ordinal; /* of the draft among those of the at_item */
} storing;

/* Where a draft stands: where its item does, but for a part of a text that knows better.
 */
static void place_draft(storing *s, const at_draft *draft)
{
    const at_item *it = s->it;
    s->origin.span_start = it->start + draft->span_start;
    s->origin.span_end =
        s->origin.span_start + (draft->n_span ? draft->n_span : it->n_span);
    if (draft->n_span) {
        at_digest_bytes(draft->text.bytes, draft->n_span, s->origin.hash);
    } else {
        memcpy(s->origin.hash, it->hash, sizeof it->hash);
    }
}

/* The tags of a draft as they are compared; owned by the caller. */
static attrib_status list_tags(const at_draft *draft, attrib_tag **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = draft->tags.bytes;
    attrib_tag *tags = NULL;
    AT_TRY(at_array(draft->n_tags, sizeof *tags, &tags, err));
    for (size_t i = 0; i < draft->n_tags; i++) {
        tags[i].key = text;
        tags[i].value = text + strlen(text) + 1;
        text = tags[i].value + strlen(tags[i].value) + 1;
    }
    *out = tags;
done:
    return status;
}

/* A draft as conditions see it. */
static attrib_document draft_as_document(const storing *s,
                                         const at_draft *draft,
                                         const attrib_tag *tags)
{
    return (attrib_document){
        .index = at_corpus_counts(s->intake->corpus)->n_documents,
        .id = draft->id ? draft->id : s->it->name.bytes,
        .source = s->origin.source,
        .member = s->origin.member,
        .line = s->origin.line,
        .tags = tags,
        .n_tags = draft->n_tags,
        .n_tokens = draft->n_tokens,
        .n_predicted = draft->n_predicted,
    };
}

/* Whether a draft is selected. */
static attrib_status judge_draft(storing *s,
                                 const at_draft *draft,
                                 bool *is_taken,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_selection *selection = s->intake->selection;
    attrib_corpus_summary *counts = at_corpus_counts(s->intake->corpus);
    attrib_tag *tags = NULL;
    attrib_document document;
    uint64_t key = s->it->key;
    *is_taken = true;
    if (!selection || draft->n_predicted == 0) {
        return ATTRIB_OK; /* an empty one is counted where it is stored */
    }
    AT_TRY(list_tags(draft, &tags, err));
    document = draft_as_document(s, draft, tags);
    if (at_selection_draws(selection) && !at_item_is_whole(s->intake, s->it)) {
        AT_TRY(at_selection_key(selection, s->origin.hash, &key, err));
    }
    AT_TRY(at_selection_judge(selection, &document, key, s->ordinal++, is_taken, counts,
                              err));
done:
    free(tags);
    return status;
}

/* Store a draft; the ids of a long one go there as they come. */
static attrib_status store_draft(void *context, at_draft *draft, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    storing *s = context;
    attrib_corpus *corpus = s->intake->corpus;
    const char *name = s->it->name.bytes;
    const at_id_sink ids = {.put = at_corpus_put_ids, .context = corpus};
    bool is_taken = false;
    if (at_intake_is_full(s->intake)) {
        return ATTRIB_END; /* what follows the last document does not matter */
    }
    place_draft(s, draft);
    if (draft->is_long) {
        AT_TRY(at_text_encode(s->intake->rules, name, draft->text.bytes,
                              draft->text.n_bytes, ids, &draft->n_tokens, err));
        draft->n_predicted = draft->n_tokens ? draft->n_tokens - 1 : 0;
    }
    AT_TRY(judge_draft(s, draft, &is_taken, err));
    AT_TRY(is_taken ? at_corpus_append(corpus, &s->origin, name, draft, err) : ATTRIB_OK);
done:
    return status;
}

/* An item that failed is left out, or ends the reading. */
static attrib_status refuse_item(const storing *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_item *it = s->it;
    at_skipped *skipped = s->intake->skipped;
    at_buffer line = {0};
    AT_CHECK(skipped && it->line && at_skipped_may(it->status), it->status, "%s",
             it->error.message);
    AT_TRY(at_skipped_add(skipped, &s->origin, it->name.bytes, &it->error, &line, err));
    AT_TRY(at_corpus_skip(s->intake->corpus, line.bytes, line.n_bytes, err));
done:
    at_buffer_free(&line);
    return status;
}

attrib_status at_intake_store(at_intake *intake, at_item *it, attrib_error *err)
{
    storing s = {.intake = intake,
                 .it = it,
                 .origin = {.source = intake->names.bytes + it->source,
                            .member = at_item_member(intake, it),
                            .line = it->line}};
    if (at_intake_is_full(intake)) {
        return ATTRIB_END;
    }
    if (it->status != ATTRIB_OK) {
        return refuse_item(&s, err);
    }
    if (it->is_passed) {
        at_selection_pass(intake->selection);
        return ATTRIB_OK;
    }
    if (it->borrowed && at_item_is_text(it) && intake->rules->n_unit_tokens) {
        return at_text_cut(intake->rules, it->name.bytes, it->borrowed, it->n_bytes,
                           (at_draft_sink){store_draft, &s}, err);
    }
    at_corpus_counts(intake->corpus)->n_hidden_texts += it->drafts.hides_text;
    for (size_t i = 0; i < it->drafts.n; i++) {
        it->status = store_draft(&s, &it->drafts.items[i], &it->error);
        if (it->status != ATTRIB_OK) {
            return it->status == ATTRIB_END ? ATTRIB_END : refuse_item(&s, err);
        }
    }
    return ATTRIB_OK;
}
