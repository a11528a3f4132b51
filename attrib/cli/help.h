/* SPDX-License-Identifier: MIT */
/* Help texts, man pages and shell completion, all from the command table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/options.h"

/* Say which commands the program has, in the order of the work; the list ends with NULL.
 * All that follows reads it. */
void help_begin(const cli_command *const *list);

void help_program(FILE *stream);
void help_command(const cli_command *self, FILE *stream);

/* The man page of a command, or with NULL of the program, as roff. */
void help_man(const cli_command *self, FILE *stream);

/* A bash completion script. */
void help_completion(FILE *stream);

/* The name that is most like `word`, or NULL where none is like it. */
const char *help_nearest_command(const char *word);
const char *help_nearest_option(const cli_command *self, const char *word);

/* A command that has this option, one that does work rather than plans it; or NULL. */
const char *help_command_with(const char *word);

#endif
