/* SPDX-License-Identifier: MIT */
/* Answers that queries list, collected and counted. */
#include "analyze/answers.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/labels.h"

/* Documents that are read again in one call: an archive is passed through once for each
 * so many. */
#define BATCH_DOCUMENTS ((size_t)65536)

/* 1. Collecting */

typedef struct collection {
    at_wanted_list *list;
    const attrib_query *query;
    size_t i_query;
} collection;

static attrib_status collect(void *context, const at_label *label, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const collection *c = context;
    at_wanted_list *list = c->list;
    size_t n = strlen(label->text);
    at_wanted *wanted = NULL;
    AT_TRY(at_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items, err));
    wanted = &list->items[list->n++];
    *wanted = (at_wanted){.query = c->i_query};
    AT_TRY(at_copy_text(label->text, n, &wanted->text, err));
    AT_TRY(at_word_list_read(&wanted->words, label->text, n, err));
    AT_CHECK(wanted->words.n > 0, ATTRIB_EINVAL,
             "query \"%s\": the answer \"%s\" has no word", c->query->id, label->text);
done:
    return status;
}

attrib_status at_wanted_collect(const at_inquiry *inquiry,
                                at_wanted_list *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *key = inquiry->options.answers_tag;
    *out = (at_wanted_list){0};
    for (size_t q = 0; q < inquiry->subject.info->n_queries; q++) {
        const attrib_query *query = &at_subject_answer(&inquiry->subject, q)->query;
        const attrib_tag *tag = at_find_tag(query->tags, query->n_tags, key);
        collection c = {out, query, q};
        if (tag) {
            AT_TRY(at_each_label(tag->value, collect, &c, err));
        }
    }
    AT_CHECK(out->n > 0, ATTRIB_ESHAPE, "no query has a tag %s with answers", key);
done:
    return status;
}

void at_wanted_free(at_wanted_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].text);
        at_word_list_free(&list->items[i].words);
    }
    free(list->items);
    *list = (at_wanted_list){0};
}

/* 2. Counting */

typedef struct counting {
    at_wanted **by_word; /* [n] by the hash of their first words */
    size_t n;
    at_word_list text; /* of the document that comes by */
    at_unread *unread;
} counting;

static int compare_first_words(const void *left, const void *right)
{
    uint64_t a = (*(at_wanted *const *)left)->words.hashes[0];
    uint64_t b = (*(at_wanted *const *)right)->words.hashes[0];
    return (a > b) - (a < b);
}

/* The first answer that begins with this word or a later one. */
static size_t find_first(const counting *c, uint64_t word)
{
    size_t low = 0;
    size_t high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->by_word[middle]->words.hashes[0] < word) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool stands_at(const at_word_list *text, size_t i, const at_word_list *words)
{
    return words->n <= text->n - i &&
           memcmp(text->hashes + i, words->hashes, words->n * sizeof *words->hashes) == 0;
}

/* Count a document once for each answer that it has. */
static attrib_status count_document(void *context,
                                    size_t document,
                                    const char *text,
                                    size_t n_bytes,
                                    const attrib_error *why,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    counting *c = context;
    if (why) {
        c->unread->why = c->unread->n ? c->unread->why : *why;
        c->unread->n++;
        return ATTRIB_OK;
    }
    AT_TRY(at_word_list_read(&c->text, text, n_bytes, err));
    for (size_t i = 0; i < c->text.n; i++) {
        uint64_t word = c->text.hashes[i];
        for (size_t k = find_first(c, word);
             k < c->n && c->by_word[k]->words.hashes[0] == word; k++) {
            at_wanted *wanted = c->by_word[k];
            if (wanted->last != document + 1 && stands_at(&c->text, i, &wanted->words)) {
                wanted->last = document + 1;
                wanted->n_in_corpus++;
            }
        }
    }
done:
    return status;
}

attrib_status at_wanted_count(const at_inquiry *inquiry,
                              at_wanted_list *list,
                              at_unread *unread,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = inquiry->subject.info->n_documents;
    size_t n_batch = at_smaller(BATCH_DOCUMENTS, n_documents);
    size_t *documents = NULL;
    counting c = {.n = list->n, .unread = unread};
    AT_TRY(at_array(list->n, sizeof(at_wanted *), (void *)&c.by_word, err));
    AT_TRY(at_array(n_batch, sizeof *documents, (void *)&documents, err));
    for (size_t i = 0; i < list->n; i++) {
        c.by_word[i] = &list->items[i];
    }
    qsort(c.by_word, c.n, sizeof(at_wanted *), compare_first_words);
    for (size_t first = 0; first < n_documents; first += n_batch) {
        size_t n = at_smaller(n_batch, n_documents - first);
        for (size_t i = 0; i < n; i++) {
            documents[i] = first + i;
        }
        AT_TRY(attrib_run_texts(inquiry->session, inquiry->subject.run, documents, n,
                                (attrib_original_sink){count_document, &c}, err));
    }
done:
    free(c.by_word);
    free(documents);
    at_word_list_free(&c.text);
    return status;
}
