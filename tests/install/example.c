/* SPDX-License-Identifier: MIT */
/* example MODEL CORPUS PROMPT: the documents that move the model's answer most. */
#include <attrib.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_status status = ATTRIB_EINVAL;
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_tokenizer *tokenizer = NULL;
    attrib_corpus *corpus = NULL;
    attrib_queries *queries = NULL;
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    const char *paths[] = {argc == 4 ? argv[2] : ""};

    if (argc == 4 && (status = attrib_session_new(NULL, &session, &err)) == ATTRIB_OK &&
        (status = attrib_model_open(argv[1], NULL, &model, &err)) == ATTRIB_OK &&
        (status = attrib_tokenizer_open(argv[1], &tokenizer, &err)) == ATTRIB_OK &&
        (status = attrib_corpus_open(session, paths, 1, tokenizer, NULL, &corpus,
                                     &err)) == ATTRIB_OK &&
        (status = attrib_queries_from_prompt(argv[3], NULL, tokenizer, NULL, &queries,
                                             &err)) == ATTRIB_OK &&
        (status = attrib_factors_fit(session, model, corpus, NULL, &factors, &err)) ==
            ATTRIB_OK &&
        (status = attrib_run_score(session, model, tokenizer, factors, corpus, queries,
                                   NULL, NULL, &run, &err)) == ATTRIB_OK) {
        const attrib_answer *answer = attrib_run_answer(run, 0);
        printf("%s|%s\n", answer->query.prompt, answer->query.completion);
        for (size_t i = 0; i < answer->n_top; i++) {
            printf("%zu %g %s\n", answer->top[i].rank, answer->top[i].score,
                   answer->top[i].document.id);
        }
    } else {
        fprintf(stderr, "example: %s\n", argc == 4 ? err.message : "MODEL CORPUS PROMPT");
    }
    attrib_run_close(run);
    attrib_factors_close(factors);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_tokenizer_close(tokenizer);
    attrib_model_close(model);
    attrib_session_free(session);
    return status == ATTRIB_OK ? 0 : 1;
}
