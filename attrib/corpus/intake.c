/* SPDX-License-Identifier: MIT */
/* Batches of passages. A batch's size does not depend on the threads, and its failures
 * are looked at in the order of its passages, so neither does anything else. */
#include "corpus/intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "corpus/shape.h"
#include "corpus/skipped.h"

#define MAX_ITEMS 1024
#define PER_BLOCK 16           /* items a worker takes at a time */
#define MAX_BYTES AT_LONG_TEXT /* of a batch; one passage may be longer */
#define NONE      SIZE_MAX

/* One passage, and what became of it. */
typedef struct item {
    const char *borrowed;  /* the bytes of a long passage; NULL: they are the batch's */
    size_t first, n_bytes; /* in the batch's bytes */
    size_t source, member; /* in its names; member NONE where there is none */
    size_t start, n_span, line;
    const char *unit; /* of a part of a text; NULL for rows and whole texts */
    size_t part;
    bool is_ids;
    unsigned char hash[AT_DIGEST_BYTES];
    at_buffer name; /* source[:member][:line] */
    at_drafts drafts;
    attrib_status status;
    attrib_error error;
} item;

struct at_intake {
    attrib_session *session;
    const at_rules *rules;
    size_t max_documents;
    attrib_corpus *corpus;
    at_stage stage;
    at_buffer bytes, names;
    at_buffer source, member;  /* of passages to come */
    bool has_member, is_named; /* is_named: they stand in `names` at these places */
    size_t source_place, member_place;
    bool has_said_binary;
    bool has_texts;      /* a plain text, or a part of one, was put */
    at_skipped *skipped; /* NULL: none may be */
    item *items;         /* [MAX_ITEMS] */
    size_t n_items;
};

/* 1. One passage */

static const char *member_of(const at_intake *intake, const item *it)
{
    return it->member == NONE ? NULL : intake->names.bytes + it->member;
}

static attrib_status name_item(const at_intake *intake, item *it, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *member = member_of(intake, it);
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

static bool is_text(const item *it)
{
    return !it->is_ids && (!it->line || it->unit);
}

/* A long text is encoded, and cut, when it is stored. */
static attrib_status build_text(const at_rules *rules, item *it, const char *bytes)
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

static void build_item(const at_intake *intake, item *it)
{
    const char *bytes = it->borrowed ? it->borrowed : intake->bytes.bytes + it->first;
    attrib_error ignored;
    if (it->status != ATTRIB_OK) {
        (void)name_item(intake, it, &ignored);
        return;
    }
    at_digest_bytes(bytes, it->n_bytes, it->hash);
    it->status = name_item(intake, it, &it->error);
    if (it->status == ATTRIB_OK && it->is_ids) {
        it->status = at_draft_from_ids(bytes, it->n_bytes, &it->drafts, &it->error);
    } else if (it->status == ATTRIB_OK) {
        it->status = is_text(it)
                         ? build_text(intake->rules, it, bytes)
                         : at_draft_from_row(intake->rules, it->name.bytes, bytes,
                                             it->n_bytes, &it->drafts, &it->error);
    }
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

static bool is_full(const at_intake *intake)
{
    return intake->max_documents &&
           at_corpus_counts(intake->corpus)->n_documents >= intake->max_documents;
}

/* An item on its way to the store. */
typedef struct storing {
    at_intake *intake;
    const item *it;
    at_origin origin;
} storing;

/* Where a draft stands: where its item does, but for a part of a text that knows better.
 */
static void place_draft(storing *s, const at_draft *draft)
{
    const item *it = s->it;
    s->origin.span_start = it->start + draft->span_start;
    s->origin.span_end =
        s->origin.span_start + (draft->n_span ? draft->n_span : it->n_span);
    if (draft->n_span) {
        at_digest_bytes(draft->text.bytes, draft->n_span, s->origin.hash);
    } else {
        memcpy(s->origin.hash, it->hash, sizeof it->hash);
    }
}

/* Store a draft; the ids of a long one go there as they come. */
static attrib_status store_draft(void *context, at_draft *draft, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    storing *s = context;
    attrib_corpus *corpus = s->intake->corpus;
    const char *name = s->it->name.bytes;
    const at_id_sink ids = {.put = at_corpus_put_ids, .context = corpus};
    if (is_full(s->intake)) {
        return ATTRIB_END; /* what follows the last document does not matter */
    }
    place_draft(s, draft);
    if (draft->is_long) {
        AT_TRY(at_text_encode(s->intake->rules, name, draft->text.bytes,
                              draft->text.n_bytes, ids, &draft->n_tokens, err));
        draft->n_predicted = draft->n_tokens ? draft->n_tokens - 1 : 0;
    }
    AT_TRY(at_corpus_append(corpus, &s->origin, name, draft, err));
done:
    return status;
}

/* An item that failed is left out, or ends the reading. */
static attrib_status refuse_item(const storing *s, attrib_error *err)
{
    const item *it = s->it;
    at_skipped *skipped = s->intake->skipped;
    return skipped && it->line && at_skipped_may(it->status)
               ? at_skipped_add(skipped, s->intake->corpus, &s->origin, it->name.bytes,
                                &it->error, err)
               : at_fail(err, it->status, "%s", it->error.message);
}

static attrib_status store_item(at_intake *intake, item *it, attrib_error *err)
{
    storing s = {.intake = intake,
                 .it = it,
                 .origin = {.source = intake->names.bytes + it->source,
                            .member = member_of(intake, it),
                            .line = it->line}};
    if (is_full(intake)) {
        return ATTRIB_END;
    }
    if (it->status != ATTRIB_OK) {
        return refuse_item(&s, err);
    }
    if (it->borrowed && is_text(it) && intake->rules->n_unit_tokens) {
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

/* 2. Batches */

attrib_status at_intake_new(attrib_session *session,
                            const at_rules *rules,
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
    intake->max_documents = max_documents;
    intake->corpus = corpus;
    AT_TRY(rules->skips_bad_rows ? at_skipped_new(&intake->skipped, err) : ATTRIB_OK);
    at_stage_begin(&intake->stage, session, "read", "documents", 0);
    *out = intake;
    intake = NULL;
done:
    at_intake_free(intake);
    return status;
}

static void clear_items(at_intake *intake)
{
    for (size_t i = 0; i < intake->n_items; i++) {
        at_drafts_free(&intake->items[i].drafts);
        at_buffer_free(&intake->items[i].name);
        intake->items[i] = (item){0};
    }
    intake->n_items = 0;
}

void at_intake_free(at_intake *intake)
{
    if (!intake) {
        return;
    }
    clear_items(intake);
    at_skipped_free(intake->skipped);
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
    intake->member_place = NONE;
    if (intake->has_member) {
        intake->member_place = intake->names.n_bytes;
        AT_TRY(at_buffer_append(&intake->names, intake->member.bytes,
                                intake->member.n_bytes + 1, err));
    }
    intake->is_named = true;
done:
    return status;
}

attrib_status at_intake_flush(at_intake *intake, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (is_full(intake)) {
        return ATTRIB_END;
    }
    AT_TRY(at_parallel_for(intake->session, (intake->n_items + PER_BLOCK - 1) / PER_BLOCK,
                           build_block, intake, err));
    for (size_t i = 0; i < intake->n_items; i++) {
        AT_TRY(store_item(intake, &intake->items[i], err));
    }
    at_stage_report(&intake->stage, at_corpus_counts(intake->corpus)->n_documents);
    status = is_full(intake) ? ATTRIB_END : ATTRIB_OK;
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
    bool is_long = !why && passage->n_bytes >= MAX_BYTES;
    AT_TRY(is_long ? at_intake_flush(intake, err) : ATTRIB_OK);
    AT_TRY(keep_names(intake, err));
    intake->items[intake->n_items++] = (item){
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
    intake->has_texts |= is_text(&intake->items[intake->n_items - 1]);
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

void at_intake_log_skipped(const at_intake *intake)
{
    if (intake->skipped) {
        at_skipped_log(intake->skipped, intake->session);
    }
}
