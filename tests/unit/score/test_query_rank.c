/* SPDX-License-Identifier: MIT */
/* What a pilot looks at, and what it decides: documents of the whole corpus, in whatever
 * order that is. Costs, and scores with their bounds, are made up here (CMakeLists.txt
 * wraps what gives them). */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "score/sizes.h"
#include "score/taps.h"
#include "support/tiny.h"

enum { N_DOCUMENTS = 4096, N_STRETCHES = 16 };

#define N_TOKENS ((size_t)1000000000)

/* Documents whose bounds reach an end, and what the pilot asked for. */
typedef struct corpus {
    size_t first, n; /* those that reach */
    bool is_read[N_DOCUMENTS];
    size_t n_read;
} corpus;

static corpus *world;
static double products; /* of a token's forward pass */

attrib_status __wrap_at_prepare_queries(const at_setup *setup,
                                        at_tile tile,
                                        at_prepared *out,
                                        attrib_error *err);

attrib_status __wrap_at_prepare_queries(const at_setup *setup,
                                        at_tile tile,
                                        at_prepared *out,
                                        attrib_error *err)
{
    (void)err;
    assert_int_equal(setup->query_rank, 8);
    *out = (at_prepared){.tile = tile, .n_cases = 1};
    return ATTRIB_OK;
}

attrib_status __wrap_at_score_documents(const at_setup *setup,
                                        const at_prepared *prepared,
                                        at_slice *out,
                                        attrib_error *err);

attrib_status __wrap_at_score_documents(const at_setup *setup,
                                        const at_prepared *prepared,
                                        at_slice *out,
                                        attrib_error *err)
{
    (void)setup;
    (void)prepared;
    (void)err;
    double *scores = out->arrays[AT_SCORES];
    double *bounds = out->arrays[AT_BOUNDS];
    assert_true(out->first + out->counts.n_documents <= N_DOCUMENTS);
    for (size_t i = 0; i < out->counts.n_documents; i++) {
        size_t d = out->first + i;
        bool reaches = d >= world->first && d < world->first + world->n;
        assert_false(world->is_read[d]);
        world->is_read[d] = true;
        world->n_read++;
        scores[i] += at_uniform(3, 0, d);
        bounds[i] += reaches ? 1000 : 0;
    }
    return ATTRIB_OK;
}

const attrib_query *__wrap_at_query(const at_setup *setup, size_t q);

const attrib_query *__wrap_at_query(const at_setup *setup, size_t q)
{
    static const attrib_query query = {.n_tokens = 10};
    (void)setup;
    (void)q;
    return &query;
}

const attrib_corpus_summary *__wrap_attrib_corpus_summarize(const attrib_corpus *of);

const attrib_corpus_summary *__wrap_attrib_corpus_summarize(const attrib_corpus *of)
{
    static const attrib_corpus_summary summary = {.n_documents = N_DOCUMENTS,
                                                  .n_tokens = N_TOKENS};
    (void)of;
    return &summary;
}

attrib_status __wrap_at_fitting_queries(const at_setup *setup,
                                        size_t *out,
                                        attrib_error *err);

attrib_status __wrap_at_fitting_queries(const at_setup *setup,
                                        size_t *out,
                                        attrib_error *err)
{
    (void)err;
    *out = setup->n_queries;
    return ATTRIB_OK;
}

double __wrap_at_case_bytes(const at_setup *setup);

double __wrap_at_case_bytes(const at_setup *setup)
{
    (void)setup;
    return 0;
}

/* Whole queries cost half a pass more than cut ones, of which the least rank is the
 * cheapest: these are worth it where fewer than half of the documents are scored again,
 * each a pass of its own. */
double __wrap_at_contraction_cost(const at_setup *setup, size_t n_rows, size_t n_cases);

double __wrap_at_contraction_cost(const at_setup *setup, size_t n_rows, size_t n_cases)
{
    size_t rank = setup->query_rank;
    (void)n_rows;
    (void)n_cases;
    return rank ? 1e7 * (double)rank : products * (double)N_TOKENS;
}

/* The rank that is chosen where documents first .. first + n reach. */
static size_t choose(corpus *c, size_t first, size_t n)
{
    attrib_error err = {0};
    attrib_model *model = wide_model(1, 64, 64);
    size_t *tracked = NULL;
    at_setup setup = {
        .model = model, .n_queries = 1, .n_documents = N_DOCUMENTS, .n_groups = 1};
    *c = (corpus){.first = first, .n = n};
    world = c;
    products = at_model_products_per_token(model);
    check_ok(attrib_model_select(model, "mlp", &tracked, &setup.n_tracked, &err), &err);
    setup.tracked = tracked;
    attrib_score_options_default(&setup.options);
    setup.options.settings[0].strategy = ATTRIB_IDENTITY;
    setup.options.query_rank = ATTRIB_RANK_AUTO;
    check_ok(at_choose_rank(&setup, &err), &err);
    free(tracked);
    attrib_model_close(model);
    return setup.query_rank;
}

static void test_query_rank__the_order_of_documents_does_not_decide(void **state)
{
    (void)state;
    static const size_t quarter = N_DOCUMENTS / 4;
    corpus c;
    for (size_t i = 0; i < 4; i++) { /* wherever the quarter stands */
        assert_int_equal(choose(&c, i * quarter, quarter), 8);
        assert_int_equal(c.n_read, 256);
    }
    assert_int_equal(choose(&c, 0, 3 * quarter), 0);
    assert_int_equal(choose(&c, quarter, 3 * quarter), 0);
}

/* Every stretch of the corpus is looked at, to its end, and not at fixed steps. */
static void test_query_rank__documents_are_of_the_whole_corpus(void **state)
{
    (void)state;
    corpus c;
    size_t length = N_DOCUMENTS / N_STRETCHES;
    size_t n_places = 0;
    bool is_place[2 * N_DOCUMENTS / N_STRETCHES] = {0};
    choose(&c, 0, 0);
    for (size_t i = 0; i < N_STRETCHES; i++) {
        size_t n = 0;
        for (size_t d = i * length; d < (i + 1) * length; d++) {
            n += c.is_read[d];
            if (c.is_read[d] && (d == 0 || !c.is_read[d - 1])) {
                n_places += !is_place[d % (length / 2)];
                is_place[d % (length / 2)] = true;
            }
        }
        assert_int_equal(n, 256 / N_STRETCHES);
    }
    assert_true(n_places > 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_rank__the_order_of_documents_does_not_decide),
        cmocka_unit_test(test_query_rank__documents_are_of_the_whole_corpus),
    };
    return run_cases(tests, NULL, NULL);
}
