/* SPDX-License-Identifier: MIT */
/* The table of the options of scoring, one row an option. The command line, manifests,
 * the identity of a run, and plans read it. */
#include "run/options.h"

#include <string.h>

#include "base/sized.h"
#include "curvature/factors.h"
#include "linalg/linalg.h"

#define AT(field) offsetof(attrib_score_options, field)

/* The words of choices that have names, in the order of their enums. */
#define TOKEN_KINDS(OR) "position" OR "output" OR "input"
#define REFINES(OR)     "none" OR "cg" OR "astra" OR "lissa"
#define SCALES(OR)      "none" OR "gauss-newton"
#define NORMALIZES(OR)  "none" OR "nats" OR "unit"

static const attrib_option_word layers[] = {{"last", ATTRIB_LAYER_LAST}, {0}};

static const attrib_option setting_table[] = {
    {.name = "strategy",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = offsetof(attrib_setting, strategy),
     .value = AT_FITTED_STRATEGIES(AT_OR) AT_OTHER_STRATEGIES(AT_OR),
     .standard = "ekfac",
     .is_identity = true,
     .help = "approximation of the curvature, or baseline"},
    {.name = "damping",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = offsetof(attrib_setting, damping),
     .value = "X",
     .standard = "0.1",
     .max = 1e30,
     .is_identity = true,
     .help = "added to the curvature of each module"},
    {.name = "is_damping_absolute",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = offsetof(attrib_setting, is_damping_absolute),
     .is_identity = true,
     .help = "damping is in nats^2 per weight^2, not in units of the mean eigenvalue"},
    {.name = "layer",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = offsetof(attrib_setting, layer),
     .value = "L|last",
     .words = layers,
     .standard = "last",
     .max = 1e6,
     .is_identity = true,
     .help = "how many layers the hidden states have gone through"},
    {0},
};

static const attrib_option_word ranks[] = {
    {"full", ATTRIB_RANK_FULL}, {"auto", ATTRIB_RANK_AUTO}, {0}};

static const attrib_option score_table[] = {
    {.name = "settings",
     .kind = ATTRIB_OPTION_STRUCTS,
     .offset = AT(settings),
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .is_identity = true,
     .rows = setting_table,
     .struct_bytes = sizeof(attrib_setting),
     .n_offset = AT(n_settings),
     .help = "strategies and dampings that all are scored under"},
    {.name = "query-rank",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(query_rank),
     .value = "N|full|auto",
     .words = ranks,
     .standard = "full",
     .min = 1,
     .max = 1e6,
     .plan_name = "query-rank",
     .help =
         "rank that preconditioned queries are cut to; their scores come with bounds, "
         "and documents are scored in full until the reported ones are the exact ones"},
    {.name = "max-rescored",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(max_rescored),
     .value = "N",
     .standard = "0",
     .max = 1e18,
     .is_answer = true,
     .plan_name = "max-rescored",
     .help = "documents of a query that is cut, or scored in bf16, that are scored in "
             "full at most; 0: until the reported ones are exact"},
    {.name = "precision",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(precision),
     .value = AT_PRECISIONS(AT_OR),
     .standard = "f32",
     .is_identity = true,
     .plan_name = "precision",
     .help = "type of the numbers that documents' scores are multiplied in; queries "
             "are prepared and refined in f32, and documents that are reported scored "
             "again in it; auto: bf16 where the processor multiplies in it"},
    {.name = "no-settle",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(is_unsettled),
     .help = "with bf16: report what its scores put first and last, without looking for "
             "documents that f32 would"},
    {.name = "split",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(split),
     .value = "none|kind|layer|module",
     .standard = "none",
     .is_identity = true,
     .help = "keep the scores of groups of modules too"},
    {.name = "ram-limit",
     .kind = ATTRIB_OPTION_BYTES,
     .offset = AT(ram_limit),
     .value = "SIZE",
     .plan_name = "ram-limit",
     .help = "memory that the process may have in use, weights and all, as in 512M or "
             "4G; queries that do not fit together take turns, each turn a pass over the "
             "documents (default: three quarters of the machine's)"},
    {.name = "normalize",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(normalize),
     .value = NORMALIZES(AT_OR),
     .standard = "none",
     .is_identity = true,
     .plan_name = "normalize",
     .help = "divide scores by the query's loss in nats, or by the norms of both "
             "gradients: a cosine"},
    {.name = "modules",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(modules),
     .value = "NAMES",
     .standard = "mlp",
     .plan_name = "modules",
     .help = "without factors: the linear maps that count: mlp, attention, head, all or "
             "name patterns, separated by commas"},
    {.name = "max-new-tokens",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(max_new_tokens),
     .value = "N",
     .standard = "256",
     .min = 1,
     .max = 1e6,
     .help = "tokens that the model writes at most where a query has no completion"},
    {.name = "top",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(top),
     .value = "K",
     .standard = "10",
     .min = 1,
     .max = 1e9,
     .is_answer = true,
     .plan_name = "top",
     .help = "documents reported at each end of a query's ranking"},
    {.name = "token-kind",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(token_kind),
     .value = TOKEN_KINDS(AT_OR),
     .standard = "position",
     .is_answer = true,
     .plan_name = "token-kind",
     .help = "what tokens of reported documents show: the share of the position that "
             "predicts one, its influence as an output, or as an input"},
    {.name = "aggregate",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(aggregate),
     .value = "FIELD",
     .help = "make one query of those with the same value of tag FIELD: the sum of their "
             "gradients, each times the number in its tag \"weight\" (1 without; below 0 "
             "for controls)"},
    {.name = "tokens",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(with_tokens),
     .is_identity = true,
     .plan_name = "token-shares",
     .help = "keep the share of every token of every document, not only of those "
             "reported: a number for each token, query and setting; export to npz or "
             "safetensors"},
    {.name = "self",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(with_self),
     .is_identity = true,
     .plan_name = "self",
     .help = "find every document's self-influence too, what it does to its own loss; "
             "export to npz or safetensors"},
    {.name = "prefilter",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(prefilter),
     .value = "tfidf:N|index:N",
     .is_identity = true,
     .plan_name = "prefilter",
     .help =
         "score for each query the N documents with the largest TF-IDF alone, or the N "
         "first and the N last by an index; others are in no ranking, and not known in "
         "exports"},
    {.name = "prefilter-sample",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(prefilter_sample),
     .value = "N",
     .standard = "0",
     .max = 1e15,
     .is_identity = true,
     .plan_name = "prefilter-sample",
     .help = "score N random documents too, against all queries, and tell what share of "
             "the first and last documents the filter finds"},
    {.name = "refine",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(refine),
     .value = REFINES(AT_OR),
     .standard = "none",
     .is_identity = true,
     .plan_name = "refine",
     .help =
         "solve for preconditioned queries with the exact Gauss-Newton matrix of some "
         "documents, beginning with EK-FAC's: conjugate gradients, or steps along "
         "residuals of batches with EK-FAC (astra) or without (lissa)"},
    {.name = "refine-documents",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(refine_documents),
     .value = "N",
     .standard = "500",
     .min = 1,
     .max = 1e9,
     .is_identity = true,
     .plan_name = "refine-documents",
     .help = "documents of the corpus, chosen by their contents, that refine and scale "
             "multiply with"},
    {.name = "refine-steps",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(refine_steps),
     .value = "K",
     .standard = "20",
     .min = 1,
     .max = 1e6,
     .is_identity = true,
     .plan_name = "refine-steps",
     .help = "steps of a refinement at most, each a product of the matrix with every "
             "query"},
    {.name = "refine-damping",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = AT(refine_damping),
     .value = "X",
     .standard = "0",
     .max = 1e30,
     .is_identity = true,
     .plan_name = "refine-damping",
     .help = "damping of refined queries, x the mean eigenvalue of each module; 0: as "
             "damping says"},
    {.name = "scale",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(scale),
     .value = SCALES(AT_OR),
     .standard = "none",
     .is_identity = true,
     .plan_name = "scale",
     .help =
         "multiply each query's scores by the best step along its preconditioned "
         "gradient, found by one product with the Gauss-Newton matrix: sizes that are "
         "nearer to what removals change, in the same order"},
    {.name = "segments",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(segments),
     .value = "STEPS@RATE,...",
     .is_identity = true,
     .help =
         "SOURCE: a segment of the training up to each model, in their order: its "
         "steps and their mean learning rate (500@1e-3), or X/mean, which is X over "
         "the mean eigenvalue of each module, as for optimisers that scale gradients; "
         "trainer: as trainer_state.json says (with --checkpoints)"},
    {.name = "segment-loss",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(segment_loss),
     .value = "token|sequence",
     .standard = "token",
     .is_identity = true,
     .help =
         "whether the training's loss was the mean over a batch's tokens, or over its "
         "sequences of the sums of their tokens"},
    {.name = "over-documents",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(over_documents),
     .is_identity = true,
     .help = "divide scores by the number of the corpus' documents, as several stages "
             "(--base-model) do"},
    {0},
};

const attrib_option *attrib_score_options_table(void)
{
    return score_table;
}

void attrib_score_options_init(attrib_score_options *options, size_t size)
{
    attrib_score_options standard = {0};
    attrib_options_default(score_table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}

void at_score_options_complete(attrib_score_options *options)
{
    options->with_self |= options->normalize == ATTRIB_NORMALIZE_UNIT;
    for (size_t s = 0; options->refine && s < options->n_settings; s++) {
        attrib_setting *setting = &options->settings[s];
        if (options->refine_damping > 0 && attrib_strategy_is_damped(setting->strategy)) {
            setting->damping = options->refine_damping;
            setting->is_damping_absolute = false;
        }
    }
}

attrib_status at_score_options_keep(attrib_score_options *options,
                                    at_arena *bank,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (const attrib_option *o = score_table; o->name; o++) {
        if (o->kind == ATTRIB_OPTION_TEXT) {
            const char **text = at_option_field(o, options);
            AT_TRY(at_arena_text(bank, *text, *text ? strlen(*text) : 0, text, err));
        }
    }
done:
    return status;
}

const char *attrib_token_kind_name(attrib_token_kind kind)
{
    static const char *const names[] = {TOKEN_KINDS(AT_COMMA)};
    return names[kind];
}

const char *attrib_refine_name(attrib_refine refine)
{
    static const char *const names[] = {REFINES(AT_COMMA)};
    return names[refine];
}

const char *attrib_scale_name(attrib_scale scale)
{
    static const char *const names[] = {SCALES(AT_COMMA)};
    return names[scale];
}

const char *attrib_normalize_name(attrib_normalize normalize)
{
    static const char *const names[] = {NORMALIZES(AT_COMMA)};
    return names[normalize];
}
