/* SPDX-License-Identifier: MIT */
/* The runs that a run is the weighted sum of, in its manifest and in its name. */
#include <math.h>

#include "format/pack.h"
#include "run/prepared.h"

/* The texts of a checkpoint by their keys. */
typedef struct text_member {
    const char *key;
    size_t offset;
} text_member;

#define N_TEXTS 4

static const text_member members[N_TEXTS] = {
    {"model_hash", offsetof(attrib_checkpoint, model_hash)},
    {"factors_hash", offsetof(attrib_checkpoint, factors_hash)},
    {"modules_hash", offsetof(attrib_checkpoint, modules_hash)},
    {"command", offsetof(attrib_checkpoint, command)},
};

attrib_status at_checkpoints_pack(msgpack_packer *packer,
                                  const attrib_run_info *info,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "checkpoints", info->n_checkpoints, err));
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        AT_TRY(at_pack_map(packer, 1 + N_TEXTS, err));
        AT_TRY(at_pack_number_member(packer, "weight", one->weight, err));
        for (size_t i = 0; i < N_TEXTS; i++) {
            const char *const *text =
                (const void *)((const char *)one + members[i].offset);
            AT_TRY(at_pack_text_member(packer, members[i].key, *text, err));
        }
    }
done:
    return status;
}

static attrib_status take_checkpoint(attrib_run *run,
                                     const at_record *record,
                                     const msgpack_object *map,
                                     attrib_checkpoint *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(map->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: a checkpoint, expected a map", record->name);
    AT_TRY(at_record_number(record->name, map, "weight", &out->weight, err));
    AT_CHECK(isfinite(out->weight), ATTRIB_EFORMAT,
             "%s: the weight of a checkpoint is not finite", record->name);
    for (size_t i = 0; i < N_TEXTS; i++) {
        const char **to = (void *)((char *)out + members[i].offset);
        const char *text = NULL;
        size_t n = 0;
        AT_TRY(at_record_text(record->name, map, members[i].key, &text, &n, err));
        AT_TRY(at_arena_text(run->bank, text, n, to, err));
    }
done:
    return status;
}

attrib_status at_checkpoints_take(attrib_run *run,
                                  const at_record *record,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "checkpoints");
    attrib_checkpoint *all = NULL;
    if (!list) {
        return ATTRIB_OK;
    }
    AT_CHECK(list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"checkpoints\", expected an array", record->name);
    AT_TRY(at_arena_take(run->bank, list->via.array.size, sizeof *all, &all, err));
    for (size_t c = 0; c < list->via.array.size; c++) {
        all[c] = (attrib_checkpoint){0};
        AT_TRY(take_checkpoint(run, record, &list->via.array.ptr[c], &all[c], err));
    }
    run->info.checkpoints = all;
    run->info.n_checkpoints = list->via.array.size;
done:
    return status;
}

attrib_status at_checkpoints_name(const attrib_run_info *info,
                                  at_buffer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        AT_TRY(at_buffer_print(out, err, " %a x model %s factors %s modules %s",
                               one->weight, one->model_hash, one->factors_hash,
                               one->modules_hash));
    }
done:
    return status;
}
