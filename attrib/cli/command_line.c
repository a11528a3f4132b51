/* SPDX-License-Identifier: MIT */
#include "cli/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shared.h"

void command_line_free(command_line *self)
{
    for (int i = 0; i < self->n; i++) {
        free(self->list[i]);
    }
    free(self->list);
    *self = (command_line){0};
}

static attrib_status add_word(command_line *self,
                              const char *text,
                              size_t n,
                              attrib_error *err)
{
    char **list = reallocarray(self->list, (size_t)self->n + 2, sizeof *list);
    if (list) {
        self->list = list;
        list[self->n] = strndup(text, n);
    }
    if (!list || !list[self->n]) {
        return cli_fail(err, ATTRIB_ENOMEM, "the words of the command");
    }
    self->n++;
    list[self->n] = NULL;
    return ATTRIB_OK;
}

/* The end of a word at `text`, which is written to `out` without its quotes: the inverse
 * of options_join(). */
static const char *take_word(const char *text, char *out, size_t *n)
{
    bool is_quoted = false;
    for (*n = 0; *text && (is_quoted || *text != ' '); text++) {
        if (*text == '\'') {
            is_quoted = !is_quoted;
        } else if (*text == '\\' && !is_quoted && text[1]) {
            out[(*n)++] = *++text;
        } else {
            out[(*n)++] = *text;
        }
    }
    return text;
}

attrib_status command_line_split(const char *line, command_line *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *word = malloc(strlen(line) + 1);
    size_t n = 0;
    if (!word) {
        return cli_fail(err, ATTRIB_ENOMEM, "the words of the command");
    }
    while (status == ATTRIB_OK && *line) {
        line = take_word(line, word, &n);
        status = add_word(out, word, n, err);
        line += *line == ' ';
    }
    free(word);
    return status;
}

/* Where a word that gives --output the value `was`, alone or after the word before it,
 * has that: --output VALUE, --output=VALUE, -o VALUE, -oVALUE, -qo VALUE. NULL: it gives
 * something else. */
static const char *find_output(const char *before, const char *word, const char *was)
{
    const char begin[] = "--output=";
    size_t n = strlen(before);
    bool is_short = before[0] == '-' && n > 1 && before[1] != '-' && before[n - 1] == 'o';
    const char *joined = strncmp(word, begin, sizeof begin - 1) == 0
                             ? word + sizeof begin - 1
                         : strncmp(word, "-o", 2) == 0 ? word + 2 + (word[2] == '=')
                                                       : NULL;
    if (joined && strcmp(joined, was) == 0) {
        return joined;
    }
    return (is_short || strcmp(before, "--output") == 0) && strcmp(word, was) == 0 ? word
                                                                                   : NULL;
}

attrib_status command_line_set_output(command_line *self,
                                      const char *was,
                                      const char *output,
                                      attrib_error *err)
{
    for (int i = 1; i < self->n; i++) {
        const char *value = find_output(self->list[i - 1], self->list[i], was);
        char *word = NULL;
        if (!value) {
            continue;
        }
        if (asprintf(&word, "%.*s%s", (int)(value - self->list[i]), self->list[i],
                     output) < 0) {
            return cli_fail(err, ATTRIB_ENOMEM, "the words of the command");
        }
        free(self->list[i]);
        self->list[i] = word;
        return ATTRIB_OK;
    }
    return cli_fail(err, ATTRIB_EINVAL, "its command does not name %.200s by --output",
                    was);
}
