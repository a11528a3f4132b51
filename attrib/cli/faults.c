/* SPDX-License-Identifier: MIT */
/* A handler of SIGBUS: what attrib_explain_bus_error() documents, for this program. */
#include "cli/faults.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "attrib/base.h"

/* A handler takes no argument of ours. */
static const char *fault_command;
static bool is_on_terminal;
static atomic_flag is_ending = ATOMIC_FLAG_INIT;

/* The stack of the handler in the thread that the program begins in. */
static char handler_stack[1 << 16];

static void write_text(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void end_by_bus_error(int number, siginfo_t *info, void *context)
{
    char line[ATTRIB_ERROR_SIZE];
    (void)context;
    if (!attrib_explain_bus_error(info->si_addr, line)) {
        signal(number, SIG_DFL); /* not a file of ours: it happens again, and ends us */
        return;
    }
    while (atomic_flag_test_and_set(&is_ending)) {
        pause(); /* another thread has met the same file, and ends the process */
    }
    if (is_on_terminal) {
        write_text("\r\033[K"); /* in place of the line of progress */
    }
    write_text("attrib ");
    write_text(fault_command);
    write_text(": ");
    write_text(line);
    write_text("\n");
    _exit(1);
}

void faults_catch(const char *command)
{
    struct sigaction action = {0};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    fault_command = command;
    is_on_terminal = isatty(STDERR_FILENO) == 1;
    action.sa_sigaction = end_by_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaltstack(&stack, NULL);
    sigaction(SIGBUS, &action, NULL);
}
