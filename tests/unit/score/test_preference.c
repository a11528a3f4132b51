/* SPDX-License-Identifier: MIT */
/* Documents of two sides against the same sides as documents of their own:
 *
 *     score(chosen - rejected, q) = score(chosen, q) - score(rejected, q)
 *
 * and the same of every token. With sides of one sequence each, of which every token that
 * counts is a query's, < x, y > = score(x, y) gives the self-influence of a difference,
 *
 *     self(c - r) = self(c) + self(r) - 2 < c, r > */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"

#define N_PAIRS 4

/* A sequence has the same f32 products in either corpus but for their sign, and sums of
 * them are f64: rounding is some eps of the largest, of which at most 1 is measured. */
#define SAME 1e-15

/* Squares in the eigenbasis against products of whole gradients in f32: each is a sum of
 * up to 448 products, which rounds by some sqrt(448) 2^-24 = 1.3e-6 of an entry its own
 * way; 2e-7 of the sum is measured. */
#define TOLERANCE 1e-6

/* A score and the shares of its tokens are of two passes, whose products have other
 * shapes: each rounds by 2^-24 = 6e-8 in its own way; 1.6e-7 of the shares is measured.
 */
#define SHARES 1e-6

static const char *const texts[N_PAIRS][3] = {
    {"Bern is", " in Switzerland.", " the capital of Norway, and has been for long."},
    {"Oslo lies", " in Norway, by the sea.", " in Peru."},
    {"The capital of France is", " Paris.", " London."},
    {"Who wrote", " it? It was Goethe in the year 1774.", " it? I do not know it."},
};

static const attrib_setting settings[] = {
    {ATTRIB_EKFAC, 0.1, false, 0},
    {ATTRIB_KFAC, 0.1, false, 0},
    {ATTRIB_IDENTITY, 0.1, false, 0},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

typedef struct fixture {
    char folder[128];
    attrib_session *session;
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_factors *factors; /* of both sides */
    size_t n_corpora;        /* each has its file, as one that is in use may not change */
} fixture;

/* The pairs as documents of two sides, or of one, the chosen before the rejected. */
static attrib_corpus *open_corpus(fixture *f, bool is_margin, size_t context)
{
    char path[160];
    const char *paths[] = {path};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = context;
    options.preference = is_margin ? ATTRIB_PREFERENCE_MARGIN : ATTRIB_PREFERENCE_CHOSEN;
    snprintf(path, sizeof path, "%s/rows-%zu.jsonl", f->folder, f->n_corpora++);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < N_PAIRS; i++) {
        fprintf(file, "{\"prompt\": \"%s\", ", texts[i][0]);
        fprintf(file,
                is_margin ? "\"chosen\": \"%s\", \"rejected\": \"%s\"}\n"
                          : "\"completion\": \"%s\"}\n",
                texts[i][1], texts[i][2]);
        if (!is_margin) {
            fprintf(file, "{\"prompt\": \"%s\", \"completion\": \"%s\"}\n", texts[i][0],
                    texts[i][2]);
        }
    }
    assert_int_equal(fclose(file), 0);
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){paths, 1}, f->tokenizer,
                                &options, &corpus, &err),
             &err);
    return corpus;
}

static attrib_factors *fit(const fixture *f, const attrib_corpus *corpus, bool is_drawn)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.modules = "*.1.mlp.*";
    options.fisher = is_drawn ? ATTRIB_FISHER_SAMPLED : ATTRIB_FISHER_EMPIRICAL;
    check_ok(attrib_factors_fit(f->session, f->model, corpus, &options, &factors, &err),
             &err);
    return factors;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    const char *path = source_path("corpora/facts-model");
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->folder, sizeof f->folder);
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(path, NULL, &f->model, &err), &err);
    check_ok(attrib_tokenizer_open(path, &f->tokenizer, &err), &err);
    attrib_corpus *corpus = open_corpus(f, true, 64);
    f->factors = fit(f, corpus, true);
    attrib_corpus_close(corpus);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_factors_close(f->factors);
    attrib_tokenizer_close(f->tokenizer);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->folder);
    free(f);
    return 0;
}

/* Every side as a query: its ids, and the mask of its loss. */
static attrib_queries *ask_sides(const attrib_corpus *sides, size_t n)
{
    attrib_error err = {0};
    attrib_query_row rows[2 * N_PAIRS] = {{0}};
    attrib_queries *queries = NULL;
    for (size_t i = 0; i < n; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(sides, i, &sequence);
        rows[i] = (attrib_query_row){
            .ids = sequence.ids, .mask = sequence.mask, .n_tokens = sequence.n_tokens};
    }
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, n), NULL,
                                      NULL, &queries, &err),
             &err);
    return queries;
}

static attrib_run *score(const fixture *f,
                         const attrib_corpus *corpus,
                         attrib_queries *queries,
                         size_t query_rank,
                         const char *folder)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    options.query_rank = query_rank;
    options.with_tokens =
        query_rank == ATTRIB_RANK_FULL && attrib_queries_count(queries) > 1;
    options.with_self = true;
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .tokenizer = f->tokenizer,
                                                  .factors = f->factors,
                                                  .corpus = corpus,
                                                  .queries = queries,
                                                  .options = &options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    return run;
}

/* Runs over pairs and over their sides, against the first n_queries of the sides. */
typedef struct job {
    attrib_corpus *pairs, *sides;
    attrib_queries *queries;
    attrib_run *of_pairs, *of_sides;
    size_t n_queries;
} job;

static job open_job(fixture *f, size_t context, size_t n_queries)
{
    attrib_corpus *whole = open_corpus(f, false, 64);
    job j = {.pairs = open_corpus(f, true, context),
             .sides = open_corpus(f, false, context),
             .queries = ask_sides(whole, n_queries),
             .n_queries = n_queries};
    j.of_pairs = score(f, j.pairs, j.queries, ATTRIB_RANK_FULL, NULL);
    j.of_sides = score(f, j.sides, j.queries, ATTRIB_RANK_FULL, NULL);
    attrib_corpus_close(whole);
    return j;
}

static void close_job(job *j)
{
    attrib_run_close(j->of_pairs);
    attrib_run_close(j->of_sides);
    attrib_queries_close(j->queries);
    attrib_corpus_close(j->pairs);
    attrib_corpus_close(j->sides);
}

/* The largest |pair - (chosen - rejected)| over the largest |score| of a side. */
static double distance(const double *pairs, const double *sides, size_t n_queries)
{
    double worst = 0;
    double largest = 0;
    for (size_t k = 0; k < N_PAIRS * n_queries; k++) {
        size_t i = k / n_queries;
        size_t q = k % n_queries;
        double chosen = sides[2 * i * n_queries + q];
        double rejected = sides[(2 * i + 1) * n_queries + q];
        worst = fmax(worst, fabs(pairs[k] - (chosen - rejected)));
        largest = fmax(largest, fmax(fabs(chosen), fabs(rejected)));
    }
    return worst / largest;
}

/* Against many queries and against one, which go other ways through the model; sides
 * whole, and cut into sequences. */
static void test_preference__a_score_is_the_difference(void **state)
{
    static const struct {
        size_t context, n_queries;
    } cases[] = {{64, 2 * N_PAIRS}, {6, 2 * N_PAIRS}, {64, 1}, {6, 1}};

    fixture *f = *state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        attrib_error err = {0};
        job j = open_job(f, cases[c].context, cases[c].n_queries);
        for (size_t s = 0; s < N_SETTINGS; s++) {
            double pairs[2 * N_PAIRS * N_PAIRS];
            double sides[4 * N_PAIRS * N_PAIRS];
            check_ok(attrib_run_scores(j.of_pairs, s, 0, N_PAIRS, pairs, &err), &err);
            check_ok(attrib_run_scores(j.of_sides, s, 0, 2 * N_PAIRS, sides, &err), &err);
            assert_true(distance(pairs, sides, j.n_queries) < SAME);
        }
        close_job(&j);
    }
}

/* Tokens of the chosen side have the shares that they have there, those of the rejected
 * side minus theirs. */
static void test_preference__shares_have_the_sign_of_their_side(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    job j = open_job(f, 6, 2 * N_PAIRS);
    for (size_t i = 0; i < N_PAIRS; i++) {
        double pair[64 * 2 * N_PAIRS];
        double side[64 * 2 * N_PAIRS];
        attrib_document document;
        attrib_corpus_document(j.pairs, i, &document);
        assert_true(document.n_tokens < 64);
        check_ok(attrib_run_tokens(j.of_pairs, 0, i, pair, &err), &err);
        for (size_t k = 0; k < 2; k++) {
            size_t n = 0;
            size_t first = k ? document.rejected_token : 0;
            check_ok(attrib_run_n_tokens(j.of_sides, 2 * i + k, &n, &err), &err);
            assert_int_equal(n, k ? document.n_tokens - first : document.rejected_token);
            check_ok(attrib_run_tokens(j.of_sides, 0, 2 * i + k, side, &err), &err);
            for (size_t t = 0; t < n * j.n_queries; t++) {
                assert_true(pair[first * j.n_queries + t] == (k ? -side[t] : side[t]));
            }
        }
    }
    close_job(&j);
}

static void test_preference__self_influence_is_of_the_difference(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    job j = open_job(f, 64, 2 * N_PAIRS);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double pairs[N_PAIRS];
        double sides[2 * N_PAIRS];
        double products[4 * N_PAIRS * N_PAIRS]; /* [side, side] */
        check_ok(attrib_run_self(j.of_pairs, s, 0, N_PAIRS, pairs, &err), &err);
        check_ok(attrib_run_self(j.of_sides, s, 0, 2 * N_PAIRS, sides, &err), &err);
        check_ok(attrib_run_scores(j.of_sides, s, 0, 2 * N_PAIRS, products, &err), &err);
        for (size_t i = 0; i < N_PAIRS; i++) {
            size_t chosen = 2 * i;
            size_t rejected = 2 * i + 1;
            double apart = sides[chosen] + sides[rejected];
            double product = products[chosen * j.n_queries + rejected];
            assert_true(fabs(pairs[i] - (apart - 2 * product)) < TOLERANCE * apart);
            assert_true(fabs(product) > 10 * TOLERANCE * apart); /* it does matter */
        }
    }
    close_job(&j);
}

/* Cut queries: within their bound of the full score. */
static void test_preference__bounds_hold(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    job j = open_job(f, 6, 2 * N_PAIRS);
    attrib_run *cut = score(f, j.pairs, j.queries, 2, NULL);
    double full[2 * N_PAIRS * N_PAIRS];
    double scores[2 * N_PAIRS * N_PAIRS];
    double bounds[2 * N_PAIRS * N_PAIRS];
    check_ok(attrib_run_scores(j.of_pairs, 0, 0, N_PAIRS, full, &err), &err);
    check_ok(attrib_run_scores(cut, 0, 0, N_PAIRS, scores, &err), &err);
    check_ok(attrib_run_bounds(cut, 0, 0, N_PAIRS, bounds, &err), &err);
    for (size_t k = 0; k < N_PAIRS * j.n_queries; k++) {
        assert_true(fabs(scores[k] - full[k]) <= bounds[k] + TOLERANCE * fabs(full[k]));
    }
    attrib_run_close(cut);
    close_job(&j);
}

/* A sum of squares does not see a sign: with labels of the data, both sides give what
 * they give as documents of their own, to the bit. */
static void test_preference__a_fit_takes_both_sides(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    job j = open_job(f, 64, 1);
    attrib_factors *drawn = f->factors;
    double scores[2][N_SETTINGS][2 * N_PAIRS];
    for (size_t k = 0; k < 2; k++) {
        f->factors = fit(f, k ? j.pairs : j.sides, false);
        attrib_run *run = score(f, j.sides, j.queries, ATTRIB_RANK_FULL, NULL);
        for (size_t s = 0; s < N_SETTINGS; s++) {
            check_ok(attrib_run_scores(run, s, 0, 2 * N_PAIRS, scores[k][s], &err), &err);
        }
        attrib_run_close(run);
        attrib_factors_close(f->factors);
    }
    f->factors = drawn;
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    close_job(&j);
}

/* Reported documents know their sides, in memory and from their folder, and their tokens
 * add up to the score. */
static void test_preference__answers_know_the_sides(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    char folder[160];
    job j = open_job(f, 64, 1);
    attrib_run *read = NULL;
    snprintf(folder, sizeof folder, "%s/run", f->folder);
    attrib_run_close(score(f, j.pairs, j.queries, ATTRIB_RANK_FULL, folder));
    check_ok(attrib_run_open(folder, &read, &err), &err);
    attrib_run *runs[] = {j.of_pairs, read};
    for (size_t k = 0; k < 2; k++) {
        check_ok(attrib_run_load(runs[k], 0, &err), &err);
        const attrib_answer *answer = attrib_run_answer(runs[k], 0);
        assert_int_equal(answer->n_top, N_PAIRS);
        for (size_t i = 0; i < N_PAIRS; i++) {
            const attrib_result *result = &answer->top[i];
            attrib_document want;
            double sum = 0;
            double size = 0;
            attrib_corpus_document(j.pairs, result->document.index, &want);
            assert_int_equal(result->document.rejected_token, want.rejected_token);
            assert_int_equal(result->document.rejected_byte, want.rejected_byte);
            for (size_t t = 0; t < result->n_tokens; t++) {
                sum += result->tokens[t].score;
                size += fabs(result->tokens[t].score);
            }
            assert_true(fabs(sum - result->score) < SHARES * size);
        }
    }
    attrib_run_close(read);
    close_job(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preference__a_score_is_the_difference),
        cmocka_unit_test(test_preference__shares_have_the_sign_of_their_side),
        cmocka_unit_test(test_preference__self_influence_is_of_the_difference),
        cmocka_unit_test(test_preference__bounds_hold),
        cmocka_unit_test(test_preference__a_fit_takes_both_sides),
        cmocka_unit_test(test_preference__answers_know_the_sides),
    };
    return run_cases(tests, set_up, tear_down);
}
