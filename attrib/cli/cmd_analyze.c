/* SPDX-License-Identifier: MIT */
/* attrib analyze: what the scores of a run say together. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/shared.h"
#include "cli/table_output.h"

typedef struct analyze_args {
    common_options common;
    path_list words;
    attrib_analyze_options analyze;
    table_output output;
    const attrib_analyze_kind *kind; /* found among the words */
    const char *changes;             /* NULL: none */
} analyze_args;

static const option_group analyze_groups[] = {
    {.title = "Analyze",
     .offset = offsetof(analyze_args, analyze),
     .library = attrib_analyze_options_table,
     .library_bytes = sizeof(attrib_analyze_options)},
    {.title = "Output",
     .options = table_output_table,
     .offset = offsetof(analyze_args, output)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(analyze_args, common)},
    {0},
};

static const attrib_analyze_kind *find_kind(const char *name)
{
    const attrib_analyze_kind *kind = NULL;
    for (size_t i = 0; (kind = attrib_analyze_kind_at(i)); i++) {
        if (strcmp(kind->name, name) == 0) {
            return kind;
        }
    }
    return NULL;
}

static void list_kinds(char *out, size_t size)
{
    const attrib_analyze_kind *kind = NULL;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; (kind = attrib_analyze_kind_at(i)) && used < size; i++) {
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", kind->name);
    }
}

/* Split the words into runs, the kind, and changes: RUN [RUN] KIND [CHANGES]. */
static bool split_words(analyze_args *args, char *message, size_t size)
{
    path_list *words = &args->words;
    char kinds[256];
    for (size_t i = 1; i < words->n && !args->kind; i++) {
        args->kind = find_kind(words->paths[i]);
        if (args->kind) {
            size_t n_behind = words->n - i - 1;
            if (n_behind > args->kind->takes_changes) {
                snprintf(message, size, "\"%s\" after %s is one word too many",
                         words->paths[i + 1 + args->kind->takes_changes],
                         args->kind->name);
                return false;
            }
            args->changes = n_behind ? words->paths[i + 1] : NULL;
            words->n = i;
        }
    }
    if (!args->kind) {
        list_kinds(kinds, sizeof kinds);
        snprintf(message, size, "after the run a kind of analysis must be named: %s",
                 kinds);
        return false;
    }
    return true;
}

/* Refuse options that the kind would not look at. */
static bool check_options(const analyze_args *args,
                          const cli_given *given,
                          char *message,
                          size_t size)
{
    char word[64];
    const char *taken = args->kind->options + 1; /* between spaces */
    for (const option *o = attrib_analyze_options_table(); o->name; o++) {
        snprintf(word, sizeof word, " %s ", o->name);
        if (options_given(given, o->name) && !strstr(args->kind->options, word)) {
            snprintf(message, size, "--%s is not for %s, which takes %.*s", o->name,
                     args->kind->name, (int)strlen(taken) - 1, taken);
            return false;
        }
    }
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    analyze_args *args = arguments;
    if (!split_words(args, message, size) || !check_options(args, given, message, size)) {
        return false;
    }
    const attrib_analyze_kind *kind = args->kind;
    if (args->words.n < kind->min_runs || args->words.n > kind->max_runs) {
        snprintf(message, size, "%s is of %s", kind->name,
                 kind->min_runs == 2   ? "two runs"
                 : kind->max_runs == 1 ? "one run"
                                       : "one run or two");
        return false;
    }
    if (kind->takes_changes && !args->changes) {
        snprintf(message, size, "%s needs changes, as in code=+0.1,chat=-0.2",
                 kind->name);
        return false;
    }
    return table_output_check(&args->output, message, size);
}

static attrib_status analyze(const void *arguments, cli_job *job, attrib_error *err)
{
    const analyze_args *args = arguments;
    attrib_run *runs[2] = {NULL, NULL};
    attrib_analysis *analysis = NULL;
    attrib_status status = ATTRIB_OK;
    attrib_analyze_job what;
    attrib_analyze_job_default(&what);
    for (size_t i = 0; status == ATTRIB_OK && i < args->words.n; i++) {
        status = attrib_run_open(args->words.paths[i], &runs[i], err);
    }
    what.kind = args->kind->name;
    what.run = runs[0];
    what.other = runs[1];
    what.changes = args->changes;
    what.options = &args->analyze;
    if (status == ATTRIB_OK) {
        status = attrib_analyze(job->session, &what, &analysis, err);
    }
    if (status == ATTRIB_OK) {
        status = table_output_write(&args->output, analysis, err);
    }
    attrib_analysis_free(analysis);
    attrib_run_close(runs[0]);
    attrib_run_close(runs[1]);
    return status;
}

const cli_command command_analyze = {
    .name = "analyze",
    .usage = "RUN [RUN] KIND [CHANGES] [OPTION]...",
    .summary = "tell what the scores of a run say together",
    .description =
        "Reads the scores that attrib score wrote, of all documents and queries, and "
        "prints tables.\n\n"
        "groups: which groups of documents (--document-tag) help or hinder which groups "
        "of "
        "queries (--query-tag): mean influence with its interval, lift, and how much "
        "more "
        "often than by chance they stand among the first and last documents.\n\n"
        "reweight CHANGES, as in code=+0.1,chat=-0.2: what a tenth more of the documents "
        "with the value code and a fifth less of those with chat would do to queries; "
        "signs "
        "and order.\n\n"
        "tail: how few documents hold most of a query's influence: power law of the "
        "largest scores, concentration, and how many more documents to scan.\n\n"
        "queries: correlations between the queries of a run, and their clusters; with "
        "two "
        "runs those of each query between them.\n\n"
        "layers: which layers and kinds of modules carry the influence of the reported "
        "documents.\n\n"
        "spurious: reported documents whose score stands on few of their tokens.\n\n"
        "answers: whether the answers that queries list in a tag (--answers-tag) stand "
        "in "
        "their first documents.\n\n"
        "overlap: longest spans of tokens that reported documents share with the "
        "completion: what was copied, and what was not.\n\n"
        "relations: influence explained by documents' numbers and other tags (--tags), "
        "by "
        "least squares.\n\n"
        "stability: how far two runs, of factors of disjoint halves or of other seeds, "
        "agree on each query.",
    .example = "  attrib analyze run/ groups --document-tag source --query-tag ability\n"
               "  attrib analyze run/ reweight code=+0.1,chat=-0.2 --document-tag kind\n"
               "  attrib analyze run/ tail\n"
               "  attrib analyze run/ queries --format csv -o pairs.csv",
    .groups = analyze_groups,
    .operand = {.name = "RUN or KIND",
                .offset = offsetof(analyze_args, words),
                .min = 2,
                .max = 4},
    .args_bytes = sizeof(analyze_args),
    .check = check,
    .run = analyze,
};
