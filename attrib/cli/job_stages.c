/* SPDX-License-Identifier: MIT */
/* The stages of a job: a fit is two rounds of shards with a merge after each, a run is
 * one.
 *
 * The command's line is read by its own table, so that a mistake is found before anything
 * is handed to a cluster. */
#include "cli/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/commands.h"

/* The files that are written last: of factors and runs, and of a preparation. */
#define MANIFEST "manifest.msgpack"
#define PREPARED "prepared.msgpack"

/* A command's line, taken apart. */
typedef struct job_line {
    const cli_command *command;
    char **words; /* [n + 1]; the array is owned, its words are borrowed */
    size_t n;
    cli_given given;
    void *args; /* owned */
} job_line;

/* The options that are not repeated in a script, for they are said there otherwise. The
 * first is the output. */
typedef struct left_out {
    const char *name;
    char letter;
} left_out;

static const left_out output_alone[] = {{"output", 'o'}, {"threads", '\0'}, {0}};
/* A basis has its maps, blocks and precision. */
static const left_out output_and_maps[] = {{"output", 'o'},           {"threads", '\0'},
                                           {"modules", '\0'},         {"blocks", '\0'},
                                           {"eigen-precision", '\0'}, {0}};

/* How many of the words give this option a value, which is the last of *value: --name V,
 * --name=V, -nV, or -n V; 0 where the first word is another. */
static size_t words_of(char **words, size_t n_left, const left_out *o, char **value)
{
    size_t length = strlen(o->name);
    char *word = words[0];
    char *rest = NULL;
    if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, o->name, length) == 0) {
        rest = word + 2 + length;
        if (*rest == '=') {
            *value = rest + 1;
            return 1;
        }
    } else if (o->letter && word[0] == '-' && word[1] == o->letter) {
        rest = word + 2;
        if (*rest) {
            *value = rest;
            return 1;
        }
    }
    if (!rest || *rest || n_left < 2) {
        return 0;
    }
    *value = words[1];
    return 2;
}

/* Words that hold a line's end cannot stand in a script whose lines are indented. */
static bool check_words(char **words, size_t n, char *message, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        for (const char *c = words[i]; *c; c++) {
            if ((unsigned char)*c < ' ' || *c == 127) {
                snprintf(message, size,
                         "word %zu of the command holds a control character", i + 1);
                return false;
            }
        }
    }
    return true;
}

/* The words but for some options, quoted for sh; owned, NULL without memory. */
static char *quote_without(const job_line *line, const left_out *options)
{
    size_t n_kept = 0;
    char **kept = calloc(line->n + 1, sizeof *kept);
    for (size_t i = 0; kept && i < line->n;) {
        size_t n_taken = 0;
        char *value = NULL;
        for (const left_out *o = options; o->name && !n_taken; o++) {
            n_taken = words_of(line->words + i, line->n - i, o, &value);
        }
        if (!n_taken) {
            kept[n_kept++] = line->words[i];
        }
        i += n_taken ? n_taken : 1;
    }
    char *quoted = kept ? options_join((int)n_kept, kept) : NULL;
    free(kept);
    return quoted;
}

/* The output as it was typed, which the command requires. */
static char *find_output(const job_line *line)
{
    char *value = NULL;
    for (size_t i = 0; i < line->n; i++) {
        if (words_of(line->words + i, line->n - i, &output_alone[0], &value)) {
            break;
        }
    }
    return value;
}

/* The output, quoted for sh; owned, NULL without memory. */
static char *quote_output(const job_line *line)
{
    char *value = find_output(line);
    return options_join(1, &value);
}

/* Options that a job sets itself. */
static bool check_given(const job_line *line, char *message, size_t size)
{
    static const char *const own[] = {"shard", "parts", "stage", "basis", "prepared"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (options_given(&line->given, own[i])) {
            snprintf(message, size, "--%s is set by the job itself, leave it out",
                     own[i]);
            return false;
        }
    }
    return true;
}

/* Read the line as the command would. */
static bool read_line(const path_list *words, job_line *line, char *message, size_t size)
{
    line->n = words->n;
    line->words = calloc(line->n + 1, sizeof *line->words);
    line->args = calloc(1, line->command->args_bytes);
    if (!line->words || !line->args) {
        snprintf(message, size, "out of memory");
        return false;
    }
    memcpy(line->words, words->paths, line->n * sizeof *line->words);
    if (!check_words(line->words, line->n, message, size)) {
        return false;
    }
    switch (options_parse(line->command, (int)line->n, line->words, line->args,
                          &line->given)) {
    case PARSE_OK:
        return check_given(line, message, size);
    case PARSE_ERROR:
        snprintf(message, size, "%s: %s", line->command->name, line->given.message);
        return false;
    default:
        snprintf(message, size, "%s: neither --help nor --version is work for a cluster",
                 line->command->name);
        return false;
    }
}

static void free_line(job_line *line)
{
    options_free(&line->given);
    free(line->words);
    free(line->args);
}

/* One more stage, whose script is printed: a round of so many tasks, or 0: none. False
 * without memory. */
static bool add_stage(job_stages *out,
                      const char *name,
                      size_t n_tasks,
                      const char *format,
                      ...) ATTRIB_PRINTF(4, 5);

static bool add_stage(
    job_stages *out, const char *name, size_t n_tasks, const char *format, ...)
{
    char *script = NULL;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&script, format, arguments);
    va_end(arguments);
    if (n < 0) {
        return false;
    }
    out->stages[out->n++] = (job_stage){
        .name = name,
        .mark = MANIFEST,
        .is_round = n_tasks > 0,
        .n_tasks = n_tasks ? n_tasks : 1,
        .script = script,
    };
    return true;
}

/* A round of shards, each into FOLDER/NAME-I: `more` are the options of the round. */
static bool add_round(const job_line *line,
                      const char *name,
                      const char *more,
                      size_t n_shards,
                      job_stages *out)
{
    bool has_basis = strstr(more, "--basis") != NULL;
    char *words = quote_without(line, has_basis ? output_and_maps : output_alone);
    bool is_added =
        words &&
        add_stage(out, name, n_shards,
                  "out=$job/%s-$i\n"
                  "[ -e \"$out/" MANIFEST "\" ] ||\n"
                  "    work \"$attrib\" %s%s $threads --shard \"$i/%zu\" -o \"$out\"\n",
                  name, words, more, n_shards);
    free(words);
    return is_added;
}

/* The merge of a round into `output`, which is quoted already. */
static bool add_merge(job_stages *out,
                      const char *name,
                      const char *of,
                      const char *output)
{
    return add_stage(
        out, name, 0,
        "out=%s\n"
        "[ -e \"$out/" MANIFEST "\" ] ||\n"
        "    work \"$attrib\" merge $threads \"$job\"/%s-*[0-9] -o \"$out\"\n",
        output, of);
}

/* The merge of covariances, whose maps several tasks share: each decomposes a run of
 * them. */
static bool add_basis(const job_request *request, job_stages *out)
{
    if (request->n_basis_shards < 2) {
        return add_merge(out, "basis", "covariance", "$job/basis");
    }
    return add_stage(out, "maps", request->n_basis_shards,
                     "out=$job/maps-$i\n"
                     "[ -e \"$out/" MANIFEST "\" ] ||\n"
                     "    work \"$attrib\" merge $threads --shard \"$i/%zu\" "
                     "\"$job\"/covariance-*[0-9] -o \"$out\"\n",
                     request->n_basis_shards) &&
           add_merge(out, "basis", "maps", "$job/basis");
}

/* What all shards of a run share is chosen once. */
static bool add_preparation(const job_line *line, job_stages *out)
{
    char *words = quote_without(line, output_alone);
    bool is_added =
        words && add_stage(out, "prepared", 0,
                           "out=$job/prepared\n"
                           "[ -e \"$out/" PREPARED "\" ] ||\n"
                           "    work \"$attrib\" prepare%s $threads -o \"$out\"\n",
                           words + strlen(line->command->name));
    free(words);
    if (is_added) {
        out->stages[out->n - 1].mark = PREPARED;
    }
    return is_added;
}

/* Shards of several models prepare themselves: a preparation belongs to one model. */
static bool divide_score(const job_line *line,
                         const job_request *request,
                         job_stages *out)
{
    size_t n_shards = request->n_shards;
    const scoring_args *args = line->args;
    bool are_several = checkpoints_are_named(&args->several, args->source.model);
    const char *prepared = are_several ? "" : " --prepared \"$job/prepared\"";
    char *output = quote_output(line);
    bool is_divided = output && (are_several || add_preparation(line, out)) &&
                      add_round(line, "scores", prepared, n_shards, out) &&
                      add_merge(out, "run", "scores", output);
    free(output);
    return is_divided;
}

static bool divide_fit(const job_line *line, const job_request *request, job_stages *out)
{
    size_t n_shards = request->n_shards;
    const int *strategy = options_value(line->command, line->args, "strategy");
    char *output = quote_output(line);
    bool is_divided = output != NULL;
    if (is_divided && *strategy == ATTRIB_DIAGONAL) {
        is_divided = add_round(line, "lambda", "", n_shards, out) &&
                     add_merge(out, "factors", "lambda", output);
    } else if (is_divided && *strategy == ATTRIB_KFAC) {
        is_divided =
            add_round(line, "covariance", " --stage covariance", n_shards, out) &&
            add_merge(out, "factors", "covariance", output);
    } else if (is_divided) {
        is_divided =
            add_round(line, "covariance", " --stage covariance", n_shards, out) &&
            add_basis(request, out) &&
            add_round(line, "lambda", " --stage lambda --basis \"$job/basis\"", n_shards,
                      out) &&
            add_merge(out, "factors", "lambda", output);
    }
    free(output);
    return is_divided;
}

/* Take the cores and the memory that the command itself names; false where the job was
 * asked for other cores. */
static bool take_sizes(const job_line *line,
                       job_request *request,
                       char *message,
                       size_t size)
{
    const size_t *n_threads = options_value(line->command, line->args, "threads");
    const size_t *ram_limit = options_value(line->command, line->args, "ram-limit");
    if (options_given(&line->given, "extend")) {
        snprintf(message, size,
                 "--extend is the work of one process: it does not go with a job");
        return false;
    }
    if (request->n_shards > 1 && options_given(&line->given, "max-rescored")) {
        snprintf(message, size,
                 "--max-rescored is of a whole corpus: it does not go with %zu shards",
                 request->n_shards);
        return false;
    }
    if (options_given(&line->given, "threads")) {
        if (request->n_cores && request->n_cores != *n_threads) {
            snprintf(message, size, "--cores %zu, and the command says --threads %zu",
                     request->n_cores, *n_threads);
            return false;
        }
        request->n_cores = *n_threads;
    }
    request->memory = request->memory ? request->memory : *ram_limit;
    if (request->memory < *ram_limit) {
        snprintf(message, size, "--memory is less than the command's --ram-limit");
        return false;
    }
    return true;
}

/* The commands whose work is cut. */
static const struct {
    const cli_command *command;
    bool (*divide)(const job_line *line, const job_request *request, job_stages *out);
} divided[] = {{&command_fit, divide_fit}, {&command_score, divide_score}};

bool job_divide(const path_list *words,
                job_request *request,
                job_stages *out,
                char *message,
                size_t size)
{
    const char *name = words->paths[0];
    for (size_t i = 0; i < sizeof divided / sizeof *divided; i++) {
        if (strcmp(divided[i].command->name, name) == 0) {
            job_line line = {.command = divided[i].command};
            bool is_read = read_line(words, &line, message, size) &&
                           take_sizes(&line, request, message, size);
            bool is_divided = is_read && divided[i].divide(&line, request, out);
            request->output = is_read ? find_output(&line) : NULL;
            if (is_read && !is_divided) {
                snprintf(message, size, "out of memory");
            }
            free_line(&line);
            return is_divided;
        }
    }
    snprintf(message, size,
             "\"%.80s\" is no command that shards can share: fit and score are", name);
    return false;
}

void job_free(job_stages *stages)
{
    for (size_t i = 0; i < stages->n; i++) {
        free(stages->stages[i].script);
    }
    *stages = (job_stages){0};
}
