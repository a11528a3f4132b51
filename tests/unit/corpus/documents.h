/* SPDX-License-Identifier: MIT */
/* Files in a scratch folder, and what a corpus makes of them with a tokenizer known by
 * heart. */
#ifndef CORPUS_DOCUMENTS_H
#define CORPUS_DOCUMENTS_H

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

extern const attrib_tokenizer both; /* it has BOS and EOS, and adds no EOS itself */
extern char folder[256];

/* Set up and tear down a group of cases. */
int make_folder(void **state);
int drop_folder(void **state);

/* The path of a name in the scratch folder; eight of them live at a time. */
const char *at(const char *name);
void write_text(const char *path, const char *text);

attrib_status open_one(const char *path,
                       const attrib_corpus_options *options,
                       attrib_corpus **out,
                       attrib_error *err);
attrib_corpus *must_open(const char *path, const attrib_corpus_options *options);
/* The message has the path and these words. */
void check_refused(const char *path, attrib_status expected, const char *message);

/* "id text|id text|..." of all documents; freed by the caller. */
char *describe(const attrib_corpus *corpus);
void check_documents(const char *path, const char *want);

#endif
