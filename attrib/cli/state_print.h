/* SPDX-License-Identifier: MIT */
/* States of jobs on standard output. */
#ifndef CLI_STATE_PRINT_H
#define CLI_STATE_PRINT_H

#include <attrib.h>

/* The words for states, by attrib_state_kind. */
extern const char *const state_kinds[];

/* Text of another process, made safe to show. */
void state_write_clean(const char *text);

/* One line: "run: running, 41 %, about 12 s left, process 7 of here told it 3 s ago". */
void state_print(const char *path, const attrib_state *state);

/* Stages, parts or documents, and the command that goes on, a line each. */
void state_print_details(const attrib_state *state);

/* One JSON object, with the end of the line. */
void state_print_json(const char *path, const attrib_state *state);

#endif
