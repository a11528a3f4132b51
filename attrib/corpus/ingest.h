/* SPDX-License-Identifier: MIT */
/* Token stores made and opened. */
#ifndef AT_CORPUS_INGEST_H
#define AT_CORPUS_INGEST_H

#include "corpus/store_file.h"

/* Open a store as a corpus, narrowed as options say. */
attrib_status at_token_store_open(attrib_session *session,
                                  const char *path,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_corpus **out,
                                  attrib_error *err);

#endif
