/* SPDX-License-Identifier: MIT */
/* Reading a bank.
 *
 * 1. Documents.
 * 2. Losses.
 * 3. Labels.
 * 4. The folder. */
#include "validate/truth_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* 1. Documents */

static attrib_status take_documents(at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->documents;
    size_t id = at_csv_column(table, "id");
    size_t hash = at_csv_column(table, "hash");
    AT_CHECK(id != SIZE_MAX || hash != SIZE_MAX, ATTRIB_EFORMAT,
             "%s: no column \"id\" or \"hash\" in the header", table->name);
    AT_CHECK(table->n_rows > 1, ATTRIB_EFORMAT, "%s: no documents", table->name);
    self->n_documents = table->n_rows - 1;
    if (id != SIZE_MAX) {
        AT_TRY(at_truth_take_column(self, table, id, &self->ids, err));
    }
    if (hash != SIZE_MAX) {
        AT_TRY(at_truth_take_column(self, table, hash, &self->hashes, err));
    }
    AT_TRY(at_truth_index_column(table, self->ids ? "id" : "hash",
                                 self->ids ? self->ids : self->hashes,
                                 &self->document_names, err));
done:
    return status;
}

/* 2. Losses */

/* Queries are the columns of losses.csv after `subset` and `seed`. */
static attrib_status take_queries(at_truth *self, size_t n_before, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->losses;
    AT_CHECK(table->n_columns > n_before, ATTRIB_EFORMAT,
             "%s: no column of a query in the header", table->name);
    self->n_queries = table->n_columns - n_before;
    AT_TRY(at_arena_take(self->arena, self->n_queries, sizeof *self->queries,
                         (void *)&self->queries, err));
    for (size_t q = 0; q < self->n_queries; q++) {
        self->queries[q] = at_csv_cell(table, 0, n_before + q);
        AT_CHECK(self->queries[q][0], ATTRIB_EFORMAT, "%s: column %zu has no name",
                 table->name, n_before + q + 1);
    }
    AT_TRY(at_register_index(self->queries, self->n_queries, &self->query_names, err));
done:
    return status;
}

static attrib_status take_training(
    at_truth *self, size_t row, size_t n_before, double *losses, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->losses;
    const char *subset = at_csv_cell(table, row, 0);
    size_t part = at_register_find(&self->part_names, subset, NULL);
    AT_CHECK(part != SIZE_MAX, ATTRIB_EFORMAT, "%s line %zu: no subset \"%.80s\" in %s",
             table->name, table->lines[row], subset, self->subsets.name);
    for (size_t q = 0; q < self->n_queries; q++) {
        AT_TRY(at_csv_number(table, row, n_before + q, &losses[q], err));
    }
    self->trainings[row - 1] =
        (at_training){.part = part,
                      .seed = n_before == 2 ? at_csv_cell(table, row, 1) : "",
                      .losses = losses};
done:
    return status;
}

/* By part, and in the order of the file, in which losses stand. */
static int compare_trainings(const void *left, const void *right)
{
    const at_training *a = left;
    const at_training *b = right;
    if (a->part != b->part) {
        return a->part < b->part ? -1 : 1;
    }
    return (a->losses > b->losses) - (a->losses < b->losses);
}

/* A seed stands once for each part. */
static attrib_status check_seeds(const at_truth *self,
                                 const at_part *part,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **seeds = NULL;
    at_register names = {0};
    const at_registered *twice = NULL;
    AT_TRY(at_array(part->n_trainings, sizeof *seeds, (void *)&seeds, err));
    for (size_t i = 0; i < part->n_trainings; i++) {
        seeds[i] = self->trainings[part->first_training + i].seed;
    }
    AT_TRY(at_register_index(seeds, part->n_trainings, &names, err));
    twice = at_register_twice(&names);
    AT_CHECK(!twice, ATTRIB_EFORMAT,
             "%s: the subset \"%.80s\" has the seed \"%.40s\" twice", self->losses.name,
             part->name, twice->text);
done:
    at_register_free(&names);
    free(seeds);
    return status;
}

/* Tell each part which trainings are its own. */
static attrib_status deal_trainings(at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    qsort(self->trainings, self->n_trainings, sizeof *self->trainings, compare_trainings);
    for (size_t i = 0; i < self->n_trainings; i++) {
        at_part *part = &self->parts[self->trainings[i].part];
        if (part->n_trainings++ == 0) {
            part->first_training = i;
        }
    }
    for (size_t i = 0; i < self->n_parts; i++) {
        AT_TRY(check_seeds(self, &self->parts[i], err));
        AT_CHECK(self->parts[i].n_trainings > 0, ATTRIB_EFORMAT,
                 "%s: no losses of the subset \"%.80s\"", self->losses.name,
                 self->parts[i].name);
    }
done:
    return status;
}

static attrib_status take_losses(at_truth *self, size_t n_before, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->losses;
    size_t n_numbers = 0;
    double *losses = NULL;
    AT_CHECK(table->n_rows > 1, ATTRIB_EFORMAT, "%s: no losses", table->name);
    self->n_trainings = table->n_rows - 1;
    AT_TRY(at_mul(self->n_trainings, self->n_queries, &n_numbers, err));
    AT_TRY(at_arena_take(self->arena, n_numbers, sizeof *losses, (void *)&losses, err));
    AT_TRY(at_arena_take(self->arena, self->n_trainings, sizeof *self->trainings,
                         (void *)&self->trainings, err));
    for (size_t row = 1; row < table->n_rows; row++) {
        AT_TRY(take_training(self, row, n_before, losses + (row - 1) * self->n_queries,
                             err));
    }
    AT_TRY(deal_trainings(self, err));
done:
    return status;
}

/* 3. Labels */

static int compare_labels(const void *left, const void *right)
{
    const at_label *a = left;
    const at_label *b = right;
    if (a->query != b->query) {
        return a->query < b->query ? -1 : 1;
    }
    return (a->document > b->document) - (a->document < b->document);
}

/* Without losses, queries are those of labels, in the order in which they come first. */
static attrib_status take_labelled_queries(at_truth *self,
                                           size_t column,
                                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->labels_table;
    const char **all = NULL;
    at_register names = {0};
    AT_TRY(at_truth_take_column(self, table, column, &all, err));
    AT_TRY(at_register_index(all, table->n_rows - 1, &names, err));
    AT_TRY(at_arena_take(self->arena, table->n_rows, sizeof *self->queries,
                         (void *)&self->queries, err));
    for (size_t i = 0; i + 1 < table->n_rows; i++) {
        if (at_register_find(&names, all[i], NULL) == i) {
            self->queries[self->n_queries++] = all[i];
        }
    }
    AT_TRY(at_register_index(self->queries, self->n_queries, &self->query_names, err));
done:
    at_register_free(&names);
    return status;
}

static attrib_status take_labels(at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &self->labels_table;
    size_t query = 0;
    size_t document = 0;
    AT_TRY(at_truth_need_column(table, "query", &query, err));
    AT_TRY(at_truth_need_column(table, "document", &document, err));
    AT_CHECK(table->n_rows > 1, ATTRIB_EFORMAT, "%s: no labels", table->name);
    if (self->n_queries == 0) {
        AT_TRY(take_labelled_queries(self, query, err));
    }
    self->n_labels = table->n_rows - 1;
    AT_TRY(at_arena_take(self->arena, self->n_labels, sizeof *self->labels,
                         (void *)&self->labels, err));
    for (size_t row = 1; row < table->n_rows; row++) {
        at_label *label = &self->labels[row - 1];
        const char *of = at_csv_cell(table, row, query);
        const char *name = at_csv_cell(table, row, document);
        label->query = at_register_find(&self->query_names, of, NULL);
        label->document = at_register_find(&self->document_names, name, NULL);
        AT_CHECK(label->query != SIZE_MAX, ATTRIB_EFORMAT,
                 "%s line %zu: no query \"%.80s\" in %s", table->name, table->lines[row],
                 of, self->losses.name);
        AT_CHECK(label->document != SIZE_MAX, ATTRIB_EFORMAT,
                 "%s line %zu: no document \"%.80s\" in %s", table->name,
                 table->lines[row], name, self->documents.name);
    }
    qsort(self->labels, self->n_labels, sizeof *self->labels, compare_labels);
    for (size_t i = 1; i < self->n_labels; i++) {
        AT_CHECK(compare_labels(&self->labels[i - 1], &self->labels[i]) != 0,
                 ATTRIB_EFORMAT, "%s: the document \"%.80s\" twice for one query",
                 table->name,
                 self->ids ? self->ids[self->labels[i].document]
                           : self->hashes[self->labels[i].document]);
    }
done:
    return status;
}

/* 4. The folder */

/* Read a table of the folder; where it need not be there, it stays empty. */
static attrib_status read_table(
    const char *folder, const char *name, bool is_needed, at_csv *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    AT_TRY(at_join_path(folder, name, &path, err));
    if (is_needed || at_is_there(path)) {
        AT_TRY(at_csv_read(path, MAX_TABLE_BYTES, out, err));
        AT_TRY(at_truth_check_header(out, err));
    }
done:
    free(path);
    return status;
}

static attrib_status take_retrainings(at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *losses = &self->losses;
    bool has_seed =
        losses->n_columns > 1 && strcmp(at_csv_cell(losses, 0, 1), "seed") == 0;
    size_t n_before = has_seed ? 2 : 1;
    AT_CHECK(strcmp(at_csv_cell(losses, 0, 0), "subset") == 0, ATTRIB_EFORMAT,
             "%s: the first column is not \"subset\"", losses->name);
    AT_TRY(take_queries(self, n_before, err));
    AT_TRY(at_truth_take_parts(self, err));
    AT_TRY(take_losses(self, n_before, err));
done:
    return status;
}

static attrib_status read_all(const char *folder, at_truth *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: no folder of a bank", folder);
    AT_TRY(at_arena_new(&self->arena, err));
    AT_TRY(read_table(folder, "documents.csv", true, &self->documents, err));
    AT_TRY(read_table(folder, "losses.csv", false, &self->losses, err));
    AT_TRY(read_table(folder, "labels.csv", false, &self->labels_table, err));
    AT_CHECK(self->losses.n_rows || self->labels_table.n_rows, ATTRIB_EFORMAT,
             "%s: neither losses.csv nor labels.csv", folder);
    AT_TRY(
        read_table(folder, "subsets.csv", self->losses.n_rows > 0, &self->subsets, err));
    AT_TRY(take_documents(self, err));
    if (self->losses.n_rows) {
        AT_TRY(take_retrainings(self, err));
    }
    if (self->labels_table.n_rows) {
        AT_TRY(take_labels(self, err));
    }
done:
    return status;
}

attrib_status at_truth_read(const char *folder, at_truth *out, attrib_error *err)
{
    at_truth truth = {0};
    attrib_status status = read_all(folder, &truth, err);
    if (status == ATTRIB_OK) {
        *out = truth;
    } else {
        at_truth_free(&truth);
    }
    return status;
}

void at_truth_free(at_truth *truth)
{
    at_csv_free(&truth->documents);
    at_csv_free(&truth->subsets);
    at_csv_free(&truth->losses);
    at_csv_free(&truth->labels_table);
    at_register_free(&truth->document_names);
    at_register_free(&truth->query_names);
    at_register_free(&truth->part_names);
    at_arena_free(truth->arena);
    *truth = (at_truth){0};
}
