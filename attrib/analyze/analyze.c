/* SPDX-License-Identifier: MIT */
/* The kinds of analysis, one row each, and how one of them is started. */
#include "analyze/analyze.h"

#include <string.h>

#include "analyze/compare.h"
#include "base/options.h"
#include "base/sized.h"

typedef struct kind_row {
    attrib_analyze_kind kind;
    at_analyze_fn run;
} kind_row;

static const kind_row kinds[] = {
    {{.name = "groups",
      .help =
          "which groups of documents help or hinder which groups of queries, by a tag "
          "of each",
      .options =
          " setting document-tag query-tag prefixes bins max-groups top replicates "
          "permute seed ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_groups},
    {{.name = "reweight",
      .help = "what more or less of some groups of documents would do to queries: signs "
              "and order",
      .options = " setting document-tag query-tag prefixes bins max-groups scale ",
      .min_runs = 1,
      .max_runs = 1,
      .takes_changes = true},
     at_analyze_reweight},
    {{.name = "tail",
      .help = "how few documents hold most of a query's influence: power law of the "
              "largest scores, concentration, and how many more documents to scan",
      .options = " setting other-setting tail replicates seed ",
      .min_runs = 1,
      .max_runs = 2},
     at_analyze_tail},
    {{.name = "queries",
      .help = "correlations between the queries of a run over all documents, and their "
              "clusters; or of each query between two runs",
      .options = " setting other-setting cluster-at top ",
      .min_runs = 1,
      .max_runs = 2},
     at_analyze_queries},
    {{.name = "layers",
      .help = "which layers and kinds of modules carry the influence of the reported "
              "documents",
      .options = " setting ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_layers},
    {{.name = "spurious",
      .help = "reported documents whose score stands on few of their tokens",
      .options = " setting ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_spurious},
    {{.name = "answers",
      .help = "whether the answers that queries list stand in their first documents",
      .options = " setting answers-tag count top ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_answers},
    {{.name = "overlap",
      .help = "longest spans that reported documents share with the completion",
      .options = " setting ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_overlap},
    {{.name = "relations",
      .help = "influence explained by documents' numeric and other tags: least squares",
      .options = " setting tags query-tag prefixes bins max-groups ",
      .min_runs = 1,
      .max_runs = 1},
     at_analyze_relations},
    {{.name = "stability",
      .help = "how far two runs, of disjoint halves or other seeds, agree on each query",
      .options = " setting other-setting top ",
      .min_runs = 2,
      .max_runs = 2},
     at_compare_queries},
};

#define N_KINDS (sizeof kinds / sizeof *kinds)

const attrib_analyze_kind *attrib_analyze_kind_at(size_t i)
{
    return i < N_KINDS ? &kinds[i].kind : NULL;
}

static const kind_row *find_kind(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (name && strcmp(kinds[i].kind.name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static attrib_status set_subject(attrib_run *run,
                                 size_t setting,
                                 at_subject *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->run = run;
    out->info = attrib_run_describe(run);
    AT_CHECK(setting <= out->info->options->n_settings, ATTRIB_EINVAL,
             "setting %zu of a run with %zu", setting, out->info->options->n_settings);
    AT_CHECK(out->info->n_queries > 0, ATTRIB_ESHAPE, "the run has no queries");
    AT_CHECK(out->info->n_documents > 0, ATTRIB_ESHAPE, "the run has no documents");
    out->i_setting = setting - 1;
    out->i_plane = out->i_setting * (1 + out->info->n_groups);
done:
    return status;
}

static attrib_status check_job(const attrib_analyze_job *job,
                               const kind_row *row,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_runs = 1 + (job->other != NULL);
    AT_CHECK(row, ATTRIB_EINVAL, "no kind of analysis \"%s\"",
             job->kind ? job->kind : "");
    AT_CHECK(job->run, ATTRIB_EINVAL, "%s: no run", job->kind);
    AT_CHECK(n_runs >= row->kind.min_runs, ATTRIB_EINVAL, "%s compares two runs",
             job->kind);
    AT_CHECK(n_runs <= row->kind.max_runs, ATTRIB_EINVAL, "%s is of one run", job->kind);
    AT_CHECK(!row->kind.takes_changes == !job->changes, ATTRIB_EINVAL, "%s %s", job->kind,
             job->changes ? "takes no changes" : "needs changes, as in code=+0.1");
done:
    return status;
}

attrib_status at_say_approximate(const at_subject *subject,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!subject->run) {
        return ATTRIB_OK;
    }
    if (subject->info->options->precision != ATTRIB_F32_PRODUCTS) {
        AT_TRY(
            at_analysis_say(out, err,
                            "Products were in bf16: scores of documents are "
                            "approximate; those of the reported documents are f32's."));
    }
    if (subject->info->query_rank == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_analysis_say(out, err,
                           "Queries were cut to rank %zu: scores of documents are "
                           "approximate, each within %.3g of the full one; those of the "
                           "reported documents are exact.",
                           subject->info->query_rank, subject->info->largest_bound));
done:
    return status;
}

attrib_status attrib_analyze(attrib_session *session,
                             const attrib_analyze_job *given,
                             attrib_analysis **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_analysis *analysis = NULL;
    at_inquiry inquiry = {.session = session};
    const kind_row *row = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    attrib_analyze_options_default(&inquiry.options);
    AT_TRY(at_sized_take(given, "analyze_job", &job, err));
    AT_TRY(at_sized_take(job.options, "analyze_options", &inquiry.options, err));
    row = find_kind(job.kind);
    AT_TRY(check_job(&job, row, err));
    AT_TRY(at_options_check(attrib_analyze_options_table(), &inquiry.options, err));
    AT_TRY(set_subject(job.run, inquiry.options.setting, &inquiry.subject, err));
    if (job.other) {
        AT_TRY(
            set_subject(job.other, inquiry.options.other_setting, &inquiry.other, err));
    }
    inquiry.changes = job.changes;
    AT_TRY(at_analysis_new(row->kind.name, &analysis, err));
    AT_TRY(at_say_approximate(&inquiry.subject, analysis, err));
    AT_TRY(at_say_approximate(&inquiry.other, analysis, err));
    AT_TRY(row->run(&inquiry, analysis, err));
    *out = analysis;
    analysis = NULL;
done:
    attrib_analysis_free(analysis);
    return status;
}
