/* SPDX-License-Identifier: MIT */
/* Parsing a command line by its command's table.
 *
 * 1. Lists   2. Values   3. Parsing
 *
 * popt splits the words; it hands bare words back in their place (POPT_CONTEXT_ARG_OPTS),
 * so that "--corpus A B" can take both. */
#include "cli/options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/launcher.h"

#define MAX_OPTIONS 96

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

/* A value that the library reads, into its field of `args`. */
static bool read_value(const option *o, const char *text, void *args, cli_given *out)
{
    attrib_error err = {0};
    if (attrib_option_read(o, text, args, &err) != ATTRIB_OK) {
        snprintf(out->message, sizeof out->message, "--%s", err.message);
        return false;
    }
    return true;
}

/* Read the values between the commas of a text, one by one, in place of those before. */
static bool read_list(const option *o, const char *text, void *at, cli_given *out)
{
    number_list *numbers = at;
    choice_list *choices = at;
    option element = *o;
    size_t n = 0;
    const char *rest = text;
    element.offset = 0;
    element.kind = o->kind == OPTION_NUMBERS ? OPTION_NUMBER : OPTION_CHOICE;
    for (bool is_last = false; !is_last; n++) {
        char word[64];
        size_t length = strcspn(rest, ",");
        is_last = rest[length] == '\0';
        if (n == MAX_LIST || length >= sizeof word) {
            snprintf(out->message, sizeof out->message,
                     "--%s: \"%.80s\" is not at most %d short values", o->name, text,
                     MAX_LIST);
            return false;
        }
        memcpy(word, rest, length);
        word[length] = '\0';
        rest += length + 1;
        void *value = o->kind == OPTION_NUMBERS ? (void *)&numbers->values[n]
                                                : (void *)&choices->values[n];
        if (!read_value(&element, word, value, out)) {
            return false;
        }
    }
    *(o->kind == OPTION_NUMBERS ? &numbers->n : &choices->n) = n;
    return true;
}

/* A share, which the launcher may say. */
static bool read_share(const option *o, const char *text, void *args, cli_given *out)
{
    char shard[64];
    if (!launcher_is_asked(text)) {
        return read_value(o, text, args, out);
    }
    return launcher_shard(text, shard, sizeof shard, out->message, sizeof out->message) &&
           read_value(o, shard, args, out);
}

/* Store one value (or one more path) in the option's field of its table's struct. */
static bool store(const option *o, char *args, const char *text, cli_given *out)
{
    void *at = args + o->offset;
    switch (o->kind) {
    case OPTION_COUNT:
        ++*(size_t *)at;
        return true;
    case OPTION_PATHS:
        return add_path(out, at, text);
    case ATTRIB_OPTION_SHARE:
        return read_share(o, text, args, out);
    case OPTION_NUMBERS:
    case OPTION_CHOICES:
        return read_list(o, text, at, out);
    default:
        return read_value(o, text, args, out);
    }
}

/* 3. Parsing */

/* A command's options in one row, with the structs that their tables are of. */
typedef struct row {
    option option;
    char *args;
} row;

typedef struct parser {
    const cli_command *self;
    char *args;
    cli_given *out;
    row rows[MAX_OPTIONS];
    struct poptOption words[MAX_OPTIONS + 3]; /* rows, --help, --version, the end */
    int n_rows;
    const row *open_list; /* the paths option that bare words still belong to */
    const row *bare_list; /* the one that the last bare word belongs to */
} parser;

static bool is_flag(const option *o)
{
    return o->kind == OPTION_FLAG || o->kind == OPTION_COUNT;
}

/* Every field of a table of the library's, typed here or not, and the others that have
 * one. */
static bool set_defaults(const parser *p)
{
    for (const option_group *group = p->self->groups; group->title; group++) {
        char *args = p->args + group->offset;
        if (!group->options) {
            memcpy(args, &group->library_bytes, sizeof group->library_bytes);
            attrib_options_default(group->library(), args);
            continue;
        }
        for (const option *o = group->options; o->name; o++) {
            if (o->standard && !store(o, args, o->standard, p->out)) {
                return false;
            }
        }
    }
    return true;
}

static void lay_rows(parser *p)
{
    option_walk walk = {.groups = p->self->groups};
    while (options_next(&walk)) {
        row *r = &p->rows[p->n_rows];
        *r = (row){walk.option, p->args + walk.group->offset};
        unsigned kind = is_flag(&r->option) ? POPT_ARG_NONE : POPT_ARG_STRING;
        p->words[p->n_rows] = (struct poptOption){
            r->option.name, r->option.letter, kind, NULL, p->n_rows + 1, NULL, NULL};
        p->n_rows++;
    }
    p->words[p->n_rows] =
        (struct poptOption){"help", 'h', POPT_ARG_NONE, NULL, p->n_rows + 1, NULL, NULL};
    p->words[p->n_rows + 1] = (struct poptOption){
        "version", '\0', POPT_ARG_NONE, NULL, p->n_rows + 2, NULL, NULL};
}

static void *field_of(const row *r)
{
    return r->args + r->option.offset;
}

/* A word that is no option: one more path of an open list, or an operand. */
static bool take_bare(parser *p, const char *text)
{
    path_list *list = NULL;
    if (p->open_list) {
        p->bare_list = p->open_list;
        list = field_of(p->open_list);
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

/* An option with one value is given once: of two values nobody could tell which was
 * meant. Paths add up, and a flag that stands twice says the same twice. */
static bool check_once(const parser *p, const option *o)
{
    bool is_once =
        is_flag(o) || o->kind == OPTION_PATHS || !options_given(p->out, o->name);
    if (!is_once) {
        snprintf(p->out->message, sizeof p->out->message, "--%s is given twice", o->name);
    }
    return is_once;
}

/* Store the value in all fields that have this name. */
static bool take_option(parser *p, const row *r, const char *text)
{
    if (!check_once(p, &r->option)) {
        return false;
    }
    p->open_list = r->option.kind == OPTION_PATHS ? r : NULL;
    if (p->out->n_names < sizeof p->out->names / sizeof *p->out->names) {
        p->out->names[p->out->n_names++] = r->option.name;
    }
    for (int i = 0; i < p->n_rows; i++) {
        const row *same = &p->rows[i];
        if (strcmp(same->option.name, r->option.name) == 0 &&
            !store(&same->option, same->args, text, p->out)) {
            return false;
        }
    }
    return true;
}

/* Why a command does not take an option, where it says so; NULL else. */
static const char *find_reason(const cli_command *self, const char *word)
{
    for (const cli_absent *a = self->absent; a && a->name; a++) {
        size_t n = strlen(a->name);
        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, a->name, n) == 0 &&
            (word[2 + n] == '\0' || word[2 + n] == '=')) {
            return a->why;
        }
    }
    return NULL;
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
    const char *reason = find_reason(p->self, word);
    if (reason) {
        snprintf(out->message, sizeof out->message, "%.80s: %s", word, reason);
        return;
    }
    const char *nearest = help_nearest_option(p->self, word);
    const char *other = help_command_with(word);
    snprintf(out->message, sizeof out->message, "unknown option %.80s%s%s%s", word,
             nearest ? ", did you mean --"
             : other ? ", which attrib "
                     : "",
             nearest ? nearest
             : other ? other
                     : "",
             nearest ? "?"
             : other ? " takes"
                     : "");
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
        if (!r || !is_flag(&r->option)) {
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

/* The operand that follows a list of paths is the last bare word of that list. */
static bool take_operand_from_paths(parser *p, path_list *operands)
{
    if (!p->bare_list) {
        return true;
    }
    path_list *list = field_of(p->bare_list);
    size_t at = list->last_bare - 1;
    const char *text = list->paths[at];
    memmove(&list->paths[at], &list->paths[at + 1],
            (list->n - at - 1) * sizeof *list->paths);
    list->n--;
    return add_path(p->out, operands, text);
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
    const char *gives = p->self->gives;
    bool is_given = gives && (options_given(p->out, gives) ||
                              (wanted->name && strcmp(gives, wanted->name) == 0));
    for (int i = 0; i < p->n_rows; i++) {
        const option *o = &p->rows[i].option;
        bool is_given_so =
            is_given && (strcmp(o->name, "model") == 0 || strcmp(o->name, "corpus") == 0);
        if (o->is_required && !is_given_so && !options_given(p->out, o->name)) {
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
    if (!set_defaults(&p)) {
        return PARSE_ERROR;
    }
    lay_rows(&p);
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

const void *options_value(const cli_command *self, const void *args, const char *name)
{
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        if (strcmp(walk.option.name, name) == 0) {
            return (const char *)args + walk.group->offset + walk.option.offset;
        }
    }
    return NULL;
}

bool options_is_shard(const cli_command *self, const void *args)
{
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        if (strcmp(walk.option.name, "shard") == 0) {
            const char *fields = (const char *)args + walk.group->offset;
            return *(const size_t *)(const void *)(fields + walk.option.n_offset) > 1;
        }
    }
    return false;
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
