/* SPDX-License-Identifier: MIT */
/* What a job will take, before any of it is done: FLOP, time, memory and disk. */
#ifndef ATTRIB_PLAN_H
#define ATTRIB_PLAN_H

#include <attrib/index.h>
#include <attrib/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The sizes of a decoder that need not be on disk; attrib_shape_default() fills it. */
typedef struct attrib_shape {
    size_t size; /**< sizeof the struct; set by attrib_shape_default() */
    size_t n_layers, width, mlp_width;
    size_t n_heads, n_kv_heads; /**< n_kv_heads 0: as many as n_heads */
    size_t n_vocabulary;
    size_t context; /**< tokens; 0: 2,048 */
    bool is_gated;  /**< three MLP maps a layer, as in Llama; else two, as in GPT-2 */
} attrib_shape;

/** Fill `shape` with zeros.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_shape_init(attrib_shape *shape, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_shape_default(attrib_shape *shape)
{
    attrib_shape_init(shape, sizeof *shape);
}

/**
 * A model's sizes and maps without its weights, of whose files only the beginnings are
 * read. It may be described, selected from and planned with, and nothing else.
 *
 * @param path  a folder or a GGUF file, as of attrib_model_open()
 * @param adapter  the folder of a LoRA adapter, or NULL; it changes no sizes
 * @param out   owned by the caller, closed by attrib_model_close(); written only on
 * success
 * @return as attrib_model_open(), but for what only weights can be wrong in.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_outline_open(const char *path,
                                                               const char *adapter,
                                                               attrib_model **out,
                                                               attrib_error *err);

/** The same from sizes alone; ERANGE or ESHAPE where no decoder has them.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_outline_new(const attrib_shape *shape,
                                                              attrib_model **out,
                                                              attrib_error *err);

/** A machine, or many of the same kind; attrib_machine_default() fills it. Seconds are
 * those of one core. */
typedef struct attrib_machine {
    size_t size;            /**< sizeof the struct; set by attrib_machine_default() */
    size_t n_hosts;         /**< that share the documents evenly; one decomposes, and each
                                 has a run of its own, for which it prepares all queries */
    size_t n_cores;         /**< of a host */
    double flops;           /**< FLOP a second of f32 products on all cores of a host */
    double operand_seconds; /**< in addition, for each element of a product's operands */
    double element_seconds; /**< of one exponential, or what takes as long */
    double bytes_per_second; /**< that one core reads from memory */
    double fresh_seconds;    /**< for each byte of memory that is taken from the system */
    double cache_bytes;      /**< of the last cache, which all cores share; 0: none */
    double ram_bytes;        /**< of a host; 0: not known */
    double bf16_flops; /**< as flops, of products in bf16; 0: 2.15 times as many, as of
                            a Zen 4 */
    double blas_flops; /**< as flops, of the products that OpenBLAS does (attrib_load);
                            0: the same */
} attrib_machine;

/** Fill `machine`: one host of one core, with the usual rates of memory and of what is no
 * product. `flops` is 0 and must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_machine_init(attrib_machine *machine, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_machine_default(attrib_machine *machine)
{
    attrib_machine_init(machine, sizeof *machine);
}

/** Measure this machine with the session's threads for about half a second. `out` is one
 * that attrib_machine_default() filled.
 * @par Threads  Safe, but what else runs is measured too.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_machine_measure(attrib_session *session,
                                                                  attrib_machine *out,
                                                                  attrib_error *err);

/** Measure the rate of products in bf16 too. Where the processor has none, it stays as it
 * is.
 * @par Threads  As attrib_machine_measure().
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_machine_measure_bf16(
    attrib_session *session, attrib_machine *machine, attrib_error *err);

/** Documents, counted. */
typedef struct attrib_volume {
    double n_documents, n_sequences, n_tokens;
    double n_predicted;       /**< tokens whose loss counts */
    double squared_tokens;    /**< sum over sequences of their tokens squared */
    double longest, shortest; /**< tokens of a sequence; 0: as the mean */
} attrib_volume;

/** The volume of a corpus.
 * @par Threads  Safe.
 */
ATTRIB_API attrib_volume attrib_volume_of(const attrib_corpus *corpus);

/** Documents of the same length, cut where they are longer than the context.
 * @par Threads  Safe.
 */
ATTRIB_API attrib_volume attrib_volume_even(double n_documents,
                                            double n_tokens,
                                            size_t context);

/** So many of these documents, which are alike: all of them where there are no more.
 * @par Threads  Safe.
 */
ATTRIB_API attrib_volume attrib_volume_part(const attrib_volume *all, double n_documents);

/** What is to be done; attrib_work_default() fills it. */
typedef struct attrib_work {
    size_t size;                   /**< sizeof the struct; set by attrib_work_default() */
    attrib_volume fitted, scored;  /**< n_documents 0 (default): that step is left out */
    const attrib_fit_options *fit; /**< borrowed; NULL (default): its defaults. Where
                                      nothing is fitted, they describe the factors that
                                      are there; its modules are tracked, and are scored
                                      by its strategy or without curvature. Shards and
                                      bases are not looked at */
    const attrib_score_options *score; /**< borrowed; NULL (default): its defaults. Where
                                          nothing is fitted and all strategies are
                                          identity, its modules are tracked. For a
                                          query_rank of #ATTRIB_RANK_AUTO a plan is
                                          between the best rank and whole queries */
    size_t n_queries;                  /**< default 1 */
    size_t query_tokens;   /**< of each; a third of them its completion; default 64 */
    size_t query_rows;     /**< rows that a query is the sum of; default 1 */
    attrib_volume indexed; /**< documents of an index; n_documents 0 (default): none */
    const attrib_index_options *index; /**< borrowed; NULL (default): its defaults. Of
                                          the index that is made, and of the one that a
                                          prefilter index:N goes by */
} attrib_work;

/** Fill `work`: no documents, one query, and the defaults of all options.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_work_init(attrib_work *work, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_work_default(attrib_work *work)
{
    attrib_work_init(work, sizeof *work);
}

/** One step of the job. */
typedef struct attrib_plan_stage {
    const char *name;    /**< "covariance", "eigenbasis", "lambda", "index", "prefilter",
                            "query", "scan", "score", "hidden", "explain";
                            static */
    double flop;         /**< of its products, on all hosts together */
    double seconds;      /**< of wall time */
    double busy_seconds; /**< of them, in which all cores work: in the rest some
                            wait for the last pieces of others */
    double most_flop, most_seconds; /**< the same, or what it may come to where only the
                                       scores tell: cut queries have between one round of
                                       documents and all of them scored in full again */
    double memory_bytes;            /**< of one host, weights included */
    double disk_bytes;              /**< of the files that it leaves */
    size_t n_passes; /**< over the documents: more than 1 where memory does not hold
                        all maps or queries at once */
} attrib_plan_stage;

/** The most stages of a plan. */
#define ATTRIB_MAX_STAGES 9

/** What a job takes. */
typedef struct attrib_plan {
    attrib_plan_stage stages[ATTRIB_MAX_STAGES];
    size_t n_stages;
    double n_parameters, n_tracked_parameters;
    size_t n_maps;
    size_t query_rank;  /**< that queries are cut to, or may be; 0: whole */
    double store_bytes; /**< of scratch for the documents: tokens, texts, tags */
} attrib_plan;

/**
 * Predict a job from shapes alone.
 *
 * @param model    borrowed; an outline is enough
 * @param work     borrowed
 * @param machine  borrowed
 * @param out      written only on success
 * @return ATTRIB_OK; ATTRIB_EINVAL naming a number that makes no sense; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_plan_make(const attrib_model *model,
                                                            const attrib_work *work,
                                                            const attrib_machine *machine,
                                                            attrib_plan *out,
                                                            attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
