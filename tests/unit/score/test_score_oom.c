/* SPDX-License-Identifier: MIT */
/* Every allocation from a corpus to an opened run fails in turn: ATTRIB_ENOMEM, nothing
 * leaked (under ASan), no file half-written. Allocations of the libraries are their own
 * and are spared. */
#include "support/check.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "attrib.h"
#include "base/file.h"
#include "support/oom.h"
#include "support/tiny.h"

static const char documents[] = "{\"ids\": [1, 2, 3, 4]}\n"
                                "{\"ids\": [5, 6, 7]}\n"
                                "{\"ids\": [8, 9, 10, 1, 2, 3]}\n";
static const char queries[] =
    "{\"ids\": [1, 2, 3], \"mask\": [0, 0, 1], \"k\": \"a\"}\n"
    "{\"ids\": [5, 6], \"mask\": [0, 1], \"k\": \"a\", \"weight\": -1}\n"
    "{\"ids\": [7, 6], \"mask\": [0, 1], \"k\": \"b\"}\n";

/* Where the job reads and writes. */
typedef struct places {
    char folder[200], corpus[260], queries[260], factors[260], run[260];
} places;

/* Fit, write, open, score, open again and read: all of it freed, however far it came. */
static attrib_status work(const attrib_model *model, const places *at, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    attrib_queries *asked = NULL;
    attrib_factors *fitted = NULL;
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    attrib_run *opened = NULL;
    const char *path = at->corpus;
    attrib_score_options options;
    double scores[6];
    double shares[2 * 6];
    attrib_document document;
    AT_TRY(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, NULL, NULL, &corpus, err));
    AT_TRY(attrib_queries_open(NULL, at->queries, NULL, NULL, &asked, err));
    AT_TRY(attrib_factors_fit(NULL, model, corpus, NULL, &fitted, err));
    AT_TRY(attrib_factors_write(fitted, at->factors, "fit", err));
    AT_TRY(attrib_factors_open(at->factors, model, &factors, err));
    attrib_score_options_default(&options);
    options.aggregate = "k";
    options.normalize = ATTRIB_NORMALIZE_UNIT;
    options.with_tokens = true;
    AT_TRY(attrib_run_score(NULL,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = model,
                                                .factors = factors,
                                                .corpus = corpus,
                                                .queries = asked,
                                                .options = &options,
                                                .folder = at->run},
                            &run, err));
    AT_TRY(attrib_run_open(at->run, &opened, err));
    AT_TRY(attrib_run_scores(opened, 0, 0, 3, scores, err));
    AT_TRY(attrib_run_self(opened, 0, 0, 3, scores, err));
    AT_TRY(attrib_run_tokens(opened, 0, 2, shares, err));
    AT_TRY(attrib_run_document(opened, 2, &document, err));
done:
    attrib_run_close(opened);
    attrib_run_close(run);
    attrib_factors_close(factors);
    attrib_factors_close(fitted);
    attrib_queries_close(asked);
    attrib_corpus_close(corpus);
    return status;
}

/* Not zero, which stops the walk, at a file or folder under its temporary name. */
static int is_half_written(const char *path,
                           const struct stat *info,
                           int kind,
                           struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return strstr(path, ".tmp-") != NULL;
}

static void test_rank_oom__each_allocation_may_fail(void **state)
{
    (void)state;
    places at;
    attrib_model *model = tiny_model();
    attrib_status status = ATTRIB_ENOMEM;
    size_t n_failed = 0;
    make_scratch_folder(at.folder, sizeof at.folder);
    snprintf(at.corpus, sizeof at.corpus, "%s/corpus.jsonl", at.folder);
    snprintf(at.queries, sizeof at.queries, "%s/queries.jsonl", at.folder);
    snprintf(at.factors, sizeof at.factors, "%s/factors", at.folder);
    snprintf(at.run, sizeof at.run, "%s/run", at.folder);
    write_file(at.corpus, documents, sizeof documents - 1);
    write_file(at.queries, queries, sizeof queries - 1);
    while (status != ATTRIB_OK) {
        attrib_error err = {0};
        remove_folder(at.factors);
        remove_folder(at.run);
        oom_n_left = n_failed;
        status = work(model, &at, &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
            assert_true(err.message[0] != '\0');
            assert_int_equal(nftw(at.folder, is_half_written, 8, FTW_PHYS), 0);
            n_failed++;
        }
    }
    assert_true(n_failed > 200);
    attrib_model_close(model);
    remove_folder(at.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rank_oom__each_allocation_may_fail),
    };
    return run_cases(tests, NULL, NULL);
}
