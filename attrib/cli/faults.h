/* SPDX-License-Identifier: MIT */
/* Faults of memory that the system reports by a signal. */
#ifndef CLI_FAULTS_H
#define CLI_FAULTS_H

/* From here on, a file that becomes shorter under its map ends the program with one line
 * and exit status 1. `command` is static. */
void faults_catch(const char *command);

#endif
