/* SPDX-License-Identifier: MIT */
/* The manifest of a run: what it was made with. It is written last, so a folder that has
 * it holds a finished run. */
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "format/record_options.h"
#include "run/prepared.h"

static attrib_status pack_groups(msgpack_packer *packer,
                                 const attrib_run *run,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "groups", run->info.n_groups, err));
    for (size_t g = 0; g < run->info.n_groups; g++) {
        AT_TRY(at_pack_text(packer, run->groups[g], strlen(run->groups[g]), err));
    }
done:
    return status;
}

/* Pack the results of cut queries and filters: bounds, errors, and how many documents
 * were scored, in full. */
static attrib_status pack_outcome(msgpack_packer *packer,
                                  const attrib_run_info *info,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_size_member(packer, "rescored", info->n_rescored, err));
    AT_TRY(at_pack_size_member(packer, "open", info->n_open, err));
    AT_TRY(at_pack_number_member(packer, "largest_error", info->largest_error, err));
    AT_TRY(at_pack_number_member(packer, "largest_bound", info->largest_bound, err));
    AT_TRY(at_pack_number_member(packer, "assumed_error", info->assumed_error, err));
    AT_TRY(at_pack_size_member(packer, "passed", info->n_passed, err));
    AT_TRY(at_pack_size_member(packer, "candidates", info->n_candidates, err));
    AT_TRY(at_pack_size_member(packer, "sampled", info->n_sampled, err));
done:
    return status;
}

static attrib_status pack_origin(msgpack_packer *packer,
                                 const attrib_run_info *info,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_text_member(packer, "model_hash", info->model_hash, err));
    AT_TRY(at_pack_text_member(packer, "corpus_hash", info->corpus_hash, err));
    AT_TRY(at_pack_text_member(packer, "corpus_date", info->corpus_date, err));
    AT_TRY(at_pack_text_member(packer, "corpus_selection",
                               info->corpus_selection ? info->corpus_selection : "",
                               err));
    AT_TRY(at_pack_text_member(packer, "factors_hash", info->factors_hash, err));
    AT_TRY(at_pack_text_member(packer, "command", info->command, err));
    AT_TRY(at_pack_text_member(packer, "directory", info->directory, err));
    AT_TRY(at_pack_text_member(packer, "kernels", info->kernels, err));
done:
    return status;
}

/* The fields that rows were read by, in the order of at_field; nil where none was named.
 */
static attrib_status pack_fields(msgpack_packer *packer,
                                 const at_fields *fields,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "fields", AT_N_FIELDS, err));
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        const char *name = fields->names[i];
        AT_TRY(name ? at_pack_text(packer, name, strlen(name), err)
                    : at_pack_nil(packer, err));
    }
done:
    return status;
}

/* Parts as [[corpus, first, end, documents of the corpus, rows of blocks]]. */
static attrib_status pack_parts(msgpack_packer *packer,
                                const attrib_run *run,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "parts", run->n_parts, err));
    for (size_t i = 0; i < run->n_parts; i++) {
        const at_part *part = &run->parts[i];
        AT_TRY(at_pack_array(packer, AT_PART_MEMBERS, err));
        AT_TRY(at_pack_text(packer, part->corpus_hash, strlen(part->corpus_hash), err));
        AT_TRY(at_pack_size(packer, part->first, err));
        AT_TRY(at_pack_size(packer, part->end, err));
        AT_TRY(at_pack_size(packer, part->n_corpus, err));
        AT_TRY(at_pack_size(packer, part->block_rows, err));
    }
done:
    return status;
}

/* Hashes that the identity is of, and the parts of the run. */
static attrib_status pack_makeup(msgpack_packer *packer,
                                 const attrib_run *run,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_text_member(packer, "modules_hash", run->modules_hash, err));
    AT_TRY(at_pack_text_member(packer, "queries_hash", run->queries_hash, err));
    AT_TRY(pack_parts(packer, run, err));
done:
    return status;
}

attrib_status at_run_pack(msgpack_packer *packer,
                          const attrib_run *run,
                          const char *format,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    AT_TRY(at_pack_text_member(packer, "format", format, err));
    AT_TRY(at_pack_size_member(packer, "version", AT_RUN_VERSION, err));
    AT_TRY(at_pack_text_member(packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_text_member(packer, "run", run->identity, err));
    AT_TRY(at_pack_size_member(packer, "queries", info->n_queries, err));
    AT_TRY(at_pack_size_member(packer, "documents", info->n_documents, err));
    AT_TRY(at_pack_size_member(packer, "modules", info->n_modules, err));
    AT_TRY(at_pack_size_member(packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_key(packer, "options", err));
    AT_TRY(at_pack_options(packer, attrib_score_options_table(), &run->options, err));
    AT_TRY(pack_groups(packer, run, err));
    AT_TRY(at_pack_size_member(packer, "tile", run->n_tile, err));
    AT_TRY(at_pack_size_member(packer, "first_queries", run->n_first, err));
    AT_TRY(at_pack_size_member(packer, "query_rank", info->query_rank, err));
    AT_TRY(pack_outcome(packer, info, err));
    AT_TRY(at_pack_number_member(packer, "tracked_share", info->tracked_share, err));
    AT_TRY(pack_origin(packer, info, err));
    AT_TRY(pack_makeup(packer, run, err));
    AT_TRY(pack_fields(packer, &run->fields, err));
    AT_TRY(at_checkpoints_pack(packer, info, err));
done:
    return status;
}

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, AT_MANIFEST_MEMBERS, err));
    AT_TRY(at_run_pack(&packer, run, "attrib run", err));
    AT_TRY(at_join_path(run->info.folder, AT_RUN_MANIFEST, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}
