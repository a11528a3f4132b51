/* SPDX-License-Identifier: MIT */
/* Groups of documents and queries by a tag.
 *
 * 1. Names.
 * 2. Collecting values.
 * 3. The order of groups.
 * 4. Documents, queries and files. */
#include "analyze/groups.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/bins.h"
#include "analyze/labels.h"
#include "base/session.h"

/* 1. Names */

/* A name in the tree of names. */
typedef struct name {
    const char *text;
    uint32_t group;
} name;

static int compare_names(const void *left, const void *right)
{
    const name *a = left;
    const name *b = right;
    return strcmp(a->text, b->text);
}

/* What is gathered while items come by. */
typedef struct gathering {
    at_grouping *out;
    void *tree;      /* of names, by tsearch() */
    name **names;    /* [n_groups] */
    double *numbers; /* [n values] as `groups` of the grouping; NULL once one is no number
                        or an item has several */
    size_t name_capacity, group_capacity, number_capacity;
    size_t max_groups;
    const char *tag;
    bool is_hierarchical, is_numeric, is_overfull;
} gathering;

static void leave_name(void *node)
{
    (void)node; /* names are in the arena */
}

static void gathering_free(gathering *g)
{
    tdestroy(g->tree, leave_name);
    free(g->names);
    free(g->numbers);
}

/* A number of a new group. */
static attrib_status add_name(gathering *g,
                              const name *key,
                              uint32_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_grouping *grouping = g->out;
    name *added = NULL;
    AT_TRY(at_grow(&g->names, &g->name_capacity, grouping->n_groups + 1, sizeof(name *),
                   err));
    AT_TRY(at_arena_take(grouping->texts, 1, sizeof *added, (void *)&added, err));
    AT_TRY(
        at_arena_text(grouping->texts, key->text, strlen(key->text), &added->text, err));
    added->group = (uint32_t)grouping->n_groups;
    AT_CHECK(tsearch(added, &g->tree, compare_names), ATTRIB_ENOMEM, "out of memory");
    g->names[grouping->n_groups++] = added;
    *out = added->group;
done:
    return status;
}

/* 2. Collecting values */

static attrib_status fail_overfull(const gathering *g, attrib_error *err)
{
    return at_fail(err, ATTRIB_ERANGE, "tag %s has more than %zu values (--max-groups)",
                   g->tag, g->max_groups);
}

/* Put the item that comes by into the group of this name, once. */
static attrib_status join_group(gathering *g, const char *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_grouping *out = g->out;
    size_t *end = &out->first[out->n_items + 1];
    const name key = {text, 0};
    name **found = tfind(&key, &g->tree, compare_names);
    uint32_t group = found ? (*found)->group : 0;
    if (!found) {
        g->is_overfull |= out->n_groups == g->max_groups;
        if (g->is_overfull) {
            return g->is_numeric ? ATTRIB_OK : fail_overfull(g, err);
        }
        AT_TRY(add_name(g, &key, &group, err));
    }
    for (size_t i = out->first[out->n_items]; i < *end; i++) {
        if (out->groups[i] == group) {
            return ATTRIB_OK;
        }
    }
    AT_TRY(at_grow(&out->groups, &g->group_capacity, *end + 1, sizeof *out->groups, err));
    out->groups[(*end)++] = group;
done:
    return status;
}

/* The groups of "a/b/c" are a, a/b and a/b/c. */
static attrib_status join_prefixes(gathering *g, const char *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *prefix = NULL;
    AT_TRY(at_copy_text(text, strlen(text), &prefix, err));
    for (char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        AT_TRY(*prefix ? join_group(g, prefix, err) : ATTRIB_OK);
        *slash = '/';
    }
    AT_TRY(join_group(g, text, err));
done:
    free(prefix);
    return status;
}

/* Keep the number of the item that comes by, while all items have one each. */
static attrib_status keep_number(gathering *g, double number, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i = g->out->n_items;
    g->is_numeric = g->is_numeric && !isnan(number) && isnan(g->numbers[i]);
    g->numbers[i] = number;
    if (!g->is_numeric && g->is_overfull) {
        status = fail_overfull(g, err);
    }
    return status;
}

static attrib_status take_label(void *context, const at_label *label, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    gathering *g = context;
    AT_TRY(keep_number(g, label->number, err));
    AT_TRY(g->is_hierarchical && isnan(label->number) ? join_prefixes(g, label->text, err)
                                                      : join_group(g, label->text, err));
done:
    return status;
}

/* Begin the next item. */
static attrib_status begin_item(gathering *g, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_grouping *out = g->out;
    AT_TRY(at_grow(&g->numbers, &g->number_capacity, out->n_items + 1, sizeof *g->numbers,
                   err));
    g->numbers[out->n_items] = (double)NAN;
    out->first[out->n_items + 1] = out->first[out->n_items];
done:
    return status;
}

/* 3. The order of groups */

static int compare_by_text(const void *left, const void *right)
{
    return compare_names(*(name *const *)left, *(name *const *)right);
}

static int compare_by_number(const void *left, const void *right)
{
    double a = strtod((*(name *const *)left)->text, NULL);
    double b = strtod((*(name *const *)right)->text, NULL);
    return a != b ? (a > b) - (a < b) : compare_by_text(left, right);
}

/* Number the groups anew in the order of their names. */
static attrib_status sort_groups(gathering *g, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_grouping *out = g->out;
    uint32_t *places = NULL;
    AT_TRY(at_array(out->n_groups, sizeof *places, (void *)&places, err));
    AT_TRY(at_array(out->n_groups, sizeof *out->names, (void *)&out->names, err));
    qsort(g->names, out->n_groups, sizeof(name *),
          g->is_numeric ? compare_by_number : compare_by_text);
    for (size_t i = 0; i < out->n_groups; i++) {
        places[g->names[i]->group] = (uint32_t)i;
        out->names[i] = g->names[i]->text;
    }
    for (size_t i = 0; i < out->first[out->n_items]; i++) {
        out->groups[i] = places[out->groups[i]];
    }
done:
    free(places);
    return status;
}

static attrib_status count_members(at_grouping *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(out->n_groups, sizeof *out->sizes, (void *)&out->sizes, err));
    for (size_t i = 0; i < out->n_items; i++) {
        out->n_untagged += out->first[i] == out->first[i + 1];
        for (size_t k = out->first[i]; k < out->first[i + 1]; k++) {
            out->sizes[out->groups[k]]++;
        }
    }
done:
    return status;
}

static attrib_status finish(gathering *g, size_t n_bins, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_grouping *out = g->out;
    AT_CHECK(out->n_groups > 0, ATTRIB_ESHAPE, "none has a tag %s", g->tag);
    if (g->is_numeric && (g->is_overfull || out->n_groups > n_bins)) {
        AT_TRY(at_make_bins(out, g->numbers, n_bins, err));
    } else {
        AT_TRY(sort_groups(g, err));
    }
    AT_TRY(count_members(out, err));
done:
    return status;
}

/* 4. Documents, queries and files */

void at_grouping_free(at_grouping *grouping)
{
    free(grouping->names);
    free(grouping->sizes);
    free(grouping->first);
    free(grouping->groups);
    at_arena_free(grouping->texts);
    *grouping = (at_grouping){0};
}

static attrib_status gathering_new(
    gathering *g, const char *tag, size_t n_items, at_grouping *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_grouping){0};
    *g =
        (gathering){.out = out, .tag = tag, .is_numeric = true, .max_groups = UINT32_MAX};
    AT_CHECK(n_items < UINT32_MAX, ATTRIB_ERANGE, "%zu documents: at most %u are grouped",
             n_items, UINT32_MAX - 1);
    AT_TRY(at_arena_new(&out->texts, err));
    AT_TRY(at_array(n_items + 1, sizeof *out->first, (void *)&out->first, err));
done:
    return status;
}

/* How the labels of document i are taken. */
typedef attrib_status (*take_fn)(gathering *g,
                                 const attrib_document *document,
                                 attrib_error *err);

static attrib_status take_tag(gathering *g,
                              const attrib_document *document,
                              attrib_error *err)
{
    return at_each_document_label(document, g->tag, take_label, g, err);
}

static attrib_status take_file(gathering *g,
                               const attrib_document *document,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer file = {0};
    at_label label = {NULL, (double)NAN};
    AT_TRY(at_buffer_print(&file, err, "%s:%s", document->source,
                           document->member ? document->member : ""));
    label.text = file.bytes;
    AT_TRY(take_label(g, &label, err));
done:
    at_buffer_free(&file);
    return status;
}

static attrib_status gather_documents(const at_inquiry *inquiry,
                                      gathering *g,
                                      take_fn take,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &inquiry->subject;
    for (size_t i = 0; i < subject->info->n_documents; i++) {
        attrib_document document;
        AT_TRY(at_poll_cancel(inquiry->session, err));
        AT_TRY(attrib_run_document(subject->run, i, &document, err));
        AT_TRY(begin_item(g, err));
        AT_TRY(take(g, &document, err));
        g->out->n_items++;
    }
done:
    return status;
}

attrib_status at_group_documents(const at_inquiry *inquiry,
                                 const char *tag,
                                 at_grouping *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    gathering g = {0};
    AT_TRY(gathering_new(&g, tag, inquiry->subject.info->n_documents, out, err));
    g.max_groups = inquiry->options.max_groups;
    g.is_hierarchical = inquiry->options.is_hierarchical;
    AT_TRY(gather_documents(inquiry, &g, take_tag, err));
    AT_TRY(finish(&g, inquiry->options.bins, err));
done:
    status = at_context(err, status, "documents");
    gathering_free(&g);
    return status;
}

attrib_status at_group_by_file(const at_inquiry *inquiry,
                               at_grouping *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    gathering g = {0};
    AT_TRY(gathering_new(&g, "source", inquiry->subject.info->n_documents, out, err));
    AT_TRY(gather_documents(inquiry, &g, take_file, err));
    AT_TRY(finish(&g, SIZE_MAX, err));
done:
    gathering_free(&g);
    return status;
}

static attrib_status take_query(gathering *g,
                                const attrib_query *query,
                                attrib_error *err)
{
    const at_label id = {query->id, (double)NAN};
    if (!g->tag) {
        return take_label(g, &id, err);
    }
    const attrib_tag *tag = at_find_tag(query->tags, query->n_tags, g->tag);
    return tag ? at_each_label(tag->value, take_label, g, err) : ATTRIB_OK;
}

attrib_status at_group_queries(const at_inquiry *inquiry,
                               at_grouping *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *tag = inquiry->options.query_tag;
    size_t n = inquiry->subject.info->n_queries;
    gathering g = {0};
    AT_TRY(gathering_new(&g, tag, n, out, err));
    g.is_hierarchical = tag && inquiry->options.is_hierarchical;
    for (size_t q = 0; q < n; q++) {
        AT_TRY(begin_item(&g, err));
        AT_TRY(take_query(&g, &at_subject_answer(&inquiry->subject, q)->query, err));
        out->n_items++;
    }
    AT_TRY(finish(&g, inquiry->options.bins, err));
done:
    status = at_context(err, status, "queries");
    gathering_free(&g);
    return status;
}

attrib_status at_say_untagged(const at_grouping *grouping,
                              const char *tag,
                              attrib_analysis *out,
                              attrib_error *err)
{
    return grouping->n_untagged == 0
               ? ATTRIB_OK
               : at_analysis_say(out, err,
                                 "%zu of %zu have no tag %s and are in no group.",
                                 grouping->n_untagged, grouping->n_items, tag);
}

size_t at_find_group(const at_grouping *grouping, const char *name_text, size_t n)
{
    for (size_t i = 0; i < grouping->n_groups; i++) {
        if (strlen(grouping->names[i]) == n &&
            memcmp(grouping->names[i], name_text, n) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}
