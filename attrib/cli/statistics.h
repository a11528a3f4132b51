/* SPDX-License-Identifier: MIT */
/* What a job that is done says of itself: rows of text for people, and facts, most of
 * them numbers, for JSON lines and metrics. */
#ifndef CLI_STATISTICS_H
#define CLI_STATISTICS_H

#include <attrib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define MAX_ROWS  32
#define MAX_FACTS 96

/* A row of text. */
typedef struct statistics_row {
    const char *name; /* static */
    char value[256];
} statistics_row;

typedef enum fact_kind {
    FACT_NUMBER,
    FACT_MEMBER, /* of an object of numbers */
    FACT_TEXT,
    FACT_ITEM /* of a list of texts */
} fact_kind;

typedef struct statistics_fact {
    const char *key; /* static */
    fact_kind kind;
    double number;
    char text[200]; /* of a member its name */
} statistics_fact;

typedef struct statistics {
    statistics_row rows[MAX_ROWS];
    size_t n_rows;
    statistics_fact facts[MAX_FACTS + 1]; /* those of the same key stand together; one
                                             more takes what there is no room for */
    size_t n_facts;
} statistics;

/* Each leaves out what there is no room for. */
void statistics_add_row(statistics *self,
                        const char *name,
                        const char *format,
                        va_list arguments) ATTRIB_PRINTF(3, 0);
void statistics_add_number(statistics *self, const char *key, double number);
void statistics_add_member(statistics *self,
                           const char *key,
                           const char *member,
                           double number);
void statistics_add_text(statistics *self,
                         const char *key,
                         bool is_item,
                         const char *format,
                         va_list arguments) ATTRIB_PRINTF(4, 0);

/* A line for each row; and {"documents": 60, "tokens": {"all": 812, ...}, ...}. */
void statistics_write_rows(const statistics *self, FILE *stream);
void statistics_write_json(const statistics *self, FILE *stream);

/* Write a number as JSON and Prometheus read it: whole ones without a fraction, and
 * `unknown` in place of what is not finite. */
void statistics_write_number(double number, const char *unknown, FILE *stream);

#endif
