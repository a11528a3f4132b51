/* SPDX-License-Identifier: MIT */
/* Exports by format. */
#include "export/write.h"

attrib_status attrib_export_run(attrib_run *run,
                                attrib_export_format format,
                                const char *path,
                                attrib_error *err)
{
    switch (format) {
    case ATTRIB_EXPORT_JSONL:
        return at_export_jsonl(run, path, err);
    case ATTRIB_EXPORT_CSV:
        return at_export_csv(run, path, err);
    case ATTRIB_EXPORT_NPZ:
        return at_export_npz(run, path, err);
    case ATTRIB_EXPORT_SAFETENSORS:
        return at_export_safetensors(run, path, err);
    }
    return at_fail(err, ATTRIB_EINVAL, "export format %d, expected 0 to 3", (int)format);
}
