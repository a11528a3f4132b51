/* SPDX-License-Identifier: MIT */
/* Outputs within inputs, and inputs within outputs. */
#ifndef ATTRIB_CLI_NESTING_H
#define ATTRIB_CLI_NESTING_H

#include "cli/options.h"

/* Whether a command would write within what it reads, or reads what stands in its output;
 * then a line says so on standard error. */
bool nesting_refuses(const cli_command *self, const void *args);

#endif
