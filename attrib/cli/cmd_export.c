/* SPDX-License-Identifier: MIT */
/* attrib export: a run for other programs. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shared.h"

typedef struct export_args {
    common_options common;
    path_list run;
    const char *output;
    int format; /* attrib_export_format */
    bool with_all, is_csv_raw;
    const char *fields;
    /* What --rows writes: */
    bool is_rows;
    const char *query;
    int aggregate; /* attrib_aggregate, from the sum on */
    size_t setting;
    path_list where;
    size_t top;
    double share;
    int order;
} export_args;

enum { ORDER_BEST, ORDER_CORPUS };

#define FORMATS "jsonl|csv|npz|safetensors|sqlite|html|parquet|arrow|msgpack"

/* What the end of a file's name says of its format. */
static const struct {
    const char *ending;
    attrib_export_format format;
} endings[] = {
    {".jsonl", ATTRIB_EXPORT_JSONL},   {".csv", ATTRIB_EXPORT_CSV},
    {".npz", ATTRIB_EXPORT_NPZ},       {".safetensors", ATTRIB_EXPORT_SAFETENSORS},
    {".sqlite", ATTRIB_EXPORT_SQLITE}, {".db", ATTRIB_EXPORT_SQLITE},
    {".html", ATTRIB_EXPORT_HTML},     {".parquet", ATTRIB_EXPORT_PARQUET},
    {".arrow", ATTRIB_EXPORT_ARROW},   {".msgpack", ATTRIB_EXPORT_MSGPACK},
};

static const option export_table[] = {
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(export_args, format),
     .value = FORMATS,
     .help = "jsonl, csv, sqlite, parquet, arrow and msgpack hold the reported documents "
             "of each query, npz and safetensors the scores of all documents, html is a "
             "page for browsers (default: as the name of -o ends)"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(export_args, output),
     .value = "FILE",
     .standard = "-",
     .help = "file to write, or - for standard output"},
    {.name = "all",
     .kind = OPTION_FLAG,
     .offset = offsetof(export_args, with_all),
     .help = "the scores of all documents, not only of those reported: one row for each "
             "document and query"},
    {.name = "fields",
     .kind = OPTION_TEXT,
     .offset = offsetof(export_args, fields),
     .value = "NAME,...",
     .help =
         "columns of csv, parquet and arrow, keys of msgpack and jsonl, which then holds "
         "an object for each document of a query: query, query_index, prompt, "
         "completion, completion_by, loss, n_completion_tokens, query_self_influence, "
         "query_tags, setting, rank, side, score, bound, raw_score, checkpoint_scores, "
         "spurious, document, "
         "document_index, "
         "source, member, line, span_start, span_end, n_tokens, n_predicted, hash, "
         "tags, text, rejected, self_influence, and tags.KEY or query_tags.KEY for one "
         "tag; of npz more arrays, for fields of queries or of documents"},
    {.name = "csv-raw",
     .kind = OPTION_FLAG,
     .offset = offsetof(export_args, is_csv_raw),
     .help =
         "leave texts in CSV as they are: a spreadsheet may run them as formulas, and "
         "a terminal may obey their control characters"},
    {0},
};

static const option rows_table[] = {
    {.name = "rows",
     .kind = OPTION_FLAG,
     .offset = offsetof(export_args, is_rows),
     .help = "write the rows that the chosen documents were read from, as JSON lines, in "
             "place of results: those of JSON as they stand, texts as {id, text}"},
    {.name = "query",
     .kind = OPTION_TEXT,
     .offset = offsetof(export_args, query),
     .value = "ID",
     .help = "choose by the scores for this query (default: by those for all queries)"},
    {.name = "aggregate",
     .kind = OPTION_CHOICE,
     .offset = offsetof(export_args, aggregate),
     .value = "sum|per-nat|max",
     .standard = "sum",
     .help = "without --query, choose by the sum of a document's scores for all queries, "
             "by the sum of each over its query's loss, or by the largest"},
    {.name = "setting",
     .kind = OPTION_SIZE,
     .offset = offsetof(export_args, setting),
     .value = "I",
     .standard = "1",
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .help = "which setting of a run with several strategies or dampings is meant, "
             "from 1"},
    {.name = "where",
     .kind = OPTION_PATHS,
     .offset = offsetof(export_args, where),
     .value = "KEY=VALUE...",
     .help = "choose only documents that meet all of these conditions on tags, or on id, "
             "source, member, line, n_tokens, n_predicted: =, !=, and <, <=, >, >= of "
             "numbers"},
    {.name = "top",
     .kind = OPTION_SIZE,
     .offset = offsetof(export_args, top),
     .value = "N",
     .min = 1,
     .max = 1e18,
     .help = "choose the N best (default: all)"},
    {.name = "share",
     .kind = OPTION_NUMBER,
     .offset = offsetof(export_args, share),
     .value = "X",
     .min = 1e-9,
     .max = 1,
     .help = "choose the best of this share of the documents that meet the conditions: "
             "0.05 for a twentieth"},
    {.name = "order",
     .kind = OPTION_CHOICE,
     .offset = offsetof(export_args, order),
     .value = "best|corpus",
     .standard = "best",
     .help = "write the best first, or in the order of the corpus"},
    {0},
};

static const option_group export_groups[] = {
    {.title = "Export", .options = export_table, .offset = 0},
    {.title = "Data selection", .options = rows_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(export_args, common)},
    {0},
};

/* Take the format from the output's name; false where that does not say it. */
static bool take_format(export_args *args)
{
    size_t n = strlen(args->output);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n_ending = strlen(endings[i].ending);
        if (n > n_ending && strcmp(args->output + n - n_ending, endings[i].ending) == 0) {
            args->format = (int)endings[i].format;
            return true;
        }
    }
    return false;
}

/* Options of results go without --rows, those of --rows with it. */
static bool check_rows(const export_args *args,
                       const cli_given *given,
                       char *message,
                       size_t size)
{
    const option *wrong = args->is_rows ? export_table : rows_table + 1;
    for (; wrong->name; wrong++) {
        if (strcmp(wrong->name, "output") != 0 && options_given(given, wrong->name)) {
            snprintf(message, size, "--%s goes %s --rows", wrong->name,
                     args->is_rows ? "without" : "with");
            return false;
        }
    }
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    export_args *args = arguments;
    if (!check_rows(args, given, message, size)) {
        return false;
    }
    if (args->is_rows && args->query && options_given(given, "aggregate")) {
        snprintf(message, size, "--aggregate is of all queries, --query names one");
        return false;
    }
    if (args->is_rows) {
        if (args->run.n > 1) {
            snprintf(message, size, "--rows is of one run");
        }
        return args->run.n == 1;
    }
    if (!options_given(given, "format") && !take_format(args)) {
        snprintf(message, size,
                 "--format " FORMATS " is missing, and the name of -o does "
                 "not end as one of them");
        return false;
    }
    if (args->run.n > 1 && args->format != ATTRIB_EXPORT_HTML) {
        snprintf(message, size, "several runs stand together in --format html alone");
        return false;
    }
    bool is_text =
        args->format == ATTRIB_EXPORT_JSONL || args->format == ATTRIB_EXPORT_CSV;
    if (!is_text && strcmp(args->output, "-") == 0 && isatty(STDOUT_FILENO)) {
        snprintf(message, size, "this format is not for a terminal: name a file with -o");
        return false;
    }
    return true;
}

static attrib_status export_results(const export_args *args,
                                    attrib_run *const *runs,
                                    attrib_error *err)
{
    attrib_export_options options;
    attrib_export_options_default(&options);
    options.others = runs + 1;
    options.n_others = args->run.n - 1;
    options.format = (attrib_export_format)args->format;
    options.with_all = args->with_all;
    options.fields = args->fields;
    options.is_csv_raw = args->is_csv_raw;
    return attrib_export_run(runs[0], &options, args->output, err);
}

static attrib_status export_rows(const export_args *args,
                                 const cli_job *job,
                                 attrib_run *run,
                                 attrib_error *err)
{
    attrib_choice_options options;
    attrib_where *where = NULL;
    attrib_status status =
        attrib_where_new(args->where.paths, args->where.n, &where, err);
    attrib_choice_options_default(&options);
    options.query = args->query;
    options.aggregate = (attrib_aggregate)(ATTRIB_AGGREGATE_SUM + args->aggregate);
    options.i_setting = args->setting - 1;
    options.where = where;
    options.top = args->top;
    options.share = args->share;
    options.is_in_order = args->order == ORDER_CORPUS;
    if (status == ATTRIB_OK) {
        status = attrib_export_originals(job->session, run, &options, args->output, err);
    }
    attrib_where_free(where);
    return status;
}

static attrib_status export(const void *arguments, cli_job *job, attrib_error *err)
{
    const export_args *args = arguments;
    attrib_run *runs[ATTRIB_MAX_SETTINGS] = {NULL};
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < args->run.n && status == ATTRIB_OK; i++) {
        status = attrib_run_open(args->run.paths[i], &runs[i], err);
    }
    if (status == ATTRIB_OK) {
        status = args->is_rows ? export_rows(args, job, runs[0], err)
                               : export_results(args, runs, err);
    }
    for (size_t i = 0; i < args->run.n; i++) {
        attrib_run_close(runs[i]);
    }
    return status;
}

const cli_command command_export = {
    .name = "export",
    .usage = "RUN... [--format " FORMATS "] [-o FILE]",
    .summary = "write a run in a format of other programs",
    .description =
        "Writes the run that attrib score made as JSON lines (one object a query), CSV "
        "(one row for each document that was reported), a SQLite database (tables of "
        "queries, documents, tags, scores, tokens and modules), or as arrays: npz for "
        "NumPy with scores [queries, documents] and the ids, safetensors also in "
        "Kronfluence's layout. parquet, arrow (a stream of Arrow IPC) and msgpack hold a "
        "row for each document of a query, of all fields or of those that --fields "
        "names: in msgpack one map after the other, from the names of fields to texts, "
        "integers, 64-bit floats, or nil where a value is not known. html is one file "
        "that opens in a browser without a "
        "network: the reported documents with their tokens coloured by influence, to "
        "search and to filter, and charts of all scores. Several runs of the same "
        "queries "
        "and documents, of other models, checkpoints or methods, stand together in one "
        "page, which compares them.\n\n"
        "With --rows it writes the training data of the documents that favour the "
        "queries "
        "most, read again from their files, archives and compressed files, and refused "
        "where they changed since they were scored.",
    .example =
        "  attrib export run/ -o run.html\n"
        "  attrib export early/ late/ -o both.html\n"
        "  attrib export run/ -o run.csv\n"
        "  attrib export run/ -o run.sqlite\n"
        "  attrib export run/ --rows --share 0.05 --where kind=person -o best.jsonl",
    .groups = export_groups,
    .operand = {.name = "RUN",
                .offset = offsetof(export_args, run),
                .min = 1,
                .max = ATTRIB_MAX_SETTINGS},
    .args_bytes = sizeof(export_args),
    .check = check,
    .run = export,
};
