/* SPDX-License-Identifier: MIT */
/* Parsing a command line by its command's table.
 *
 * 1. Lists   2. Values   3. Parsing   4. Texts
 *
 * popt splits the words; it hands bare words back in their place (POPT_CONTEXT_ARG_OPTS),
 * so that "--corpus A B" can take both. */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

#define MAX_OPTIONS 64

/* 1. Lists */

/* Room for one more element of *array; false without memory. */
static bool make_room(void *array, size_t n, size_t *capacity, size_t element_bytes)
{
    if (n < *capacity) {
        return true;
    }
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *old = NULL;
    memcpy(&old, array, sizeof old);
    void *grown = reallocarray(old, wanted, element_bytes);
    if (grown) {
        memcpy(array, &grown, sizeof grown);
        *capacity = wanted;
    }
    /* cppcheck-suppress memleak ; the caller's pointer holds it */
    return grown != NULL;
}

/* A text of popt's becomes ours. */
static bool keep_text(cli_given *out, char *text)
{
    if (!text || !make_room(&out->texts, out->n_texts, &out->capacity, sizeof text)) {
        free(text);
        snprintf(out->message, sizeof out->message, "out of memory");
        return false;
    }
    out->texts[out->n_texts++] = text;
    return true;
}

static bool add_path(cli_given *out, path_list *list, const char *path)
{
    bool is_known = false;
    for (size_t i = 0; i < out->n_lists; i++) {
        is_known = is_known || out->lists[i] == list;
    }
    if (!is_known) {
        out->lists[out->n_lists++] = list;
    }
    if (!make_room(&list->paths, list->n, &list->capacity, sizeof path)) {
        snprintf(out->message, sizeof out->message, "out of memory");
        return false;
    }
    list->paths[list->n++] = path;
    return true;
}

/* 2. Values */

static bool refuse(cli_given *out,
                   const option *o,
                   const char *text,
                   const char *expected)
{
    snprintf(out->message, sizeof out->message, "--%s: \"%.80s\" is not %s", o->name,
             text, expected);
    return false;
}

static bool refuse_range(cli_given *out, const option *o, const char *text)
{
    snprintf(out->message, sizeof out->message, "--%s: %.80s is not in [%.17g, %.17g]",
             o->name, text, o->min, o->max);
    return false;
}

static bool read_whole(const option *o, const char *text, uint64_t *value, cli_given *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end) {
        return refuse(out, o, text, "a whole number");
    }
    if (errno || (o->kind == OPTION_SIZE &&
                  ((double)number < o->min || (double)number > o->max))) {
        return errno ? refuse(out, o, text, "below 2^64") : refuse_range(out, o, text);
    }
    *value = number;
    return true;
}

static bool read_number(const option *o, const char *text, double *value, cli_given *out)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number)) {
        return refuse(out, o, text, "a number");
    }
    if (number < o->min || number > o->max) {
        return refuse_range(out, o, text);
    }
    *value = number;
    return true;
}

/* 4096, 64K, 512M, 4G or 1T, with or without "B" or "iB" behind the letter. */
static bool read_bytes(const option *o, const char *text, size_t *value, cli_given *out)
{
    static const char letters[] = "KMGT";
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *letter = *end ? strchr(letters, *end) : NULL;
    unsigned shift = letter ? 10U * (unsigned)(letter - letters + 1) : 0;
    const char *rest = letter ? end + 1 : end;
    bool is_read = text[0] >= '0' && text[0] <= '9' &&
                   (!*rest || strcmp(rest, "B") == 0 || (letter && !strcmp(rest, "iB")));
    if (!is_read) {
        return refuse(out, o, text, "a size in bytes, as in 512M or 4G");
    }
    if (errno || number == 0 || number > SIZE_MAX >> shift) {
        return refuse(out, o, text, "from 1 byte to 2^64");
    }
    *value = (size_t)number << shift;
    return true;
}

static bool read_choice(const option *o, const char *text, int *value, cli_given *out)
{
    size_t n = strlen(text);
    int i = 0;
    for (const char *word = o->value; *word; i++) {
        size_t length = strcspn(word, "|");
        if (n == length && memcmp(word, text, n) == 0) {
            *value = i;
            return true;
        }
        word += length + (word[length] == '|');
    }
    char expected[160];
    snprintf(expected, sizeof expected, "one of %s", o->value);
    return refuse(out, o, text, expected);
}

/* Read the values between the commas of a text, one by one, in place of those before. */
static bool read_list(const option *o, const char *text, void *at, cli_given *out)
{
    number_list *numbers = at;
    choice_list *choices = at;
    size_t n = 0;
    const char *rest = text;
    for (bool is_last = false; !is_last; n++) {
        char word[64];
        size_t length = strcspn(rest, ",");
        is_last = rest[length] == '\0';
        if (n == MAX_LIST || length >= sizeof word) {
            return refuse(out, o, text, "at most 16 short values");
        }
        memcpy(word, rest, length);
        word[length] = '\0';
        rest += length + 1;
        if (!(o->kind == OPTION_NUMBERS
                  ? read_number(o, word, &numbers->values[n], out)
                  : read_choice(o, word, &choices->values[n], out))) {
            return false;
        }
    }
    *(o->kind == OPTION_NUMBERS ? &numbers->n : &choices->n) = n;
    return true;
}

/* Store one value (or one more path) in the option's field. */
static bool store(const option *o, char *field, const char *text, cli_given *out)
{
    void *at = field;
    uint64_t whole = 0;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case OPTION_COUNT:
        ++*(size_t *)at;
        return true;
    case OPTION_TEXT:
        *(const char **)at = text;
        return true;
    case OPTION_PATHS:
        return add_path(out, at, text);
    case OPTION_BYTES:
        return read_bytes(o, text, at, out);
    case OPTION_SIZE:
    case OPTION_SEED:
        if (!read_whole(o, text, &whole, out)) {
            return false;
        }
        if (o->kind == OPTION_SEED) {
            *(uint64_t *)at = whole;
        } else {
            *(size_t *)at = (size_t)whole;
        }
        return true;
    case OPTION_NUMBER:
        return read_number(o, text, at, out);
    case OPTION_CHOICE:
        return read_choice(o, text, at, out);
    case OPTION_NUMBERS:
    case OPTION_CHOICES:
        return read_list(o, text, at, out);
    }
    return false;
}

/* 3. Parsing */

/* A command's options in one row, with where their fields are. */
typedef struct row {
    const option *option;
    char *field;
} row;

typedef struct parser {
    const cli_command *self;
    char *args;
    cli_given *out;
    row rows[MAX_OPTIONS];
    struct poptOption words[MAX_OPTIONS + 3]; /* rows, --help, --version, the end */
    int n_rows;
    const row *open_list; /* the paths option that bare words still belong to */
} parser;

static bool is_flag(const option *o)
{
    return o->kind == OPTION_FLAG || o->kind == OPTION_COUNT;
}

static bool lay_rows(parser *p)
{
    for (const option_group *group = p->self->groups; group->title; group++) {
        for (const option *o = group->options; o->name; o++) {
            row *r = &p->rows[p->n_rows];
            *r = (row){o, p->args + group->offset + o->offset};
            unsigned kind = is_flag(o) ? POPT_ARG_NONE : POPT_ARG_STRING;
            p->words[p->n_rows] = (struct poptOption){
                o->name, o->letter, kind, NULL, p->n_rows + 1, NULL, NULL};
            p->n_rows++;
            if (o->standard && !store(o, r->field, o->standard, p->out)) {
                return false;
            }
        }
    }
    p->words[p->n_rows] =
        (struct poptOption){"help", 'h', POPT_ARG_NONE, NULL, p->n_rows + 1, NULL, NULL};
    p->words[p->n_rows + 1] = (struct poptOption){
        "version", '\0', POPT_ARG_NONE, NULL, p->n_rows + 2, NULL, NULL};
    return true;
}

/* A word that is no option: one more path of an open list, or an operand. */
static bool take_bare(parser *p, const char *text)
{
    path_list *list = NULL;
    if (p->open_list) {
        list = (void *)p->open_list->field;
    } else if (p->self->operand.name) {
        list = (void *)(p->args + p->self->operand.offset);
    } else {
        snprintf(p->out->message, sizeof p->out->message, "\"%.80s\" is not expected",
                 text);
        return false;
    }
    bool is_added = add_path(p->out, list, text);
    list->last_bare = list->n;
    return is_added;
}

static bool take_option(parser *p, const row *r, const char *text)
{
    p->open_list = r->option->kind == OPTION_PATHS ? r : NULL;
    if (p->out->n_names < sizeof p->out->names / sizeof *p->out->names) {
        p->out->names[p->out->n_names++] = r->option->name;
    }
    return store(r->option, r->field, text, p->out);
}

static void explain_popt(parser *p, poptContext context, int code)
{
    const char *word = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    cli_given *out = p->out;
    if (code != POPT_ERROR_BADOPT) {
        snprintf(out->message, sizeof out->message, "%.80s: %s", word,
                 poptStrerror(code));
        return;
    }
    const char *nearest = help_nearest_option(p->self, word);
    snprintf(out->message, sizeof out->message, "unknown option %.80s%s%s%s", word,
             nearest ? ", did you mean --" : "", nearest ? nearest : "",
             nearest ? "?" : "");
}

/* Walk the words; PARSE_OK when all were taken. */
static parse_result walk(parser *p, poptContext context)
{
    int code = 0;
    while ((code = poptGetNextOpt(context)) >= 0) {
        if (code > p->n_rows) {
            return code == p->n_rows + 1 ? PARSE_HELP : PARSE_VERSION;
        }
        const row *r = code ? &p->rows[code - 1] : NULL;
        char *text = NULL;
        if (!r || !is_flag(r->option)) {
            text = poptGetOptArg(context);
            if (!keep_text(p->out, text)) {
                return PARSE_ERROR;
            }
        }
        if (!(r ? take_option(p, r, text) : take_bare(p, text))) {
            return PARSE_ERROR;
        }
    }
    if (code < -1) {
        explain_popt(p, context, code);
        return PARSE_ERROR;
    }
    return PARSE_OK;
}

/* The operand that stands behind a list of paths is the last bare word of that list. */
static bool take_operand_from_paths(parser *p, path_list *operands)
{
    for (int i = p->n_rows - 1; i >= 0; i--) {
        path_list *list = (void *)p->rows[i].field;
        if (p->rows[i].option->kind == OPTION_PATHS && list->last_bare) {
            size_t at = list->last_bare - 1;
            const char *text = list->paths[at];
            memmove(&list->paths[at], &list->paths[at + 1],
                    (list->n - at - 1) * sizeof *list->paths);
            list->n--;
            return add_path(p->out, operands, text);
        }
    }
    return true;
}

static bool check_operands(parser *p, const path_list *operands)
{
    const operand *wanted = &p->self->operand;
    bool is_replaced = wanted->instead && options_given(p->out, wanted->instead);
    size_t min = is_replaced ? 0 : wanted->min;
    size_t max = is_replaced ? 0 : wanted->max;
    if (operands->n < min) {
        snprintf(p->out->message, sizeof p->out->message, "%s is missing", wanted->name);
    } else if (operands->n > max) {
        snprintf(p->out->message, sizeof p->out->message, "\"%.80s\" is not expected",
                 operands->paths[max]);
    }
    return operands->n >= min && operands->n <= max;
}

/* What every command asks of its line: required options, and so many operands. */
static bool check_line(parser *p)
{
    const operand *wanted = &p->self->operand;
    for (int i = 0; i < p->n_rows; i++) {
        const option *o = p->rows[i].option;
        if (o->is_required && !options_given(p->out, o->name)) {
            snprintf(p->out->message, sizeof p->out->message, "--%s %s is missing",
                     o->name, o->value);
            return false;
        }
    }
    if (wanted->name) {
        path_list *operands = (void *)(p->args + wanted->offset);
        bool is_replaced = wanted->instead && options_given(p->out, wanted->instead);
        if (wanted->is_behind_paths && operands->n == 0 && !is_replaced &&
            !take_operand_from_paths(p, operands)) {
            return false;
        }
        if (!check_operands(p, operands)) {
            return false;
        }
    }
    return !p->self->check ||
           p->self->check(p->args, p->out, p->out->message, sizeof p->out->message);
}

parse_result options_parse(
    const cli_command *self, int argc, char **argv, void *args, cli_given *out)
{
    parser p = {.self = self, .args = args, .out = out};
    if (!lay_rows(&p)) {
        return PARSE_ERROR;
    }
    poptContext context = poptGetContext(NULL, argc, (const char **)(void *)argv, p.words,
                                         POPT_CONTEXT_ARG_OPTS);
    if (!context) {
        snprintf(out->message, sizeof out->message, "out of memory");
        return PARSE_ERROR;
    }
    parse_result result = walk(&p, context);
    poptFreeContext(context);
    return result == PARSE_OK && !check_line(&p) ? PARSE_ERROR : result;
}

void options_free(cli_given *given)
{
    for (size_t i = 0; i < given->n_lists; i++) {
        free(given->lists[i]->paths);
    }
    for (size_t i = 0; i < given->n_texts; i++) {
        free(given->texts[i]);
    }
    free(given->texts);
}

bool options_given(const cli_given *given, const char *name)
{
    for (size_t i = 0; i < given->n_names; i++) {
        if (strcmp(given->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* 4. Texts */

static bool is_plain(const char *word)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "%+,-./:=@_";
    return *word && word[strspn(word, plain)] == '\0';
}

char *options_join(int argc, char **argv)
{
    char *line = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&line, &n_bytes);
    if (!stream) {
        return NULL;
    }
    for (int i = 0; i < argc; i++) {
        fputs(i ? " " : "", stream);
        if (is_plain(argv[i])) {
            fputs(argv[i], stream);
            continue;
        }
        fputc('\'', stream);
        for (const char *c = argv[i]; *c; c++) {
            fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stream);
        }
        fputc('\'', stream);
    }
    if (fclose(stream) != 0) {
        free(line);
        return NULL;
    }
    return line;
}

size_t options_distance(const char *a, const char *b)
{
    size_t row_of[64]; /* row_of[j] = distance of a[0..i) and b[0..j) */
    size_t n = strlen(b);
    if (n >= sizeof row_of / sizeof *row_of) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        row_of[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row_of[0];
        row_of[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t above = row_of[j + 1];
            size_t best = diagonal + (a[i] != b[j]);
            best = above + 1 < best ? above + 1 : best;
            best = row_of[j] + 1 < best ? row_of[j] + 1 : best;
            row_of[j + 1] = best;
            diagonal = above;
        }
    }
    return row_of[n];
}
