/* SPDX-License-Identifier: MIT */
/* Columns of a bank's tables. */
#include "validate/truth_read.h"

#include <string.h>

attrib_status at_truth_check_header(const at_csv *table, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_register names = {0};
    AT_TRY(at_register_index(table->cells, table->n_columns, &names, err));
    for (size_t i = 1; i < names.n; i++) {
        const char *name = names.sorted[i].text;
        AT_CHECK(!*name || strcmp(names.sorted[i - 1].text, name) != 0, ATTRIB_EFORMAT,
                 "%s: two columns \"%.80s\" in the header", table->name, name);
    }
done:
    at_register_free(&names);
    return status;
}

/* A column that must be there. */
attrib_status at_truth_need_column(const at_csv *table,
                                   const char *name,
                                   size_t *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = at_csv_column(table, name);
    AT_CHECK(*out != SIZE_MAX, ATTRIB_EFORMAT, "%s: no column \"%s\" in the header",
             table->name, name);
done:
    return status;
}

/* The cells of a column below the header, in the arena. */
attrib_status at_truth_take_column(at_truth *self,
                                   const at_csv *table,
                                   size_t column,
                                   const char ***out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **texts = NULL;
    AT_TRY(at_arena_take(self->arena, at_larger(table->n_rows - 1, 1), sizeof *texts,
                         (void *)&texts, err));
    for (size_t row = 1; row < table->n_rows; row++) {
        texts[row - 1] = at_csv_cell(table, row, column);
    }
    *out = texts;
done:
    return status;
}

/* Index the names of a column, all of which must be there and differ. */
attrib_status at_truth_index_column(const at_csv *table,
                                    const char *column,
                                    const char *const *texts,
                                    at_register *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_registered *twice = NULL;
    size_t n = table->n_rows - 1;
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(texts[i][0], ATTRIB_EFORMAT, "%s line %zu: no %s", table->name,
                 table->lines[i + 1], column);
    }
    AT_TRY(at_register_index(texts, n, out, err));
    twice = at_register_twice(out);
    AT_CHECK(!twice, ATTRIB_EFORMAT, "%s line %zu: the %s \"%.80s\" for the second time",
             table->name, table->lines[twice->place + 1], column, twice->text);
done:
    return status;
}
