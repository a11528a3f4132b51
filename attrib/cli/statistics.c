/* SPDX-License-Identifier: MIT */
#include "cli/statistics.h"

#include <math.h>
#include <string.h>

#include "cli/terminal.h"

#define LARGEST_WHOLE 0x1p53 /* up to which doubles count exactly */

void statistics_add_row(statistics *self,
                        const char *name,
                        const char *format,
                        va_list arguments)
{
    if (self->n_rows < MAX_ROWS) {
        statistics_row *row = &self->rows[self->n_rows++];
        row->name = name;
        vsnprintf(row->value, sizeof row->value, format, arguments);
    }
}

static statistics_fact *add_fact(statistics *self, const char *key, fact_kind kind)
{
    statistics_fact *fact = &self->facts[self->n_facts];
    self->n_facts += self->n_facts < MAX_FACTS;
    fact->key = key;
    fact->kind = kind;
    return fact;
}

void statistics_add_number(statistics *self, const char *key, double number)
{
    add_fact(self, key, FACT_NUMBER)->number = number;
}

void statistics_add_member(statistics *self,
                           const char *key,
                           const char *member,
                           double number)
{
    statistics_fact *fact = add_fact(self, key, FACT_MEMBER);
    fact->number = number;
    snprintf(fact->text, sizeof fact->text, "%s", member);
}

void statistics_add_text(statistics *self,
                         const char *key,
                         bool is_item,
                         const char *format,
                         va_list arguments)
{
    statistics_fact *fact = add_fact(self, key, is_item ? FACT_ITEM : FACT_TEXT);
    vsnprintf(fact->text, sizeof fact->text, format, arguments);
}

void statistics_write_rows(const statistics *self, FILE *stream)
{
    for (size_t i = 0; i < self->n_rows; i++) {
        fprintf(stream, "  %-18s %s\n", self->rows[i].name, self->rows[i].value);
    }
}

void statistics_write_number(double number, const char *unknown, FILE *stream)
{
    if (!isfinite(number)) {
        fputs(unknown, stream);
    } else if (number == floor(number) && fabs(number) < LARGEST_WHOLE) {
        fprintf(stream, "%.0f", number);
    } else {
        fprintf(stream, "%.15g", number);
    }
}

/* A fact's value, within the object or list of its key. */
static void write_value(const statistics_fact *fact, FILE *stream)
{
    if (fact->kind == FACT_TEXT || fact->kind == FACT_ITEM) {
        terminal_write_json(stream, fact->text, strlen(fact->text));
        return;
    }
    if (fact->kind == FACT_MEMBER) {
        terminal_write_json(stream, fact->text, strlen(fact->text));
        fputs(": ", stream);
    }
    statistics_write_number(fact->number, "null", stream);
}

static bool have_one_key(const statistics *self, size_t i, size_t j)
{
    return i < self->n_facts && j < self->n_facts &&
           strcmp(self->facts[i].key, self->facts[j].key) == 0;
}

void statistics_write_json(const statistics *self, FILE *stream)
{
    fputc('{', stream);
    for (size_t i = 0; i < self->n_facts; i++) {
        const statistics_fact *fact = &self->facts[i];
        const char *brackets = fact->kind == FACT_MEMBER ? "{}"
                               : fact->kind == FACT_ITEM ? "[]"
                                                         : NULL;
        bool is_first = i == 0 || !have_one_key(self, i - 1, i);
        fputs(i ? ", " : "", stream);
        if (is_first) {
            fprintf(stream, "\"%s\": ", fact->key);
        }
        if (is_first && brackets) {
            fputc(brackets[0], stream);
        }
        write_value(fact, stream);
        if (brackets && !have_one_key(self, i, i + 1)) {
            fputc(brackets[1], stream);
        }
    }
    fputc('}', stream);
}
