/* SPDX-License-Identifier: MIT */
/* How jobs stand: what has become of a folder of factors or of a run. */
#ifndef ATTRIB_STATE_H
#define ATTRIB_STATE_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a job stands. */
typedef enum attrib_state_kind {
    ATTRIB_STATE_MISSING = 0, /**< nothing is there */
    ATTRIB_STATE_DONE,
    ATTRIB_STATE_RUNNING, /**< a process of this machine fills it, or one of another that
                             has told of itself within the last two minutes */
    ATTRIB_STATE_STOPPED /**< unfinished, and nobody fills it: the same command goes on */
} attrib_state_kind;

/** How far a stage has come when that was written last. */
typedef struct attrib_state_stage {
    const char *stage, *unit;
    double done, total; /**< in `unit`; total 0 where it is not known */
} attrib_state_stage;

/** Shares of a corpus that a folder is of: first .. end - 1 of `total`. */
typedef struct attrib_state_range {
    size_t first, end, total;
} attrib_state_range;

/** The state of a folder. Text is owned by the state, "" where it is not known. */
typedef struct attrib_state {
    attrib_state_kind kind;
    bool is_run;              /**< of scores; else factors */
    const char *folder;       /**< FACTORS.partial where factors are unfinished */
    const char *command;      /**< that fills or has filled it, as a shell reads it */
    const char *directory;    /**< where it was given */
    const char *host, *error; /**< where it runs or ran; why it ended */
    size_t pid;
    double begun, updated;            /**< seconds since 1970; 0 where it is not known */
    double written;                   /**< when a file of it was written last */
    double overall;                   /**< 0 to 1 */
    double seconds_left;              /**< NAN where it is not known */
    const attrib_state_stage *stages; /**< [n_stages] of unfinished ones */
    size_t n_stages;
    const attrib_state_range *ranges; /**< [n_ranges] parts of finished factors; documents
                                         of runs, finished or not */
    size_t n_ranges;
} attrib_state;

/**
 * Find out how the job of a folder of factors or of a run stands. Nothing is locked, and
 * nobody is disturbed.
 *
 * @param folder  as fit, merge or score were given it
 * @param out     owned by the caller, freed by attrib_state_free(); written only on
 * success
 * @param err     may be NULL
 * @return ATTRIB_OK, also where nothing is there; ATTRIB_EFORMAT for a folder that is
 *         neither, and for files that are damaged; ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads   Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_state_read(const char *folder,
                                                             attrib_state **out,
                                                             attrib_error *err);

/** The shards of a corpus that runs are some of. */
typedef struct attrib_state_shards {
    size_t n;    /**< of the corpus; 0 where the runs are no shards of one corpus */
    bool *is_in; /**< [n] whether one of the runs is of it */
} attrib_state_shards;

/**
 * Tell which shards the runs of a corpus are: the fewest that they can be some of, as
 * attrib_run_merge() names those that are missing.
 *
 * @param ranges  [n] of documents, one of each run, n >= 1
 * @param out     owned by the caller, who frees is_in by free()
 * @param err     may be NULL
 * @return ATTRIB_OK; ATTRIB_ENOMEM.
 * @par Threads   Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_state_count_shards(const attrib_state_range *ranges,
                          size_t n,
                          attrib_state_shards *out,
                          attrib_error *err);

/**
 * Wait until the jobs of all folders are done, and log those that have stopped meanwhile.
 * Progress counts the folders, as the stage "wait".
 *
 * @param session  whose canceling ends it; may be NULL
 * @param folders  [n] as of attrib_state_read(); those that are missing are waited for
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_ECANCELED; as attrib_state_read().
 * @par Threads    Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_state_await(attrib_session *session,
                                                              const char *const *folders,
                                                              size_t n,
                                                              attrib_error *err);

/** Free a state; NULL is fine.
 * @par Threads  Safe on distinct states.
 */
ATTRIB_API void attrib_state_free(attrib_state *state);

#ifdef __cplusplus
}
#endif
#endif
