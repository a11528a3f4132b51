/* SPDX-License-Identifier: MIT */
/* What an intake is made of, for the files that fill it. */
#ifndef AT_CORPUS_INTAKE_STATE_H
#define AT_CORPUS_INTAKE_STATE_H

#include "corpus/intake.h"
#include "corpus/skipped.h"

#define AT_NO_NAME SIZE_MAX

/* One passage, and what became of it. */
typedef struct at_item {
    const char *borrowed;  /* the bytes of a long passage; NULL: they are the batch's */
    size_t first, n_bytes; /* in the batch's bytes */
    size_t source, member; /* in its names; member AT_NO_NAME where there is none */
    size_t start, n_span, line;
    const char *unit; /* of a part of a text; NULL for rows and whole texts */
    size_t part;
    bool is_ids;
    bool is_passed; /* it is not looked at: no sample can draw it */
    uint64_t key;   /* of a row in a sample */
    unsigned char hash[AT_DIGEST_BYTES];
    at_buffer name; /* source[:member][:line] */
    at_drafts drafts;
    attrib_status status;
    attrib_error error;
} at_item;

struct at_intake {
    attrib_session *session;
    const at_rules *rules;
    at_selection *selection;
    size_t max_documents;
    attrib_corpus *corpus;
    at_stage stage;
    const at_headway *headway; /* how far files are read; NULL until that is told */
    double within;             /* bytes of the file up to the last passage */
    at_buffer bytes, names;
    at_buffer source, member;  /* of passages to come */
    bool has_member, is_named; /* is_named: they stand in `names` at these places */
    size_t source_place, member_place;
    bool has_said_binary;
    bool has_texts;      /* a plain text, or a part of one, was put */
    at_skipped *skipped; /* the corpus's; NULL: none may be */
    at_item *items;      /* [MAX_ITEMS] */
    size_t n_items;
};

static inline const char *at_item_member(const at_intake *intake, const at_item *it)
{
    return it->member == AT_NO_NAME ? NULL : intake->names.bytes + it->member;
}

static inline bool at_item_is_text(const at_item *it)
{
    return !it->is_ids && (!it->line || it->unit);
}

/* Whether the documents of a passage are known by its bytes; the parts of a text that are
 * cut by tokens each have their own. */
static inline bool at_item_is_whole(const at_intake *intake, const at_item *it)
{
    return !at_item_is_text(it) || !intake->rules->n_unit_tokens;
}

/* Whether the corpus holds max_documents. */
bool at_intake_is_full(const at_intake *intake);

/* Store the documents of an item that was built, those that are selected. ATTRIB_END once
 * the corpus is full. */
attrib_status at_intake_store(at_intake *intake, at_item *it, attrib_error *err);

#endif
