/* SPDX-License-Identifier: MIT */
#include "golden.h"

#include <stdio.h>

#include "support/check.h"

attrib_corpus *golden_corpus(const golden *self, size_t context)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    const char *path = source_path("tests/golden/kronfluence/documents.jsonl");
    attrib_corpus_options_default(&options);
    options.context = context;
    check_ok(attrib_corpus_open(self->session, &(attrib_paths){&path, 1}, NULL, &options,
                                &corpus, &err),
             &err);
    return corpus;
}

attrib_queries *golden_queries(const golden *self, const char *path)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(self->model)->context;
    check_ok(attrib_queries_open(NULL, path, NULL, &options, &queries, &err), &err);
    return queries;
}

void golden_open(golden *out)
{
    attrib_error err = {0};
    *out = (golden){0};
    check_ok(attrib_session_new(NULL, &out->session, &err), &err);
    check_ok(attrib_model_open(source_path("tests/golden/kronfluence/model"), NULL,
                               &out->model, &err),
             &err);
    out->corpus = golden_corpus(out, attrib_model_describe(out->model)->context);
    out->queries =
        golden_queries(out, source_path("tests/golden/kronfluence/queries.jsonl"));
    out->expected =
        json_load_file(source_path("tests/golden/baselines/expected.json"), 0, NULL);
    assert_non_null(out->expected);
    make_scratch_folder(out->folder, sizeof out->folder);
}

void golden_close(golden *self)
{
    remove_folder(self->folder);
    json_decref(self->expected);
    attrib_queries_close(self->queries);
    attrib_corpus_close(self->corpus);
    attrib_model_close(self->model);
    attrib_session_free(self->session);
}
