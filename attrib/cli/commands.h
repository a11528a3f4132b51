/* SPDX-License-Identifier: MIT */
/* The program's commands, one file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

extern const cli_command command_fit;
extern const cli_command command_merge;
extern const cli_command command_prepare;
extern const cli_command command_score;
extern const cli_command command_query;
extern const cli_command command_self;
extern const cli_command command_show;
extern const cli_command command_analyze;
extern const cli_command command_validate;
extern const cli_command command_export;
extern const cli_command command_cache;
extern const cli_command command_ingest;
extern const cli_command command_index;
extern const cli_command command_inspect;
extern const cli_command command_plan;
extern const cli_command command_rerun;
extern const cli_command command_serve;
extern const cli_command command_status;
extern const cli_command command_tokens;
extern const cli_command command_job;

#endif
