/* SPDX-License-Identifier: MIT */
/* The manifest of a run: what it was made with. Written last, so that it marks a finished
 * run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "rank/run.h"

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &run->info;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 16, err));
    AT_TRY(at_pack_text_member(&packer, "format", "attrib run", err));
    AT_TRY(at_pack_size_member(&packer, "version", AT_RUN_VERSION, err));
    AT_TRY(at_pack_text_member(&packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_text_member(&packer, "run", run->identity, err));
    AT_TRY(at_pack_size_member(&packer, "queries", info->n_queries, err));
    AT_TRY(at_pack_size_member(&packer, "documents", info->n_documents, err));
    AT_TRY(at_pack_size_member(&packer, "modules", info->n_modules, err));
    AT_TRY(at_pack_size_member(&packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_text_member(&packer, "strategy", attrib_strategy_name(info->strategy),
                               err));
    AT_TRY(at_pack_number_member(&packer, "damping", info->damping, err));
    AT_TRY(at_pack_size_member(&packer, "is_damping_absolute", info->is_damping_absolute,
                               err));
    AT_TRY(at_pack_number_member(&packer, "tracked_share", info->tracked_share, err));
    AT_TRY(at_pack_text_member(&packer, "model_hash", info->model_hash, err));
    AT_TRY(at_pack_text_member(&packer, "corpus_hash", info->corpus_hash, err));
    AT_TRY(at_pack_text_member(&packer, "factors_hash", info->factors_hash, err));
    AT_TRY(at_pack_text_member(&packer, "command", info->command, err));
    AT_TRY(at_join_path(info->folder, AT_RUN_MANIFEST, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* A text of the manifest into the bank. */
static attrib_status take_text(attrib_run *run,
                               const at_record *record,
                               const char *key,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, key, &text, &n, err));
    AT_TRY(at_bank_text(run->bank, text, n, out, err));
done:
    return status;
}

static attrib_status check_kind(attrib_run *run,
                                const at_record *record,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *format = NULL;
    const char *identity = NULL;
    size_t version = 0;
    AT_TRY(take_text(run, record, "format", &format, err));
    AT_CHECK(strcmp(format, "attrib run") == 0, ATTRIB_EFORMAT,
             "%s: not the manifest of a run", record->name);
    AT_TRY(at_record_size(record->name, &record->map, "version", &version, err));
    AT_CHECK(version == AT_RUN_VERSION, ATTRIB_EVERSION, "%s: version %zu, expected %d",
             record->name, version, AT_RUN_VERSION);
    AT_TRY(take_text(run, record, "run", &identity, err));
    AT_CHECK(strlen(identity) == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: identity of %zu characters", record->name, strlen(identity));
    memcpy(run->identity, identity, AT_HASH_SIZE);
done:
    return status;
}

static attrib_status take_strategy(attrib_run *run,
                                   const at_record *record,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    int strategy = ATTRIB_EKFAC;
    AT_TRY(take_text(run, record, "strategy", &name, err));
    while (strategy <= ATTRIB_IDENTITY &&
           strcmp(name, attrib_strategy_name((attrib_strategy)strategy)) != 0) {
        strategy++;
    }
    AT_CHECK(strategy <= ATTRIB_IDENTITY, ATTRIB_EFORMAT, "%s: strategy \"%s\"",
             record->name, name);
    run->info.strategy = (attrib_strategy)strategy;
done:
    return status;
}

static attrib_status take_info(attrib_run *run,
                               const at_record *record,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const char *name = record->name;
    const msgpack_object *map = &record->map;
    size_t is_absolute = 0;
    AT_TRY(check_kind(run, record, err));
    AT_TRY(take_strategy(run, record, err));
    AT_TRY(at_record_size(name, map, "queries", &info->n_queries, err));
    AT_TRY(at_record_size(name, map, "documents", &info->n_documents, err));
    AT_TRY(at_record_size(name, map, "modules", &info->n_modules, err));
    AT_TRY(at_record_size(name, map, "tokens", &info->n_tokens, err));
    AT_TRY(at_record_number(name, map, "damping", &info->damping, err));
    AT_TRY(at_record_size(name, map, "is_damping_absolute", &is_absolute, err));
    AT_TRY(at_record_number(name, map, "tracked_share", &info->tracked_share, err));
    AT_TRY(take_text(run, record, "model_hash", &info->model_hash, err));
    AT_TRY(take_text(run, record, "corpus_hash", &info->corpus_hash, err));
    AT_TRY(take_text(run, record, "factors_hash", &info->factors_hash, err));
    AT_TRY(take_text(run, record, "command", &info->command, err));
    info->is_damping_absolute = is_absolute != 0;
    AT_CHECK(info->n_queries > 0 && info->n_documents > 0 && isfinite(info->damping),
             ATTRIB_EFORMAT, "%s: no queries, no documents or no damping", name);
done:
    return status;
}

attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(run->info.folder, AT_RUN_MANIFEST, &path, err));
    AT_CHECK(at_is_file(path), ATTRIB_EFORMAT,
             "%s: no %s, expected the folder of a finished run", run->info.folder,
             AT_RUN_MANIFEST);
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_info(run, &record, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}
