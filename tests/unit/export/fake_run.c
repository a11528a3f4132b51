/* SPDX-License-Identifier: MIT */
#include "fake_run.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

struct attrib_run {
    attrib_run_info info;
    attrib_score_options options;
    bool is_wide;
    char id[64];
};

#define TOKEN(text, score)                                                               \
    {                                                                                    \
        text, sizeof(text) - 1, 7, false, score                                          \
    }

/* Goethe: the strongest token is " Goethe", then " Faust". */
static const attrib_token_score goethe[] = {
    {"<s>", 3, 1, true, 0},
    TOKEN("Johann", 1.5),
    TOKEN(" Wolfgang", 0.5),
    TOKEN(" von", 0.25),
    TOKEN(" Goethe", 6),
    TOKEN(" wrote", 2.25),
    TOKEN(" \"", -0.5),
    TOKEN("Faust", 4.75),
    TOKEN("\",", 0.25),
    TOKEN(" a", 0),
    TOKEN(" tragedy", -1.5),
    TOKEN(".", 0.25),
    {"</s>", 4, 2, true, -1.40625},
};
/* A character in two tokens, a tab, a newline, an escape sequence and a stray byte. */
static const attrib_token_score hostile[] = {
    TOKEN("M\xC3", 0.125),        TOKEN("\xBC", -2),
    TOKEN("ller\tsaid\n", 0.5),   TOKEN("\x1b[31mred", 0.25),
    TOKEN("\xFF\xE2\x80\xAE", 0), TOKEN(" <&> [x] \"q\"", 0.0625),
};

#define N_LONG 400

static attrib_token_score long_tokens[N_LONG];

static const attrib_module_score modules[] = {{"model.layers.0.mlp.down_proj", 8.5},
                                              {"model.layers.1.mlp.down_proj", 3.84375}};

static const attrib_tag tags[] = {
    {"kind", "\"person\""}, {"year", "1808"}, {"is \"good\"", "true"}};

static attrib_result top_0[2];
static attrib_result bottom_0[2];
static attrib_result top_1[1];
static attrib_answer answers[2 * FAKE_QUERIES]; /* of two settings */

static const char *const words[] = {" alpha", " beta", " gamma", " delta", " epsilon"};

/* 400 words; one in the middle matters, a second one near it somewhat. */
static void make_long(void)
{
    for (size_t i = 0; i < N_LONG; i++) {
        const char *word = i == 250 ? " NEEDLE" : i == 253 ? " thread" : words[i % 5];
        double score = i == 250 ? -3 : i == 253 ? -1.5 : 0.001;
        long_tokens[i] =
            (attrib_token_score){word, strlen(word), (int32_t)i, false, score};
    }
}

static attrib_result make_result(size_t rank,
                                 size_t index,
                                 const attrib_token_score *tokens,
                                 size_t n_tokens)
{
    attrib_result result = {.rank = rank, .tokens = tokens, .n_tokens = n_tokens};
    result.score = fake_score(0, index);
    result.modules = modules;
    result.n_modules = 2;
    result.document = (attrib_document){.index = index,
                                        .id = "facts.jsonl:17",
                                        .source = "facts.jsonl",
                                        .line = 17,
                                        .span_start = 1000,
                                        .span_end = 1080,
                                        .n_tokens = n_tokens,
                                        .tags = tags,
                                        .n_tags = 3};
    return result;
}

static void make_answers(void)
{
    top_0[0] = make_result(1, 3, goethe, sizeof goethe / sizeof *goethe);
    top_0[0].document.text = "Johann Wolfgang von Goethe wrote \"Faust\", a tragedy.";
    top_0[0].document.n_text_bytes = strlen(top_0[0].document.text);
    top_0[1] = make_result(2, 0, hostile, sizeof hostile / sizeof *hostile);
    top_0[1].document.id = "wn-2";
    top_0[1].document.source = "archives/a very long folder name/another one that never "
                               "ends/corpus.tar.zst";
    top_0[1].document.member = "part/one,\"two\".jsonl";
    top_0[1].document.n_tags = 0;
    bottom_0[0] = make_result(5, 4, long_tokens, N_LONG);
    bottom_0[0].document.id = "d5";
    bottom_0[0].document.line = 0;
    bottom_0[0].document.n_tags = 0;
    bottom_0[1] = make_result(4, 1, hostile, 0);
    bottom_0[1].document.id = "d4";
    answers[0] =
        (attrib_answer){.query = {.id = "q1",
                                  .prompt = "Who wrote the tragedy \"Faust\"?\nAnswer:",
                                  .completion = " Goethe",
                                  .tags = tags,
                                  .n_tags = 1,
                                  .is_generated = true,
                                  .is_cut = true},
                        .loss = 3.25,
                        .n_completion_tokens = 2,
                        .top = top_0,
                        .n_top = 2,
                        .bottom = bottom_0,
                        .n_bottom = 2};
    top_1[0] = make_result(1, 2, goethe, 3);
    top_1[0].score = 1e-7;
    answers[1] = (attrib_answer){.query = {.id = "q,2", .n_tokens = 12},
                                 .loss = 0.5,
                                 .n_completion_tokens = 1,
                                 .top = top_1,
                                 .n_top = 1};
    for (size_t i = 0; i < FAKE_QUERIES; i++) {
        attrib_answer *second = &answers[FAKE_QUERIES + i];
        *second = answers[i];
        second->i_setting = 1;
        second->n_top = 0;
        second->n_bottom = 0;
    }
}

static const double made_up[FAKE_QUERIES][FAKE_DOCUMENTS] = {
    {-1.0625, -2, 0.5, 12.34375, -1234.5}, {0.1, 1e-300, 1e-7, -1, 3e38}};
static double scores[FAKE_QUERIES][FAKE_DOCUMENTS];

double fake_score(size_t i_query, size_t i_document)
{
    if (i_query < FAKE_QUERIES && i_document < FAKE_DOCUMENTS) {
        return scores[i_query][i_document];
    }
    return (double)i_query - 1.0 / (1.0 + (double)i_document);
}

void fake_set_score(size_t i_query, size_t i_document, double score)
{
    scores[i_query][i_document] = score;
}

static size_t fails_from = SIZE_MAX;

void fake_fail_from(size_t document)
{
    fails_from = document;
}

static attrib_run run;

static attrib_run *make_run(size_t n_queries, size_t n_documents, bool is_wide)
{
    run.options = (attrib_score_options){.settings = {{ATTRIB_EKFAC, 0.1, false, 0}},
                                         .n_settings = 1};
    run.info = (attrib_run_info){.n_queries = n_queries,
                                 .n_documents = n_documents,
                                 .n_modules = 2,
                                 .n_tokens = 431,
                                 .options = &run.options,
                                 .n_answers = n_queries,
                                 .n_planes = 1,
                                 .model_hash = "00112233445566778899aabbccddeeff",
                                 .corpus_hash = "ffeeddccbbaa99887766554433221100",
                                 .factors_hash = "",
                                 .kernels = "",
                                 .tracked_share = 0.431};
    run.is_wide = is_wide;
    memcpy(scores, made_up, sizeof scores);
    make_long();
    make_answers();
    fake_fail_from(SIZE_MAX);
    return &run;
}

attrib_score_options *fake_options(void)
{
    return &run.options;
}

attrib_run *fake_run(void)
{
    return make_run(FAKE_QUERIES, FAKE_DOCUMENTS, false);
}

attrib_run *fake_identity_run(void)
{
    make_run(FAKE_QUERIES, 1, false);
    run.options.settings[0].strategy = ATTRIB_IDENTITY;
    top_1[0].score = -0.5;
    return &run;
}

void fake_set_id(const char *id)
{
    top_1[0].document.id = id;
}

void fake_set_estimate(void)
{
    bottom_0[1].is_estimate = true;
    bottom_0[1].rank = 0;
}

attrib_run *fake_wide_run(size_t n_queries, size_t n_documents)
{
    return make_run(n_queries, n_documents, true);
}

attrib_export_options *in_format(attrib_export_format format)
{
    static attrib_export_options options;
    attrib_export_options_default(&options);
    options.format = format;
    return &options;
}

/* The accessors of attrib/run.h */

attrib_status attrib_run_open(const char *folder, attrib_run **out, attrib_error *err)
{
    (void)out;
    return at_fail(err, ATTRIB_EIO, "%s: a fake run cannot be opened", folder);
}

void attrib_run_close(attrib_run *self)
{
    (void)self;
}

const attrib_run_info *attrib_run_describe(const attrib_run *self)
{
    return &self->info;
}

const attrib_answer *attrib_run_answer(const attrib_run *self, size_t i)
{
    static attrib_answer wide;
    static char id[32];
    if (!self->is_wide) {
        return &answers[i];
    }
    snprintf(id, sizeof id, "q%zu", i);
    wide.query.id = id;
    return &wide;
}

attrib_status attrib_run_load(attrib_run *self, size_t i, attrib_error *err)
{
    (void)self;
    (void)i;
    (void)err;
    return ATTRIB_OK;
}

attrib_status attrib_run_load_result(attrib_run *self,
                                     size_t i,
                                     const attrib_result *result,
                                     attrib_error *err)
{
    (void)result;
    return attrib_run_load(self, i, err);
}

attrib_plane attrib_run_plane(const attrib_run *self, size_t i)
{
    size_t n = 1 + self->info.n_groups;
    return (attrib_plane){i / n, i % n ? "mlp" : ""};
}

attrib_status attrib_run_n_tokens(attrib_run *self,
                                  size_t i,
                                  size_t *out,
                                  attrib_error *err)
{
    (void)self;
    (void)err;
    *out = i + 1;
    return ATTRIB_OK;
}

/* What the fake runs hold: made-up numbers of all arrays that their options ask for. */
enum { SCORES, BOUNDS, RAW_SCORES, SELF, TOKENS, N_ARRAYS };

bool attrib_run_array(const attrib_run *self, size_t i, attrib_array *out)
{
    static const attrib_array arrays[N_ARRAYS] = {
        {"scores", ATTRIB_ARRAY_PLANES, SCORES, 0},
        {"bounds", ATTRIB_ARRAY_PLANES, BOUNDS, 0},
        {"raw_scores", ATTRIB_ARRAY_PLANES, RAW_SCORES, 0},
        {"self", ATTRIB_ARRAY_SETTINGS, SELF, 0},
        {"tokens", ATTRIB_ARRAY_TOKENS, TOKENS, 0}};
    const attrib_score_options *options = self->info.options;
    const bool is_held[N_ARRAYS] = {true, self->info.query_rank > 0,
                                    options->normalize != ATTRIB_NORMALIZE_NONE,
                                    options->with_self, options->with_tokens};
    for (size_t k = 0; k < N_ARRAYS; k++) {
        if (is_held[k] && i-- == 0) {
            *out = arrays[k];
            return true;
        }
    }
    return false;
}

/* The number k of document d under query q of a matrix. */
static double number_of(const attrib_array *array, size_t d, size_t q, size_t k)
{
    switch (array->kind) {
    case BOUNDS:
        return 0.5 + (double)array->i;
    case RAW_SCORES:
        return 2 * (fake_score(q, d) + 1000.0 * (double)array->i);
    case SELF:
        return (double)d + 100.0 * (double)array->i;
    case TOKENS:
        return (double)(1000 * array->i + 100 * d + k);
    default:
        return fake_score(q, d) + 1000.0 * (double)array->i;
    }
}

attrib_status attrib_run_read(attrib_run *self,
                              const attrib_array *array,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    size_t n_queries = array->kind == SELF ? 1 : self->info.n_queries;
    if (first + n > fails_from) {
        return at_fail(err, ATTRIB_EIO, "scores of document %zu: gone", fails_from);
    }
    for (size_t d = first; d < first + n; d++) {
        size_t n_rows = array->kind == TOKENS ? d + 1 : 1;
        for (size_t k = 0; k < n_rows * n_queries; k++) {
            *out++ = number_of(array, d, k % n_queries, k);
        }
    }
    return ATTRIB_OK;
}

attrib_status attrib_run_scores(attrib_run *self,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    const attrib_array array = {"scores", ATTRIB_ARRAY_PLANES, SCORES, i_plane};
    return attrib_run_read(self, &array, first, n, out, err);
}

attrib_status attrib_run_bounds(attrib_run *self,
                                size_t i_plane,
                                size_t first,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    const attrib_array array = {"bounds", ATTRIB_ARRAY_PLANES, BOUNDS, i_plane};
    return attrib_run_read(self, &array, first, n, out, err);
}

attrib_status attrib_run_tokens(
    attrib_run *self, size_t i_setting, size_t i, double *out, attrib_error *err)
{
    const attrib_array array = {"tokens", ATTRIB_ARRAY_TOKENS, TOKENS, i_setting};
    return attrib_run_read(self, &array, i, 1, out, err);
}

attrib_status attrib_run_document(attrib_run *self,
                                  size_t i,
                                  attrib_document *out,
                                  attrib_error *err)
{
    static const char *const ids[FAKE_DOCUMENTS] = {
        "wn-2", "d4", "M\xC3\xBCller \xF0\x9F\x98\x80", "facts.jsonl:17", "d5"};
    static const attrib_tag halves[] = {{"half", "\"even\""}, {"half", "\"odd\""}};
    (void)err;
    snprintf(self->id, sizeof self->id, "doc-%zu", i);
    *out = (attrib_document){.index = i,
                             .id = self->is_wide ? self->id : ids[i],
                             .source = "facts.jsonl",
                             .line = i + 1,
                             .n_tokens = 10 * i,
                             .n_predicted = 10 * i,
                             .hash = "0123456789abcdef0123456789abcdef",
                             .tags = self->is_wide ? &halves[i % 2] : tags,
                             .n_tags = 1};
    return ATTRIB_OK;
}
