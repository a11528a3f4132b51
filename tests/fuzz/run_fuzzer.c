/* SPDX-License-Identifier: MIT */
/* A finished run of one query and two documents in which one file, chosen by the first
 * byte, is replaced: the manifest and the answers by a sealed msgpack of the input's
 * bytes, or the answer in its record by these; a slice by the bytes as they are, by one
 * whose record of documents is a sealed msgpack of them, or by one whose numbers they
 * are; what a document is made of by the bytes, with their hash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/analyze.h"
#include "format/pack.h"
#include "run/run.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {AT_RUN_MANIFEST, AT_RUN_ANSWERS,
                                    "scores-0000-000000.safetensors"};
static at_buffer sound[3];

enum { MANIFEST, ANSWERS, SLICE, DOCUMENTS, NUMBERS, EXPLAINED, ANSWER, N_CHOICES };

static attrib_run run_of_sample(attrib_answer *answers)
{
    attrib_run run = {.info = {.n_queries = 1,
                               .n_documents = 2,
                               .n_modules = 1,
                               .n_tokens = 4,
                               .n_answers = 1,
                               .n_planes = 1,
                               .query_rank = 8,
                               .model_hash = "m",
                               .corpus_hash = "c",
                               .factors_hash = "f",
                               .command = "",
                               .folder = scratch_folder()},
                      .options = {.settings = {{ATTRIB_EKFAC, 0.1, false, 0}},
                                  .n_settings = 1,
                                  .query_rank = 8,
                                  .aggregate = "kind",
                                  .with_self = true,
                                  .with_tokens = true,
                                  .max_new_tokens = 256,
                                  .top = 1,
                                  .modules = "mlp"},
                      .answers = answers,
                      .n_tile = 1};
    at_hash_bytes("run", 3, run.identity);
    return run;
}

static void must(attrib_status status)
{
    if (status != ATTRIB_OK) {
        abort();
    }
}

/* The numbers of the sample's slice: any that are sealed as it is. */
typedef struct numbers {
    double scores[2], bounds[2], self[2];
    float tokens[3];
} numbers;

/* Write the slice of the sample with a record of documents. */
static void write_slice(const attrib_run *run, at_buffer documents, numbers n)
{
    size_t first_token[] = {0, 2, 3};
    const at_slice slice = {.counts = {2, 3, 1, 1, 1, 0, 0},
                            .arrays = {n.scores, n.bounds, n.self, n.tokens},
                            .first_token = first_token,
                            .documents = documents};
    must(at_slice_write(run, &slice, NULL));
}

static void write_documents(at_buffer *out)
{
    const int32_t ids[] = {1, 2};
    const attrib_tag tag = {"kind", "\"x\""};
    const attrib_row rows[] = {
        {.id = "a", .ids = ids, .n_tokens = 2, .tags = &tag, .n_tags = 1},
        {.id = "b", .ids = ids, .n_tokens = 2}};
    const attrib_rows list = ATTRIB_LIST(rows, 2);
    attrib_corpus *corpus = NULL;
    must(attrib_corpus_from_rows(NULL, &list, NULL, NULL, &corpus, NULL));
    must(at_documents_write(corpus, 0, 2, out, NULL));
    attrib_corpus_close(corpus);
}

static const numbers sample_numbers = {{1, -1}, {0.5, 0.25}, {4, 9}, {0, 1, -1}};

static void write_run(const attrib_run *run)
{
    at_buffer documents = {0};
    write_documents(&documents);
    write_slice(run, documents, sample_numbers);
    at_buffer_free(&documents);
    must(at_answers_write(run, NULL));
    must(at_run_manifest_write(run, NULL));
}

static void prepare(void)
{
    const int32_t token_ids[] = {1, 2};
    const uint8_t mask[] = {0, 1};
    const attrib_tag tag = {"kind", "\"x\""};
    const attrib_token_score tokens[] = {{"a", 1, 1, true, 0}, {"b", 1, 2, false, 1}};
    const attrib_module_score modules[] = {{"map", 1}};
    const attrib_document document = {.id = "a",
                                      .source = "s",
                                      .tags = &tag,
                                      .n_tags = 1,
                                      .text = "ab",
                                      .n_text_bytes = 2,
                                      .n_tokens = 2,
                                      .rejected_token = 1,
                                      .rejected_byte = 1,
                                      .hash = "0123456789abcdef0123456789abcdef"};
    const attrib_result top = {.rank = 1,
                               .score = 1,
                               .document = document,
                               .tokens = tokens,
                               .n_tokens = 2,
                               .modules = modules,
                               .n_modules = 1};
    attrib_answer answer = {.query = {.id = "1",
                                      .prompt = "p",
                                      .completion = "c",
                                      .ids = token_ids,
                                      .mask = mask,
                                      .n_tokens = 2},
                            .loss = 1,
                            .top = &top,
                            .n_top = 1};
    attrib_run run = run_of_sample(&answer);
    write_run(&run);
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", scratch_folder(), files[i]);
        if (at_read_file(path, 1 << 20, &sound[i], NULL) != ATTRIB_OK) {
            abort();
        }
    }
}

/* The tokens of the last document, where they are few. */
static void use_tokens(attrib_run *run)
{
    const attrib_run_info *info = attrib_run_describe(run);
    double shares[64 * 16];
    size_t n = 0;
    attrib_status status = attrib_run_n_tokens(run, info->n_documents - 1, &n, NULL);
    if (status == ATTRIB_OK && n <= 16) {
        (void)!attrib_run_tokens(run, info->options->n_settings - 1,
                                 info->n_documents - 1, shares, NULL);
    }
}

static size_t use_document(attrib_run *run, size_t i)
{
    attrib_document document;
    size_t n = 0;
    if (attrib_run_document(run, i, &document, NULL) != ATTRIB_OK) {
        return 0;
    }
    n = strlen(document.id) + strlen(document.source) + strlen(document.hash);
    n += document.member ? strlen(document.member) : 0;
    for (size_t k = 0; k < document.n_tags; k++) {
        n += strlen(document.tags[k].key) + strlen(document.tags[k].value);
    }
    return n;
}

/* Analyze what was accepted in every way, where it is small. */
static void use_analyses(attrib_run *run)
{
    const attrib_run_info *info = attrib_run_describe(run);
    const attrib_analyze_kind *kind = NULL;
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.replicates = 10;
    options.document_tag = "kind";
    options.answers_tag = "kind";
    options.tags = "kind,n_tokens";
    for (size_t i = 0; (kind = attrib_analyze_kind_at(i)) && info->n_documents <= 8;
         i++) {
        attrib_error err = {0};
        attrib_analysis *analysis = NULL;
        attrib_analyze_job job;
        attrib_analyze_job_default(&job);
        job.kind = kind->name;
        job.run = run;
        job.other = kind->min_runs == 2 ? run : NULL;
        job.changes = kind->takes_changes ? "x=+0.1" : NULL;
        job.options = &options;
        if (attrib_analyze(NULL, &job, &analysis, &err) != ATTRIB_OK && !err.message[0]) {
            abort();
        }
        attrib_analysis_free(analysis);
    }
}

/* Read everything that was accepted. */
static void use(attrib_run *run)
{
    const attrib_run_info *info = attrib_run_describe(run);
    double scores[64];
    size_t total = 0;
    if (info->n_queries <= 64) {
        (void)!attrib_run_scores(run, 0, 0, 1, scores, NULL);
        (void)!attrib_run_scores(run, info->n_planes - 1, info->n_documents - 1, 1,
                                 scores, NULL);
        (void)!attrib_run_bounds(run, 0, 0, 1, scores, NULL);
        total += strlen(attrib_run_plane(run, info->n_planes - 1).group);
        use_tokens(run);
        use_analyses(run);
    }
    (void)!attrib_run_self(run, info->options->n_settings - 1, info->n_documents - 1, 1,
                           scores, NULL);
    total += use_document(run, info->n_documents - 1);
    for (size_t q = 0; q < info->n_answers; q++) {
        const attrib_answer *answer = attrib_run_answer(run, q);
        if (attrib_run_load(run, q, NULL) != ATTRIB_OK) {
            continue;
        }
        total += strlen(answer->query.id);
        for (size_t i = 0; i < answer->n_top; i++) {
            const attrib_document *document = &answer->top[i].document;
            total += strlen(document->id);
            if (document->rejected_token) {
                total += document->rejected_byte && document->text[0];
            }
            for (size_t t = document->rejected_token; t < answer->top[i].n_tokens; t++) {
                total += strlen(answer->top[i].tokens[t].text);
            }
        }
    }
    if (total == SIZE_MAX) {
        abort();
    }
}

/* Write the record of answers with the input's bytes as its answer. */
static void write_answer(const uint8_t *data, size_t size)
{
    const attrib_run run = run_of_sample(NULL);
    char path[256];
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    must(at_pack_map(&packer, 4, NULL));
    must(at_pack_text_member(&packer, "run", run.identity, NULL));
    must(at_pack_array_member(&packer, "pieces", 0, NULL));
    must(at_pack_array_member(&packer, "modules", 0, NULL));
    must(at_pack_array_member(&packer, "answers", 1, NULL));
    must(at_pack_bytes(&packer, data, size, NULL));
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), AT_RUN_ANSWERS);
    must(at_record_write(path, &bytes, NULL));
    msgpack_sbuffer_destroy(&bytes);
}

/* The bytes as what the sample's document is made of, with their hash. */
static void use_explained(attrib_run *run, const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_explained *explained = run->explained;
    at_extract *extract = &explained->answers[0].extracts[0];
    const unsigned char *bytes = explained->map.bytes;
    *extract = (at_extract){.n_bytes = size};
    at_digest_bytes(data, size, extract->digest);
    explained->map.bytes = data;
    if (attrib_run_load(run, 0, &err) == ATTRIB_OK) {
        use(run);
    } else if (!err.message[0]) {
        abort();
    }
    explained->map.bytes = bytes;
}

static void replace(size_t choice, const uint8_t *data, size_t size)
{
    char path[256];
    msgpack_sbuffer bytes;
    at_buffer documents = {0};
    if (choice == SLICE) {
        scratch_write(files[SLICE], data, size);
        return;
    }
    msgpack_sbuffer_init(&bytes);
    msgpack_sbuffer_write(&bytes, (const char *)data, size);
    if (choice == DOCUMENTS) {
        const attrib_run run = run_of_sample(NULL);
        must(at_record_seal(&bytes, &documents, NULL));
        write_slice(&run, documents, sample_numbers);
    } else if (choice == NUMBERS) {
        const attrib_run run = run_of_sample(NULL);
        numbers n = sample_numbers;
        memcpy(&n, data, size < sizeof n ? size : sizeof n);
        write_documents(&documents);
        write_slice(&run, documents, n);
    } else if (choice == ANSWER) {
        write_answer(data, size);
    } else {
        snprintf(path, sizeof path, "%s/%s", scratch_folder(), files[choice]);
        must(at_record_write(path, &bytes, NULL));
    }
    at_buffer_free(&documents);
    msgpack_sbuffer_destroy(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    if (!sound[0].bytes) {
        prepare();
    }
    if (size < 2) {
        return 0;
    }
    size_t choice = data[0] % N_CHOICES;
    const size_t replaced[N_CHOICES] = {MANIFEST, ANSWERS, SLICE,  SLICE,
                                        SLICE,    ANSWERS, ANSWERS};
    size_t file = replaced[choice];
    if (choice != EXPLAINED) {
        replace(choice, data + 1, size - 1);
    }
    if (attrib_run_open(scratch_folder(), &run, &err) == ATTRIB_OK) {
        if (choice == EXPLAINED) {
            use_explained(run, data + 1, size - 1);
        } else {
            use(run);
        }
        attrib_run_close(run);
    } else if (!err.message[0] || run) {
        abort();
    }
    scratch_write(files[file], (const uint8_t *)sound[file].bytes, sound[file].n_bytes);
    return 0;
}
