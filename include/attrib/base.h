/* SPDX-License-Identifier: MIT */
/* Status codes, errors, the session that every stage runs in, and tables of options. */
#ifndef ATTRIB_BASE_H
#define ATTRIB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATTRIB_API        __attribute__((visibility("default")))
#define ATTRIB_MUST_CHECK __attribute__((warn_unused_result))
#define ATTRIB_PRINTF(format_index, first)                                               \
    __attribute__((format(printf, format_index, first)))
#else
#define ATTRIB_API
#define ATTRIB_MUST_CHECK
#define ATTRIB_PRINTF(format_index, first)
#endif

/**
 * Growth: a program that was compiled with an older header works with a newer library of
 * the same soname, as later versions add members at the ends of structs only.
 *
 * - Structs that a program fills begin with their size: all options, all jobs (as
 *   attrib_score_job), attrib_completion, attrib_work, attrib_shape, attrib_machine.
 *   `attrib_X_default(&x)` sets it and the default of every other member; it is compiled
 *   into the program, and stands for `attrib_X_init(&x, sizeof x)`. Members that the
 * program does not know have their defaults. A struct that was not initialised so, and
 * one of a newer program where a member that this library does not have is not 0, is
 *   #ATTRIB_EINVAL.
 * - Lists that a program fills say how large an item is: see #ATTRIB_LIST.
 * - Structs that the library hands out by a pointer to one (attrib_run_info,
 *   attrib_model_info, attrib_corpus_summary, ...) are read through it and not copied, as
 *   they may be longer than the program knows.
 * - All other structs, such as items of lists that the library hands out and structs
 *   within others, change with the soname only.
 *
 * Ownership: what a function returns through `out` is the caller's, to be freed by the
 * function that its comment names; returned pointers, and all pointers in structs that
 * the library fills, are borrowed from the object that they were asked of. What is given
 * to a function is borrowed until it returns, where its comment does not say for longer.
 */

/** The initialiser of a list (attrib_rows, attrib_query_rows, attrib_taps) of the `n`
 * items that stand at the typed pointer `items`. Borrowed. */
#define ATTRIB_LIST(items, n)                                                            \
    {                                                                                    \
        (items), (n), sizeof *(items)                                                    \
    }

/** What a function returns. Only #ATTRIB_OK and #ATTRIB_END are not failures. */
typedef enum attrib_status {
    ATTRIB_OK = 0,
    ATTRIB_END,       /**< an iteration is over; normal */
    ATTRIB_ENOMEM,    /**< memory could not be had */
    ATTRIB_EIO,       /**< the operating system refused: missing, unreadable, full disk */
    ATTRIB_EFORMAT,   /**< bytes that do not follow their format, truncated files included
                       */
    ATTRIB_EVERSION,  /**< a format version that this library does not read */
    ATTRIB_ESHAPE,    /**< shapes, names or counts that do not fit each other */
    ATTRIB_EINVAL,    /**< an option or argument outside its range */
    ATTRIB_ERANGE,    /**< a size that overflows, or passes a stated limit */
    ATTRIB_ENUMERIC,  /**< a number that is not finite, or an algorithm that did not
                         converge */
    ATTRIB_ECANCELED, /**< attrib_session_cancel() was called */
    ATTRIB_ENOTSUP /**< well-formed input of a kind that this library does not support */
} attrib_status;

/** Bytes of attrib_error.message, the closing NUL included. */
#define ATTRIB_ERROR_SIZE 512

/**
 * Where a failure is described. The caller owns it and sets it to zero before the first
 * call; the first failure written to it stays, so that a chain of calls reports its
 * cause.
 */
typedef struct attrib_error {
    attrib_status status;
    char message[ATTRIB_ERROR_SIZE]; /**< one line, UTF-8, without a newline */
} attrib_error;

/**
 * Make `text` one line that is safe to show on a terminal, in place: every control
 * character and every byte that is not of UTF-8 becomes a question mark. Messages of
 * attrib_error are such lines already.
 * @par Threads  Safe on distinct texts.
 */
ATTRIB_API void attrib_clean_line(char *text);

/**
 * Say what a bus error means, for a handler of SIGBUS. The library maps files of models,
 * factors and corpora; where one of them becomes shorter, or its disk fails, the system
 * sends SIGBUS to the thread that reads it, whose default action ends the process without
 * a word. The library installs no handler, as signals are the program's. One that does:
 *
 *     static void on_bus_error(int number, siginfo_t *info, void *context)
 *     {
 *         char line[ATTRIB_ERROR_SIZE];
 *         if (attrib_explain_bus_error(info->si_addr, line)) {
 *             write(STDERR_FILENO, line, strlen(line));
 *             _exit(1);
 *         }
 *         signal(number, SIG_DFL); // not a file of the library's: it happens again
 *     }
 *
 *     sigaction(SIGBUS, &(struct sigaction){.sa_sigaction = on_bus_error,
 *                                           .sa_flags = SA_SIGINFO | SA_ONSTACK}, NULL);
 *
 * Kernels of products keep other things than the stack in the stack pointer, so that the
 * handler is to begin on a stack of its own (SA_ONSTACK). Threads have one while they
 * work for the library; a program gives it to its own threads by sigaltstack().
 *
 * The handler must not return to the reader, which has no bytes to go on with. What was
 * being written stays under its temporary name, and the next process that writes there
 * removes it.
 *
 * @param address  siginfo_t.si_addr
 * @param line     "PATH: became shorter while it was read" or another reason: one line,
 *                 without a newline; written only where the result is true
 * @return whether a file of the library's is mapped at the address.
 * @par Threads  Safe, and safe in a signal handler.
 */
ATTRIB_API bool attrib_explain_bus_error(const void *address,
                                         char line[ATTRIB_ERROR_SIZE]);

/**
 * Remove from a folder the temporary files that processes of this machine left when they
 * were killed. Whoever writes a file does so by itself; this is for those who read only,
 * which files of processes that still write do not disturb.
 *
 * @param folder  may be missing; what cannot be removed stays
 * @par Threads   Safe.
 */
ATTRIB_API void attrib_sweep(const char *folder);

/**
 * Make a folder for files that only this process uses, which removes it:
 * PLACE/NAME.tmp-OWNER.
 *
 * @param place  a folder, which other users may share
 * @param out    [size] its path; written only on success
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_ERANGE for a path that is too long;
 * ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_scratch_make(
    const char *place, const char *name, char *out, size_t size, attrib_error *err);

/**
 * Remove such folders, with all they hold, that processes of this machine and user left
 * when they were killed.
 *
 * @param place  may be missing; what cannot be removed stays
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_scratch_sweep(const char *place, const char *name);

/** Remove a folder and all that is in it; links are removed, not followed.
 * @return whether nothing was left
 * @par Threads  Safe on distinct folders.
 */
ATTRIB_API bool attrib_scratch_remove(const char *folder);

/**
 * Remove FOLDER.partial, from which nobody is to go on, and the lock of who began to fill
 * it; both stay where a process that may be alive holds the lock.
 *
 * @param folder  neither needs to be there; what cannot be removed stays
 * @par Threads   Safe.
 */
ATTRIB_API void attrib_remove_unfinished(const char *folder);

/** The lower-case name of a status ("ok", "format error", ...); never NULL.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_status_name(attrib_status status);

/** The library's version, "major.minor.patch".
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_version(void);

/** Free what the library allocated for the caller and its docs say to free so: ids,
 * texts, lists of indices. NULL is fine.
 * @par Threads  Safe on distinct memory.
 */
ATTRIB_API void attrib_free(void *memory);

/** How loud a log line is: errors are returned, not logged. */
typedef enum attrib_log_level {
    ATTRIB_LOG_WARNING = 0, /**< the result stands, but not as the user may expect */
    ATTRIB_LOG_INFO,        /**< what a stage did, once a stage */
    ATTRIB_LOG_DETAIL       /**< what was chosen and why, for -v */
} attrib_log_level;

/** How far a job has come. */
typedef struct attrib_progress {
    const char *stage;   /**< "covariance", "lambda", "score", ...; static */
    size_t done, total;  /**< in `unit`, over all passes of the stage; total 0 where it is
                            not known */
    const char *unit;    /**< "documents", "sequences", "maps", ...; static */
    double seconds;      /**< that this process has worked on the stage */
    double overall;      /**< the share of the whole job that is done, from 0 to 1: never
                            smaller than before where attrib_session_expect() said what
                            comes, else that of the stage */
    double seconds_left; /**< until the job ends; NAN where it is not known */
    double tokens_per_second; /**< of the stage; NAN where it counts no tokens */
} attrib_progress;

/** Receives log lines, one at a time, from any thread; `line` has no newline. */
typedef void (*attrib_log_fn)(void *context, attrib_log_level level, const char *line);

/** Receives progress, one call at a time, from any thread, at most ten times a second. */
typedef void (*attrib_progress_fn)(void *context, const attrib_progress *progress);

/** What a session is made from; attrib_session_options_default() fills it. */
typedef struct attrib_session_options {
    size_t size;       /**< sizeof the struct; set by attrib_session_options_default() */
    size_t n_threads;  /**< workers of every stage; 0 = all cores that may be used */
    attrib_log_fn log; /**< may be NULL: no log */
    void *log_context; /**< handed to `log` */
    attrib_progress_fn progress; /**< may be NULL: no progress */
    void *progress_context;      /**< handed to `progress` */
    size_t n_processes; /**< of the same work on this machine, this one included: where no
                           limit of memory is given, each takes its part of the memory
                           that mapped files, which all share, do not take; default 1 */
} attrib_session_options;

/** Threads, log, progress and cancellation of a run; read-only once made, but for its
 * cancel flag. */
typedef struct attrib_session attrib_session;

/** Fill `options` with the defaults: all cores, no log, no progress.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_session_options_init(attrib_session_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_session_options_default(attrib_session_options *options)
{
    attrib_session_options_init(options, sizeof *options);
}

/**
 * Make a session.
 *
 * @param options  may be NULL: the defaults
 * @param out      the session, owned by the caller; written only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for more than 4,096 threads, or no process;
 * ATTRIB_ENOMEM.
 * @par Threads    The session may be shared by threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_session_new(
    const attrib_session_options *options, attrib_session **out, attrib_error *err);

/** Free a session; NULL is fine.
 * @par Threads  No call that uses the session may be running.
 */
ATTRIB_API void attrib_session_free(attrib_session *session);

/** Ask every running stage of the session to stop soon with ATTRIB_ECANCELED.
 * @par Threads  Safe, and safe in a signal handler.
 */
ATTRIB_API void attrib_session_cancel(attrib_session *session);

/**
 * Predict a stage of the job that is still to come, so that progress tells the share of
 * the whole job. Rates that are measured correct it; where it is predicted again, the
 * last prediction counts.
 *
 * @param session  NULL is fine
 * @param stage    as attrib_progress names it, and attrib_plan_stage; static
 * @param seconds  that the whole stage takes, or what is in the same proportion to those
 *                 of the other stages
 * @par Threads    Safe.
 */
ATTRIB_API void attrib_session_expect(attrib_session *session,
                                      const char *stage,
                                      double seconds);

/**
 * Say that what comes is round i of n of the same stages, such as one of the shards that
 * this process scores: their units are counted together, and progress is that of all
 * rounds. What attrib_session_expect() said of a stage is expected of each.
 *
 * @param session  NULL is fine
 * @param i        0 <= i < n, one after the other
 * @param n        >= 1; 1: it stands by itself, as without this call
 * @par Threads    Safe.
 */
ATTRIB_API void attrib_session_round(attrib_session *session, size_t i, size_t n);

/** The number of workers of the session.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_session_n_threads(const attrib_session *session);

/** Work, in the units that a machine has rates for (attrib/plan.h). */
typedef struct attrib_load {
    double flop;      /**< of products in f32, 2 a multiply-add */
    double operands;  /**< elements of the matrices that products read and write */
    double elements;  /**< exponentials, and other work in their unit */
    double bytes;     /**< read from memory by what no cache holds */
    double fresh;     /**< bytes of memory taken from the system */
    double blas_flop; /**< those of flop that OpenBLAS does where oneDNN does the others:
                           small, narrow and symmetric products */
} attrib_load;

/** One block of memory that many arrays are dealt from. The same code counts and deals:
 * with a NULL base it is a dry run, which says in `used` what the real one will take. */
typedef struct attrib_bank {
    char *base;  /**< aligned to 64 bytes; NULL while counting */
    size_t used; /**< bytes dealt so far */
} attrib_bank;

/**
 * Deal an array [n_rows, n_columns], aligned to 64 bytes and not cleared.
 *
 * @param bank           counting or dealing
 * @param element_bytes  of one element
 * @param out_pointer    a T ** of the caller's; NULL is written while counting
 * @param err            may be NULL
 * @return ATTRIB_OK; ATTRIB_ERANGE where the size overflows.
 * @par Threads          safe on distinct banks
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_bank_deal(attrib_bank *bank,
                                                            size_t n_rows,
                                                            size_t n_columns,
                                                            size_t element_bytes,
                                                            void *out_pointer,
                                                            attrib_error *err);

/** What the field of an option holds. */
typedef enum attrib_option_kind {
    ATTRIB_OPTION_FLAG,  /**< bool; takes no value */
    ATTRIB_OPTION_TEXT,  /**< const char *, borrowed; NULL where it was not given */
    ATTRIB_OPTION_SIZE,  /**< size_t in [min, max], or what one of `words` stands for */
    ATTRIB_OPTION_BYTES, /**< size_t of bytes, 0 where it was not given; typed from 1 on,
                            as 4096, 512M or 4G, powers of 1024 */
    ATTRIB_OPTION_SEED,  /**< uint64_t */
    ATTRIB_OPTION_SHARE, /**< size_t: one of so many shares, counted from 0; the size_t at
                            n_offset says how many. Typed I/N, 1 <= I <= N */
    ATTRIB_OPTION_NUMBER,  /**< double in [min, max] */
    ATTRIB_OPTION_CHOICE,  /**< an enum: which of the words of `value`, from 0 on */
    ATTRIB_OPTION_STRUCTS, /**< an array of min to max structs, which `rows` describe; not
                              typed as one */
    ATTRIB_OPTION_OTHER /**< and above: kinds that only the reader of a table of its own
                           knows */
} attrib_option_kind;

/** A word that stands for a size. */
typedef struct attrib_option_word {
    const char *word; /**< NULL ends a list */
    size_t size;
} attrib_option_word;

/** How one field of a struct of options is typed, checked, explained and kept. Command
 * lines, manifests, identities and plans read tables of such rows, whose texts are
 * static. */
typedef struct attrib_option {
    const char *name;  /**< as it is typed and kept: "query-rank"; NULL ends a table */
    char letter;       /**< its short form on a command line; '\0' where it has none */
    int kind;          /**< an attrib_option_kind */
    size_t offset;     /**< bytes of the field in its struct */
    const char *value; /**< what is typed, for help: "N"; of a choice its words:
                          "none|nats|unit"; NULL for flags */
    const attrib_option_word *words; /**< NULL where a size has none */
    const char *standard; /**< the default as it would be typed; NULL: 0, false, NULL */
    const char *help;     /**< one sentence without its full stop */
    double min, max;
    bool is_required; /**< a command line must have it */
    bool is_identity; /**< results depend on it: with another value it is another run, or
                         another fit */
    bool is_answer;   /**< scores do not depend on it, but the documents that are reported
                         of them, or what is said of these */
    const char *plan_name; /**< what it is called as an option of plans; NULL where plans
                              do not depend on it */
    const struct attrib_option *rows; /**< the table of each struct in an array */
    size_t struct_bytes;              /**< the size of one of these structs */
    size_t n_offset; /**< where the size_t is that counts structs or shares */
} attrib_option;

/** Set each field that has a default to it. Other fields, and what the table does not
 * describe, stay as they are.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_options_default(const attrib_option *table, void *options);

/**
 * Set one option as if `text` had been typed for it.
 *
 * @param option   borrowed; of any kind before #ATTRIB_OPTION_STRUCTS
 * @param text     borrowed for as long as the options where these keep text; NULL for
 * flags
 * @param options  the struct that the option's table is of; changed only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL with "query-rank: 0 is not in [1, 1000000]".
 * @par Threads    safe on distinct structs.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_option_read(const attrib_option *option,
                                                              const char *text,
                                                              void *options,
                                                              attrib_error *err);

/**
 * Name the values of all options of a table that results depend on.
 *
 * @param table    ends with a NULL name
 * @param options  the struct that it is of
 * @param out      32 hexadecimal digits and a NUL: the same for the same values
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_ENOMEM.
 * @par Threads    safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_options_hash(const attrib_option *table,
                                                               const void *options,
                                                               char out[33],
                                                               attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
