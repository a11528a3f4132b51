/* SPDX-License-Identifier: MIT */
/* example MODEL CORPUS PROMPT: the documents that move the model's answer most. */
#include <attrib.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    attrib_error err = {argc == 4 ? ATTRIB_OK : ATTRIB_EINVAL, "MODEL CORPUS PROMPT"};
    attrib_paths paths = {(const char *const *)argv + 2, 1};
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_tokenizer *words = NULL;
    attrib_corpus *corpus = NULL;
    attrib_queries *query = NULL;
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    if (!err.status && !attrib_session_new(NULL, &session, &err) &&
        !attrib_model_open(argv[1], NULL, &model, &err) &&
        !attrib_tokenizer_open(argv[1], &words, &err) &&
        !attrib_corpus_open(session, &paths, words, NULL, &corpus, &err) &&
        !attrib_queries_from_prompt(argv[3], NULL, words, NULL, &query, &err) &&
        !attrib_factors_fit(session, model, corpus, NULL, &factors, &err)) {
        attrib_score_job job = {.size = sizeof job, model, words, factors, corpus, query};
        if (!attrib_run_score(session, &job, &run, &err)) {
            const attrib_answer *a = attrib_run_answer(run, 0);
            printf("%s|%s\n", a->query.prompt, a->query.completion);
            for (const attrib_result *r = a->top; r < a->top + a->n_top; r++) {
                printf("%zu %g %s\n", r->rank, r->score, r->document.id);
            }
        }
    }
    attrib_run_close(run);
    attrib_factors_close(factors);
    attrib_queries_close(query);
    attrib_corpus_close(corpus);
    attrib_tokenizer_close(words);
    attrib_model_close(model);
    attrib_session_free(session);
    return err.status ? (fprintf(stderr, "example: %s\n", err.message), 1) : 0;
}
