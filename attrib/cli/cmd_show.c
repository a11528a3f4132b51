/* SPDX-License-Identifier: MIT */
/* attrib show: a finished run on the terminal. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/shared.h"

typedef struct show_args {
    common_options common;
    path_list run;
    const char *query;
    int by; /* attrib_rank_by */
    size_t setting, top;
    path_list where;
    int format;
} show_args;

enum { FORMAT_TEXT, FORMAT_JSON };

static const option show_table[] = {
    {.name = "query",
     .kind = OPTION_TEXT,
     .offset = offsetof(show_args, query),
     .value = "ID",
     .help = "the query to show (default: all, one after the other)"},
    {.name = "by",
     .kind = OPTION_CHOICE,
     .offset = offsetof(show_args, by),
     .value = "score|self|cosine",
     .standard = "score",
     .help = "what documents are ranked by: their score; their self-influence, which is "
             "of no query; or the score over the norms of both gradients. The latter two "
             "need a run with self-influences"},
    {.name = "where",
     .kind = OPTION_PATHS,
     .offset = offsetof(show_args, where),
     .value = "KEY=VALUE...",
     .help = "only documents that meet all conditions: a tag, or id, source, member, "
             "line, n_tokens, n_predicted; with =, !=, <, <=, > or >="},
    {.name = "top",
     .kind = OPTION_SIZE,
     .offset = offsetof(show_args, top),
     .value = "N",
     .min = 1,
     .max = 1e6,
     .help = "documents of each end (default: as many as the run reports)"},
    {.name = "setting",
     .kind = OPTION_SIZE,
     .offset = offsetof(show_args, setting),
     .value = "I",
     .standard = "1",
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .help = "which setting of a run with several strategies or dampings is meant, "
             "from 1"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(show_args, format),
     .value = "text|json",
     .standard = "text",
     .help = "how it is written on standard output; json is a line a query"},
    {0},
};

static const option_group show_groups[] = {
    {.title = "What is shown", .options = show_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(show_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const show_args *args = arguments;
    (void)given;
    if (args->by == ATTRIB_BY_SELF && args->query) {
        snprintf(message, size, "--by self: self-influences are of no query");
        return false;
    }
    return true;
}

static attrib_status show(const void *arguments, cli_job *job, attrib_error *err)
{
    const show_args *args = arguments;
    attrib_run *run = NULL;
    attrib_where *where = NULL;
    attrib_text_options text;
    attrib_list_options list;
    terminal_choose_text(job->common, &text);
    attrib_list_options_default(&list);
    attrib_status status =
        attrib_where_new(args->where.paths, args->where.n, &where, err);
    if (status == ATTRIB_OK) {
        status = attrib_run_open(args->run.paths[0], &run, err);
    }
    if (status == ATTRIB_OK) {
        list.by = (attrib_rank_by)args->by;
        list.query = args->query;
        list.i_setting = args->setting - 1;
        list.where = args->where.n ? where : NULL;
        list.n_shown = args->top;
        list.is_json = args->format == FORMAT_JSON;
        list.text = &text;
        status = attrib_export_list(job->session, run, &list, "-", err);
    }
    attrib_run_close(run);
    attrib_where_free(where);
    return status;
}

const cli_command command_show = {
    .name = "show",
    .usage = "RUN [--query ID] [--by score|self|cosine] [--where KEY=VALUE...] "
             "[OPTION]...",
    .summary = "print the documents of a run as attrib query does",
    .description =
        "Prints what the run found for each query: the documents that most favour and "
        "oppose the completion, with the text that matters most.\n\n"
        "--by, --where, and --top beyond what the run reported rank all documents anew. "
        "Texts of documents that the run did not report are read again from where they "
        "stood, and left out where they changed since.",
    .example = "  attrib show run/\n"
               "  attrib show run/ --query 7 --where kind=person 'year>=1800' --top 3\n"
               "  attrib show run/ --by self | less -R",
    .groups = show_groups,
    .operand = {.name = "RUN",
                .offset = offsetof(show_args, run),
                .min = 1,
                .max = 1,
                .is_behind_paths = true},
    .args_bytes = sizeof(show_args),
    .check = check,
    .run = show,
};
