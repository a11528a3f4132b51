/* SPDX-License-Identifier: MIT */
/* An index of gradients: what a pass over a corpus keeps, so that a question
 * needs no pass of its own. Of each document it has the largest components of its
 * gradient, from which all scores are estimated within bounds, and its self-influence. */
#ifndef ATTRIB_INDEX_H
#define ATTRIB_INDEX_H

#include <attrib/curvature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An opened index; its functions may be called by several threads at a time. */
typedef struct attrib_index attrib_index;

/** How an index is made; attrib_index_options_default() fills it. */
typedef struct attrib_index_options {
    size_t size; /**< sizeof the struct; set by attrib_index_options_default() */
    size_t bytes_per_document; /**< 0: 32 KiB for the default model, in proportion to the
                                  widths of the maps for others */
    double damping;            /**< of self-influences, and of what components are chosen
                                  by; default 0.1. Questions may have another one */
    bool is_damping_absolute;  /**< else `damping` x mean(Lambda) of each map */
    bool is_whole;    /**< keep components in f32: for 20 times the bytes scores from the
                         index are the exact ones. For tests */
    size_t ram_limit; /**< bytes of memory that the process may have in use; 0: three
                         quarters of the machine's */
} attrib_index_options;

/** Fill `options`.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_index_options_init(attrib_index_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_index_options_default(attrib_index_options *options)
{
    attrib_index_options_init(options, sizeof *options);
}

/** An option that a corpus was read with, as it is written on a command line: "where",
 * "kind=person". */
typedef struct attrib_reading {
    const char *name, *value;
} attrib_reading;

/** What an index is made of; attrib_index_job_default() fills it. All is borrowed. */
typedef struct attrib_index_job {
    size_t size; /**< sizeof the struct; set by attrib_index_job_default() */
    const attrib_model *model;
    const attrib_factors *factors; /**< of EK-FAC */
    const attrib_corpus *corpus;
    const attrib_index_options *options; /**< may be NULL: the defaults */
    const char *folder; /**< new, or one where the same job was stopped, which goes on */
    size_t i_shard, n_shards; /**< documents of shard i < n_shards alone; 1: all */
    const char *model_path, *factors_path; /**< kept, so that questions find both */
    const attrib_paths *corpus_paths;      /**< the same; NULL: none */
    const char *command;                   /**< the command line; may be NULL */
    const attrib_reading *readings; /**< [n_readings] kept too, so that questions read the
                                       corpus in the same way */
    size_t n_readings;
    const attrib_ingest_job
        *reading; /**< how the corpus was read: its tokens are kept in
                     the index, as attrib_corpus_ingest() would, or a
                     copy of the store that it is; NULL: they are not */
} attrib_index_job;

/** Fill `job`: nothing but its size, and one shard.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_index_job_init(attrib_index_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_index_job_default(attrib_index_job *job)
{
    attrib_index_job_init(job, sizeof *job);
}

/**
 * Pass over the documents of a corpus once, and leave a record of each in a folder.
 *
 * @param session  may be NULL: one thread
 * @param job      borrowed until the call returns
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (options, shards); ATTRIB_ENOTSUP for factors of
 * another strategy; ATTRIB_ESHAPE for the folder of another index; ATTRIB_ERANGE where
 * ram_limit is too little; ATTRIB_ENUMERIC; ATTRIB_EIO; ATTRIB_ECANCELED: what is done
 * stays, and the same job goes on there; ATTRIB_ENOMEM.
 * @par Threads    The same bytes for any number of the session's threads. A folder is
 * locked while it is filled.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_index_build(attrib_session *session,
                                                              const attrib_index_job *job,
                                                              attrib_error *err);

/** Whether a path is the folder of a finished index.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_index_is(const char *path);

/** What an index holds. Texts are borrowed from it. */
typedef struct attrib_index_info {
    size_t n_documents, n_modules;
    size_t bytes_per_document;
    double damping;
    bool is_damping_absolute, is_whole;
    size_t method;    /**< the number of the way in which this or an earlier attrib found
                         what    records keep: indexes of different ones are never mixed */
    const char *hash; /**< names all that it comes from */
    const char *model_hash, *factors_hash; /**< as in attrib_run_info */
    const char *model_path, *factors_path; /**< "" where they are not known */
    attrib_paths corpus_paths;
    const char *corpus_date; /**< attrib_corpus_date(); of the first, where merged */
    const char *directory;   /**< where the command was given, which paths start from */
    const char *command;
    const attrib_reading *readings; /**< [n_readings] as in the job; of several that were
                                       merged, what all have */
    size_t n_readings;
    const char *corpus_hash; /**< attrib_corpus_hash() of the corpus that was indexed, of
                                which a shard is a part; "" where several were merged */
    const char *store_path;  /**< the store of its documents' tokens, which
                                attrib_corpus_open() takes; "" where it has none */
} attrib_index_info;

/**
 * Open an index. Nothing of its records is read, and they are checked as they are.
 *
 * @param out  owned by the caller, freed by attrib_index_close(); written only on success
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_EVERSION; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_index_open(const char *folder,
                                                             attrib_index **out,
                                                             attrib_error *err);

/** What it holds; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_index_info *attrib_index_describe(const attrib_index *index);

/** Close an index; NULL is fine.
 * @par Threads  Safe on distinct indexes.
 */
ATTRIB_API void attrib_index_close(attrib_index *index);

/**
 * Make one index of several of the same model, factors and options: of shards of a
 * corpus, or of an old corpus and documents that are new. A document may be in more than
 * one.
 *
 * @param folders  [n] finished indexes
 * @param command  the command line, kept in the record; may be NULL
 * @param output   a new folder, or one with what this call has made before, which is left
 * as it is
 * @return ATTRIB_OK; ATTRIB_EINVAL for an index of something else or one that is named
 * twice; ATTRIB_ESHAPE or ATTRIB_EIO for a folder that holds something else; as
 * attrib_index_open().
 * @par Threads  Safe on distinct outputs.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_index_merge(attrib_session *session,
                                                              const char *const *folders,
                                                              size_t n,
                                                              const char *command,
                                                              const char *output,
                                                              attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
