/* SPDX-License-Identifier: MIT */
/* Reading a bank's subsets: masks, or lists of documents. */
#include "validate/truth_read.h"

#include <stdlib.h>
#include <string.h>

/* How a table of subsets says what is in one: the column, and what it lists. */
typedef struct membership {
    size_t column, kind;
} membership;

enum { MASK, KEPT, REMOVED, N_KINDS };

static attrib_status find_membership(const at_csv *table,
                                     membership *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const char *const names[N_KINDS] = {"mask", "kept", "removed"};
    size_t n = 0;
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        size_t column = at_csv_column(table, names[kind]);
        if (column != SIZE_MAX) {
            out->column = column;
            out->kind = kind;
            n++;
        }
    }
    AT_CHECK(n == 1, ATTRIB_EFORMAT,
             "%s: %s of the columns \"mask\", \"kept\" and \"removed\" in the header",
             table->name, n ? "more than one" : "none");
done:
    return status;
}

static attrib_status read_mask(
    const at_truth *self, size_t row, const char *text, uint8_t *kept, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->subsets;
    size_t n = strlen(text);
    AT_CHECK(n == self->n_documents, ATTRIB_EFORMAT,
             "%s line %zu: a mask of %zu digits for %zu documents", table->name,
             table->lines[row], n, self->n_documents);
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(text[i] == '0' || text[i] == '1', ATTRIB_EFORMAT,
                 "%s line %zu: a mask is of the digits 0 and 1", table->name,
                 table->lines[row]);
        kept[i] = text[i] == '1';
    }
done:
    return status;
}

/* Set what a list of documents, with spaces between their names, says of them. */
static attrib_status read_list(const at_truth *self,
                               size_t row,
                               const char *text,
                               uint8_t value,
                               uint8_t *kept,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->subsets;
    char *name = NULL;
    memset(kept, !value, self->n_documents);
    while (*(text += strspn(text, " "))) {
        size_t n = strcspn(text, " ");
        AT_TRY(at_copy_text(text, n, &name, err));
        size_t document = at_register_find(&self->document_names, name, NULL);
        AT_CHECK(document != SIZE_MAX, ATTRIB_EFORMAT,
                 "%s line %zu: no document \"%.80s\" in %s", table->name,
                 table->lines[row], name, self->documents.name);
        kept[document] = value;
        free(name);
        name = NULL;
        text += n;
    }
done:
    free(name);
    return status;
}

/* A cell of a column that may be missing. */
static const char *cell_or_none(const at_csv *table, size_t row, size_t column)
{
    return column == SIZE_MAX ? "" : at_csv_cell(table, row, column);
}

static attrib_status take_part(at_truth *self,
                               size_t row,
                               const membership *member,
                               uint8_t *kept,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->subsets;
    at_part *part = &self->parts[row - 1];
    const char *text = at_csv_cell(table, row, member->column);
    const char *query = cell_or_none(table, row, at_csv_column(table, "query"));
    *part = (at_part){.name = at_csv_cell(table, row, at_csv_column(table, "subset")),
                      .group = cell_or_none(table, row, at_csv_column(table, "group")),
                      .method = cell_or_none(table, row, at_csv_column(table, "method")),
                      .query = *query ? at_register_find(&self->query_names, query, NULL)
                                      : SIZE_MAX,
                      .kept = kept};
    AT_CHECK(!*query || part->query != SIZE_MAX, ATTRIB_EFORMAT,
             "%s line %zu: no query \"%.80s\" in %s", table->name, table->lines[row],
             query, self->losses.name);
    AT_CHECK(!*query || *part->method, ATTRIB_EFORMAT,
             "%s line %zu: a query without the method that chose documents for it",
             table->name, table->lines[row]);
    if (member->kind == MASK) {
        AT_TRY(read_mask(self, row, text, kept, err));
    } else {
        AT_TRY(read_list(self, row, text, member->kind == KEPT, kept, err));
    }
    for (size_t i = 0; i < self->n_documents; i++) {
        part->n_kept += kept[i];
    }
done:
    return status;
}

attrib_status at_truth_take_parts(at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->subsets;
    const char **names = NULL;
    size_t column = 0;
    size_t n_bytes = 0;
    uint8_t *kept = NULL;
    membership member = {0};
    AT_TRY(at_truth_need_column(table, "subset", &column, err));
    AT_TRY(find_membership(table, &member, err));
    AT_CHECK(table->n_rows > 1, ATTRIB_EFORMAT, "%s: no subsets", table->name);
    self->n_parts = table->n_rows - 1;
    AT_TRY(at_truth_take_column(self, table, column, &names, err));
    AT_TRY(at_truth_index_column(table, "subset", names, &self->part_names, err));
    AT_TRY(at_mul(self->n_parts, self->n_documents, &n_bytes, err));
    AT_CHECK(n_bytes <= MAX_TABLE_BYTES, ATTRIB_ERANGE,
             "%s: %zu subsets of %zu documents are more than this reads", table->name,
             self->n_parts, self->n_documents);
    AT_TRY(at_arena_take(self->arena, n_bytes, 1, (void *)&kept, err));
    AT_TRY(at_arena_take(self->arena, self->n_parts, sizeof *self->parts,
                         (void *)&self->parts, err));
    for (size_t row = 1; row < table->n_rows; row++) {
        AT_TRY(take_part(self, row, &member, kept + (row - 1) * self->n_documents, err));
    }
done:
    return status;
}
