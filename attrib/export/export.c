/* SPDX-License-Identifier: MIT */
/* Exports by format. */
#include <stdlib.h>

#include "base/sized.h"
#include "export/write.h"

void attrib_export_options_init(attrib_export_options *options, size_t size)
{
    const attrib_export_options standard = {0};
    at_sized_fill(&standard, sizeof standard, options, size);
}

/* Whether a format has fields. */
static bool has_fields(attrib_export_format format)
{
    switch (format) {
    case ATTRIB_EXPORT_JSONL:
    case ATTRIB_EXPORT_CSV:
    case ATTRIB_EXPORT_PARQUET:
    case ATTRIB_EXPORT_ARROW:
    case ATTRIB_EXPORT_MSGPACK:
    case ATTRIB_EXPORT_NPZ: /* of those, fields of queries and of documents */
        return true;
    default:
        return false;
    }
}

/* Options that only some formats have. */
static attrib_status check_options(const attrib_export_options *options,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(has_fields(options->format) || !options->fields, ATTRIB_EINVAL,
             "fields are chosen for jsonl, csv, parquet, arrow, msgpack and npz");
    AT_CHECK(options->format == ATTRIB_EXPORT_CSV || !options->is_csv_raw, ATTRIB_EINVAL,
             "raw cells are for csv");
    AT_CHECK(options->format == ATTRIB_EXPORT_HTML || options->n_others == 0,
             ATTRIB_EINVAL, "several runs stand together in html alone");
done:
    return status;
}

static attrib_status export_page(attrib_run *run,
                                 const attrib_export_options *options,
                                 const char *path,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run **runs = NULL;
    AT_TRY(at_array(1 + options->n_others, sizeof *runs, (void *)&runs, err));
    runs[0] = run;
    for (size_t i = 0; i < options->n_others; i++) {
        runs[1 + i] = options->others[i];
    }
    AT_TRY(at_export_html(runs, 1 + options->n_others, path, err));
done:
    free((void *)runs);
    return status;
}

/* Whether a format holds what is known of documents without queries. */
static bool is_for_documents(attrib_export_format format)
{
    return format == ATTRIB_EXPORT_NPZ || format == ATTRIB_EXPORT_SAFETENSORS ||
           format == ATTRIB_EXPORT_SQLITE;
}

static bool has_estimates(const attrib_run *run)
{
    const attrib_run_info *info = attrib_run_describe(run);
    bool is = false;
    for (size_t i = 0; !info->folder && i < info->n_answers; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        for (size_t k = 0; k < answer->n_top; k++) {
            is = is || answer->top[k].is_estimate;
        }
        for (size_t k = 0; k < answer->n_bottom; k++) {
            is = is || answer->bottom[k].is_estimate;
        }
    }
    return is;
}

/* Estimates of an index stand in answers alone, which no command keeps. Whole answers as
 * JSON mark them; other formats have no place for a result that has no score. */
static attrib_status check_estimates(const attrib_run *run,
                                     const attrib_export_options *options,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool marks =
        options->format == ATTRIB_EXPORT_JSONL && !options->fields && !options->with_all;
    AT_CHECK(marks || !has_estimates(run), ATTRIB_ENOTSUP,
             "the answer lists estimates of an index (is_estimate), which answers as "
             "text or JSON mark and no other format does: ask until all that is listed "
             "is scored");
done:
    return status;
}

attrib_status attrib_export_run(attrib_run *run,
                                const attrib_export_options *options,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_export_options chosen;
    attrib_export_options_default(&chosen);
    AT_TRY(at_sized_take(options, "export_options", &chosen, err));
    AT_TRY(check_options(&chosen, err));
    AT_CHECK(attrib_run_describe(run)->n_queries > 0 || is_for_documents(chosen.format),
             ATTRIB_ENOTSUP,
             "a run without queries, whose self-influences npz and safetensors hold");
    AT_TRY(check_estimates(run, &chosen, err));
    switch (chosen.format) {
    case ATTRIB_EXPORT_JSONL:
        return chosen.fields || chosen.with_all
                   ? at_export_json_rows(run, &chosen, path, err)
                   : at_export_jsonl(run, path, err);
    case ATTRIB_EXPORT_CSV:
        return at_export_csv(run, &chosen, path, err);
    case ATTRIB_EXPORT_NPZ:
        return at_export_npz(run, &chosen, path, err);
    case ATTRIB_EXPORT_SAFETENSORS:
        return at_export_safetensors(run, path, err);
    case ATTRIB_EXPORT_SQLITE:
        return at_export_sqlite(run, &chosen, path, err);
    case ATTRIB_EXPORT_HTML:
        return export_page(run, &chosen, path, err);
    case ATTRIB_EXPORT_PARQUET:
    case ATTRIB_EXPORT_ARROW:
    case ATTRIB_EXPORT_MSGPACK:
        return at_export_columns(run, &chosen, path, err);
    }
    status = at_fail(err, ATTRIB_EINVAL,
                     "export format %d is not a value of attrib_export_format",
                     (int)chosen.format);
done:
    return status;
}
