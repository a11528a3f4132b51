/* SPDX-License-Identifier: MIT */
#include "support/forged_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

/* Documents share so many texts, which have so many words. */
#define N_TEXTS 64
#define N_WORDS 4096

/* What a run is forged with. */
typedef struct forgery {
    const forged_sizes *sizes;
    attrib_corpus *corpus;
    char (*words)[12];            /* [N_WORDS] */
    attrib_token_score *tokens;   /* [N_TEXTS, n_tokens] */
    attrib_module_score *modules; /* [n_modules] */
    char (*names)[64];            /* [n_modules] */
    char *texts[N_TEXTS];
} forgery;

static void must(attrib_status status, const attrib_error *err)
{
    if (status != ATTRIB_OK) {
        fprintf(stderr, "a run is forged: %s\n", err->message);
        exit(1);
    }
}

static void *take(size_t n, size_t element_bytes)
{
    attrib_error err = {0};
    void *out = NULL;
    must(at_array(at_larger(n, 1), element_bytes, &out, &err), &err);
    return out;
}

/* In 0 .. 2^53. */
static uint64_t number_of(size_t a, size_t b)
{
    uint64_t z = (a * 0x1000003 + b + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 29)) * 0xBF58476D1CE4E5B9u;
    return (z ^ (z >> 32)) >> 11;
}

/* u / (1 - |u|) / 8 for u in (-1, 1): P(score > x) falls as 1 / x. */
double forged_score(size_t q, size_t d)
{
    double u = (double)number_of(q, d) * 0x1p-52 - 1;
    return u / (1.0625 - (u < 0 ? -u : u)) / 8;
}

/* 1. Documents */

static attrib_corpus *make_corpus(size_t n_documents, size_t n_tokens)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_row *rows = take(n_documents, sizeof *rows);
    char(*ids)[32] = take(n_documents, sizeof *ids);
    attrib_tag(*tags)[2] = take(n_documents, sizeof *tags);
    int32_t *tokens = take(n_tokens, sizeof *tokens);
    static const char *const kinds[] = {"\"code\"", "\"news\"", "\"maths\"", "\"chat\""};
    static const char *const years[] = {"2019", "2020", "2021", "2022", "2023", "2024"};
    for (size_t i = 0; i < n_documents; i++) {
        snprintf(ids[i], sizeof ids[i], "document-%zu", i);
        tags[i][0] = (attrib_tag){"kind", kinds[i / 7 % 4]};
        tags[i][1] = (attrib_tag){"year", years[i / 5 % 6]};
        rows[i] = (attrib_row){.id = ids[i],
                               .ids = tokens,
                               .n_tokens = n_tokens,
                               .tags = tags[i],
                               .n_tags = 2};
    }
    const attrib_rows list = ATTRIB_LIST(rows, n_documents);
    must(attrib_corpus_from_rows(NULL, &list, NULL, NULL, &corpus, &err), &err);
    free(rows);
    free(ids);
    free(tags);
    free(tokens);
    return corpus;
}

static void make_texts(forgery *f)
{
    size_t n_tokens = f->sizes->n_tokens;
    f->words = take(N_WORDS, sizeof *f->words);
    f->tokens = take(N_TEXTS * n_tokens, sizeof *f->tokens);
    for (size_t w = 0; w < N_WORDS; w++) {
        snprintf(f->words[w], sizeof f->words[w], " w%zx",
                 (size_t)number_of(1, w) % 9999);
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        f->texts[i] = take(n_tokens * sizeof *f->words + 1, 1);
        size_t n = 0;
        for (size_t t = 0; t < n_tokens; t++) {
            size_t w = (size_t)(number_of(i + 2, t) % N_WORDS);
            size_t n_bytes = strlen(f->words[w]);
            f->tokens[i * n_tokens + t] = (attrib_token_score){
                f->words[w], n_bytes, (int32_t)w, false, forged_score(i, t)};
            memcpy(f->texts[i] + n, f->words[w], n_bytes);
            n += n_bytes;
        }
    }
}

static void make_modules(forgery *f)
{
    static const char *const kinds[] = {"gate_proj", "up_proj", "down_proj"};
    f->modules = take(f->sizes->n_modules, sizeof *f->modules);
    f->names = take(f->sizes->n_modules, sizeof *f->names);
    for (size_t m = 0; m < f->sizes->n_modules; m++) {
        snprintf(f->names[m], sizeof f->names[m], "model.layers.%zu.mlp.%s", m / 3,
                 kinds[m % 3]);
        f->modules[m] = (attrib_module_score){f->names[m], 1 + (double)(m * 7 % 11)};
    }
}

/* 2. Answers */

/* The document at a rank: made up too, and not the one that has the score. */
static attrib_result make_result(const forgery *f, size_t q, size_t rank)
{
    size_t d = (q * 7919 + rank * 104729) % f->sizes->n_documents;
    size_t i_text = d % N_TEXTS;
    attrib_result result = {.rank = rank,
                            .score = forged_score(q, d),
                            .tokens = f->tokens + i_text * f->sizes->n_tokens,
                            .n_tokens = f->sizes->n_tokens,
                            .modules = f->modules,
                            .n_modules = f->sizes->n_modules};
    attrib_corpus_document(f->corpus, d, &result.document);
    result.document.text = f->texts[i_text];
    result.document.n_text_bytes = strlen(f->texts[i_text]);
    return result;
}

static attrib_query make_query(size_t q)
{
    static const int32_t ids[] = {1, 2, 3};
    static const uint8_t mask[] = {0, 1, 1};
    static const attrib_tag tags[3][2] = {
        {{"ability", "\"facts\""}, {"answers", "[\"w1a\"]"}},
        {{"ability", "\"code\""}, {"answers", "[\"w2b\", \"w3c\"]"}},
        {{"ability", "\"maths\""}, {"answers", "[\"w4d\"]"}},
    };
    char *id = take(32, 1);
    snprintf(id, 32, "query-%zu", q);
    return (attrib_query){.id = id,
                          .prompt = "Question: What does a page show?\nAnswer:",
                          .completion = " the shares of tokens in the score",
                          .ids = ids,
                          .mask = mask,
                          .n_tokens = 3,
                          .tags = tags[q % 3],
                          .n_tags = 2};
}

static attrib_answer *make_answers(const forgery *f)
{
    const size_t n = f->sizes->n_documents;
    const size_t n_top = f->sizes->n_top;
    attrib_answer *answers = take(f->sizes->n_queries, sizeof *answers);
    for (size_t q = 0; q < f->sizes->n_queries; q++) {
        attrib_result *results = take(2 * n_top, sizeof *results);
        for (size_t k = 0; k < n_top; k++) {
            results[k] = make_result(f, q, k + 1);
            results[n_top + k] = make_result(f, q, n - k);
        }
        answers[q] = (attrib_answer){.query = make_query(q),
                                     .n_rows = 1,
                                     .loss = 1,
                                     .self_influence = 1,
                                     .top = results,
                                     .n_top = n_top,
                                     .bottom = results + n_top,
                                     .n_bottom = n_top};
    }
    return answers;
}

/* 3. The run */

static void write_slices(const attrib_run *run, const attrib_corpus *corpus)
{
    for (size_t i = 0; i < at_n_slices(run->info.n_documents); i++) {
        attrib_error err = {0};
        at_slice slice = {0};
        must(at_slice_new(run, corpus, 0, i, &slice, &err), &err);
        double *scores = slice.arrays[AT_SCORES];
        for (size_t d = 0; d < slice.counts.n_documents; d++) {
            for (size_t q = 0; q < run->info.n_queries; q++) {
                scores[d * run->info.n_queries + q] = forged_score(q, slice.first + d);
            }
        }
        must(at_slice_write(run, &slice, &err), &err);
        at_slice_free(&slice);
    }
}

static void free_forgery(forgery *f, attrib_answer *answers)
{
    for (size_t q = 0; q < f->sizes->n_queries; q++) {
        free((void *)(uintptr_t)answers[q].query.id);
        free((void *)(uintptr_t)answers[q].top);
    }
    free(answers);
    for (size_t i = 0; i < N_TEXTS; i++) {
        free(f->texts[i]);
    }
    free(f->words);
    free(f->tokens);
    free(f->modules);
    free(f->names);
    attrib_corpus_close(f->corpus);
}

void forged_run_write(const char *folder, const forged_sizes *sizes)
{
    attrib_error err = {0};
    forgery f = {.sizes = sizes};
    f.corpus = make_corpus(sizes->n_documents, sizes->n_tokens);
    make_texts(&f);
    make_modules(&f);
    attrib_answer *answers = make_answers(&f);
    at_part part = {.first = sizes->i_shard * sizes->n_documents,
                    .end = (sizes->i_shard + 1) * sizes->n_documents,
                    .n_corpus = sizes->n_shards * sizes->n_documents};
    attrib_run run = {.info = {.n_queries = sizes->n_queries,
                               .n_documents = sizes->n_documents,
                               .n_passed = sizes->n_documents,
                               .n_modules = sizes->n_modules,
                               .n_tokens = sizes->n_documents * sizes->n_tokens,
                               .n_answers = sizes->n_queries,
                               .n_planes = 1,
                               .model_hash = "",
                               .corpus_hash = "",
                               .factors_hash = "",
                               .kernels = "",
                               .corpus_date = "",
                               .command = "",
                               .folder = folder},
                      .answers = answers,
                      .parts = sizes->n_shards ? &part : NULL,
                      .n_parts = sizes->n_shards ? 1 : 0,
                      .n_tile = sizes->n_queries};
    attrib_score_options_default(&run.options);
    run.options.top = sizes->n_top;
    at_hash_bytes("corpus", 6, part.corpus_hash);
    at_hash_bytes("run", 3, run.identity);
    must(at_make_folder(folder, &err), &err);
    write_slices(&run, f.corpus);
    must(at_answers_write(&run, &err), &err);
    must(at_run_manifest_write(&run, &err), &err);
    free_forgery(&f, answers);
}
