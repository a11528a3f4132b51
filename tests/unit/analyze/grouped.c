/* SPDX-License-Identifier: MIT */
#include "grouped.h"

#include "support/check.h"
#include "tables.h"

attrib_analyze_options group_options;

int grouped_set_up(void **state)
{
    (void)state;
    attrib_analyze_options_default(&group_options);
    group_options.replicates = 199;
    group_options.top = 10;
    group_options.document_tag = "kind";
    return 0;
}

const attrib_tag kinds[3] = {
    {"kind", "\"code\""}, {"kind", "\"chat\""}, {"kind", "\"wiki\""}};

void tag_documents(attrib_run *run, const attrib_tag *tags, size_t n)
{
    for (size_t d = 0; d < planted_info(run)->n_documents; d++) {
        planted_document(run, d)->tags = &tags[d % n];
        planted_document(run, d)->n_tags = 1;
    }
}

void check_refused(attrib_run *run,
                   const char *kind,
                   const char *changes,
                   attrib_status expected,
                   const char *message)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    job.kind = kind;
    job.run = run;
    job.changes = changes;
    job.options = &group_options;
    check_fails(attrib_analyze(NULL, &job, &analysis, &err), expected, &err);
    check_message(&err, message);
    assert_null(analysis);
}
