/* SPDX-License-Identifier: MIT */
/* The token store and the corpus's getters.
 *
 * Seven arrays, each in its own scratch file: fixed-size records say where in the others
 * a document's strings, tags and tokens begin. Ids and labels stand once a document, for
 * its sequences overlap; masks stand once a sequence, since the first token of each is
 * not predicted there. Tags hold offsets until the strings are mapped and pointers after,
 * so that a document is handed out without memory of its own. */
#include "corpus/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "corpus/spill.h"

/* A place in the strings: offset + 1, or 0 for none. */
typedef uint64_t place;

typedef struct record {
    place id, source, member, text;
    uint64_t n_text_bytes, line, span_start, span_end;
    uint64_t first_tag, n_tags;
    uint64_t first_id, n_tokens, n_predicted;
    uint64_t first_mask;
    uint64_t first_label; /* + 1, or 0 for none */
    uint64_t first_sequence, n_sequences;
    uint64_t rejected_token, rejected_byte; /* 0, 0 where there is one side */
    unsigned char hash[AT_DIGEST_BYTES];
} record;

/* A name that was written last, so that a file's rows share it. */
typedef struct last_name {
    at_buffer text;
    place where;
} last_name;

enum {
    RECORDS,   /* record [n_documents] */
    SEQUENCES, /* uint64_t [n_sequences] the document */
    TAGS,      /* attrib_tag */
    STRINGS,   /* NUL-terminated */
    IDS,       /* int32_t */
    MASKS,     /* uint8_t */
    LABELS,    /* int32_t */
    SKIPPED,   /* lines of JSON */
    N_SPILLS
};

struct attrib_corpus {
    at_spill spills[N_SPILLS];
    size_t context;
    at_fields fields;
    attrib_corpus_summary counts;
    last_name source, member;
    size_t n_tags;
    at_hash *running;
    char hash[AT_HASH_SIZE];
    char date[11];
};

/* 1. Filling */

attrib_status at_corpus_new(size_t context,
                            const char *folder,
                            attrib_corpus **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    AT_TRY(at_array(1, sizeof *corpus, &corpus, err));
    corpus->context = context;
    AT_TRY(at_hash_new(&corpus->running, err));
    for (size_t i = 0; i < N_SPILLS; i++) {
        AT_TRY(at_spill_open(folder, &corpus->spills[i], err));
    }
    *out = corpus;
    corpus = NULL;
done:
    attrib_corpus_close(corpus);
    return status;
}

void attrib_corpus_close(attrib_corpus *corpus)
{
    if (!corpus) {
        return;
    }
    for (size_t i = 0; i < N_SPILLS; i++) {
        at_spill_close(&corpus->spills[i]);
    }
    at_buffer_free(&corpus->source.text);
    at_buffer_free(&corpus->member.text);
    at_hash_free(corpus->running);
    at_fields_free(&corpus->fields);
    free(corpus);
}

static attrib_status append_string(
    attrib_corpus *corpus, const char *text, size_t n, place *where, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *where = corpus->spills[STRINGS].n_bytes + 1;
    AT_TRY(at_spill_append(&corpus->spills[STRINGS], text, n, err));
    AT_TRY(at_spill_append(&corpus->spills[STRINGS], "", 1, err));
done:
    return status;
}

static attrib_status append_name(attrib_corpus *corpus,
                                 last_name *last,
                                 const char *name,
                                 place *where,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!name) {
        *where = 0;
        return ATTRIB_OK;
    }
    if (last->where == 0 || strcmp(last->text.bytes, name) != 0) {
        at_buffer_clear(&last->text);
        AT_TRY(at_buffer_append(&last->text, name, strlen(name), err));
        AT_TRY(append_string(corpus, name, strlen(name), &last->where, err));
    }
    *where = last->where;
done:
    return status;
}

static attrib_status append_tags(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 record *document,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = draft->tags.bytes;
    document->first_tag = corpus->n_tags;
    document->n_tags = draft->n_tags;
    for (size_t i = 0; i < draft->n_tags; i++) {
        uintptr_t places[2];
        for (size_t j = 0; j < 2; j++) {
            size_t n = strlen(text);
            place where = 0;
            AT_TRY(append_string(corpus, text, n, &where, err));
            places[j] = (uintptr_t)where;
            text += n + 1;
        }
        static_assert(sizeof places == sizeof(attrib_tag), "a tag is two pointers");
        AT_TRY(at_spill_append(&corpus->spills[TAGS], places, sizeof places, err));
        corpus->n_tags++;
    }
done:
    return status;
}

/* The mask of tokens [first, first + n), which do not begin the document. */
static attrib_status append_mask(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 size_t first,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (draft->mask) {
        return at_spill_append(&corpus->spills[MASKS], draft->mask + first, n, err);
    }
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_spill_append(&corpus->spills[MASKS], "\1", 1, err));
    }
done:
    return status;
}

/* Sequences of tokens that see each other: sequence k covers [k (C - 1), k (C - 1) + C)
 * of n, as many as there are tokens behind the first to predict, C - 1 each. */
static size_t count_sequences(size_t n, size_t C)
{
    return n < 2 ? 0 : (n - 2) / (C - 1) + 1;
}

/* The sequences of the tokens [from, end) of a draft. */
static attrib_status append_side(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 size_t from,
                                 size_t end,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t C = corpus->context;
    const uint64_t index = corpus->counts.n_documents;
    for (; from + 1 < end; from += C - 1) {
        size_t left = end - from;
        size_t n_tokens = left < C ? left : C;
        /* The token shared with the sequence before is predicted there. */
        AT_TRY(at_spill_append(&corpus->spills[MASKS], "", 1, err));
        AT_TRY(append_mask(corpus, draft, from + 1, n_tokens - 1, err));
        AT_TRY(at_spill_append(&corpus->spills[SEQUENCES], &index, sizeof index, err));
        corpus->counts.n_sequences++;
    }
done:
    return status;
}

static attrib_status append_sequences(attrib_corpus *corpus,
                                      const at_draft *draft,
                                      record *document,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t is_pair = draft->rejected_token > 0;
    document->first_sequence = corpus->counts.n_sequences;
    document->first_mask = corpus->spills[MASKS].n_bytes;
    if (is_pair) {
        AT_TRY(append_side(corpus, draft, 0, draft->rejected_token, err));
    }
    AT_TRY(append_side(corpus, draft, draft->rejected_token, draft->n_tokens, err));
    document->n_sequences = corpus->counts.n_sequences - document->first_sequence;
    corpus->counts.n_split_documents += document->n_sequences > 1 + is_pair;
    corpus->counts.n_pairs += is_pair;
done:
    return status;
}

static attrib_status append_tokens(attrib_corpus *corpus,
                                   const at_draft *draft,
                                   record *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = 0;
    AT_TRY(at_mul(draft->n_tokens, sizeof *draft->ids, &n_bytes, err));
    document->n_tokens = draft->n_tokens;
    document->n_predicted = draft->n_predicted;
    document->rejected_token = draft->rejected_token;
    document->rejected_byte = draft->rejected_byte;
    document->first_id = corpus->spills[IDS].n_bytes / sizeof *draft->ids;
    if (draft->ids) {
        AT_TRY(at_spill_append(&corpus->spills[IDS], draft->ids, n_bytes, err));
    } else {
        document->first_id -= draft->n_tokens;
    }
    if (draft->labels) {
        document->first_label =
            corpus->spills[LABELS].n_bytes / sizeof *draft->labels + 1;
        AT_TRY(at_spill_append(&corpus->spills[LABELS], draft->labels, n_bytes, err));
    }
    AT_TRY(append_sequences(corpus, draft, document, err));
    corpus->counts.n_tokens += draft->n_tokens;
    corpus->counts.n_predicted += draft->n_predicted;
done:
    return status;
}

/* Hash the ids of the last document, which are in the store, and its mask: 1 but for the
 * first token. */
static attrib_status hash_stored(attrib_corpus *corpus,
                                 const record *document,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t ids[4096];
    uint8_t mask[4096];
    size_t n = 0;
    for (size_t t = 0; t < document->n_tokens; t += n) {
        size_t left = document->n_tokens - t;
        n = left < 4096 ? left : 4096;
        AT_TRY(at_spill_read(&corpus->spills[IDS], (document->first_id + t) * sizeof *ids,
                             ids, n * sizeof *ids, err));
        at_hash_add(corpus->running, ids, n * sizeof *ids);
    }
    memset(mask, 1, sizeof mask);
    for (size_t t = 0; t < document->n_tokens; t += n) {
        size_t left = document->n_tokens - t;
        n = left < 4096 ? left : 4096;
        mask[0] = t > 0;
        at_hash_add(corpus->running, mask, n);
    }
done:
    return status;
}

/* Lengths go before arrays, so that no two corpora feed the hash the same bytes. */
static attrib_status hash_document(attrib_corpus *corpus,
                                   const char *id,
                                   const at_draft *draft,
                                   const record *document,
                                   attrib_error *err)
{
    const uint64_t has_labels = draft->labels != NULL;
    const uint64_t sizes[3] = {strlen(id), draft->n_tokens,
                               2 * draft->rejected_token + has_labels};
    at_hash_add(corpus->running, sizes, sizeof sizes);
    at_hash_add(corpus->running, id, strlen(id));
    if (!draft->ids) {
        return hash_stored(corpus, document, err);
    }
    at_hash_add(corpus->running, draft->ids, draft->n_tokens * sizeof *draft->ids);
    at_hash_add(corpus->running, draft->mask, draft->n_tokens);
    if (draft->labels) {
        at_hash_add(corpus->running, draft->labels,
                    draft->n_tokens * sizeof *draft->labels);
    }
    return ATTRIB_OK;
}

attrib_status at_corpus_put_ids(void *corpus,
                                const int32_t *ids,
                                size_t n,
                                attrib_error *err)
{
    attrib_corpus *to = corpus;
    return at_spill_append(&to->spills[IDS], ids, n * sizeof *ids, err);
}

attrib_status at_corpus_append(attrib_corpus *corpus,
                               const at_origin *origin,
                               const char *name,
                               const at_draft *draft,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *id = draft->id ? draft->id : name;
    record document = {.line = origin->line,
                       .span_start = origin->span_start,
                       .span_end = origin->span_end};
    if (draft->n_predicted == 0) {
        corpus->counts.n_empty_documents++;
        return ATTRIB_OK;
    }
    memcpy(document.hash, origin->hash, sizeof document.hash);
    AT_TRY(append_name(corpus, &corpus->source, origin->source, &document.source, err));
    AT_TRY(append_name(corpus, &corpus->member, origin->member, &document.member, err));
    AT_TRY(append_string(corpus, id, strlen(id), &document.id, err));
    if (draft->has_text) {
        document.n_text_bytes = draft->text.n_bytes;
        AT_TRY(append_string(corpus, draft->text.bytes, draft->text.n_bytes,
                             &document.text, err));
    }
    AT_TRY(append_tags(corpus, draft, &document, err));
    AT_TRY(append_tokens(corpus, draft, &document, err));
    AT_TRY(at_spill_append(&corpus->spills[RECORDS], &document, sizeof document, err));
    AT_TRY(hash_document(corpus, id, draft, &document, err));
    corpus->counts.n_documents++;
done:
    return status;
}

attrib_status at_corpus_skip(attrib_corpus *corpus,
                             const char *line,
                             size_t n_bytes,
                             attrib_error *err)
{
    corpus->counts.n_skipped_rows++;
    return at_spill_append(&corpus->spills[SKIPPED], line, n_bytes, err);
}

attrib_status at_corpus_finish(attrib_corpus *corpus, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *strings = NULL;
    attrib_tag *tags = NULL;
    for (size_t i = 0; i < N_SPILLS; i++) {
        AT_TRY(at_spill_map(&corpus->spills[i], err));
    }
    strings = corpus->spills[STRINGS].mapping;
    tags = corpus->spills[TAGS].mapping;
    for (size_t i = 0; i < corpus->n_tags; i++) {
        tags[i].key = strings + (uintptr_t)tags[i].key - 1;
        tags[i].value = strings + (uintptr_t)tags[i].value - 1;
    }
    for (size_t i = 0; i < N_SPILLS; i++) {
        AT_TRY(at_spill_protect(&corpus->spills[i], err));
    }
    at_hash_digest(corpus->running, corpus->hash);
done:
    return status;
}

void attrib_corpus_forget(const attrib_corpus *corpus)
{
    for (size_t i = 0; i < N_SPILLS; i++) {
        at_spill_forget(&corpus->spills[i]);
    }
}

double at_corpus_mapped_bytes(const attrib_corpus *corpus)
{
    double bytes = 0;
    for (size_t i = 0; i < N_SPILLS; i++) {
        bytes += (double)corpus->spills[i].n_bytes;
    }
    return bytes;
}

attrib_corpus_summary *at_corpus_counts(attrib_corpus *corpus)
{
    return &corpus->counts;
}

/* 2. Reading */

const attrib_corpus_summary *attrib_corpus_summarize(const attrib_corpus *corpus)
{
    return &corpus->counts;
}

void at_corpus_set_fields(attrib_corpus *corpus, at_fields fields)
{
    corpus->fields = fields;
}

const at_fields *at_corpus_fields(const attrib_corpus *corpus)
{
    return &corpus->fields;
}

void at_corpus_set_date(attrib_corpus *corpus, const char *date)
{
    snprintf(corpus->date, sizeof corpus->date, "%s", date);
}

const char *attrib_corpus_date(const attrib_corpus *corpus)
{
    return corpus->date;
}

const char *attrib_corpus_hash(const attrib_corpus *corpus)
{
    return corpus->hash;
}

attrib_status attrib_corpus_write_skipped(const attrib_corpus *corpus,
                                          const char *path,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_spill *lines = &corpus->spills[SKIPPED];
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, lines->n_bytes ? lines->mapping : "", lines->n_bytes,
                           err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    return status;
}

static const record *get_record(const attrib_corpus *corpus, size_t i)
{
    assert(i < corpus->counts.n_documents);
    return (const record *)corpus->spills[RECORDS].mapping + i;
}

static const char *get_string(const attrib_corpus *corpus, place where)
{
    return where ? (const char *)corpus->spills[STRINGS].mapping + (where - 1) : NULL;
}

void attrib_corpus_document(const attrib_corpus *corpus, size_t i, attrib_document *out)
{
    const record *document = get_record(corpus, i);
    const attrib_tag *tags = corpus->spills[TAGS].mapping;
    *out = (attrib_document){
        .index = i,
        .id = get_string(corpus, document->id),
        .source = get_string(corpus, document->source),
        .member = get_string(corpus, document->member),
        .line = document->line,
        .span_start = document->span_start,
        .span_end = document->span_end,
        .tags = document->n_tags ? tags + document->first_tag : NULL,
        .n_tags = document->n_tags,
        .text = get_string(corpus, document->text),
        .n_text_bytes = document->n_text_bytes,
        .n_tokens = document->n_tokens,
        .n_predicted = document->n_predicted,
        .first_sequence = document->first_sequence,
        .n_sequences = document->n_sequences,
        .rejected_token = document->rejected_token,
        .rejected_byte = document->rejected_byte,
    };
    at_digest_text(document->hash, out->hash);
}

void attrib_corpus_sequence(const attrib_corpus *corpus, size_t i, attrib_sequence *out)
{
    assert(i < corpus->counts.n_sequences);
    const uint64_t *owners = corpus->spills[SEQUENCES].mapping;
    const record *document = get_record(corpus, owners[i]);
    const int32_t *ids = corpus->spills[IDS].mapping;
    const uint8_t *masks = corpus->spills[MASKS].mapping;
    const int32_t *labels = corpus->spills[LABELS].mapping;
    const size_t C = corpus->context;
    const size_t border = document->rejected_token;
    size_t k = i - document->first_sequence;
    size_t n_chosen = count_sequences(border, C);
    bool is_rejected = border > 0 && k >= n_chosen;
    size_t end = border > 0 && !is_rejected ? border : document->n_tokens;
    size_t offset = k * (C - 1);
    size_t first_mask = document->first_mask + k * C;
    if (is_rejected) { /* masks repeat the token that two sequences of a side share */
        k -= n_chosen;
        offset = border + k * (C - 1);
        first_mask = document->first_mask + border + (n_chosen - 1) + k * C;
    }
    size_t left = end - offset;
    *out = (attrib_sequence){
        .document = owners[i],
        .offset = offset,
        .n_tokens = left < C ? left : C,
        .ids = ids + document->first_id + offset,
        .mask = masks + first_mask,
        .labels =
            document->first_label ? labels + (document->first_label - 1) + offset : NULL,
        .is_subtracted = is_rejected,
    };
}
