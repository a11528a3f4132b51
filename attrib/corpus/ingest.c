/* SPDX-License-Identifier: MIT */
/* Making a store of a corpus. */
#include "corpus/store_file.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"

attrib_status attrib_corpus_ingest(attrib_session *session,
                                   const attrib_paths *paths,
                                   const attrib_tokenizer *tokenizer,
                                   const attrib_corpus_options *options,
                                   const char *path,
                                   attrib_corpus **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    at_sources sources = {0};
    at_output output = {0};
    attrib_corpus_options chosen;
    at_token_store_origin origin = {
        .paths = paths, .options = &chosen, .sources = &sources};
    AT_TRY(at_corpus_options_take(options, &chosen, err));
    at_token_store_hash_tokenizer(tokenizer, origin.tokenizer);
    for (size_t i = 0; i < paths->n; i++) {
        AT_CHECK(!at_token_store_is(paths->paths[i]), ATTRIB_EINVAL,
                 "%s: a token store already", paths->paths[i]);
        AT_TRY(at_sources_add(&sources, paths->paths[i], err));
    }
    if (chosen.chat_template && at_is_file(chosen.chat_template)) {
        AT_TRY(at_sources_add(&sources, chosen.chat_template, err));
    }
    AT_TRY(at_output_open(path, &output, err)); /* before the work, not after it */
    AT_TRY(attrib_corpus_open(session, paths, tokenizer, &chosen, &corpus, err));
    AT_TRY(at_sources_hash(&sources, err));
    AT_TRY(at_token_store_write(corpus, &origin, &output, err));
    if (out) {
        *out = corpus;
        corpus = NULL;
    }
done:
    at_output_discard(&output);
    at_sources_free(&sources);
    attrib_corpus_close(corpus);
    return status;
}
