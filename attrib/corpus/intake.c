/* SPDX-License-Identifier: MIT */
/* Batches of passages. A batch's size does not depend on the threads, and its failures
 * are looked at in the order of its passages, so neither does anything else. */
#include "corpus/intake_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "corpus/shape.h"

#define MAX_ITEMS 1024
#define PER_BLOCK 16           /* items a worker takes at a time */
#define MAX_BYTES AT_LONG_TEXT /* of a batch; one passage may be longer */

/* 1. One passage */

static attrib_status name_item(const at_intake *intake, at_item *it, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *member = at_item_member(intake, it);
    AT_TRY(at_buffer_print(&it->name, err, "%s%s%s", intake->names.bytes + it->source,
                           member ? ":" : "", member ? member : ""));
    if (it->unit) {
        AT_TRY(at_buffer_print(&it->name, err, "#%s%zu", it->unit, it->part));
    } else if (it->line) {
        AT_TRY(at_buffer_print(&it->name, err, ":%zu", it->line));
    }
done:
    return status;
}

/* Move a draft to an item's. */
static attrib_status keep_draft(void *context, at_draft *draft, attrib_error *err)
{
    at_draft *kept = NULL;
    attrib_status status = at_drafts_add(context, &kept, err);
    if (status == ATTRIB_OK) {
        *kept = *draft;
        *draft = (at_draft){0};
    }
    return status;
}

/* A long text is encoded, and cut, when it is stored. */
static attrib_status build_text(const at_rules *rules, at_item *it, const char *bytes)
{
    const at_draft_sink kept = {keep_draft, &it->drafts};
    at_draft *draft = NULL;
    attrib_status status = ATTRIB_OK;
    if (rules->n_unit_tokens) {
        return it->borrowed ? ATTRIB_OK
                            : at_text_cut(rules, it->name.bytes, bytes, it->n_bytes, kept,
                                          &it->error);
    }
    if (!it->borrowed) {
        return at_draft_from_text(rules, it->name.bytes, bytes, it->n_bytes, &it->drafts,
                                  &it->error);
    }
    status = at_drafts_add(&it->drafts, &draft, &it->error);
    if (status == ATTRIB_OK) {
        at_draft_borrow(draft, bytes, it->n_bytes);
        draft->is_long = true;
    }
    return status;
}

static const char *bytes_of(const at_intake *intake, const at_item *it)
{
    return it->borrowed ? it->borrowed : intake->bytes.bytes + it->first;
}

static void build_item(const at_intake *intake, at_item *it)
{
    const char *bytes = bytes_of(intake, it);
    attrib_error ignored;
    if (it->status != ATTRIB_OK) {
        (void)name_item(intake, it, &ignored);
        return;
    }
    if (it->is_passed) {
        return;
    }
    if (!at_selection_draws(intake->selection)) { /* else it has its hash already */
        at_digest_bytes(bytes, it->n_bytes, it->hash);
    }
    it->status = name_item(intake, it, &it->error);
    if (it->status == ATTRIB_OK && it->is_ids) {
        it->status = at_draft_from_ids(bytes, it->n_bytes, &it->drafts, &it->error);
    } else if (it->status == ATTRIB_OK) {
        it->status = at_item_is_text(it)
                         ? build_text(intake->rules, it, bytes)
                         : at_draft_from_row(intake->rules, it->name.bytes, bytes,
                                             it->n_bytes, &it->drafts, &it->error);
    }
}

static attrib_status hash_block(void *context,
                                size_t i_worker,
                                size_t i_block,
                                attrib_error *err)
{
    const at_intake *intake = context;
    size_t first = i_block * PER_BLOCK;
    (void)i_worker;
    (void)err;
    for (size_t i = first; i < first + PER_BLOCK && i < intake->n_items; i++) {
        at_item *it = &intake->items[i];
        if (it->status == ATTRIB_OK) {
            at_digest_bytes(bytes_of(intake, it), it->n_bytes, it->hash);
        }
    }
    return ATTRIB_OK;
}

/* Failures stay with their items: which of a batch's is told does not depend on who was
 * first. */
static attrib_status build_block(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    const at_intake *intake = context;
    size_t first = i_block * PER_BLOCK;
    (void)i_worker;
    (void)err;
    for (size_t i = first; i < first + PER_BLOCK && i < intake->n_items; i++) {
        build_item(intake, &intake->items[i]);
    }
    return ATTRIB_OK;
}

/* 2. Batches */

attrib_status at_intake_new(attrib_session *session,
                            const at_rules *rules,
                            at_selection *selection,
                            size_t max_documents,
                            attrib_corpus *corpus,
                            at_intake **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_intake *intake = NULL;
    AT_TRY(at_array(1, sizeof *intake, &intake, err));
    AT_TRY(at_array(MAX_ITEMS, sizeof *intake->items, &intake->items, err));
    intake->session = session;
    intake->rules = rules;
    intake->selection = selection;
    intake->max_documents = max_documents;
    intake->corpus = corpus;
    AT_TRY(rules->skips_bad_rows ? at_skipped_new(&intake->skipped, err) : ATTRIB_OK);
    at_corpus_own_skipped(corpus, intake->skipped);
    *out = intake;
    intake = NULL;
done:
    at_intake_free(intake);
    return status;
}

void at_intake_follow(at_intake *intake, const at_headway *headway)
{
    intake->headway = headway;
    if (headway->total > 0) {
        at_stage_declare(intake->session, "read", "documents", 1, 0);
    }
    at_stage_begin(&intake->stage, intake->session, "read", "documents", 0);
}

static void clear_items(at_intake *intake)
{
    for (size_t i = 0; i < intake->n_items; i++) {
        at_drafts_free(&intake->items[i].drafts);
        at_buffer_free(&intake->items[i].name);
        intake->items[i] = (at_item){0};
    }
    intake->n_items = 0;
}

void at_intake_free(at_intake *intake)
{
    if (!intake) {
        return;
    }
    clear_items(intake);
    at_buffer_free(&intake->bytes);
    at_buffer_free(&intake->names);
    at_buffer_free(&intake->source);
    at_buffer_free(&intake->member);
    free(intake->items);
    free(intake);
}

attrib_status at_intake_begin(at_intake *intake,
                              const char *source,
                              const char *member,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer_clear(&intake->source);
    at_buffer_clear(&intake->member);
    AT_TRY(at_buffer_append(&intake->source, source, strlen(source), err));
    if (member) {
        AT_TRY(at_buffer_append(&intake->member, member, strlen(member), err));
    }
    intake->has_member = member != NULL;
    intake->is_named = false;
done:
    return status;
}

/* The names of the passages to come, put after the batch's others. */
static attrib_status keep_names(at_intake *intake, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (intake->is_named) {
        return ATTRIB_OK;
    }
    intake->source_place = intake->names.n_bytes;
    AT_TRY(at_buffer_append(&intake->names, intake->source.bytes,
                            intake->source.n_bytes + 1, err));
    intake->member_place = AT_NO_NAME;
    if (intake->has_member) {
        intake->member_place = intake->names.n_bytes;
        AT_TRY(at_buffer_append(&intake->names, intake->member.bytes,
                                intake->member.n_bytes + 1, err));
    }
    intake->is_named = true;
done:
    return status;
}

static size_t n_blocks(const at_intake *intake)
{
    return (intake->n_items + PER_BLOCK - 1) / PER_BLOCK;
}

/* Give passages their keys in a sample; those that it cannot draw are passed over. */
static attrib_status draw_items(at_intake *intake, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_selection *selection = intake->selection;
    if (!at_selection_draws(selection)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_parallel_for(intake->session, n_blocks(intake), hash_block, intake, err));
    for (size_t i = 0; i < intake->n_items; i++) {
        at_item *it = &intake->items[i];
        if (it->status == ATTRIB_OK && at_item_is_whole(intake, it)) {
            AT_TRY(at_selection_key(selection, it->hash, &it->key, err));
            it->is_passed = !at_selection_may_draw(selection, it->key);
        }
    }
done:
    return status;
}

/* The share of the files' bytes that was read; 0 where it is not known. */
static double share_read(const at_intake *intake)
{
    return intake->headway ? at_headway_share(intake->headway, intake->within) : 0;
}

attrib_status at_intake_flush(at_intake *intake, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (at_intake_is_full(intake)) {
        return ATTRIB_END;
    }
    AT_TRY(draw_items(intake, err));
    AT_TRY(at_parallel_for(intake->session, n_blocks(intake), build_block, intake, err));
    for (size_t i = 0; i < intake->n_items; i++) {
        AT_TRY(at_intake_store(intake, &intake->items[i], err));
    }
    at_stage_report_count(&intake->stage, share_read(intake),
                          at_corpus_counts(intake->corpus)->n_documents);
    status = at_intake_is_full(intake) ? ATTRIB_END : ATTRIB_OK;
done:
    clear_items(intake);
    intake->is_named = false;
    at_buffer_clear(&intake->names);
    at_buffer_clear(&intake->bytes);
    if (intake->bytes.capacity > 2 * MAX_BYTES) {
        at_buffer_free(&intake->bytes); /* one long row does not cost for ever */
    }
    return status;
}

/* Bytes that a passage takes in its file. */
static size_t span_of(const at_passage *passage)
{
    size_t n_span = passage->n_span ? passage->n_span : passage->n_bytes;
    return passage->is_given ? 0 : n_span;
}

/* Take a passage, or, where `why` is there, only the place of one that is no text. */
static attrib_status take_passage(at_intake *intake,
                                  const at_passage *passage,
                                  const attrib_error *why,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t most = MAX_ITEMS;
    if (intake->max_documents && intake->max_documents < MAX_ITEMS) {
        most = intake->max_documents;
    }
    intake->within = (double)(passage->start + span_of(passage));
    bool is_long = !why && passage->n_bytes >= MAX_BYTES;
    AT_TRY(is_long ? at_intake_flush(intake, err) : ATTRIB_OK);
    AT_TRY(keep_names(intake, err));
    intake->items[intake->n_items++] = (at_item){
        .borrowed = is_long ? passage->bytes : NULL,
        .first = intake->bytes.n_bytes,
        .n_bytes = why ? 0 : passage->n_bytes,
        .status = why ? why->status : ATTRIB_OK,
        .error = why ? *why : (attrib_error){0},
        .source = intake->source_place,
        .member = intake->member_place,
        .start = passage->start,
        .n_span = span_of(passage),
        .line = passage->line,
        .unit = passage->unit,
        .part = passage->part,
        .is_ids = passage->is_ids,
    };
    intake->has_texts |= at_item_is_text(&intake->items[intake->n_items - 1]);
    if (why || is_long) { /* the batch has a place for the passage, and no bytes */
        AT_TRY(at_buffer_append(&intake->bytes, "", 0, err));
    } else {
        AT_TRY(at_buffer_append(&intake->bytes, passage->bytes, passage->n_bytes, err));
    }
    /* A long passage is a batch of its own, which is read where it stands. */
    if (is_long || intake->n_items >= most || intake->bytes.n_bytes >= MAX_BYTES) {
        status = at_intake_flush(intake, err);
    }
done:
    return status;
}

static attrib_status put_passage(void *context,
                                 const at_passage *passage,
                                 attrib_error *err)
{
    return take_passage(context, passage, NULL, err);
}

static attrib_status put_bad_row(void *context,
                                 const at_passage *passage,
                                 const attrib_error *why,
                                 attrib_error *err)
{
    return take_passage(context, passage, why, err);
}

/* Columns of binary are left out where nothing asks for them; that is said once. */
static bool reads_field(void *context, const char *path, bool is_binary)
{
    at_intake *intake = context;
    bool is_read = at_rules_read(intake->rules, path, is_binary);
    if (!is_read && is_binary && !intake->rules->tag_fields && !intake->has_said_binary) {
        at_log(intake->session, ATTRIB_LOG_WARNING,
               "%s: column \"%.200s\" is binary, no text: such columns are left out",
               intake->source.bytes, path);
        intake->has_said_binary = true;
    }
    return is_read;
}

static void leave_out(void *context, bool is_html)
{
    at_intake *intake = context;
    attrib_corpus_summary *counts = at_corpus_counts(intake->corpus);
    counts->n_html_records += is_html;
    counts->n_other_records += !is_html;
}

at_sink at_intake_sink(at_intake *intake)
{
    return (at_sink){.context = intake,
                     .put = put_passage,
                     .put_bad = put_bad_row,
                     .leave_out = leave_out,
                     .reads = reads_field,
                     .scratch_folder = intake->rules->scratch_folder,
                     .limit = &intake->rules->limit};
}

bool at_intake_has_texts(const at_intake *intake)
{
    return intake->has_texts;
}

void at_intake_end(at_intake *intake)
{
    at_stage_end_count(&intake->stage, intake->headway->total > 0 ? 1 : 0,
                       at_corpus_counts(intake->corpus)->n_documents);
    if (intake->skipped) {
        at_skipped_log(intake->skipped, intake->session);
    }
}
