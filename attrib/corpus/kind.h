/* SPDX-License-Identifier: MIT */
/* What a file holds, as far as its name says. */
#ifndef AT_CORPUS_KIND_H
#define AT_CORPUS_KIND_H

#include <stdbool.h>

typedef enum at_kind {
    AT_KIND_TEXT,    /* the whole file is one document */
    AT_KIND_LINES,   /* JSONL */
    AT_KIND_JSON,    /* an array of rows, or rows one after the other */
    AT_KIND_COMMAS,  /* CSV: a header and records */
    AT_KIND_TABS,    /* TSV */
    AT_KIND_ARROW,   /* Arrow IPC: rows of columns */
    AT_KIND_WARC,    /* WARC or WET: records of a crawler */
    AT_KIND_TOKENS,  /* ids of tokens, where the content or options say so */
    AT_KIND_PARQUET, /* a table in columns */
    AT_KIND_ARCHIVE, /* members */
    AT_KIND_PLAIN,   /* a name without an extension: the content decides */
    AT_KIND_UNKNOWN, /* an extension that says nothing */
    AT_KIND_REFUSED, /* an extension of files that hold no documents */
} at_kind;

/* The kind of a file by the extension of its name, once suffixes of compression are taken
 * off: "a.jsonl.zst" is JSONL. */
at_kind at_kind_of_name(const char *name, bool *is_compressed);

/* Whether a file only describes the data in its folder, by its name: the card of a data
 * set, its licence, lists of its files and their like. */
bool at_is_about_data(const char *name);

#endif
