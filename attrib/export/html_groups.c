/* SPDX-License-Identifier: MIT */
/* Which tags a page groups documents and queries by: those with few values. */
#include <stdlib.h>
#include <string.h>

#include "export/html.h"

#define MAX_KEYS   64 /* tags that are looked at */
#define MAX_VALUES 30 /* of a tag that makes groups */

/* A tag and its values so far; more than MAX_VALUES are not told apart. */
typedef struct tag_values {
    char *key;
    char *values[MAX_VALUES];
    size_t n_values;
    bool is_over;
} tag_values;

typedef struct tag_list {
    tag_values items[MAX_KEYS];
    size_t n;
} tag_list;

static void tag_list_free(tag_list *self)
{
    for (size_t i = 0; i < self->n; i++) {
        free(self->items[i].key);
        for (size_t j = 0; j < self->items[i].n_values; j++) {
            free(self->items[i].values[j]);
        }
    }
}

/* The place of a tag in the list, where it is put if it is new and there is room. */
static attrib_status find_key(tag_list *self,
                              const char *key,
                              tag_values **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = NULL;
    for (size_t i = 0; i < self->n; i++) {
        if (strcmp(self->items[i].key, key) == 0) {
            *out = &self->items[i];
            return ATTRIB_OK;
        }
    }
    if (self->n < MAX_KEYS) {
        AT_TRY(at_copy_text(key, strlen(key), &self->items[self->n].key, err));
        *out = &self->items[self->n++];
    }
done:
    return status;
}

static attrib_status add_value(tag_list *self,
                               const char *key,
                               const char *value,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    tag_values *tag = NULL;
    AT_TRY(find_key(self, key, &tag, err));
    for (size_t j = 0; tag && j < tag->n_values; j++) {
        if (strcmp(tag->values[j], value) == 0) {
            return ATTRIB_OK;
        }
    }
    if (tag && tag->n_values == MAX_VALUES) {
        tag->is_over = true;
    } else if (tag) {
        AT_TRY(at_copy_text(value, strlen(value), &tag->values[tag->n_values], err));
        tag->n_values++;
    }
done:
    return status;
}

static attrib_status add_tags(tag_list *self,
                              const attrib_tag *tags,
                              size_t n_tags,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n_tags; i++) {
        AT_TRY(add_value(self, tags[i].key, tags[i].value, err));
    }
done:
    return status;
}

/* Copy the names of tags that make 2 groups or more. */
static attrib_status take_names(const tag_list *tags, at_names *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < tags->n && out->n < AT_MAX_NAMES; i++) {
        const tag_values *tag = &tags->items[i];
        if (tag->n_values >= 2 && !tag->is_over) {
            AT_TRY(at_copy_text(tag->key, strlen(tag->key), &out->items[out->n], err));
            out->n++;
        }
    }
done:
    return status;
}

attrib_status at_document_groups(attrib_run *run, at_names *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    tag_list *tags = NULL;
    AT_TRY(at_array(1, sizeof *tags, &tags, err));
    for (size_t i = 0; i < attrib_run_describe(run)->n_documents; i++) {
        attrib_document document;
        AT_TRY(attrib_run_document(run, i, &document, err));
        AT_TRY(add_value(tags, "source", document.source, err));
        AT_TRY(add_tags(tags, document.tags, document.n_tags, err));
    }
    AT_TRY(take_names(tags, out, err));
done:
    if (tags) {
        tag_list_free(tags);
    }
    free(tags);
    return status;
}

attrib_status at_query_groups(const attrib_run *run, at_names *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    tag_list *tags = NULL;
    AT_TRY(at_array(1, sizeof *tags, &tags, err));
    for (size_t q = 0; q < attrib_run_describe(run)->n_queries; q++) {
        const attrib_query *query = &attrib_run_answer(run, q)->query;
        AT_TRY(add_tags(tags, query->tags, query->n_tags, err));
    }
    AT_TRY(take_names(tags, out, err));
done:
    if (tags) {
        tag_list_free(tags);
    }
    free(tags);
    return status;
}

void at_names_free(at_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->items[i]);
    }
    names->n = 0;
}
