/* SPDX-License-Identifier: MIT */
/* What an answer in JSON says of its run. */
#include "export/json_members.h"

#include <math.h>

#include "export/told_options.h"

/* What is said of scores of cut queries and in bf16: nothing of other ones. */
static attrib_status append_cut(at_buffer *out,
                                const attrib_run_info *info,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_rounded = info->options->precision != ATTRIB_F32_PRODUCTS;
    AT_TRY(at_append_member_size(out, "query_rank", info->query_rank, err));
    if (is_rounded) {
        AT_TRY(at_append_option(out, info->options, "precision", err));
        AT_TRY(at_append_member_real(out, "assumed_error", info->assumed_error, err));
    }
    if (info->query_rank || is_rounded) {
        AT_TRY(at_append_member_size(out, "n_rescored", info->n_rescored, err));
        AT_TRY(at_append_member_size(out, "n_open", info->n_open, err));
        AT_TRY(at_append_member_real(out, "largest_error", info->largest_error, err));
        AT_TRY(at_append_member_real(out, "largest_bound", info->largest_bound, err));
    }
done:
    return status;
}

static attrib_status append_recall(at_buffer *out,
                                   const char *key,
                                   const attrib_recall *recall,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_real(out, "share", recall->share, err));
    AT_TRY(at_append_member_real(out, "low", recall->low, err));
    AT_TRY(at_append_member_real(out, "high", recall->high, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

/* What a filter let through, and what share of both ends that is by its sample: nothing
 * where all documents are scored. */
static attrib_status append_filter(at_buffer *out,
                                   const at_listed *listed,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = listed->info;
    attrib_recall recall;
    size_t i_answer = listed->i_answer;
    if (!info->options->prefilter) {
        return ATTRIB_OK;
    }
    AT_TRY(at_append_option(out, info->options, "prefilter", err));
    AT_TRY(at_append_member_size(out, "n_scored", listed->answer->n_scored, err));
    AT_TRY(at_append_member_size(out, "n_sampled", info->n_sampled, err));
    if (listed->run && attrib_run_recall(listed->run, i_answer, 1, false, &recall)) {
        AT_TRY(append_recall(out, "recall", &recall, err));
    }
    if (listed->run && attrib_run_recall(listed->run, i_answer, 1, true, &recall)) {
        AT_TRY(append_recall(out, "recall_opposed", &recall, err));
    }
done:
    return status;
}

/* The runs of a sum; nothing where the run is none. */
static attrib_status append_checkpoints(at_buffer *out,
                                        const attrib_run_info *info,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (info->n_checkpoints == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_append_key(out, "checkpoints", err));
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        AT_TRY(at_buffer_print(out, err, c ? ",{" : "[{"));
        AT_TRY(at_append_member_real(out, "weight", one->weight, err));
        AT_TRY(at_append_member_text(out, "model_hash", one->model_hash, err));
        AT_TRY(at_append_member_text(out, "factors_hash", one->factors_hash, err));
        AT_TRY(at_append_member_text(out, "command", one->command, err));
        AT_TRY(at_buffer_append(out, "}", 1, err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

/* How queries passed segments and stages, and were refined and scaled, where they were.
 */
static attrib_status append_refinement(at_buffer *out,
                                       const at_listed *listed,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = listed->info->options;
    bool is_refined = options->refine != ATTRIB_REFINE_NONE;
    bool is_scaled = options->scale != ATTRIB_SCALE_NONE;
    if (options->segments) {
        AT_TRY(at_append_option(out, options, "segments", err));
    }
    if (options->over_documents) {
        AT_TRY(at_append_member_flag(out, "over_documents", true, err));
    }
    if (is_refined) {
        AT_TRY(at_append_option(out, options, "refine", err));
        AT_TRY(at_append_option(out, options, "refine-steps", err));
        AT_TRY(at_append_member_real(out, "residual", listed->answer->residual, err));
    }
    if (is_scaled) {
        AT_TRY(at_append_option(out, options, "scale", err));
    }
    if (is_refined || is_scaled) {
        AT_TRY(at_append_option(out, options, "refine-documents", err));
    }
done:
    return status;
}

attrib_status at_append_run(at_buffer *out, const at_listed *listed, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = listed->info;
    const attrib_answer *answer = listed->answer;
    const attrib_setting *setting = &info->options->settings[answer->i_setting];
    at_buffer scale = {0};
    AT_TRY(at_append_key(out, "run", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_size(out, "n_documents", info->n_documents, err));
    AT_TRY(at_append_member_text(out, "strategy", attrib_strategy_name(setting->strategy),
                                 err));
    AT_TRY(at_append_member_real(
        out, "damping",
        attrib_strategy_is_baseline(setting->strategy) ? (double)NAN : setting->damping,
        err));
    AT_TRY(at_append_member_flag(out, "is_damping_absolute", setting->is_damping_absolute,
                                 err));
    AT_TRY(at_append_option(out, info->options, "normalize", err));
    AT_TRY(at_append_option(out, info->options, "token-kind", err));
    AT_TRY(append_cut(out, info, err));
    AT_TRY(append_refinement(out, listed, err));
    AT_TRY(append_filter(out, listed, err));
    AT_TRY(at_append_member_real(out, "tracked_share", info->tracked_share, err));
    AT_TRY(at_append_member_text(out, "model_hash", info->model_hash, err));
    AT_TRY(at_append_member_text(out, "corpus_hash", info->corpus_hash, err));
    AT_TRY(at_append_member_text(out, "factors_hash", info->factors_hash, err));
    AT_TRY(append_checkpoints(out, info, err));
    AT_TRY(at_append_meaning(&scale, listed, err));
    AT_TRY(at_append_member_text(out, "meaning", scale.bytes, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    at_buffer_free(&scale);
    return status;
}
