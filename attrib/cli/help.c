/* SPDX-License-Identifier: MIT */
/* Help, man pages and completion from the tables.
 *
 * 1. Parts   2. Help   3. Man pages   4. Completion   5. Names that are alike */
#include "cli/help.h"

#include <string.h>

#define WIDTH    80
#define MAX_HELP 1024 /* bytes of an option's explanation */
#define COLUMN   30   /* where the explanation of an option begins */

static const cli_command *const *commands; /* ends with NULL */

static const char program_description[] =
    "attrib ranks the documents of a training corpus by their influence on a behaviour "
    "of a "
    "language model: influence functions with EK-FAC curvature (Grosse et al. 2023, "
    "arXiv:2308.03296).\n\n"
    "A positive score says that more weight on the document would raise the "
    "log-probability "
    "of the completion.";

static const char progress_description[] =
    "On a terminal a line tells the share of the whole job that is done, over all stages "
    "and passes, and the time that is left: the predictions of attrib plan, corrected by "
    "what the work takes. What an earlier process has done counts at once.\n\n"
    "With --progress json every line on standard error is a JSON object, written at most "
    "five times a second and at the beginning and end of a stage. Those of progress have "
    "the keys stage, done, total and unit (of the stage, over all its passes; total is 0 "
    "where nobody knows it), seconds (that this process has worked on the stage), "
    "overall "
    "(from 0 to 1; never falls, and is 1 in the last line of a job that is done), "
    "eta_seconds, tokens_per_second (null where it is not known), and memory (bytes in "
    "use). Log lines have log (info, detail or warning), seconds and message. The last "
    "line of a job that is done has statistics: documents, tokens (all and predicted), "
    "what was skipped and why, seconds, cpu_seconds, peak_memory in bytes, and more by "
    "command.\n\n"
    "--metrics FILE.prom writes the same for Prometheus, as the textfile collector of "
    "node_exporter takes it from its folder; the file is replaced as a whole. All gauges "
    "have the label task, the file's name: attrib_job_state (with state=\"running\", "
    "\"done\" or \"failed\", 1 for the one that it is in), attrib_job_progress_ratio, "
    "attrib_job_left_seconds, attrib_job_start_timestamp_seconds and "
    "attrib_job_update_timestamp_seconds (which stands still where a job was killed), "
    "attrib_job_cpu_seconds_total, attrib_job_resident_memory_bytes and "
    "attrib_job_peak_memory_bytes; by stage and unit attrib_stage_done, "
    "attrib_stage_size, "
    "attrib_stage_seconds and attrib_stage_tokens_per_second; and of a job that is done "
    "attrib_statistic with the name of each number.";

/* 1. Parts */

void help_begin(const cli_command *const *list)
{
    commands = list;
}

/* "-o, --output FOLDER" or "    --top K"; the choices of --progress stand as they are. */
static int write_name(const option *o, FILE *stream)
{
    char letter[5] = "    ";
    if (o->letter) {
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    }
    return fprintf(stream, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                   o->value ? o->value : "");
}

/* What an option does, with its default. */
static void explain(const option *o, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s", o->help, o->standard ? " (default: " : "",
             o->standard ? o->standard : "", o->standard ? ")" : "");
}

/* Words of `text` between columns `column` and WIDTH; the cursor stands at `at`. An empty
 * line in the text stays one. */
static void write_wrapped(const char *text, int column, int at, FILE *stream)
{
    while (*text) {
        if (text[0] == '\n') {
            fputs(text[1] == '\n' ? "\n\n" : "\n", stream);
            text += text[1] == '\n' ? 2 : 1;
            at = 0;
            continue;
        }
        int n = (int)strcspn(text, " \n");
        if (at > column && at + 1 + n > WIDTH) {
            fputc('\n', stream);
            at = 0;
        }
        if (at < column) {
            fprintf(stream, "%*s", column - at, "");
            at = column;
        } else if (at > column) {
            fputc(' ', stream);
            at++;
        }
        fprintf(stream, "%.*s", n, text);
        at += n;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', stream);
}

/* 2. Help */

static void help_option(const option *o, FILE *stream)
{
    fputs("  ", stream);
    int at = 2 + write_name(o, stream);
    if (at + 2 > COLUMN) {
        fputc('\n', stream);
        at = 0;
    }
    char text[MAX_HELP];
    explain(o, text, sizeof text);
    write_wrapped(text, COLUMN, at, stream);
}

void help_command(const cli_command *self, FILE *stream)
{
    fprintf(stream, "Usage: attrib %s %s\n\n", self->name, self->usage);
    write_wrapped(self->description, 0, 0, stream);
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        if (walk.is_title_new) {
            fprintf(stream, "\n%s:\n", walk.group->title);
        }
        if (!walk.is_repeated) {
            help_option(&walk.option, stream);
        }
    }
    static const option help_row = {
        .name = "help", .letter = 'h', .help = "print this and exit"};
    help_option(&help_row, stream);
    fprintf(stream, "\nExample:\n%s\n", self->example);
}

void help_program(FILE *stream)
{
    fputs("Usage: attrib COMMAND [OPTION]...\n\n", stream);
    write_wrapped(program_description, 0, 0, stream);
    fputs("\nCommands:\n", stream);
    for (const cli_command *const *c = commands; *c; c++) {
        fprintf(stream, "  %-9s %s\n", (*c)->name, (*c)->summary);
    }
    fputs(
        "\n\"attrib COMMAND --help\" explains a command, \"attrib --version\" prints the "
        "version.\n"
        "Results go to standard output, everything else to standard error. The exit "
        "status is\n"
        "0 when the work is done, 1 when it failed, 2 for a command line that cannot "
        "be read.\n",
        stream);
}

/* 3. Man pages */

/* Text for roff: nothing of it may be taken for a request or an escape. */
static void write_roff(const char *text, FILE *stream)
{
    bool is_line_start = true;
    for (const char *c = text; *c; c++) {
        if (is_line_start && (*c == '.' || *c == '\'')) {
            fputs("\\&", stream);
        }
        if (*c == '\\') {
            fputs("\\e", stream);
        } else if (*c == '-') {
            fputs("\\-", stream);
        } else if (c[0] == '\n' && c[1] == '\n') {
            fputs("\n.PP\n", stream);
            c++;
        } else {
            fputc(*c, stream);
        }
        is_line_start = *c == '\n';
    }
    fputc('\n', stream);
}

static void man_option(const option *o, FILE *stream)
{
    fputs(".TP\n", stream);
    if (o->letter) {
        fprintf(stream, "\\fB\\-%c\\fR, ", o->letter);
    }
    fputs("\\fB\\-\\-", stream);
    for (const char *c = o->name; *c; c++) {
        fputs(*c == '-' ? "\\-" : (char[]){*c, '\0'}, stream);
    }
    fprintf(stream, "\\fR%s%s%s\n", o->value ? " \\fI" : "", o->value ? o->value : "",
            o->value ? "\\fR" : "");
    char text[MAX_HELP];
    explain(o, text, sizeof text);
    write_roff(text, stream);
}

static void man_end(FILE *stream)
{
    fputs(".SH EXIT STATUS\n0 when the work is done, 1 when it failed, 2 for a command "
          "line "
          "that cannot be read.\n",
          stream);
    fputs(".SH SEE ALSO\n\\fBattrib\\fR(1)", stream);
    for (const cli_command *const *c = commands; *c; c++) {
        fprintf(stream, ", \\fBattrib\\-%s\\fR(1)", (*c)->name);
    }
    fputc('\n', stream);
}

static void man_program(FILE *stream)
{
    fprintf(stream, ".TH ATTRIB 1 \"\" \"attrib %s\" \"User Commands\"\n",
            attrib_version());
    fputs(".SH NAME\nattrib \\- which training documents move a language model towards a "
          "behaviour\n"
          ".SH SYNOPSIS\n\\fBattrib\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
          ".SH DESCRIPTION\n",
          stream);
    write_roff(program_description, stream);
    fputs(".SH COMMANDS\n", stream);
    for (const cli_command *const *c = commands; *c; c++) {
        fprintf(stream, ".TP\n\\fBattrib\\-%s\\fR(1)\n", (*c)->name);
        write_roff((*c)->summary, stream);
    }
    fputs(".SH PROGRESS\n", stream);
    write_roff(progress_description, stream);
    man_end(stream);
}

void help_man(const cli_command *self, FILE *stream)
{
    if (!self) {
        man_program(stream);
        return;
    }
    fprintf(stream, ".TH ATTRIB\\-%s 1 \"\" \"attrib %s\" \"User Commands\"\n",
            self->name, attrib_version());
    fprintf(stream, ".SH NAME\nattrib\\-%s \\- ", self->name);
    write_roff(self->summary, stream);
    fprintf(stream, ".SH SYNOPSIS\n\\fBattrib %s\\fR ", self->name);
    write_roff(self->usage, stream);
    fputs(".SH DESCRIPTION\n", stream);
    write_roff(self->description, stream);
    fputs(".SH OPTIONS\n", stream);
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        if (walk.is_title_new) {
            fprintf(stream, ".SS %s\n", walk.group->title);
        }
        if (!walk.is_repeated) {
            man_option(&walk.option, stream);
        }
    }
    fputs(".SH EXAMPLE\n.nf\n", stream);
    write_roff(self->example, stream);
    fputs(".fi\n", stream);
    man_end(stream);
}

/* 4. Completion */

void help_completion(FILE *stream)
{
    fputs("# bash completion of attrib\n"
          "_attrib()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"",
          stream);
    for (const cli_command *const *c = commands; *c; c++) {
        fprintf(stream, "%s ", (*c)->name);
    }
    fputs("--help --version\"\n    else\n        case ${COMP_WORDS[1]} in\n", stream);
    for (const cli_command *const *c = commands; *c; c++) {
        fprintf(stream, "        %s) words=\"", (*c)->name);
        option_walk walk = {.groups = (*c)->groups};
        while (options_next(&walk)) {
            if (!walk.is_repeated) {
                fprintf(stream, "--%s ", walk.option.name);
            }
        }
        fputs("--help --version\" ;;\n", stream);
    }
    fputs("        esac\n    fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
          "complete -o default -F _attrib attrib\n",
          stream);
}

/* 5. Names that are alike */

/* `best` or `name`, whichever takes fewer changes to be made of `word`. */
static const char *nearer(const char *word, const char *name, const char *best, size_t *n)
{
    size_t distance = options_distance(word, name);
    if (distance < *n) {
        *n = distance;
        return name;
    }
    return best;
}

#define TOO_FAR 3 /* changes that make another word of it */

const char *help_nearest_command(const char *word)
{
    const char *best = NULL;
    size_t n = TOO_FAR;
    for (const cli_command *const *c = commands; *c; c++) {
        best = nearer(word, (*c)->name, best, &n);
    }
    return best;
}

const char *help_nearest_option(const cli_command *self, const char *word)
{
    const char *best = NULL;
    size_t n = TOO_FAR;
    word += strspn(word, "-");
    if (strlen(word) < TOO_FAR) {
        return NULL;
    }
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        best = nearer(word, walk.option.name, best, &n);
    }
    return best;
}

const char *help_command_with(const char *word)
{
    const char *found = NULL;
    word += strspn(word, "-");
    for (const cli_command *const *c = commands; *c; c++) {
        option_walk walk = {.groups = (*c)->groups};
        while (options_next(&walk)) {
            bool is_better = !found || strcmp(found, "plan") == 0;
            if (is_better && strcmp(walk.option.name, word) == 0) {
                found = (*c)->name;
            }
        }
    }
    return found;
}
