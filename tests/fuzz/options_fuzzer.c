/* SPDX-License-Identifier: MIT */
/* Any words as the line of a command, which the first byte chooses and NULs separate: it
 * is read, or refused with a reason, and whatever is read has its required options. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/help.h"

#define MAX_WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cli_command *const commands[] = {
    &command_fit,    &command_score,   &command_query,
    &command_export, &command_inspect, &command_plan,
    &command_merge,  &command_ingest,  NULL,
};

#define N_COMMANDS (sizeof commands / sizeof *commands - 1)

static void check_required(const cli_command *self, const cli_given *given)
{
    option_walk walk = {.groups = self->groups};
    while (options_next(&walk)) {
        if (walk.option.is_required && !options_given(given, walk.option.name)) {
            abort();
        }
    }
}

static void parse(const cli_command *self, int argc, char **argv)
{
    cli_given given = {0};
    void *args = calloc(1, self->args_bytes);
    if (!args) {
        abort();
    }
    parse_result result = options_parse(self, argc, argv, args, &given);
    if (result == PARSE_OK) {
        check_required(self, &given);
    }
    if ((result == PARSE_ERROR) != (given.message[0] != '\0')) {
        abort();
    }
    options_free(&given);
    free(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    help_begin(commands);
    const cli_command *self = commands[data[0] % N_COMMANDS];
    char *words = malloc(size);
    char *name = strdup(self->name);
    char *argv[MAX_WORDS + 2] = {name};
    int argc = 1;
    if (!words || !name) {
        abort();
    }
    memcpy(words, data + 1, size - 1);
    words[size - 1] = '\0';
    for (size_t at = 0; at < size && argc <= MAX_WORDS; at += strlen(words + at) + 1) {
        argv[argc++] = words + at;
    }
    char *line = options_join(argc, argv);
    if (!line) {
        abort();
    }
    free(line);
    parse(self, argc, argv);
    free(name);
    free(words);
    return 0;
}
