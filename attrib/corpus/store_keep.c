/* SPDX-License-Identifier: MIT */
/* Some of a finished store's documents in its place: each is appended to a new one.
 *
 * 1. One document
 * 2. Copies
 * 3. The store */
#include <stdlib.h>
#include <string.h>

#include "corpus/copies.h"
#include "corpus/store_state.h"

#define N_COPIES      "n_copies"
#define COPIES        "copies"
#define MAX_IN_COPIES 64 /* documents that COPIES names: as of other tags */

/* What a document is made of again; memory that grows to the longest. */
typedef struct keeping {
    const attrib_corpus *from;
    attrib_corpus *to;
    uint8_t *mask;
    size_t capacity;
    at_buffer tags;
} keeping;

/* 1. One document */

/* The mask of a whole document; its sequences have one each, and share a token that
 * counts in the first of them. */
static attrib_status read_mask(keeping *self,
                               const attrib_document *document,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&self->mask, &self->capacity, document->n_tokens, 1, err));
    memset(self->mask, 0, document->n_tokens);
    for (size_t k = 0; k < document->n_sequences; k++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(self->from, document->first_sequence + k, &sequence);
        memcpy(self->mask + sequence.offset + 1, sequence.mask + 1,
               sequence.n_tokens - 1);
    }
done:
    return status;
}

static attrib_status read_tags(keeping *self,
                               const attrib_document *document,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer_clear(&self->tags);
    for (size_t i = 0; i < document->n_tags; i++) {
        const attrib_tag *tag = &document->tags[i];
        AT_TRY(at_buffer_append(&self->tags, tag->key, strlen(tag->key) + 1, err));
        AT_TRY(at_buffer_append(&self->tags, tag->value, strlen(tag->value) + 1, err));
    }
done:
    return status;
}

/* 2. Copies */

static attrib_status check_tags(const attrib_document *document, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < document->n_tags; i++) {
        const char *key = document->tags[i].key;
        AT_CHECK(strcmp(key, N_COPIES) != 0 && strcmp(key, COPIES) != 0, ATTRIB_EINVAL,
                 "document %.200s has a tag \"%s\", which is to say what its copies are: "
                 "choose the tags without it",
                 document->id, key);
    }
done:
    return status;
}

static size_t place_of(const at_selected *kept, size_t i)
{
    return kept->places ? kept->places[i] : i;
}

/* Say in tags how many copies a document has, and what the first of them are called. */
static attrib_status add_copies(keeping *self,
                                const attrib_document *document,
                                const at_selected *kept,
                                size_t i,
                                attrib_error *err)
{
    const size_t *next = kept->copies->next;
    attrib_status status = ATTRIB_OK;
    at_buffer names = {0};
    size_t n = 0;
    AT_TRY(check_tags(document, err));
    for (size_t k = next[i]; k > 0; k = next[k - 1], n++) {
        attrib_document copy;
        attrib_corpus_document(self->from, place_of(kept, k - 1), &copy);
        if (n < MAX_IN_COPIES) {
            AT_TRY(at_buffer_append(&names, n ? "," : "[", 1, err));
            AT_TRY(at_json_append_text(&names, copy.id, strlen(copy.id), err));
        }
    }
    AT_TRY(at_buffer_print(&self->tags, err, N_COPIES "%c%zu%c" COPIES "%c%s]%c", '\0', n,
                           '\0', '\0', names.bytes, '\0'));
done:
    at_buffer_free(&names);
    return status;
}

/* 3. The store */

static attrib_status append_again(keeping *self,
                                  size_t place,
                                  const attrib_document *document,
                                  size_t n_tags,
                                  attrib_error *err)
{
    attrib_sequence first;
    attrib_corpus_sequence(self->from, document->first_sequence, &first);
    at_origin origin = {.source = document->source,
                        .member = document->member,
                        .line = document->line,
                        .span_start = document->span_start,
                        .span_end = document->span_end};
    at_draft draft = {.has_text = document->text != NULL,
                      .mask = self->mask,
                      .n_tokens = document->n_tokens,
                      .n_predicted = document->n_predicted,
                      .rejected_token = document->rejected_token,
                      .rejected_byte = document->rejected_byte,
                      .tags = self->tags,
                      .n_tags = n_tags};
    const at_stored *stored = self->from->spills[AT_STORE_RECORDS].mapping;
    memcpy(origin.hash, stored[place].hash, sizeof origin.hash);
    if (document->text) {
        at_draft_borrow(&draft, document->text, document->n_text_bytes);
    }
    /* The draft only reads what it is lent. */
    memcpy(&draft.ids, &first.ids, sizeof draft.ids);
    memcpy(&draft.labels, &first.labels, sizeof draft.labels);
    return at_corpus_append(self->to, &origin, document->id, &draft, err);
}

static attrib_status keep_all(keeping *self, const at_selected *kept, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_copies *copies = kept->copies;
    for (size_t i = 0; i < kept->n; i++) {
        attrib_document document;
        const size_t place = place_of(kept, i);
        const bool has_copies = copies && copies->next[i] && !copies->is_copy[i];
        if (copies && copies->is_copy[i]) {
            continue;
        }
        attrib_corpus_document(self->from, place, &document);
        AT_TRY(read_mask(self, &document, err));
        AT_TRY(read_tags(self, &document, err));
        AT_TRY(has_copies ? add_copies(self, &document, kept, i, err) : ATTRIB_OK);
        AT_TRY(append_again(self, place, &document,
                            document.n_tags + (has_copies ? 2 : 0), err));
    }
done:
    return status;
}

/* What is known of the corpus apart from its documents. */
static attrib_status move_rest(attrib_corpus *from, attrib_corpus *to, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_spill *skipped = &from->spills[AT_STORE_SKIPPED];
    attrib_corpus_summary counts = from->counts;
    counts.n_documents = counts.n_sequences = counts.n_tokens = counts.n_predicted = 0;
    counts.n_split_documents = counts.n_pairs = 0;
    to->counts = counts;
    to->fields = from->fields;
    from->fields = (at_fields){{0}};
    to->selection = from->selection;
    from->selection = NULL;
    to->skipped = from->skipped;
    from->skipped = NULL;
    to->marks = from->marks;
    from->marks = (at_marks){0};
    memcpy(to->date, from->date, sizeof to->date);
    AT_TRY(at_spill_append(&to->spills[AT_STORE_SKIPPED],
                           skipped->n_bytes ? skipped->mapping : "", skipped->n_bytes,
                           err));
done:
    return status;
}

/* Put documents of a finished corpus in its place. */
static attrib_status keep_corpus(attrib_corpus **corpus,
                                 const at_selected *kept,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    keeping self = {.from = *corpus};
    AT_TRY(at_corpus_new(kept->context, kept->scratch_folder, &self.to, err));
    AT_TRY(move_rest(*corpus, self.to, err));
    AT_TRY(keep_all(&self, kept, err));
    self.to->counts.n_copies += kept->copies ? kept->copies->n : 0;
    AT_TRY(at_corpus_finish(self.to, err));
    attrib_corpus_close(*corpus);
    *corpus = self.to;
    self.to = NULL;
done:
    free(self.mask);
    at_buffer_free(&self.tags);
    attrib_corpus_close(self.to);
    return status;
}

attrib_status at_corpus_narrow(attrib_corpus **corpus,
                               const size_t *places,
                               size_t n,
                               const attrib_corpus_options *options,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_copies copies = {0};
    at_selected kept = {places, n, NULL, options->context, options->scratch_folder};
    AT_TRY(at_copies_find(*corpus, places, n, options, &copies, err));
    (*corpus)->counts.n_duplicates = copies.n;
    kept.copies = options->deduplicate && copies.n > 0 ? &copies : NULL;
    if (kept.copies || n < (*corpus)->counts.n_documents ||
        options->context != (*corpus)->context) {
        AT_TRY(keep_corpus(corpus, &kept, err));
    }
done:
    at_copies_free(&copies);
    return status;
}
