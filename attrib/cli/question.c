/* SPDX-License-Identifier: MIT */
/* 1. Options.   2. Stages.   3. The question. */
#include "cli/question.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const option question_table[] = {
    {.name = "time",
     .kind = OPTION_TEXT,
     .offset = offsetof(index_choice, time),
     .value = "SECONDS",
     .help = "with --index: score documents exactly, the likeliest first, until so many "
             "seconds are over, as in 5s or 2m; what is listed and was not scored is "
             "marked as an estimate"},
    {.name = "certify",
     .kind = OPTION_TEXT,
     .offset = offsetof(index_choice, certify),
     .value = "bounds|SHARE",
     .help =
         "with --index: score documents until no other can stand among the first and "
         "last --top, by the bounds of the index, or, as in 0.99, by the error that this "
         "share of the documents that were scored both ways stays below"},
    {0},
};

/* 1. Options */

/* A time as people write it: 5, 5s, 2m, 1h. */
static bool read_time(const char *text, double *out)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'\0', 1}};

    char *end = NULL;
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (*end == units[i].letter && (!*end || !end[1]) && end != text) {
            *out = number * units[i].seconds;
            return *out > 0 && *out <= 1e9;
        }
    }
    return false;
}

static bool read_share(const char *text, double *out)
{
    char *end = NULL;
    if (strcmp(text, "bounds") == 0) {
        *out = 1;
        return true;
    }
    *out = strtod(text, &end);
    return end != text && !*end && *out > 0 && *out < 1;
}

bool question_check(index_choice *choice,
                    const cli_given *given,
                    char *message,
                    size_t size)
{
    if (choice->time && !read_time(choice->time, &choice->seconds)) {
        snprintf(message, size, "--time %.40s: expected a time above 0, as in 5s or 2m",
                 choice->time);
        return false;
    }
    if (choice->certify && !read_share(choice->certify, &choice->share)) {
        snprintf(message, size,
                 "--certify %.40s: expected bounds, or a share between 0 and 1, as in "
                 "0.99",
                 choice->certify);
        return false;
    }
    if (choice->certify && options_given(given, "exact")) {
        snprintf(message, size,
                 "--certify and --exact exclude each other: it scores as many as it "
                 "takes");
        return false;
    }
    if ((choice->certify || choice->time) && !options_given(given, "exact")) {
        choice->n_exact = 0;
    }
    return true;
}

/* 2. Stages */

static void take_back(question_view *self)
{
    if (self->n_shown > 0) {
        terminal_clear(self->job->screen);
        fprintf(stderr, "\033[%zuA\033[J", self->n_shown);
        self->n_shown = 0;
    }
}

/* Write as many characters of a line as have room, whatever documents hold. */
static void write_clean(char *line, size_t width)
{
    for (char *c = line; *c; c++) {
        if (*c == '\t' || *c == '\r') {
            *c = ' ';
        }
    }
    attrib_clean_line(line);
    for (size_t n = 0; *line; line++) {
        n += ((unsigned char)*line & 0xC0) != 0x80;
        if (n > width) {
            break;
        }
        fputc(*line, stderr);
    }
}

/* A line of the listing on the terminal: what is not exact begins with ~. */
static void show_listed(question_view *self, const attrib_listed *one, size_t width)
{
    char line[1024];
    attrib_document document;
    attrib_corpus_document(self->corpus, one->document, &document);
    size_t n = (size_t)snprintf(line, sizeof line, "%c%+11.4g  %s",
                                one->is_exact ? ' ' : '~', one->score, document.source);
    if (n < sizeof line && document.line) {
        n += (size_t)snprintf(line + n, sizeof line - n, ":%zu", document.line);
    }
    if (n < sizeof line) {
        snprintf(line + n, sizeof line - n, "  %.*s",
                 document.text ? (int)strcspn(document.text, "\n") : 0,
                 document.text ? document.text : "");
    }
    write_clean(line, width);
    fputc('\n', stderr);
    self->n_shown++;
}

static void show_stage(question_view *self, const attrib_listing *listing)
{
    size_t width = terminal_width();
    take_back(self);
    terminal_clear(self->job->screen);
    width = width > 1 ? width - 1 : 79;
    fprintf(stderr, "%zu of %zu documents are exact, ~ are estimates (%.1f s)\n",
            listing->n_exact, listing->n_documents, listing->seconds);
    self->n_shown = 1;
    for (size_t i = 0; i < listing->n_first; i++) {
        show_listed(self, &listing->first[i], width);
    }
    for (size_t i = listing->n_last; i > 0; i--) {
        show_listed(self, &listing->last[i - 1], width);
    }
    fflush(stderr);
}

/* A number that may not be known yet, as a member of JSON. */
static void write_known(const char *key, double number)
{
    if (isfinite(number)) {
        printf(",\"%s\":%.17g", key, number);
    } else {
        printf(",\"%s\":null", key);
    }
}

static void write_list(const question_view *self,
                       const char *key,
                       const attrib_listed *list,
                       size_t n)
{
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        attrib_corpus_document(self->corpus, list[i].document, &document);
        printf("%s{\"index\":%zu,\"id\":", i ? "," : "", list[i].document);
        terminal_write_json(stdout, document.id, strlen(document.id));
        printf(",\"score\":%.17g,\"is_estimate\":%s", list[i].score,
               list[i].is_exact ? "false" : "true");
        if (!list[i].is_exact && self->certifies) {
            write_known("error", list[i].error);
        }
        putchar('}');
    }
    putchar(']');
}

static void write_stage(const question_view *self, const attrib_listing *listing)
{
    printf("{\"stage\":%zu,\"is_last\":%s,\"n_exact\":%zu,\"n_documents\":%zu",
           listing->i_stage, listing->is_last ? "true" : "false", listing->n_exact,
           listing->n_documents);
    if (self->certifies) {
        printf(",\"n_open\":%zu", listing->n_open);
        write_known("share_of_bound", listing->error);
    }
    write_list(self, "results", listing->first, listing->n_first);
    write_list(self, "opposed", listing->last, listing->n_last);
    puts("}");
    fflush(stdout);
}

static attrib_status view_stage(void *context,
                                const attrib_listing *listing,
                                attrib_error *err)
{
    question_view *self = context;
    self->n_exact = listing->n_exact;
    self->n_documents = listing->n_documents;
    self->n_open = listing->n_open;
    if (self->as_lines) {
        write_stage(self, listing);
        return ferror(stdout)
                   ? cli_fail(err, ATTRIB_EIO, "standard output cannot be written")
                   : ATTRIB_OK;
    }
    if (listing->is_last) {
        take_back(self);
    } else if (self->job->screen->is_live && terminal_width() > 0) {
        show_stage(self, listing);
    }
    return ATTRIB_OK;
}

/* 3. The question */

static void count_stages(const question_view *view, const index_choice *choice)
{
    terminal *screen = view->job->screen;
    terminal_number(screen, "exact", (double)view->n_exact);
    if (choice->certify) {
        terminal_log(
            screen, view->n_open ? ATTRIB_LOG_WARNING : ATTRIB_LOG_INFO,
            view->n_open
                ? "not certain: %zu documents that were not scored may stand among the "
                  "first or last"
            : choice->share < 1
                ? "likely (%zu left): by errors that were measured, not by bounds, no "
                  "other document stands among the first or last"
                : "certain (%zu left): no other document stands among the first or last",
            view->n_open);
        terminal_number(screen, "open", (double)view->n_open);
    }
}

attrib_status question_answer(const index_choice *choice,
                              const attrib_score_job *scored,
                              bool as_lines,
                              cli_job *job,
                              attrib_run **out,
                              attrib_error *err)
{
    attrib_asking *asking = NULL;
    attrib_score_job asked = *scored;
    attrib_question question;
    question_view view = {.corpus = scored->corpus,
                          .job = job,
                          .as_lines = as_lines,
                          .certifies = choice->certify != NULL};
    attrib_question_default(&question);
    question.n_exact = choice->n_exact;
    question.seconds = choice->seconds;
    question.certify = choice->share;
    question.stage = view_stage;
    question.context = &view;
    asked.queries = NULL;
    attrib_status status = attrib_asking_open(job->session, &asked, &asking, err);
    if (status == ATTRIB_OK) {
        status = attrib_asking_answer(asking, scored->queries, NULL, &question, out, err);
    }
    take_back(&view);
    attrib_asking_close(asking);
    if (status == ATTRIB_OK) {
        count_stages(&view, choice);
    }
    return status;
}
