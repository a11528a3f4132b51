/* SPDX-License-Identifier: MIT */
/* A model and a corpus, which several commands take and open. */
#include "cli/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cache_store.h"
#include "cli/counts.h"
#include "cli/foresee.h"
#include "cli/mistakes.h"
#include "cli/notes.h"

/* The most tokens of a sequence by default. Longer ones take memory and time, and few
 * documents need them. */
#define USUAL_CONTEXT 2048

const option source_table[] = {
    {.name = "model",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, model),
     .value = "M",
     .is_required = true,
     .help = "the model: a folder of config.json, *.safetensors and tokenizer.json, or a "
             "GGUF file"},
    {.name = "adapter",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, adapter),
     .value = "FOLDER",
     .help = "a LoRA adapter of the model, as PEFT saves it; its tokenizer is used where "
             "it has one"},
    {.name = "tokenizer",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, tokenizer),
     .value = "PATH",
     .help = "the tokenizer: a tokenizer.json, a folder with one, or a GGUF file "
             "(default: the model's own)"},
    {.name = "weights-in-memory",
     .kind = OPTION_CHOICE,
     .offset = offsetof(source_options, weights),
     .value = "file|f32",
     .standard = "file",
     .help =
         "as in the model's file, widened when they are used, or widened to f32 once: "
         "faster, for 4 bytes a parameter; results are the same"},
    {.name = "corpus",
     .kind = OPTION_PATHS,
     .offset = offsetof(source_options, corpus),
     .value = "PATH...",
     .is_required = true,
     .help =
         "training documents: files, folders, archives, - for standard input, or a store "
         "of attrib ingest; takes all words up to the next option"},
    {0},
};

const option field_table[] = {
    {.name = "text-field",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, text_field),
     .value = "KEY",
     .help = "JSON field that holds a document's text (default: text, where a row has "
             "no prompt and completion)"},
    {.name = "id-field",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, id_field),
     .value = "KEY",
     .standard = "id",
     .help = "JSON field that holds a document's id"},
    {.name = "prompt-field",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, prompt_field),
     .value = "KEY",
     .help = "JSON field that holds a prompt; all such options take paths too, as in "
             "meta.source or /messages/0/content (default: the usual names)"},
    {.name = "completion-field",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, completion_field),
     .value = "KEY",
     .help = "JSON field that holds a prompt's completion (default: the usual names)"},
    {.name = "messages-field",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, messages_field),
     .value = "KEY",
     .help = "JSON field that holds messages (default: the usual names)"},
    {.name = "tag-fields",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, tag_fields),
     .value = "KEYS",
     .help = "JSON fields that are kept as tags, separated by commas (default: all that "
             "are not read otherwise)"},
    {0},
};

const option file_table[] = {
    {.name = "include",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, include),
     .value = "GLOBS",
     .help = "take only the files of folders and archives that match, whatever their "
             "kind: patterns as those of the shell, separated by commas; one with a "
             "slash is for the path below the folder, any other for the name (default: "
             "all that hold documents)"},
    {.name = "exclude",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, exclude),
     .value = "GLOBS",
     .help = "leave out files of folders and archives that match"},
    {.name = "unit",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, unit),
     .value = "UNIT",
     .standard = "document",
     .help =
         "what of a plain text is a document: document (the whole file), line, "
         "paragraph (up to a blank line), tokens:N (so many tokens), or regex:E (what "
         "stands between matches of E)"},
    {.name = "token-dtype",
     .kind = OPTION_CHOICE,
     .offset = offsetof(source_options, token_dtype),
     .value = "file|uint16|uint32|int32",
     .standard = "file",
     .help = "the type of token ids in .bin and .npy files that do not say it, as "
             "nanoGPT's and OLMo's; file: such files are not read"},
    {.name = "document-end",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, document_end),
     .value = "ID|none",
     .help = "the token that ends a document in files of tokens, or none: rows of "
             "--context tokens; --unit tokens:N cuts rows of N (default: the "
             "tokenizer's end of document)"},
    {.name = "on-bad-row",
     .kind = OPTION_CHOICE,
     .offset = offsetof(source_options, bad_rows),
     .value = "stop|skip",
     .standard = "stop",
     .help = "a row that cannot be read ends the work, or is left out, counted by reason "
             "and listed in skipped.jsonl of the folder that is written"},
    {.name = "preference",
     .kind = OPTION_CHOICE,
     .offset = offsetof(source_options, preference),
     .value = "chosen|margin",
     .standard = "chosen",
     .help = "what a row with chosen and rejected is: the chosen completion, or both as "
             "one document, whose loss and scores are those of the chosen one minus "
             "those of the rejected one"},
    {0},
};

const option selection_table[] = {
    {.name = "where",
     .kind = OPTION_PATHS,
     .offset = offsetof(source_options, where),
     .value = "KEY=VALUE...",
     .help = "take only documents that meet all conditions: a tag, or id, source, "
             "member, line, n_tokens, n_predicted; with =, !=, <, <=, > or >="},
    {.name = "max-tokens",
     .kind = OPTION_SIZE,
     .offset = offsetof(source_options, max_tokens),
     .value = "N",
     .min = 2,
     .max = 1e15,
     .help = "leave out documents of more tokens (default: none)"},
    {.name = "sample",
     .kind = OPTION_SIZE,
     .offset = offsetof(source_options, sample),
     .value = "N",
     .min = 1,
     .max = 1e9,
     .help = "draw N of the documents that are left, by what they say: neither their "
             "order nor how files are packed changes which (default: all)"},
    {.name = "sample-seed",
     .kind = OPTION_SEED,
     .offset = offsetof(source_options, sample_seed),
     .value = "S",
     .standard = "0",
     .help = "seed of the sample: another one draws other documents"},
    {.name = "sample-by",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, sample_by),
     .value = "TAG",
     .help = "give each value of this tag the share of the sample that it has in the "
             "corpus"},
    {.name = "deduplicate",
     .kind = OPTION_FLAG,
     .offset = offsetof(source_options, deduplicate),
     .help = "take one of the documents that have the same tokens, with tags n_copies "
             "and copies (ids) for the others"},
    {0},
};

const option token_table[] = {
    {.name = "chat-template",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, chat_template),
     .value = "NAME|FILE",
     .help =
         "chat template of messages, instructions and prompts: model (the model's "
         "own), chatml, qwen3, llama2, llama3, llama3.1, mistral, mistral-v1, "
         "mistral-v3, mistral-tekken, gemma, gemma3, phi3, phi4, phi4-mini, zephyr, "
         "alpaca, a file of Jinja, or plain (what is said, and a newline); default: "
         "the model's own where it has one, but prompts stand as they are, unless the "
         "model is to answer one and is one that answers in turns"},
    {.name = "date",
     .kind = OPTION_TEXT,
     .offset = offsetof(source_options, date),
     .value = "YYYY-MM-DD",
     .help = "the day that chat templates take for today (default: that of --factors, "
             "--basis or the unfinished fit, else today)"},
    {.name = "no-eos",
     .kind = OPTION_FLAG,
     .offset = offsetof(source_options, no_eos),
     .help = "put nothing after documents: neither what the tokenizer puts there nor the "
             "end-of-sequence token"},
    {.name = "context",
     .kind = OPTION_SIZE,
     .offset = offsetof(source_options, context),
     .value = "N",
     .min = 2,
     .max = 1 << 20,
     .help = "tokens of a sequence; longer documents are split (default: the model's, at "
             "most 2048)"},
    {.name = "max-documents",
     .kind = OPTION_SIZE,
     .offset = offsetof(source_options, max_documents),
     .value = "N",
     .min = 1,
     .max = 1e15,
     .help = "read the first N documents only (default: all)"},
    {0},
};

/* The tokenizer that was asked for, else the model's; none at all is fine where documents
 * are token ids already. */
static attrib_status open_tokenizer(const source_options *options,
                                    const attrib_model *model,
                                    cli_job *job,
                                    attrib_tokenizer **out,
                                    attrib_error *err)
{
    const char *path =
        options->tokenizer ? options->tokenizer : attrib_model_tokenizer_path(model);
    const attrib_adapter_info *adapter = attrib_model_adapter(model);
    attrib_status status = attrib_tokenizer_open(path, out, err);
    if (status == ATTRIB_END && options->tokenizer) {
        return cli_fail(err, ATTRIB_EINVAL, "--tokenizer %s: no tokenizer.json", path);
    }
    if (status == ATTRIB_END) {
        terminal_log(job->screen, ATTRIB_LOG_WARNING,
                     "%s: no tokenizer: documents and queries must be token ids, or "
                     "--tokenizer gives one",
                     path);
        return ATTRIB_OK;
    }
    if (status == ATTRIB_OK && adapter && !options->tokenizer &&
        strcmp(adapter->folder, path) != 0) {
        status = attrib_tokenizer_take_template(*out, adapter->folder, err);
    }
    if (status == ATTRIB_OK && attrib_tokenizer_note(*out)) {
        terminal_log(job->screen, ATTRIB_LOG_WARNING, "%s: %s", path,
                     attrib_tokenizer_note(*out));
    }
    return status;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* What was left out on purpose, and copies. */
static void count_selection(const attrib_corpus_summary *read, cli_job *job)
{
    if (read->n_unmet_documents) {
        terminal_count(job->screen, "--where", "left out %zu document%s",
                       read->n_unmet_documents, plural(read->n_unmet_documents));
    }
    if (read->n_long_documents) {
        terminal_count(job->screen, "--max-tokens", "left out %zu document%s",
                       read->n_long_documents, plural(read->n_long_documents));
    }
    if (read->n_unsampled_documents) {
        terminal_count(job->screen, "--sample", "left out %zu document%s",
                       read->n_unsampled_documents, plural(read->n_unsampled_documents));
    }
    if (read->n_copies) {
        terminal_count(job->screen, "--deduplicate", "left out %zu %s", read->n_copies,
                       read->n_copies == 1 ? "copy" : "copies");
    } else if (read->n_duplicates) {
        terminal_count(job->screen, "duplicates",
                       "%zu document%s the tokens of another (--deduplicate takes one)",
                       read->n_duplicates, read->n_duplicates == 1 ? " has" : "s have");
    }
}

void source_count(const attrib_corpus *corpus, cli_job *job)
{
    const attrib_corpus_summary *read = attrib_corpus_summarize(corpus);
    size_t n_others = read->n_skipped_files + read->n_about_files +
                      read->n_excluded_files + read->n_repeated_files;
    terminal_count(job->screen, "documents", "%zu", read->n_documents);
    terminal_count(job->screen, "tokens", "%zu, %zu predicted, in %zu sequence%s",
                   read->n_tokens, read->n_predicted, read->n_sequences,
                   plural(read->n_sequences));
    if (read->n_pairs) {
        terminal_count(job->screen, "pairs", "%zu document%s chosen minus rejected",
                       read->n_pairs, read->n_pairs == 1 ? " is" : "s are");
    }
    terminal_count(job->screen, "files", "%zu, %zu archive member%s", read->n_files,
                   read->n_members, plural(read->n_members));
    counts_add_bad_rows(corpus, job);
    count_selection(read, job);
    if (n_others + read->n_empty_documents + read->n_split_documents) {
        terminal_count(job->screen, "left out or split",
                       "%zu other file%s, %zu empty document%s; %zu split", n_others,
                       plural(n_others), read->n_empty_documents,
                       plural(read->n_empty_documents), read->n_split_documents);
    }
    counts_add_numbers(corpus, job);
}

size_t source_context(const source_options *options, const attrib_model_info *info)
{
    size_t usual = info->context < USUAL_CONTEXT ? info->context : USUAL_CONTEXT;
    return options->context ? options->context : usual;
}

attrib_status source_take_date(source_options *options,
                               const char *factors,
                               char date[ATTRIB_DATE_SIZE],
                               attrib_error *err)
{
    if (options->date || !factors) {
        return ATTRIB_OK;
    }
    attrib_status status = attrib_factors_date(factors, date, err);
    if (status == ATTRIB_OK && date[0]) {
        options->date = date;
    }
    return status;
}

/* Refuse what is not what a run that is made again was made from. */
static attrib_status check_same(const cli_job *job,
                                const char *what,
                                const char *hash,
                                const char *wanted,
                                attrib_error *err)
{
    return !wanted || strcmp(hash, wanted) == 0
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_EINVAL,
                          "%.200s: %s of now has the hash %s, the one that it was made "
                          "from %s",
                          job->repeated->run, what, *hash ? hash : "none",
                          *wanted ? wanted : "none");
}

attrib_status source_check_factors(const cli_job *job,
                                   const attrib_factors *factors,
                                   attrib_error *err)
{
    return job->repeated
               ? check_same(job, "the curvature",
                            factors ? attrib_factors_describe(factors)->hash : "",
                            job->repeated->factors_hash, err)
               : ATTRIB_OK;
}

attrib_status source_read(const source_options *options,
                          const attrib_model *model,
                          cli_job *job,
                          cli_source *out,
                          attrib_error *err)
{
    const attrib_model_info *info = attrib_model_describe(model);
    attrib_status status = open_tokenizer(options, model, job, &out->tokenizer, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    if (options->context > info->context) {
        return cli_fail(err, ATTRIB_EINVAL, "--context: %zu tokens, the model takes %zu",
                        options->context, info->context);
    }
    attrib_corpus_options_default(&out->corpus_options);
    out->corpus_options.text_field = options->text_field;
    if (options->id_field) {
        out->corpus_options.id_field = options->id_field;
    }
    out->corpus_options.prompt_field = options->prompt_field;
    out->corpus_options.completion_field = options->completion_field;
    out->corpus_options.messages_field = options->messages_field;
    out->corpus_options.tag_fields = options->tag_fields;
    out->corpus_options.context = source_context(options, info);
    out->corpus_options.n_vocabulary = info->n_vocabulary;
    out->corpus_options.max_documents = options->max_documents;
    out->corpus_options.include = options->include;
    out->corpus_options.exclude = options->exclude;
    out->corpus_options.unit = options->unit;
    out->corpus_options.token_dtype = (attrib_token_dtype)options->token_dtype;
    out->corpus_options.document_end = options->document_end;
    out->corpus_options.on_bad_row = (attrib_bad_rows)options->bad_rows;
    out->corpus_options.preference = (attrib_preference)options->preference;
    out->corpus_options.append_eos = !options->no_eos;
    out->corpus_options.chat_template = options->chat_template;
    out->corpus_options.date = options->date;
    out->corpus_options.ram_limit = options->ram_limit;
    out->corpus_options.where = options->where.paths;
    out->corpus_options.n_where = options->where.n;
    out->corpus_options.max_tokens = options->max_tokens;
    out->corpus_options.sample = options->sample;
    out->corpus_options.sample_seed = options->sample_seed;
    out->corpus_options.sample_by = options->sample_by;
    out->corpus_options.deduplicate = options->deduplicate;
    if (options->corpus.n == 0) {
        return ATTRIB_OK; /* a command that takes something else in its place */
    }
    const attrib_paths paths = {options->corpus.paths, options->corpus.n};
    foresee_reading(&paths, info, job);
    status = options->keeps_store
                 ? cache_read_corpus(&paths, options->cache_limit, job, out, err)
                 : attrib_corpus_open(job->session, &paths, out->tokenizer,
                                      &out->corpus_options, &out->corpus, err);
    if (status != ATTRIB_OK) {
        return mistake_explain_corpus(&options->corpus, status, err);
    }
    if (!out->corpus_options.date && *attrib_corpus_date(out->corpus)) {
        out->corpus_options.date = attrib_corpus_date(out->corpus); /* a store's */
    }
    source_count(out->corpus, job);
    note_documents(out, job);
    return job->repeated ? check_same(job, "the corpus", attrib_corpus_hash(out->corpus),
                                      job->repeated->corpus_hash, err)
                         : ATTRIB_OK;
}

attrib_status source_open(const source_options *options,
                          cli_job *job,
                          cli_source *out,
                          attrib_error *err)
{
    attrib_model_options model_options;
    attrib_model_options_default(&model_options);
    model_options.weights = (attrib_weights)options->weights;
    model_options.adapter = options->adapter;
    attrib_status status =
        attrib_model_open(options->model, &model_options, &out->model, err);
    if (status != ATTRIB_OK) {
        return mistake_explain_model(options->model, options->adapter, status, err);
    }
    if (job->repeated) {
        status = check_same(job, "the model", attrib_model_hash(out->model),
                            job->repeated->model_hash, err);
        if (status != ATTRIB_OK) {
            return status;
        }
    }
    return source_read(options, out->model, job, out, err);
}

attrib_score_job source_job(const cli_source *source,
                            const attrib_factors *factors,
                            attrib_queries *queries,
                            const attrib_score_options *options)
{
    attrib_score_job job;
    attrib_score_job_default(&job);
    job.model = source->model;
    job.tokenizer = source->tokenizer;
    job.factors = factors;
    job.corpus = source->corpus;
    job.queries = queries;
    job.options = options;
    return job;
}

attrib_status source_list_skipped(const cli_source *source,
                                  const char *folder,
                                  attrib_error *err)
{
    char path[4096];
    if (attrib_corpus_summarize(source->corpus)->n_skipped_rows == 0) {
        return ATTRIB_OK;
    }
    int n = snprintf(path, sizeof path, "%s/skipped.jsonl", folder);
    if (n < 0 || (size_t)n >= sizeof path) {
        return cli_fail(err, ATTRIB_ERANGE, "%.200s...: the path is too long", folder);
    }
    return attrib_corpus_write_skipped(source->corpus, path, err);
}

void source_close(cli_source *source)
{
    attrib_corpus_close(source->corpus);
    attrib_tokenizer_close(source->tokenizer);
    attrib_model_close(source->model);
}
