/* SPDX-License-Identifier: MIT */
/* Making a store of a corpus. */
#include "corpus/store_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "corpus/draft.h"
#include "corpus/marks.h"

void attrib_ingest_job_init(attrib_ingest_job *job, size_t size)
{
    const attrib_ingest_job standard = {0};
    at_sized_fill(&standard, sizeof standard, job, size);
}

/* The files that a corpus is read from, and its template where that is a file. */
static attrib_status list_sources(const attrib_paths *paths,
                                  const attrib_corpus_options *options,
                                  at_sources *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < paths->n; i++) {
        AT_CHECK(!at_token_store_is(paths->paths[i]), ATTRIB_EINVAL,
                 "%s: a token store already", paths->paths[i]);
        AT_TRY(at_sources_add(out, paths->paths[i], err));
    }
    if (options->chat_template && at_is_file(options->chat_template)) {
        AT_TRY(at_sources_add(out, options->chat_template, err));
    }
done:
    return status;
}

attrib_status at_corpus_keep(const attrib_corpus *corpus,
                             const attrib_ingest_job *job,
                             const char *path,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sources sources = {0};
    at_output output = {0};
    attrib_corpus_options chosen;
    at_token_store_origin origin = {
        .paths = job->paths, .options = &chosen, .sources = &sources};
    AT_TRY(at_corpus_options_take(job->options, &chosen, err));
    at_token_store_hash_tokenizer(job->tokenizer, origin.tokenizer);
    AT_TRY(list_sources(job->paths, &chosen, &sources, err));
    AT_TRY(at_sources_hash(&sources, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_token_store_write(corpus, &origin, &output, err));
done:
    at_output_discard(&output);
    at_sources_free(&sources);
    return status;
}

attrib_status attrib_corpus_ingest(attrib_session *session,
                                   const attrib_ingest_job *job,
                                   const char *path,
                                   attrib_corpus **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    at_sources sources = {0};
    at_output output = {0};
    attrib_ingest_job given;
    attrib_corpus_options chosen;
    at_token_store_origin origin = {.options = &chosen, .sources = &sources};
    attrib_ingest_job_default(&given);
    AT_TRY(at_sized_take(job, "ingest_job", &given, err));
    AT_TRY(at_corpus_options_take(given.options, &chosen, err));
    origin.paths = given.paths;
    at_token_store_hash_tokenizer(given.tokenizer, origin.tokenizer);
    AT_TRY(list_sources(given.paths, &chosen, &sources, err));
    AT_TRY(at_output_open(path, &output, err)); /* before the work, not after it */
    AT_TRY(
        attrib_corpus_open(session, given.paths, given.tokenizer, &chosen, &corpus, err));
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
