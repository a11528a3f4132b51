/* SPDX-License-Identifier: MIT */
/* A document between its bytes and the store: text, ids, mask, tags. */
#ifndef AT_CORPUS_DRAFT_H
#define AT_CORPUS_DRAFT_H

#include "attrib/corpus.h"
#include "base/memory.h"
#include "base/memory_limit.h"
#include "format/json.h"
#include "tokenizer/chat.h"
#include "tokenizer/encode.h"

/* The fields that a corpus was read by, as attrib_corpus_options has them: which of a
 * table's columns are read depends on them. */
typedef enum at_field {
    AT_FIELD_TEXT,
    AT_FIELD_ID,
    AT_FIELD_PROMPT,
    AT_FIELD_COMPLETION,
    AT_FIELD_MESSAGES,
    AT_FIELD_TAGS,
    AT_N_FIELDS
} at_field;

typedef struct at_fields {
    char *names[AT_N_FIELDS]; /* owned; NULL where none was named */
} at_fields;

attrib_status at_fields_of(const attrib_corpus_options *options,
                           at_fields *out,
                           attrib_error *err);
attrib_status at_fields_copy(const at_fields *from, at_fields *out, attrib_error *err);
void at_fields_free(at_fields *fields);
/* The fields that a corpus was read by; borrowed. */
const at_fields *at_corpus_fields(const attrib_corpus *corpus);

/* How documents become ids; shared by all workers, read-only. */
typedef struct at_rules {
    const attrib_tokenizer *tokenizer; /* NULL: rows that are ids only */
    const char *text_field, *id_field;
    bool is_text_given; /* asked for by name: it goes before prompts and completions */
    /* Fields that were asked for by name, or NULL: the usual names count. */
    const char *prompt_field, *completion_field, *messages_field;
    const char *tag_fields;     /* separated by commas; NULL: all that are not read */
    size_t n_vocabulary;        /* 0 = unchecked */
    const char *scratch_folder; /* NULL: $TMPDIR or /tmp */
    at_memory_limit limit;      /* on what reading takes */
    bool skips_bad_rows;
    bool takes_margin;    /* `chosen` and `rejected` of a row are sides of one document */
    size_t n_unit_tokens; /* of texts, to a document; 0: all */
    bool is_text_wanted;  /* and no ids: there is no tokenizer */
    bool append_eos;
    at_chat *chat;       /* of conversations, owned; NULL: what was said, and a newline */
    bool wraps_prompts;  /* prompts and completions are turns too */
    bool asks_in_turns;  /* and so is a prompt without a completion, which the model of
                            this  template answers in a turn: at_chat_answers() */
    bool is_chat_broken; /* the model has a template, which cannot be run */
} at_rules;

/* What options say of rows and text; the chat template is not chosen yet. */
at_rules at_rules_of(const attrib_tokenizer *tokenizer,
                     const attrib_corpus_options *options);
/* What a program gave over the defaults: at_sized_take(). */
attrib_status at_corpus_options_take(const attrib_corpus_options *options,
                                     attrib_corpus_options *out,
                                     attrib_error *err);

/* EINVAL for options that make no sense. */
attrib_status at_corpus_options_check(const attrib_corpus_options *options,
                                      attrib_error *err);

typedef struct at_draft {
    char *id;       /* owned; NULL where the document has none of its own */
    at_buffer text; /* what was tokenized */
    bool has_text;
    bool borrows_text; /* its bytes are whose they were, and no NUL follows them */
    bool is_long;      /* its ids are made when it is stored, and go there as they come */
    bool is_rendered;  /* by a chat template, which writes all special tokens itself */
    /* [n_tokens], owned; NULL where the store has them already, and all but the first
     * count. */
    int32_t *ids;
    uint8_t *mask;   /* [n_tokens], owned; mask[0] = 0; NULL as ids are */
    int32_t *labels; /* [n_tokens], owned, or NULL; -1 where there is none */
    size_t n_tokens, n_predicted;
    size_t rejected_token, rejected_byte; /* where the rejected side begins; or 0, 0 */
    size_t span_start, n_span;            /* of a part in its text; n_span 0: the whole */
    at_buffer tags;                       /* n_tags times "key\0value\0" */
    size_t n_tags;
} at_draft;

/* The documents of one passage: one, but for rows that nest several. Zeroed = empty. */
typedef struct at_drafts {
    at_draft *items; /* [n] */
    size_t n, capacity;
    bool hides_text; /* the row also has a text, which is not read */
    json_t *row;     /* owned, or NULL: what a long draft borrows its text from */
} at_drafts;

attrib_status at_drafts_add(at_drafts *drafts, at_draft **out, attrib_error *err);
void at_drafts_free(at_drafts *drafts);
void at_draft_free(at_draft *draft);

/* A part of a draft's text, from the end of the one before it. */
typedef struct at_segment {
    size_t end; /* of the byte after it */
    bool has_loss;
} at_segment;

typedef struct at_segments {
    at_segment *items; /* [n] */
    size_t n, capacity;
} at_segments;

/* Append text to a draft as a segment; neighbours that agree on loss are one. */
attrib_status at_draft_append(at_draft *draft,
                              at_segments *segments,
                              const char *text,
                              size_t n_bytes,
                              bool has_loss,
                              attrib_error *err);

/* ids = encode(text) (+ EOS), all special tokens among them; of a rendered text without
 * any that the text does not spell. A segment begins where the
 * ids leave the longest common prefix with encode(the text before it); mask 1 on those
 * with loss, the EOS belonging to the last. `name` is what messages call the document. */
attrib_status at_draft_encode(const at_rules *rules,
                              const char *name,
                              const at_segments *segments,
                              at_draft *draft,
                              attrib_error *err);

/* Texts of so many bytes are long: their ids are never in memory all at once. */
#define AT_LONG_TEXT ((size_t)16 << 20)

/* Make a text that lasts longer a draft's own, as read only. */
void at_draft_borrow(at_draft *draft, const char *text, size_t n_bytes);

/* The whole of a plain text as one draft, which borrows it. */
attrib_status at_draft_from_text(const at_rules *rules,
                                 const char *name,
                                 const char *text,
                                 size_t n_bytes,
                                 at_drafts *out,
                                 attrib_error *err);

/* Ids of a file of tokens, int32_t that need not be aligned, as one draft: all count but
 * the first. */
attrib_status at_draft_from_ids(const char *bytes,
                                size_t n_bytes,
                                at_drafts *out,
                                attrib_error *err);

/* Hand on the ids of a whole text piece by piece, as at_draft_encode() has them, so that
 * they need not lie in memory; *n_tokens counts them. */
attrib_status at_text_encode(const at_rules *rules,
                             const char *name,
                             const char *text,
                             size_t n_bytes,
                             at_id_sink sink,
                             size_t *n_tokens,
                             attrib_error *err);

/* Takes drafts one by one; it may take what a draft owns by zeroing it. */
typedef struct at_draft_sink {
    attrib_status (*put)(void *context, at_draft *draft, attrib_error *err);
    void *context;
} at_draft_sink;

/* Hand on a text's parts of rules->n_unit_tokens tokens, each with an id of its own; an
 * empty text is one empty draft. */
attrib_status at_text_cut(const at_rules *rules,
                          const char *name,
                          const char *text,
                          size_t n_bytes,
                          at_draft_sink sink,
                          attrib_error *err);

/* The documents of a row of JSON. */
attrib_status at_draft_from_row(const at_rules *rules,
                                const char *name,
                                const char *text,
                                size_t n_bytes,
                                at_drafts *out,
                                attrib_error *err);

/* Pieces of rows, for documents and queries alike. */

/* Parse a row, an object; owned by the caller. What Python writes and JSON does not have
 * is kept so that it harms no field that is not read: at_row_is_strange() then says that
 * there is some, and at_row_check_used() refuses it in a field (EFORMAT). */
attrib_status at_row_parse(
    const char *name, const char *text, size_t n_bytes, json_t **out, attrib_error *err);
bool at_row_is_strange(const json_t *row);
attrib_status at_row_check_used(const char *name,
                                json_t *row,
                                const char *field,
                                attrib_error *err);
/* At the end of a key: a member that reading put into the row, which had it not. */
#define AT_ROW_OWN "\x01"
/* Whether a key ends so, as one does that stands for one that was there already. */
bool at_row_is_twice(const char *key);
/* The text of a number that JSON or its parser does not hold, or NULL; is_whole: an
 * integer. */
const char *at_row_number(const json_t *value, bool *is_whole);
/* Whether a value stands for bytes that are no text. */
bool at_row_is_binary(const json_t *value);
/* Whether a NULL-terminated list of names has this one. */
bool at_is_listed(const char *const *list, const char *key);
/* A field: a key of the row, or else a path into it, "meta.source" or "/meta/0/source";
 * NULL where there is none. Borrowed. */
const json_t *at_row_at(const json_t *row, const char *field);
/* Whether a field is there and not null. */
bool at_row_has(const json_t *row, const char *field);
/* Take a field out of a row, so that it is no tag; NULL in *out, which is owned, where it
 * is absent or null. */
attrib_status at_row_take(
    const char *name, json_t *row, const char *field, json_t **out, attrib_error *err);

/* A field's text, "" where it is absent or null. Borrowed. */
attrib_status at_row_text(const char *name,
                          const json_t *row,
                          const char *field,
                          const char **out,
                          size_t *n_bytes,
                          attrib_error *err);
/* Its id, a string or an integer, where it has one. */
attrib_status at_row_id(const char *name,
                        const json_t *row,
                        const char *field,
                        at_draft *draft,
                        attrib_error *err);
/* Tokens: field `ids` with `mask`, and `labels` or `sampled`; or, as trainers keep them,
 * `input_ids` with `attention_mask`, whose zeros at either end are left out, and
 * `labels`, which are -100 where the loss does not count, and else the ids. */
#define AT_TRAINED_IDS "input_ids"
attrib_status at_row_tokens(const at_rules *rules,
                            const char *name,
                            const json_t *row,
                            const char *field,
                            at_draft *draft,
                            attrib_error *err);
/* ESHAPE: none of the fields `wanted`; names those that were found. */
attrib_status at_row_fail_fields(const char *name,
                                 json_t *row,
                                 const char *wanted,
                                 attrib_error *err);

#endif
