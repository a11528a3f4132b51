/* SPDX-License-Identifier: MIT */
/* Notes on what is likely not meant: white space and tokens that stand twice. */
#ifndef CLI_NOTES_H
#define CLI_NOTES_H

#include "cli/shared.h"

/* Warn of documents, or of queries, that begin with BOS twice: the text or the template
 * writes it, and the tokenizer adds it. */
void note_documents(const cli_source *source, cli_job *job);
void note_queries(const cli_source *source, const attrib_queries *queries, cli_job *job);

/* Warn where the completion of the only query loses more than half of its loss when the
 * space between prompt and completion begins the completion. */
void note_spaces(const cli_source *source, const attrib_queries *queries, cli_job *job);

#endif
