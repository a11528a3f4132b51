/* SPDX-License-Identifier: MIT */
/* growth MODEL: every struct that a program fills goes over the border to the library,
 * with what follows it in memory neither read nor written. Compiled with headers
 * that are older or newer (-DHAS_LATER: structs end in a member `later`) than the
 * library's, in C and in C++. */
#include <attrib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_failed;
static attrib_error err;

static void expect(const char *what, attrib_status got, attrib_status want)
{
    bool says_why = want != ATTRIB_EINVAL || strstr(err.message, "use a newer library");
    if (got != want || !says_why) {
        fprintf(stderr, "%s: %s: %s\n", what, attrib_status_name(got), err.message);
        n_failed++;
    }
    memset(&err, 0, sizeof err);
}

/* A struct with its defaults, between bytes that are not to be touched. */
#define STRUCT(type, name)                                                               \
    static struct {                                                                      \
        attrib_##type x;                                                                 \
        unsigned char after[512];                                                        \
    } name;                                                                              \
    memset(&name, 0xFF, sizeof name);                                                    \
    attrib_##type##_default(&name.x)

#define UNTOUCHED(name)                                                                  \
    for (size_t i = 0; i < sizeof name.after; i++) {                                     \
        if (name.after[i] != 0xFF) {                                                     \
            fprintf(stderr, #name ": written after its end\n");                          \
            n_failed++;                                                                  \
            break;                                                                       \
        }                                                                                \
    }

/* A call succeeds, and is refused where a member is set that the library does not have.
 */
#ifdef HAS_LATER
#define CHECK(where, call)                                                               \
    (where).later = 1;                                                                   \
    expect(#where, (call), ATTRIB_EINVAL);                                               \
    (where).later = 0;                                                                   \
    expect(#where, (call), ATTRIB_OK)
#else
#define CHECK(where, call) expect(#where, (call), ATTRIB_OK)
#endif

/* Rows, in a list of two. */
static attrib_corpus *make_corpus(attrib_session *session)
{
    static const int32_t ids[] = {1, 5, 9, 20, 33, 8};
    static attrib_row rows[2];
    attrib_rows list = ATTRIB_LIST(rows, 2);
    attrib_corpus *corpus = NULL;
    STRUCT(corpus_options, options);
    rows[0].ids = rows[1].ids = ids;
    rows[0].n_tokens = 6;
    rows[1].n_tokens = 5;
    CHECK(rows[1], attrib_corpus_from_rows(session, &list, NULL, NULL, &corpus, &err));
    attrib_corpus_close(corpus);
    corpus = NULL;
    CHECK(options.x,
          attrib_corpus_from_rows(session, &list, NULL, &options.x, &corpus, &err));
    UNTOUCHED(options)
    return corpus;
}

static void check_ingest(attrib_session *session)
{
    static const char row[] = "{\"ids\": [1, 5, 9]}\n";
    static const char *const names[] = {"rows.jsonl"};
    attrib_paths paths;
    FILE *file = fopen(names[0], "w");
    STRUCT(ingest_job, job);
    expect("rows", file && fputs(row, file) >= 0 ? ATTRIB_OK : ATTRIB_EIO, ATTRIB_OK);
    if (!file || fclose(file)) {
        n_failed++;
        return;
    }
    paths.paths = names;
    paths.n = 1;
    job.x.paths = &paths;
    CHECK(job.x, attrib_corpus_ingest(session, &job.x, "rows.store", NULL, &err));
    UNTOUCHED(job)
}

static attrib_queries *make_queries(void)
{
    static const int32_t ids[] = {1, 5, 9, 20};
    static const uint8_t mask[] = {0, 0, 1, 1};
    static attrib_query_row rows[2];
    attrib_query_rows list = ATTRIB_LIST(rows, 2);
    attrib_queries *queries = NULL;
    rows[0].ids = rows[1].ids = ids;
    rows[0].mask = rows[1].mask = mask;
    rows[0].n_tokens = rows[1].n_tokens = 4;
    CHECK(rows[1], attrib_queries_from_rows(&list, NULL, NULL, &queries, &err));
    return queries;
}

static void check_generate(const attrib_model *model, attrib_queries *queries)
{
    static const int32_t ids[] = {1, 5, 9};
    int32_t written[4];
    size_t n_written = 0;
    STRUCT(generate_job, job);
    STRUCT(completion, completion);
    job.x.ids = ids;
    job.x.n_tokens = 3;
    job.x.max_new = 4;
    CHECK(job.x, attrib_model_generate(model, &job.x, written, &n_written, &err));
    completion.x.ids = ids;
    completion.x.n_ids = 3;
    completion.x.text = "as written";
    CHECK(completion.x, attrib_queries_set_completion(queries, 1, &completion.x, &err));
    UNTOUCHED(job)
    UNTOUCHED(completion)
}

static attrib_status pass(void *context,
                          void *scratch,
                          const attrib_block *block,
                          attrib_error *error)
{
    (void)scratch;
    (void)error;
    *(size_t *)context += block->n_sequences;
    return ATTRIB_OK;
}

static void check_pass(const attrib_model *model, const attrib_corpus *corpus)
{
    static attrib_tap taps[2];
    attrib_taps list = ATTRIB_LIST(taps, 2);
    size_t n_seen = 0;
    for (size_t i = 0; i < 2; i++) {
        taps[i].name = "tap";
        taps[i].context = &n_seen;
        taps[i].finish = pass;
    }
    CHECK(taps[1], attrib_pass_run(NULL, model, corpus, "mlp", &list, &err));
    expect("taps", n_seen == 4 ? ATTRIB_OK : ATTRIB_ERANGE, ATTRIB_OK);
}

static void check_plan(const attrib_model *model)
{
    attrib_plan plan;
    attrib_model *outline = NULL;
    STRUCT(shape, shape);
    STRUCT(machine, machine);
    STRUCT(work, work);
    shape.x.n_layers = shape.x.n_heads = 1;
    shape.x.width = shape.x.mlp_width = shape.x.n_vocabulary = 8;
    CHECK(shape.x, attrib_outline_new(&shape.x, &outline, &err));
    attrib_model_close(outline);
    machine.x.flops = 1e9;
    work.x.fitted = work.x.scored = attrib_volume_even(4, 100, 64);
    CHECK(machine.x, attrib_plan_make(model, &work.x, &machine.x, &plan, &err));
    CHECK(work.x, attrib_plan_make(model, &work.x, &machine.x, &plan, &err));
    CHECK(machine.x, attrib_machine_measure(NULL, &machine.x, &err));
    UNTOUCHED(shape)
    UNTOUCHED(machine)
    UNTOUCHED(work)
}

static void check_score(const attrib_model *model,
                        const attrib_factors *factors,
                        const attrib_corpus *corpus,
                        attrib_queries *queries)
{
    attrib_run *run = NULL;
    STRUCT(score_options, options);
    STRUCT(score_job, job);
    STRUCT(text_options, text);
    job.x.model = model;
    job.x.factors = factors;
    job.x.corpus = corpus;
    job.x.queries = queries;
    CHECK(job.x, attrib_run_score(NULL, &job.x, &run, &err));
    attrib_run_close(run);
    job.x.options = &options.x;
    CHECK(options.x, attrib_run_score(NULL, &job.x, &run, &err));
    if (run) {
        size_t n = attrib_run_answer(run, 0)->n_top; /* one of two documents */
        expect("top", n > 0 ? ATTRIB_OK : ATTRIB_ERANGE, ATTRIB_OK);
        CHECK(text.x, attrib_export_text(run, 0, &text.x, "text", &err));
    }
    attrib_run_close(run);
    UNTOUCHED(options)
    UNTOUCHED(job)
    UNTOUCHED(text)
}

int main(int argc, char **argv)
{
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_factors *factors = NULL;
    const char *const folders[] = {"fitted"};
    STRUCT(session_options, session_options);
    STRUCT(model_options, model_options);
    STRUCT(fit_options, fit);
    STRUCT(merge_options, merge);
    CHECK(session_options.x, attrib_session_new(&session_options.x, &session, &err));
    CHECK(model_options.x,
          attrib_model_open(argc == 2 ? argv[1] : "", &model_options.x, &model, &err));
    if (n_failed) {
        return 1;
    }
    attrib_corpus *corpus = make_corpus(session);
    check_ingest(session);
    attrib_queries *queries = make_queries();
    CHECK(fit.x, attrib_factors_fit(session, model, corpus, &fit.x, &factors, &err));
    if (n_failed) {
        return 1;
    }
    expect("write", attrib_factors_write(factors, "fitted", NULL, &err), ATTRIB_OK);
    CHECK(merge.x, attrib_factors_merge(session, folders, 1, &merge.x, "merged", &err));
    check_pass(model, corpus);
    check_plan(model);
    check_generate(model, queries);
    check_score(model, factors, corpus, queries);
    UNTOUCHED(session_options)
    UNTOUCHED(model_options)
    UNTOUCHED(fit)
    UNTOUCHED(merge)
    attrib_factors_close(factors);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_model_close(model);
    attrib_session_free(session);
    return n_failed > 0;
}
