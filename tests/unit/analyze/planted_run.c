/* SPDX-License-Identifier: MIT */
#include "planted_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/random.h"

struct attrib_run {
    attrib_run_info info;
    attrib_score_options options;
    double *scores; /* [N, Q] */
    attrib_answer *answers;
    attrib_document *documents;
    char (*query_ids)[24];
    char (*document_ids)[24];
};

attrib_run *planted_run(size_t n_queries, size_t n_documents)
{
    attrib_run *run = calloc(1, sizeof *run);
    run->options = (attrib_score_options){.settings = {{ATTRIB_EKFAC, 0.1, false, 0}},
                                          .n_settings = 1};
    run->info = (attrib_run_info){.n_queries = n_queries,
                                  .n_documents = n_documents,
                                  .options = &run->options,
                                  .n_answers = n_queries,
                                  .n_planes = 1};
    run->scores = calloc(n_queries * n_documents, sizeof *run->scores);
    run->answers = calloc(n_queries, sizeof *run->answers);
    run->documents = calloc(n_documents, sizeof *run->documents);
    run->query_ids = calloc(n_queries, sizeof *run->query_ids);
    run->document_ids = calloc(n_documents, sizeof *run->document_ids);
    for (size_t q = 0; q < n_queries; q++) {
        snprintf(run->query_ids[q], sizeof run->query_ids[q], "q%zu", q);
        run->answers[q].query.id = run->query_ids[q];
        run->answers[q].loss = 1;
    }
    for (size_t d = 0; d < n_documents; d++) {
        snprintf(run->document_ids[d], sizeof run->document_ids[d], "d%zu", d);
        run->documents[d] = (attrib_document){
            .index = d, .id = run->document_ids[d], .source = "corpus.jsonl"};
    }
    return run;
}

void planted_free(attrib_run *run)
{
    free(run->scores);
    free(run->answers);
    free(run->documents);
    free(run->query_ids);
    free(run->document_ids);
    free(run);
}

double *planted_score(attrib_run *run, size_t i_query, size_t i_document)
{
    return &run->scores[i_document * run->info.n_queries + i_query];
}

attrib_run_info *planted_info(attrib_run *run)
{
    return &run->info;
}

attrib_score_options *planted_options(attrib_run *run)
{
    return &run->options;
}

attrib_answer *planted_answer(attrib_run *run, size_t i_query)
{
    return &run->answers[i_query];
}

attrib_document *planted_document(attrib_run *run, size_t i_document)
{
    return &run->documents[i_document];
}

/* The sum of twelve uniform numbers is nearly normal. */
void planted_fill(attrib_run *run, uint64_t seed)
{
    for (size_t i = 0; i < run->info.n_queries * run->info.n_documents; i++) {
        run->scores[i] = -6;
        for (uint64_t k = 0; k < 12; k++) {
            run->scores[i] += at_uniform(seed, i, k);
        }
    }
}

/* The accessors of attrib/run.h */

const attrib_run_info *attrib_run_describe(const attrib_run *self)
{
    return &self->info;
}

const attrib_answer *attrib_run_answer(const attrib_run *self, size_t i)
{
    return &self->answers[i];
}

attrib_plane attrib_run_plane(const attrib_run *self, size_t i)
{
    (void)self;
    return (attrib_plane){i, ""};
}

attrib_status attrib_run_load(attrib_run *self, size_t i, attrib_error *err)
{
    (void)self;
    (void)i;
    (void)err;
    return ATTRIB_OK;
}

attrib_status attrib_run_scores(attrib_run *self,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    if (i_plane > 0) {
        return at_fail(err, ATTRIB_ERANGE, "plane %zu of 1", i_plane);
    }
    for (size_t i = 0; i < n * self->info.n_queries; i++) {
        out[i] = self->scores[first * self->info.n_queries + i];
    }
    return ATTRIB_OK;
}

attrib_status attrib_run_document(attrib_run *self,
                                  size_t i,
                                  attrib_document *out,
                                  attrib_error *err)
{
    (void)err;
    *out = self->documents[i];
    return ATTRIB_OK;
}

/* The texts of documents that have one; of others it says why not. */
attrib_status attrib_run_texts(attrib_session *session,
                               attrib_run *self,
                               const size_t *documents,
                               size_t n,
                               attrib_original_sink sink,
                               attrib_error *err)
{
    const attrib_error gone = {ATTRIB_EIO, "corpus.jsonl: gone"};
    attrib_status status = ATTRIB_OK;
    (void)session;
    for (size_t i = 0; i < n && status == ATTRIB_OK; i++) {
        const attrib_document *document = &self->documents[documents[i]];
        status = sink.take(sink.context, documents[i], document->text,
                           document->n_text_bytes, document->text ? NULL : &gone, err);
    }
    return status;
}

attrib_status attrib_run_n_tokens(attrib_run *self,
                                  size_t i,
                                  size_t *out,
                                  attrib_error *err)
{
    (void)err;
    *out = self->documents[i].n_tokens;
    return ATTRIB_OK;
}

/* Token t of a document has its score, and each later token a tenth of the one before. */
attrib_status attrib_run_tokens(
    attrib_run *self, size_t i_setting, size_t i, double *out, attrib_error *err)
{
    (void)i_setting;
    (void)err;
    double share = 1;
    for (size_t t = 0; t < self->documents[i].n_tokens; t++) {
        for (size_t q = 0; q < self->info.n_queries; q++) {
            *out++ = share * *planted_score(self, q, i);
        }
        share /= 10;
    }
    return ATTRIB_OK;
}
