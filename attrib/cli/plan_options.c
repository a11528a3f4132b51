/* SPDX-License-Identifier: MIT */
/* The options of attrib plan. */
#include "cli/plan_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/checkpoints.h"

#define AT(field) offsetof(plan_args, field)

static const option model_table[] = {
    {.name = "model",
     .kind = OPTION_TEXT,
     .offset = AT(source.model),
     .value = "M",
     .help = "folder of the model, or a GGUF file; its weights are not read"},
    {.name = "adapter",
     .kind = OPTION_TEXT,
     .offset = AT(source.adapter),
     .value = "FOLDER",
     .help = "a LoRA adapter of the model"},
    {.name = "tokenizer",
     .kind = OPTION_TEXT,
     .offset = AT(source.tokenizer),
     .value = "PATH",
     .help = "the tokenizer: a tokenizer.json, a folder with one, or a GGUF file "
             "(default: the model's own)"},
    {.name = "shape",
     .kind = OPTION_TEXT,
     .offset = AT(shape_text),
     .value = "SIZES",
     .help =
         "a model that is not there: layers=L,width=D,mlp=F,heads=H,vocabulary=V, and "
         "where it has them kv-heads=K, context=C, gated (three MLP maps a layer)"},
    {0},
};

static const option volume_table[] = {
    {.name = "corpus",
     .kind = OPTION_PATHS,
     .offset = AT(source.corpus),
     .value = "PATH...",
     .help = "training documents, which are read and counted"},
    {.name = "text-field",
     .kind = OPTION_TEXT,
     .offset = AT(source.text_field),
     .value = "KEY",
     .help = "JSON field that holds a document's text (default: text, where a row has "
             "no prompt and completion)"},
    {.name = "include",
     .kind = OPTION_TEXT,
     .offset = AT(source.include),
     .value = "GLOBS",
     .help = "take only the files of folders and archives that match"},
    {.name = "exclude",
     .kind = OPTION_TEXT,
     .offset = AT(source.exclude),
     .value = "GLOBS",
     .help = "leave out files of folders and archives that match"},
    {.name = "unit",
     .kind = OPTION_TEXT,
     .offset = AT(source.unit),
     .value = "UNIT",
     .standard = "document",
     .help = "what of a plain text is a document, as of attrib fit"},
    {.name = "token-dtype",
     .kind = OPTION_CHOICE,
     .offset = AT(source.token_dtype),
     .value = "file|uint16|uint32|int32",
     .standard = "file",
     .help = "the type of token ids in files that do not say it, as of attrib fit"},
    {.name = "document-end",
     .kind = OPTION_TEXT,
     .offset = AT(source.document_end),
     .value = "ID|none",
     .help = "the token that ends a document in files of tokens, as of attrib fit"},
    {.name = "on-bad-row",
     .kind = OPTION_CHOICE,
     .offset = AT(source.bad_rows),
     .value = "stop|skip",
     .standard = "stop",
     .help = "a row that cannot be read ends the work, or is left out and counted"},
    {.name = "preference",
     .kind = OPTION_CHOICE,
     .offset = AT(source.preference),
     .value = "chosen|margin",
     .standard = "chosen",
     .help = "what a row with chosen and rejected is, as of attrib fit"},
    {.name = "prompt-field",
     .kind = OPTION_TEXT,
     .offset = AT(source.prompt_field),
     .value = "KEY",
     .help = "JSON field that holds a prompt (default: the usual names)"},
    {.name = "completion-field",
     .kind = OPTION_TEXT,
     .offset = AT(source.completion_field),
     .value = "KEY",
     .help = "JSON field that holds a prompt's completion (default: the usual names)"},
    {.name = "messages-field",
     .kind = OPTION_TEXT,
     .offset = AT(source.messages_field),
     .value = "KEY",
     .help = "JSON field that holds messages (default: the usual names)"},
    {.name = "no-eos",
     .kind = OPTION_FLAG,
     .offset = AT(source.no_eos),
     .help = "put nothing after documents: neither what the tokenizer puts there nor the "
             "end-of-sequence token"},
    {.name = "context",
     .kind = OPTION_SIZE,
     .offset = AT(source.context),
     .value = "N",
     .min = 2,
     .max = 1 << 20,
     .help = "tokens of a sequence; longer documents are split (default: the model's, at "
             "most 2048)"},
    {.name = "max-documents",
     .kind = OPTION_SIZE,
     .offset = AT(source.max_documents),
     .value = "N",
     .min = 1,
     .max = 1e15,
     .help = "read the first N documents only (default: all)"},
    {.name = "documents",
     .kind = OPTION_SIZE,
     .offset = AT(n_documents),
     .value = "N",
     .min = 1,
     .max = 1e15,
     .help = "documents that are scored, in place of --corpus"},
    {.name = "tokens",
     .kind = OPTION_SIZE,
     .offset = AT(n_tokens),
     .value = "N",
     .min = 1,
     .max = 1e18,
     .help = "tokens of all of them"},
    {.name = "fit-documents",
     .kind = OPTION_SIZE,
     .offset = AT(fit_documents),
     .value = "N",
     .max = 1e15,
     .help = "documents that factors are fitted on, 0 for none (default: all)"},
    {.name = "shard",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = AT(i_shard),
     .n_offset = AT(n_shards),
     .value = "I/N",
     .standard = "1/1",
     .help = "plan one of the processes that do a part each, as of attrib fit and attrib "
             "score: it fits and scores a part in N of the documents, for all queries"},
    {.name = "queries",
     .kind = OPTION_SIZE,
     .offset = AT(n_queries),
     .value = "Q",
     .standard = "1",
     .max = 1e9,
     .help = "how many, 0 for none"},
    {.name = "query-tokens",
     .kind = OPTION_SIZE,
     .offset = AT(query_tokens),
     .value = "T",
     .standard = "64",
     .min = 2,
     .max = 1 << 20,
     .help = "tokens of each"},
    {.name = "query-rows",
     .kind = OPTION_SIZE,
     .offset = AT(query_rows),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = 1e9,
     .help = "rows of that many tokens which a query is the sum of (--aggregate of "
             "attrib score)"},
    {.name = "settings",
     .kind = OPTION_SIZE,
     .offset = AT(score.n_settings),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .help = "strategies times dampings that all are scored under"},
    {.name = "baseline",
     .kind = OPTION_TEXT,
     .offset = AT(baseline),
     .value = "bm25|hidden|hidden:L",
     .help = "baselines that they are scored by, as of attrib score: alone, or with "
             "the strategies that --settings counts"},
    {0},
};

static const option index_table[] = {
    {.name = "index",
     .kind = OPTION_FLAG,
     .offset = AT(has_index),
     .help = "plan an index of the documents, as of attrib index, and questions that go "
             "by it"},
    {.name = "bytes-per-document",
     .kind = OPTION_BYTES,
     .offset = AT(index.bytes_per_document),
     .value = "SIZE",
     .help = "size of the index for each document (default: 32K for the default model, "
             "in proportion to the widths of the maps for others)"},
    {.name = "exact",
     .kind = OPTION_SIZE,
     .offset = AT(n_exact),
     .value = "K",
     .standard = "100",
     .min = 1,
     .max = 1e15,
     .help =
         "documents of either end of the estimates that a question scores exactly, as of "
         "attrib score"},
    {0},
};

static const option machine_table[] = {
    {.name = "hosts",
     .kind = OPTION_SIZE,
     .offset = AT(n_hosts),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = 1e6,
     .help = "machines that share the documents evenly"},
    {.name = "cores",
     .kind = OPTION_SIZE,
     .offset = AT(n_cores),
     .value = "N",
     .min = 1,
     .max = 1e6,
     .help = "processor cores of a host (default: this machine's, or --threads)"},
    {.name = "gflops",
     .kind = OPTION_NUMBER,
     .offset = AT(gflops),
     .value = "X",
     .min = 1e-3,
     .max = 1e12,
     .help = "10^9 FLOP a second of f32 products on all cores of a host (default: "
             "measured here, in half a second)"},
    {.name = "bf16-gflops",
     .kind = OPTION_NUMBER,
     .offset = AT(bf16_gflops),
     .value = "X",
     .min = 1e-3,
     .max = 1e12,
     .help = "the same for products in bf16, which --precision asks for (default: "
             "measured here, or 2.15 times --gflops)"},
    {.name = "processes",
     .kind = OPTION_SIZE,
     .offset = AT(n_processes),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = 1e6,
     .help = "how many processes each host runs, of MPI or as shards at the same time: "
             "they share its cores, and memory is that of one of them"},
    {.name = "ram",
     .kind = OPTION_NUMBER,
     .offset = AT(ram),
     .value = "GIB",
     .min = 1e-3,
     .max = 1e9,
     .help = "memory of a host (default: this machine's)"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = AT(format),
     .value = "text|json",
     .standard = "text",
     .help = "how the plan is written on standard output"},
    {0},
};

/* Only which models there are: weights cost nothing. */
static const char *name_of_models(const option *o)
{
    return strcmp(o->name, "checkpoints") == 0 ? o->name : NULL;
}

static const char *name_in_plan(const option *o)
{
    return o->plan_name;
}

const option_group plan_groups[] = {
    {.title = "Model", .options = model_table, .offset = 0},
    {.title = "Model",
     .options = several_table,
     .offset = AT(several),
     .name = name_of_models},
    {.title = "Documents and queries", .options = volume_table, .offset = 0},
    {.title = "Selection of documents",
     .options = selection_table,
     .offset = offsetof(plan_args, source)},
    {.title = "Fit",
     .library = attrib_fit_options_table,
     .offset = AT(fit),
     .library_bytes = sizeof(attrib_fit_options),
     .name = name_in_plan},
    {.title = "Ranking",
     .library = attrib_score_options_table,
     .offset = AT(score),
     .library_bytes = sizeof(attrib_score_options),
     .name = name_in_plan},
    {.title = "Index", .options = index_table, .offset = 0},
    {.title = "Machine", .options = machine_table, .offset = 0},
    {.title = "Common options", .options = common_table, .offset = AT(common)},
    {0},
};

/* Read one "name=N" or "gated" of --shape; false where it is neither. */
static bool read_size_of(attrib_shape *shape, const char *part)
{
    const struct {
        const char *name;
        size_t *out;
    } sizes[] = {{"layers", &shape->n_layers},     {"width", &shape->width},
                 {"mlp", &shape->mlp_width},       {"heads", &shape->n_heads},
                 {"kv-heads", &shape->n_kv_heads}, {"vocabulary", &shape->n_vocabulary},
                 {"context", &shape->context}};

    if (strcmp(part, "gated") == 0) {
        shape->is_gated = true;
        return true;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = strlen(sizes[i].name);
        if (strncmp(part, sizes[i].name, n) == 0 && part[n] == '=') {
            char *end = NULL;
            const char *digits = part + n + 1;
            unsigned long long value = strtoull(digits, &end, 10);
            bool is_number = *digits >= '1' && *digits <= '9' && *end == '\0';
            *sizes[i].out = (size_t)value;
            return is_number && value <= 1u << 30;
        }
    }
    return false;
}

/* Strategies cost the same; baselines stand after them, or alone where nobody said how
 * many strategies there are, and then nothing is fitted. */
static bool take_baselines(plan_args *args,
                           const cli_given *given,
                           char *message,
                           size_t size)
{
    attrib_setting baselines[ATTRIB_MAX_SETTINGS];
    size_t n = 0;
    size_t *n_settings = &args->score.n_settings;
    if (!ranking_read_baselines(args->baseline, baselines, &n, message, size)) {
        return false;
    }
    if (n > 0 && !options_given(given, "settings")) {
        *n_settings = 0;
        args->fit_documents =
            options_given(given, "fit-documents") ? args->fit_documents : 0;
    }
    if (*n_settings + n > ATTRIB_MAX_SETTINGS) {
        snprintf(message, size, "%zu settings and %zu baselines, at most %d together",
                 *n_settings, n, ATTRIB_MAX_SETTINGS);
        return false;
    }
    for (size_t i = 1; i < *n_settings; i++) {
        args->score.settings[i] = args->score.settings[0];
    }
    for (size_t b = 0; b < n; b++) {
        args->score.settings[(*n_settings)++] = baselines[b];
    }
    return true;
}

/* Questions to an index choose what they score by it. */
static bool take_index(plan_args *args,
                       const cli_given *given,
                       char *message,
                       size_t size)
{
    size_t bytes = args->index.bytes_per_document;
    attrib_index_options_default(&args->index);
    args->index.bytes_per_document = bytes;
    args->index.ram_limit = args->fit.ram_limit;
    if (!args->has_index) {
        const char *name = options_given(given, "exact") ? "exact"
                           : options_given(given, "bytes-per-document")
                               ? "bytes-per-document"
                               : NULL;
        if (name) {
            snprintf(message, size, "--%s is of an index: give --index too", name);
        }
        return !name;
    }
    if (options_given(given, "prefilter")) {
        snprintf(message, size, "--index chooses what is scored: not with --prefilter");
        return false;
    }
    if (options_given(given, "self") && args->n_queries == 0) {
        snprintf(message, size,
                 "--self of an index takes no pass: attrib self --index lists what its "
                 "documents have; leave --self out");
        return false;
    }
    snprintf(args->prefilter, sizeof args->prefilter, "index:%zu", args->n_exact);
    args->score.prefilter = args->prefilter;
    return true;
}

static bool read_shape(plan_args *args, char *message, size_t size)
{
    const attrib_shape *shape = &args->shape;
    const char *rest = args->shape_text;
    attrib_shape_default(&args->shape);
    while (*rest) {
        char part[64];
        size_t n = strcspn(rest, ",");
        snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1),
                 rest);
        if (!read_size_of(&args->shape, part)) {
            snprintf(message, size, "--shape: \"%s\" is no size of a model", part);
            return false;
        }
        rest += n + (rest[n] == ',');
    }
    if (!shape->n_layers || !shape->width || !shape->mlp_width || !shape->n_heads ||
        !shape->n_vocabulary) {
        snprintf(message, size, "--shape needs layers, width, mlp, heads and vocabulary");
        return false;
    }
    return true;
}

bool plan_check(void *arguments, const cli_given *given, char *message, size_t size)
{
    plan_args *args = arguments;
    bool has_volume = args->n_documents > 0 && args->n_tokens > 0;
    bool has_part = options_given(given, "documents") || options_given(given, "tokens");
    if (!args->source.model == !args->shape_text) {
        snprintf(message, size, "either --model M or --shape SIZES is needed");
        return false;
    }
    if (args->source.corpus.n ? has_part : !has_volume) {
        snprintf(message, size,
                 "either --corpus PATH... or --documents N and --tokens N are needed");
        return false;
    }
    if (args->source.corpus.n && !args->source.model) {
        snprintf(message, size, "--corpus needs --model, whose tokenizer reads it");
        return false;
    }
    if (has_volume && args->n_tokens < 2 * args->n_documents) {
        snprintf(message, size, "--tokens: %zu documents have at least 2 each",
                 args->n_documents);
        return false;
    }
    if (checkpoints_are_named(&args->several, args->source.model) &&
        (args->source.adapter || !args->source.model)) {
        snprintf(message, size, "%s",
                 args->source.model
                     ? "--adapter is of one model: name folders of adapters "
                       "by --model"
                     : "--checkpoints are of --model, a trainer's folder");
        return false;
    }
    if (!options_given(given, "fit-documents")) {
        args->fit_documents = SIZE_MAX;
    }
    if (args->n_shards > 1 && args->fit.stages == ATTRIB_FIT_ALL &&
        args->fit_documents != 0) {
        snprintf(
            message, size,
            "--shard: shards of a fit go stage by stage: --stage covariance or lambda, "
            "or --fit-documents 0");
        return false;
    }
    if (!take_baselines(args, given, message, size) ||
        !take_index(args, given, message, size)) {
        return false;
    }
    return !args->shape_text || read_shape(args, message, size);
}
