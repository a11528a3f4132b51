/* SPDX-License-Identifier: MIT */
/* Decoder-only language models from a Hugging Face folder or a GGUF file. */
#ifndef ATTRIB_MODEL_H
#define ATTRIB_MODEL_H

#include <attrib/corpus.h>
#include <attrib/format.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model: configuration and weights; read-only once open, so it may be shared by
 * threads. */
typedef struct attrib_model attrib_model;

/** What a model is. */
typedef struct attrib_model_info {
    const char *architecture; /**< config.json's model_type: "llama"; borrowed */
    size_t n_layers;          /**< L */
    size_t width;             /**< D */
    size_t n_heads, n_kv_heads, head_dim;
    size_t mlp_width;
    size_t n_vocabulary; /**< V */
    size_t context;      /**< tokens */
    bool is_head_tied;
    size_t n_parameters;
    size_t weight_bytes; /**< of the files' tensors */
    attrib_dtype dtype;  /**< of the largest tensor on disk */

    const char *norm;         /**< "RMSNorm", "LayerNorm", "LayerNorm without weights" */
    const char *activation;   /**< "SiLU", "GELU", "GELU (tanh)" */
    bool is_gated;            /**< the MLP multiplies by a gate */
    bool is_parallel;         /**< attention and MLP read the same stream */
    const char *positions;    /**< "rotary", "rotary (pairs)", "learned" */
    size_t rotary_dim;        /**< entries of each head that turn; 0 for learned */
    double rope_theta;        /**< base of rotary frequencies */
    double local_rope_theta;  /**< of layers with a window; 0 where it is the same */
    const char *rope_scaling; /**< "none", "linear", "llama3", "yarn", "longrope" */
    double rope_factor;       /**< of that scaling; 0 for none */
    size_t window;            /**< keys that a query sees in some layers; 0: all */
    size_t n_windowed;        /**< layers with that window */
    double attention_cap, logit_cap; /**< of scores and logits; 0 for none */
} attrib_model_info;

/** Where a linear map stands in the decoder. */
typedef enum attrib_module_kind {
    ATTRIB_MODULE_MLP,
    ATTRIB_MODULE_ATTENTION,
    ATTRIB_MODULE_HEAD
} attrib_module_kind;

/** A linear map s = W a (+ b) of the model. */
typedef struct attrib_module {
    const char *name; /**< as in Hugging Face, without ".weight"; borrowed */
    attrib_module_kind kind;
    size_t layer;   /**< L for the head */
    size_t in_dim;  /**< I, counting 1 for the bias where there is one */
    size_t out_dim; /**< O */
    bool has_bias;
    attrib_dtype dtype; /**< of the weight on disk; of a tied head, the embedding's */
} attrib_module;

/** Outputs first .. first + n_outputs of a linear map in forward mode, where tangents go
 * through the model together with its values. */
typedef struct attrib_outputs {
    size_t i_tracked; /**< place in the list of tracked maps */
    const float *a;   /**< [n_rows, I] what the map reads, the 1 of a bias last */
    size_t n_rows;
    size_t first, n_outputs;
    float *d_out; /**< [n_rows, n_outputs] tangents, rows `stride` apart */
    size_t stride;
    struct attrib_multiplier *multiplier; /**< for taps of this library */
    size_t i_vector; /**< which direction; 0 in forward mode, which has one */
} attrib_outputs;

/** How weights are held while a model is open. Results are the same bytes. */
typedef enum attrib_weights {
    ATTRIB_WEIGHTS_FILE, /**< as in their file, which is mapped and may not change; each
                            worker widens them to f32 some rows at a time, but for those
                            that are f32 already */
    ATTRIB_WEIGHTS_F32   /**< widened to f32 once: faster by a few hundredths of the time
                            for types in blocks, for 4 bytes a parameter */
} attrib_weights;

/** How a model is opened; attrib_model_options_default() fills it. */
typedef struct attrib_model_options {
    size_t size; /**< sizeof the struct; set by attrib_model_options_default() */
    attrib_weights weights;
    const char *adapter; /**< folder of a LoRA adapter, as PEFT saves it; NULL: none */
} attrib_model_options;

/** A LoRA adapter that is part of a model. */
typedef struct attrib_adapter_info {
    const char *folder; /**< borrowed */
    const char *base; /**< what it says that it was trained on; borrowed; NULL: nothing */
    size_t n_modules; /**< modules to whose weights B A is added */
    size_t min_rank, max_rank; /**< of these; 0 where there are none */
    double alpha;              /**< lora_alpha; some modules may have others */
    bool is_scaled_by_root;    /**< B A counts alpha / sqrt(rank), not alpha / rank */
    size_t n_replaced;         /**< tensors in the place of the base's */
    size_t n_parameters;       /**< of the adapter's tensors */
} attrib_adapter_info;

/** Fill `options` with the defaults: weights as in their file, no adapter.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_model_options_init(attrib_model_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_model_options_default(attrib_model_options *options)
{
    attrib_model_options_init(options, sizeof *options);
}

/**
 * Open a model: a folder with config.json and model.safetensors or its index, or a GGUF
 * file (of a split one, any part). With a LoRA adapter the weights are W + scale B A,
 * summed in f32. The folder of an adapter alone stands for the base that it names, with
 * the adapter.
 *
 * @param path     the folder, or the file, whose name ends with ".gguf"
 * @param options  may be NULL: the defaults
 * @param out   owned by the caller; written only on success
 * @param err   may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_ESHAPE naming a tensor that is
 * missing or does not fit the configuration; ATTRIB_ENOTSUP naming the architecture or
 * the setting that is not supported; ATTRIB_EVERSION; ATTRIB_EINVAL for options;
 * ATTRIB_ENUMERIC naming a weight that is not finite; ATTRIB_ENOMEM.
 * @par Threads  Sets OpenBLAS to one thread for the process: work is divided in blocks of
 * fixed size by the session's workers, so that results have the same bytes for any number
 * of threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_model_open(const char *path,
                  const attrib_model_options *options,
                  attrib_model **out,
                  attrib_error *err);

/** Close a model; NULL is fine.
 * @par Threads  No call that uses the model, or what was borrowed from it, may be
 * running.
 */
ATTRIB_API void attrib_model_close(attrib_model *model);

/** What the model is; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_model_info *attrib_model_describe(const attrib_model *model);

/** The adapter that the weights were changed by; borrowed; NULL: none.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_adapter_info *attrib_model_adapter(const attrib_model *model);

/** The folder or file that holds the model's tokenizer, for attrib_tokenizer_open(): that
 * of the adapter where it has one, else of the model; borrowed; NULL for a model without
 * files.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_model_tokenizer_path(const attrib_model *model);

/** XXH3-128 of the weights' bytes, those of an adapter and its scales included: 32
 * hexadecimal digits, borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_model_hash(const attrib_model *model);

/** How many linear maps the model has; they are ordered by layer as the forward pass
 * meets them.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_model_n_modules(const attrib_model *model);

/** Linear map i < n_modules; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_module *attrib_model_module(const attrib_model *model, size_t i);

/**
 * The maps that a selection names: a comma list of mlp, attention, head, all, or name
 * patterns with * and ?.
 *
 * @param selection  "mlp,model.layers.*.self_attn.o_proj"
 * @param indices    [*n] ascending, owned by the caller (attrib_free()); written only on
 * success
 * @param n          >= 1
 * @return ATTRIB_OK; ATTRIB_EINVAL naming a part that matches no map; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_model_select(const attrib_model *model,
                                                               const char *selection,
                                                               size_t **indices,
                                                               size_t *n,
                                                               attrib_error *err);

/**
 * Log-probabilities of a sequence's own tokens.
 *
 * @param ids       [n_tokens], 1 <= n_tokens <= context, each below n_vocabulary
 * @param logprobs  [n_tokens - 1], nats: logprobs[t] = log p(ids[t + 1] | ids[0..t])
 * @return ATTRIB_OK; ATTRIB_ERANGE; ATTRIB_ENUMERIC where a loss is not finite;
 * ATTRIB_ENOMEM.
 * @par Threads  safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_model_logprobs(const attrib_model *model,
                      const int32_t *ids,
                      size_t n_tokens,
                      double *logprobs,
                      attrib_error *err);

/** What is continued; attrib_generate_job_default() fills it. Everything is borrowed. */
typedef struct attrib_generate_job {
    size_t size;        /**< sizeof the struct; set by attrib_generate_job_default() */
    const int32_t *ids; /**< [n_tokens] */
    size_t n_tokens;    /**< at least 1 */
    size_t max_new;     /**< stop after so many tokens, or at the context */
    const int32_t *stop_ids; /**< [n_stop_ids] stop at any of these, which is not part of
                                the result */
    size_t n_stop_ids;       /**< may be 0 */
} attrib_generate_job;

/** Fill `job` with zeros. The sequence and max_new must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_generate_job_init(attrib_generate_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_generate_job_default(attrib_generate_job *job)
{
    attrib_generate_job_init(job, sizeof *job);
}

/**
 * Continue a sequence greedily: the likeliest token each time, the smallest id of equals.
 *
 * @param job      borrowed
 * @param new_ids  [job->max_new] written
 * @param n_new    how many were written; may be 0
 * @return as attrib_model_logprobs(); ATTRIB_EINVAL for the job.
 * @par Threads    Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_model_generate(const attrib_model *model,
                      const attrib_generate_job *job,
                      int32_t *new_ids,
                      size_t *n_new,
                      attrib_error *err);

/** A folder in which a trainer saved checkpoints: Hugging Face's Trainer saves the model
 * after N steps as checkpoint-N. */
typedef struct attrib_trainer attrib_trainer;

/** A checkpoint in it; borrowed from the trainer. */
typedef struct attrib_trainer_checkpoint {
    const char *path; /**< FOLDER/checkpoint-N */
    const char *name; /**< checkpoint-N */
    size_t step;      /**< N */
} attrib_trainer_checkpoint;

/** List the checkpoints of a folder, by step.
 * @param out  owned by the caller, closed by attrib_trainer_close()
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EINVAL where there is none; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_trainer_open(const char *folder,
                                                               attrib_trainer **out,
                                                               attrib_error *err);

/** Close it; NULL is fine.
 * @par Threads  No other call may be using it.
 */
ATTRIB_API void attrib_trainer_close(attrib_trainer *trainer);

/** How many checkpoints there are, at least 1.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_trainer_count(const attrib_trainer *trainer);

/** Checkpoint i of them.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_trainer_checkpoint *attrib_trainer_get(
    const attrib_trainer *trainer, size_t i);

/**
 * Read how far each checkpoint was trained: the sum of the learning rates of its steps,
 * from the trainer_state.json of the last one. Between two steps that it lists, a rate
 * lies on the line through theirs; before the first and after the last it is theirs.
 *
 * @param out  [attrib_trainer_count()] sum of the rates of steps 1 .. step; written only
 * on success
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT naming what is wrong; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_trainer_rates(const attrib_trainer *trainer, double *out, attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
