/* SPDX-License-Identifier: MIT */
/* The ids of a file to documents.
 *
 * 1. Ids   2. Where documents begin and end   3. A document's ids to a draft */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"
#include "corpus/token_file.h"

#define KEPT_BYTES ((size_t)64 << 20) /* of a mapped file that was read, at most */
#define MANY_IDS   ((size_t)1 << 20)  /* of a document: fewer are not held to the limit */

/* The document that is being filled. */
typedef struct cutter {
    const at_token_file *file;
    const at_token_rules *rules;
    at_sink sink;
    int32_t *ids; /* [n], owned */
    size_t n, capacity;
    size_t start;     /* in the file, of its first id */
    attrib_error why; /* it holds an id that is no token */
    const char *unit; /* static */
    size_t n_documents;
    size_t n_held; /* bytes of the file that were read since memory was given back */
} cutter;

/* 1. Ids */

/* The id at a byte of the file; negative where its type has a sign and it says so, or
 * where a uint64 is beyond int64, whose bits it then has. */
static int64_t read_id(const at_token_file *file, size_t at)
{
    const unsigned char *bytes = file->data.bytes + at;
    bool is_negative = file->is_signed && (bytes[file->width - 1] & 0x80);
    uint64_t word = is_negative ? UINT64_MAX : 0;
    for (size_t i = file->width; i > 0; i--) {
        word = word << 8 | bytes[i - 1];
    }
    return (int64_t)word;
}

static void judge_id(cutter *c, size_t at, int64_t id)
{
    size_t n_vocabulary = c->rules->n_vocabulary;
    if (c->why.status != ATTRIB_OK) {
        return;
    }
    if (id < 0 || id > INT32_MAX) {
        char digits[32];
        (void)snprintf(digits, sizeof digits,
                       c->file->is_signed ? "%" PRId64 : "%" PRIu64, id);
        (void)at_fail(&c->why, ATTRIB_ERANGE, "%s: byte %zu: %s, which is no token's id",
                      c->file->name, at, digits);
    } else if (n_vocabulary && (uint64_t)id >= n_vocabulary) {
        (void)at_fail(&c->why, ATTRIB_ERANGE,
                      "%s: byte %zu: id %lld, the model's vocabulary has %zu",
                      c->file->name, at, (long long)id, n_vocabulary);
    }
}

/* Room for one more id. The ids may be in memory twice while they move, and the ids of
 * the document that is made of them are to come, with its mask. */
static attrib_status make_room(cutter *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double bytes = (double)c->capacity * (2 * sizeof *c->ids + sizeof *c->ids + 1);
    AT_CHECK(c->capacity < MANY_IDS || !c->sink.limit ||
                 at_memory_has(c->sink.limit, bytes),
             ATTRIB_ERANGE,
             "%s: byte %zu: a document of more than %zu tokens, which begins here, does "
             "not fit a limit of %.0f MiB of memory: --unit tokens:N cuts the file into "
             "rows",
             c->file->name, c->start, c->n, c->sink.limit->bytes / 0x1p20);
    AT_TRY(at_grow(&c->ids, &c->capacity, c->n + 1, sizeof *c->ids, err));
done:
    return status;
}

/* Append the id at a byte of the file to the document. */
static attrib_status add_id(cutter *c, size_t at, int64_t *id, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *id = read_id(c->file, at);
    judge_id(c, at, *id);
    AT_CHECK(c->n < AT_MAX_TOKENS, ATTRIB_ERANGE,
             "%s: byte %zu: a document of more than %zu tokens begins here: --unit "
             "tokens:N cuts the file into rows",
             c->file->name, c->start, AT_MAX_TOKENS);
    if (c->n == c->capacity) {
        AT_TRY(make_room(c, err));
    }
    c->ids[c->n++] = (int32_t)*id;
done:
    return status;
}

/* Put the document whose ids end before byte `end`, and begin another one there. */
static attrib_status put(cutter *c, size_t end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    c->n_documents++;
    const at_passage passage = {
        .bytes = c->ids ? (const char *)c->ids : "",
        .n_bytes = c->n * sizeof *c->ids,
        .is_ids = true,
        .start = c->start,
        .n_span = c->n * c->file->width,
        .line = c->n_documents,
        .unit = c->unit,
        .part = c->n_documents,
    };
    AT_TRY(c->why.status == ATTRIB_OK ? c->sink.put(c->sink.context, &passage, err)
                                      : at_put_bad(c->sink, &passage, &c->why, err));
    c->n = 0;
    c->start = end;
    c->why = (attrib_error){0};
    c->n_held += passage.n_span;
    if (c->n_held > KEPT_BYTES) {
        at_map_forget(&c->file->data);
        c->n_held = 0;
    }
done:
    return status;
}

/* 2. Where documents begin and end */

/* Rows of n ids; the last may be shorter. */
static attrib_status cut_rows(cutter *c, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t at = c->file->start;
    int64_t id = 0;
    for (size_t i = 0; i < c->file->n_ids; i++) {
        AT_TRY(add_id(c, at, &id, err));
        at += c->file->width;
        if (c->n == n || i + 1 == c->file->n_ids) {
            AT_TRY(put(c, at, err));
        }
    }
done:
    return status;
}

/* Documents with the end of document as their last id, or, with `is_first`, as their
 * first. */
static attrib_status cut_ends(cutter *c, bool is_first, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const int64_t end = c->rules->end;
    size_t at = c->file->start;
    for (size_t i = 0; i < c->file->n_ids; i++) {
        int64_t id = 0;
        if (is_first && c->n > 0 && read_id(c->file, at) == end) {
            AT_TRY(put(c, at, err));
        }
        AT_TRY(add_id(c, at, &id, err));
        at += c->file->width;
        if (i + 1 == c->file->n_ids || (!is_first && id == end)) {
            AT_TRY(put(c, at, err));
        }
    }
done:
    return status;
}

/* Word i of n bytes in the part of the index that begins at `base`. */
static uint64_t index_word(const at_token_file *file, size_t base, size_t n, size_t i)
{
    uint64_t word = 0;
    const unsigned char *bytes = file->index.bytes + base + i * n;
    for (size_t k = n; k > 0; k--) {
        word = word << 8 | bytes[k - 1];
    }
    return word;
}

/* Append sequence i of the index. */
static attrib_status add_sequence(cutter *c, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_token_file *file = c->file;
    uint64_t n = index_word(file, file->lengths, 4, i);
    uint64_t at = index_word(file, file->places, 8, i);
    int64_t id = 0;
    AT_CHECK(at <= file->data.n_bytes && n <= (file->data.n_bytes - at) / file->width,
             ATTRIB_EFORMAT,
             "%s: sequence %zu, of %llu tokens at byte %llu, is beyond the file's end",
             file->name, i, (unsigned long long)n, (unsigned long long)at);
    AT_CHECK(at % file->width == 0, ATTRIB_EFORMAT,
             "%s: sequence %zu at byte %llu begins within a token of %zu bytes",
             file->name, i, (unsigned long long)at, file->width);
    if (c->n == 0) {
        c->start = at;
    }
    for (uint64_t k = 0; k < n; k++) {
        AT_TRY(add_id(c, at + k * file->width, &id, err));
    }
done:
    return status;
}

/* An index that leaves tokens out is most likely that of another file; one that names
 * them again and again would make any number of documents of a small file. */
static attrib_status check_coverage(const at_token_file *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t n = 0; /* lengths of 32 bits in a file that is mapped: no overflow */
    for (size_t i = 0; i < file->n_sequences; i++) {
        n += index_word(file, file->lengths, 4, i);
    }
    AT_CHECK(n == file->n_ids, ATTRIB_EFORMAT,
             "%s: its .idx names %llu tokens, the file has %zu: it is not the index of "
             "this file",
             file->name, (unsigned long long)n, file->n_ids);
done:
    return status;
}

static attrib_status cut_index(cutter *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_token_file *file = c->file;
    size_t i = 0;
    AT_TRY(check_coverage(file, err));
    for (size_t k = 0; k < file->n_borders; k++) {
        uint64_t end = index_word(file, file->borders, 8, k);
        AT_CHECK(end >= i && end <= file->n_sequences && (k > 0 || end == 0),
                 ATTRIB_EFORMAT,
                 "%s: its .idx ends document %zu before sequence %llu of %zu", file->name,
                 k, (unsigned long long)end, file->n_sequences);
        for (; i < end; i++) {
            AT_TRY(add_sequence(c, i, err));
        }
        if (k > 0) {
            AT_TRY(put(c, c->start + c->n * file->width, err));
        }
    }
    AT_CHECK(i == file->n_sequences, ATTRIB_EFORMAT,
             "%s: its .idx ends the last document before sequence %zu of %zu", file->name,
             i, file->n_sequences);
done:
    return status;
}

at_token_cut at_token_file_cut(const at_token_file *file, const at_token_rules *rules)
{
    if (rules->n_row) {
        return AT_CUT_ROWS;
    }
    if (file->layout == AT_TOKENS_MEGATRON) {
        return AT_CUT_INDEX;
    }
    if (file->has_rows) {
        return AT_CUT_ARRAY;
    }
    if (rules->end < 0) {
        return AT_CUT_WITHOUT_ENDS;
    }
    bool is_first = file->n_ids > 0 && read_id(file, file->start) == rules->end;
    return is_first || file->layout == AT_TOKENS_LLMC ? AT_CUT_BEFORE : AT_CUT_BEHIND;
}

attrib_status at_token_file_documents(const at_token_file *file,
                                      const at_token_rules *rules,
                                      at_sink sink,
                                      size_t *n,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_token_cut cut = at_token_file_cut(file, rules);
    cutter c = {
        .file = file, .rules = rules, .sink = sink, .start = file->start, .unit = "row"};
    switch (cut) {
    case AT_CUT_ARRAY:
        AT_TRY(cut_rows(&c, file->n_row, err));
        break;
    case AT_CUT_ROWS:
        AT_TRY(cut_rows(&c, rules->n_row, err));
        break;
    case AT_CUT_WITHOUT_ENDS:
        AT_TRY(cut_rows(&c, rules->n_usual_row, err));
        break;
    case AT_CUT_INDEX:
        c.unit = "document";
        AT_TRY(cut_index(&c, err));
        break;
    default:
        c.unit = "document";
        AT_TRY(cut_ends(&c, cut == AT_CUT_BEFORE, err));
        break;
    }
    *n = c.n_documents;
done:
    free(c.ids);
    return status;
}

/* 3. A document's ids to a draft */

attrib_status at_draft_from_ids(const char *bytes,
                                size_t n_bytes,
                                at_drafts *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    size_t n = n_bytes / sizeof *draft->ids;
    AT_TRY(at_drafts_add(out, &draft, err));
    AT_TRY(at_array(n, sizeof *draft->ids, &draft->ids, err));
    AT_TRY(at_array(n, 1, &draft->mask, err));
    memcpy(draft->ids, bytes, n_bytes);
    draft->n_tokens = n;
    for (size_t t = 1; t < n; t++) {
        draft->mask[t] = 1;
        draft->n_predicted++;
    }
done:
    return status;
}
