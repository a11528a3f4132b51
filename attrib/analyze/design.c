/* SPDX-License-Identifier: MIT */
/* Columns that influence is explained by. */
#include "analyze/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/labels.h"
#include "base/session.h"

/* 1. Numbers */

/* The numbers of a tag while documents come by. */
typedef struct numbers_read {
    double *numbers; /* [N] */
    size_t i;        /* document */
    bool is_numeric;
} numbers_read;

static attrib_status take_number(void *context, const at_label *label, attrib_error *err)
{
    numbers_read *c = context;
    (void)err;
    c->is_numeric = c->is_numeric && !isnan(label->number) && isnan(c->numbers[c->i]);
    c->numbers[c->i] = label->number;
    return ATTRIB_OK;
}

static attrib_status read_numbers(const at_inquiry *inquiry,
                                  const char *tag,
                                  numbers_read *c,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &inquiry->subject;
    size_t n = subject->info->n_documents;
    *c = (numbers_read){.is_numeric = true};
    AT_TRY(at_array(n, sizeof *c->numbers, (void *)&c->numbers, err));
    for (; c->i < n && c->is_numeric; c->i++) {
        attrib_document document;
        c->numbers[c->i] = (double)NAN;
        AT_TRY(at_poll_cancel(inquiry->session, err));
        AT_TRY(attrib_run_document(subject->run, c->i, &document, err));
        AT_TRY(at_each_document_label(&document, tag, take_number, c, err));
    }
done:
    return status;
}

/* Give numbers mean 0 and deviation 1, so that their sums of squares keep their digits
 * whatever the unit. */
static attrib_status standardize(at_factor *factor, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double squares = 0;
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(factor->numbers[i])) {
            factor->mean += factor->numbers[i];
            n_known++;
        }
    }
    AT_CHECK(n_known > 0, ATTRIB_ESHAPE, "documents: none has a tag %s", factor->tag);
    factor->mean /= (double)n_known;
    for (size_t i = 0; i < n; i++) {
        double from = factor->numbers[i] - factor->mean;
        squares += isnan(from) ? 0 : from * from;
    }
    factor->deviation = sqrt(squares / (double)n_known);
    AT_CHECK(factor->deviation > 0, ATTRIB_ESHAPE,
             "documents: tag %s is the same number everywhere, which explains nothing",
             factor->tag);
    for (size_t i = 0; i < n; i++) {
        factor->numbers[i] = (factor->numbers[i] - factor->mean) / factor->deviation;
    }
done:
    return status;
}

/* 2. Values */

/* The largest group, where each document has one value at most; else SIZE_MAX. */
static size_t choose_reference(const at_grouping *g)
{
    size_t largest = 0;
    for (size_t i = 0; i < g->n_items; i++) {
        if (g->first[i + 1] - g->first[i] > 1) {
            return SIZE_MAX;
        }
    }
    for (size_t k = 1; k < g->n_groups; k++) {
        largest = g->sizes[k] > g->sizes[largest] ? k : largest;
    }
    return largest;
}

/* 3. The design */

static attrib_status add_factor(const at_inquiry *inquiry,
                                at_factor *factor,
                                size_t first_column,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    numbers_read c = {0};
    factor->first_column = first_column;
    factor->reference = SIZE_MAX;
    AT_TRY(read_numbers(inquiry, factor->tag, &c, err));
    if (c.is_numeric) {
        factor->numbers = c.numbers;
        c.numbers = NULL;
        factor->n_columns = 1;
        AT_TRY(standardize(factor, inquiry->subject.info->n_documents, err));
    } else {
        AT_TRY(at_group_documents(inquiry, factor->tag, &factor->grouping, err));
        factor->reference = choose_reference(&factor->grouping);
        factor->n_columns = factor->grouping.n_groups - (factor->reference != SIZE_MAX);
    }
done:
    free(c.numbers);
    return status;
}

static bool is_twice(const at_design *design, const char *tag)
{
    for (size_t i = 0; i + 1 < design->n_factors; i++) {
        if (strcmp(design->factors[i].tag, tag) == 0) {
            return true;
        }
    }
    return false;
}

attrib_status at_design_new(const at_inquiry *inquiry, at_design *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *tags = inquiry->options.tags;
    size_t capacity = 0;
    *out = (at_design){.n_columns = 1};
    while (*tags) {
        size_t n = strcspn(tags, ",");
        AT_TRY(at_grow(&out->factors, &capacity, out->n_factors + 1, sizeof *out->factors,
                       err));
        at_factor *factor = &out->factors[out->n_factors++];
        *factor = (at_factor){0};
        AT_TRY(at_copy_text(tags, n, &factor->tag, err));
        AT_CHECK(!is_twice(out, factor->tag), ATTRIB_EINVAL, "tags: \"%s\" twice",
                 factor->tag);
        AT_TRY(add_factor(inquiry, factor, out->n_columns, err));
        out->n_columns += factor->n_columns;
        tags += n + (tags[n] == ',');
    }
    AT_CHECK(out->n_factors > 0, ATTRIB_EINVAL, "tags: none is named");
done:
    return status;
}

void at_design_free(at_design *design)
{
    for (size_t i = 0; i < design->n_factors; i++) {
        free(design->factors[i].tag);
        free(design->factors[i].numbers);
        at_grouping_free(&design->factors[i].grouping);
    }
    free(design->factors);
    *design = (at_design){0};
}

size_t at_design_capacity(const at_design *design)
{
    return design->n_columns;
}

/* The entries of a document in the columns of a factor, added from out[n] on; 0: it has
 * no value of this tag. */
static bool add_entries(const at_factor *factor,
                        size_t document,
                        at_entry *out,
                        size_t *n)
{
    const at_grouping *g = &factor->grouping;
    if (factor->numbers) {
        out[(*n)++] = (at_entry){factor->first_column, factor->numbers[document]};
        return !isnan(factor->numbers[document]);
    }
    for (size_t i = g->first[document]; i < g->first[document + 1]; i++) {
        size_t group = g->groups[i];
        if (group != factor->reference) {
            size_t column = factor->first_column + group - (group > factor->reference);
            out[(*n)++] = (at_entry){column, 1};
        }
    }
    return g->first[document] < g->first[document + 1];
}

size_t at_design_row(const at_design *design, size_t document, at_entry *out)
{
    size_t n = 1;
    out[0] = (at_entry){0, 1};
    for (size_t i = 0; i < design->n_factors; i++) {
        if (!add_entries(&design->factors[i], document, out, &n)) {
            return 0;
        }
    }
    return n;
}
