/* SPDX-License-Identifier: MIT */
/* A command line that was written down, as words again. */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "attrib.h"

/* Zeroed = no words. */
typedef struct command_line {
    char **list; /* [n] and a NULL; owned */
    int n;
} command_line;

/* Split what options_join() wrote; free all of it also after a failure. */
attrib_status command_line_split(const char *line, command_line *out, attrib_error *err);
void command_line_free(command_line *self);

/* Put another folder in the place of `was`, the value of --output. Other words may look
 * like that option, as texts do that begin with -o, but not with that value. */
attrib_status command_line_set_output(command_line *self,
                                      const char *was,
                                      const char *output,
                                      attrib_error *err);

#endif
