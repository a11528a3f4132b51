/* SPDX-License-Identifier: MIT */
/* The program: find the command, read its line, run it in a session, report. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/faults.h"
#include "cli/help.h"
#include "cli/nesting.h"
#include "cli/shared.h"

/* The environment variable that tells OpenBLAS which kernels to take. */
#define KERNELS_VARIABLE "OPENBLAS_CORETYPE"
/* The one that tells it how many threads to have. */
#define THREADS_VARIABLE "OPENBLAS_NUM_THREADS"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const cli_command *const commands[] = {
    &command_plan,  &command_ingest,  &command_fit,      &command_index,  &command_merge,
    &command_score, &command_prepare, &command_query,    &command_serve,  &command_self,
    &command_show,  &command_analyze, &command_validate, &command_export, &command_tokens,
    &command_rerun, &command_status,  &command_inspect,  &command_job,    &command_cache,
    NULL,
};

/* One line to the standard error; it may repeat what was typed. */
static void say(const char *format, ...) ATTRIB_PRINTF(1, 2);

static void say(const char *format, ...)
{
    char line[ATTRIB_ERROR_SIZE + 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    attrib_clean_line(line);
    fprintf(stderr, "%s\n", line);
}

static const cli_command *find_command(const char *name)
{
    for (const cli_command *const *c = commands; *c; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

static int refuse_command(const char *name)
{
    const char *nearest = help_nearest_command(name);
    if (nearest) {
        say("attrib: no command \"%.80s\", did you mean \"%s\"?", name, nearest);
    } else {
        say("attrib: no command \"%.80s\" (see attrib --help)", name);
    }
    return EXIT_USAGE;
}

/* Results that did not reach their reader are a failure: a full disk, a closed pipe. */
static int close_output(const char *name, int code)
{
    errno = 0;
    bool is_written = !ferror(stdout);
    if (fclose(stdout) != 0) {
        is_written = false;
    }
    if (!is_written && code == EXIT_DONE) {
        say("attrib%s%s: standard output: %s", *name ? " " : "", name,
            errno ? strerror(errno) : "cannot be written");
        return EXIT_FAILED;
    }
    return code;
}

/* Whether the address space has a limit (ulimit -v). */
static bool has_address_limit(void)
{
    struct rlimit limit = {0};
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* Start the program again where OpenBLAS, which chooses while it is loaded, is to choose
 * otherwise: kernels that are not much slower than others that the processor can run; and
 * under a limit of addresses no threads of its own, which are not used, as each takes 128
 * MiB of them at a moment that nobody knows. What the caller chose stands, be it nothing.
 * Returns where nothing is to be done, or cannot be. */
static void start_blas_again(char **argv)
{
    const char *better = getenv(KERNELS_VARIABLE) ? NULL : attrib_kernels_better();
    const char *threads = !getenv(THREADS_VARIABLE) && has_address_limit() ? "1" : NULL;
    if (better) {
        setenv(KERNELS_VARIABLE, better, 1);
    }
    if (threads) {
        setenv(THREADS_VARIABLE, threads, 1);
    }
    if (better || threads) {
        execv("/proc/self/exe", argv);
    }
    if (better) {
        unsetenv(KERNELS_VARIABLE);
    }
}

/* Say which kernels multiply; without being asked where they are the slow ones. */
static void log_kernels(const cli_command *self, terminal *screen)
{
    const char *better = self->multiplies ? attrib_kernels_better() : NULL;
    terminal_log(screen, ATTRIB_LOG_DETAIL, "%s", attrib_kernels_describe());
    if (better) {
        terminal_log(screen, ATTRIB_LOG_WARNING,
                     "OpenBLAS multiplies with old kernels, which make the work about "
                     "three times slower: " KERNELS_VARIABLE "=%s in the environment "
                     "chooses those of this processor",
                     better);
    }
}

/* Report a failure, and how the process ends after it. */
static int report_failure(const cli_command *self,
                          attrib_status status,
                          const attrib_error *err)
{
    say("attrib %s: %s", self->name,
        err->message[0] ? err->message : attrib_status_name(status));
    if (status == ATTRIB_ENOMEM) {
        /* OpenBLAS's threads may still ask for memory that does not come; an orderly
         * exit would wait for them. */
        fflush(NULL);
        _Exit(EXIT_FAILED);
    }
    return EXIT_FAILED;
}

/* Whether a command that ranks share reads standard input, which is the first's alone. */
static bool reads_input(const cli_command *self, const void *args)
{
    const path_list *corpus = options_value(self, args, "corpus");
    const char *const *queries = options_value(self, args, "queries");
    bool reads = queries && *queries && strcmp(*queries, "-") == 0;
    for (size_t i = 0; corpus && i < corpus->n; i++) {
        reads = reads || strcmp(corpus->paths[i], "-") == 0;
    }
    return reads;
}

/* Whether several processes of MPI cannot do a command together; the first one says why.
 */
static bool refuse_ranks(const cli_command *self, const void *args)
{
    const char *why = NULL;
    size_t i = 0;
    if (options_is_shard(self, args) || ranks_launched(&i) == 1) {
        return false;
    }
    if (self->is_ranked && reads_input(self, args)) {
        why = "standard input reaches the first process of MPI alone: name a file in "
              "place of -";
    } else if (self->multiplies && !self->is_ranked) {
        why = "each process of MPI would do all of the work: start one, without mpirun "
              "(fit, score and merge share theirs)";
    }
    if (why && i == 0) {
        say("attrib %s: %s", self->name, why);
    }
    return why != NULL;
}

/* Run a command whose line was read. Of several ranks the first one speaks, and those
 * that fail. */
static int run_command(const cli_command *self, const void *args, const char *line)
{
    attrib_error err = {0};
    terminal screen;
    ranks all = {.n = 1, .n_local = 1};
    common_options common = *(const common_options *)args;
    cli_job job = {.screen = &screen,
                   .common = &common,
                   .command_line = line,
                   .goes_on = self->goes_on,
                   .ranks = &all};
    attrib_session_options options;
    bool is_shared = self->is_ranked && !options_is_shard(self, args);
    attrib_status status = is_shared ? ranks_open(&all, &err) : ATTRIB_OK;
    if (all.i > 0) {
        common.n_quiet++;
        common.metrics = NULL;
    }
    terminal_open(&screen, self->name, &common);
    faults_catch(self->name);
    attrib_session_options_default(&options);
    options.n_threads = ranks_threads(&all, common.n_threads);
    options.n_processes = all.n_local;
    terminal_connect(&screen, &options);
    if (status == ATTRIB_OK) {
        status = terminal_begin(&screen, &err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_session_new(&options, &job.session, &err);
    }
    log_kernels(self, &screen);
    if (status == ATTRIB_OK) {
        terminal_catch_signals(job.session);
        status = self->run(args, &job, &err);
        terminal_catch_signals(NULL);
    }
    terminal_close(&screen, status == ATTRIB_OK);
    attrib_session_free(job.session);
    int code = EXIT_DONE;
    if (status != ATTRIB_OK) {
        /* of ranks that are stopped together the first one says so */
        code = status == ATTRIB_ECANCELED && all.i > 0
                   ? EXIT_FAILED
                   : report_failure(self, status, &err);
    }
    ranks_close(&all, status == ATTRIB_OK);
    return code;
}

/* Read a command's line, argv[0] being its name, and do what it says. */
static int start_command(const cli_command *self, int argc, char **argv, const char *line)
{
    cli_given given = {0};
    int code = EXIT_DONE;
    void *args = calloc(1, self->args_bytes);
    if (!args || !line) {
        say("attrib %s: out of memory", self->name);
        free(args);
        return EXIT_FAILED;
    }
    switch (options_parse(self, argc, argv, args, &given)) {
    case PARSE_OK:
        code = refuse_ranks(self, args) || nesting_refuses(self, args)
                   ? EXIT_FAILED
                   : run_command(self, args, line);
        break;
    case PARSE_HELP:
        help_command(self, stdout);
        break;
    case PARSE_VERSION:
        printf("attrib %s\n", attrib_version());
        break;
    case PARSE_ERROR:
        say("attrib %s: %s (see attrib %s --help)", self->name, given.message,
            self->name);
        code = EXIT_USAGE;
        break;
    }
    options_free(&given);
    free(args);
    return code;
}

/* Answer words that are not commands. --man and --bash-completion are for the build. */
static bool answer_itself(int argc, char **argv, int *code)
{
    const char *word = argv[1];
    const cli_command *of = argc > 2 ? find_command(argv[2]) : NULL;
    bool is_about = strcmp(word, "--man") == 0 || strcmp(word, "help") == 0;
    *code = EXIT_DONE;
    if (is_about && argc > 2 && !of) {
        *code = refuse_command(argv[2]);
    } else if (strcmp(word, "--man") == 0) {
        help_man(of, stdout);
    } else if (strcmp(word, "help") == 0 && of) {
        help_command(of, stdout);
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
               strcmp(word, "help") == 0) {
        help_program(stdout);
    } else if (strcmp(word, "--version") == 0) {
        printf("attrib %s\n", attrib_version());
    } else if (strcmp(word, "--bash-completion") == 0) {
        help_completion(stdout);
    } else {
        return false;
    }
    return true;
}

/* Where the caller closed a standard stream, the next file opened would get its number,
 * and the log would be written into that file. Such a stream is opened here in the
 * opposite direction (for reading where it is written), so that using it is still an
 * error. */
static bool hold_standard_streams(void)
{
    bool is_held = true;
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) == -1) {
            is_held = open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) == i &&
                      is_held;
        }
    }
    return is_held;
}

/* What a command prints at once, as a help is, is written when standard output is closed,
 * where the reason is known if it cannot be. Terminals see each line. */
static void hold_output(void)
{
    static char bytes[1 << 16];
    if (!isatty(STDOUT_FILENO)) {
        (void)setvbuf(stdout, bytes, _IOFBF, sizeof bytes);
    }
}

int main(int argc, char **argv)
{
    int code = EXIT_USAGE;
    if (!hold_standard_streams()) {
        return EXIT_FAILED; /* where nothing can be said */
    }
    hold_output();
    help_begin(commands);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, with its message */
    if (argc < 2) {
        help_program(stderr);
        return EXIT_USAGE;
    }
    const cli_command *self = find_command(argv[1]);
    if (self && self->multiplies) {
        start_blas_again(argv);
    }
    if (self) {
        char *line = options_join(argc, argv);
        code = start_command(self, argc - 1, argv + 1, line);
        free(line);
    } else if (!answer_itself(argc, argv, &code)) {
        code = refuse_command(argv[1]);
    }
    return close_output(self ? self->name : "", code);
}
