/* SPDX-License-Identifier: MIT */
/* The table of the options of analyses, one row an option. */
#include "attrib/analyze.h"
#include "base/sized.h"

#define AT(field) offsetof(attrib_analyze_options, field)

static const attrib_option analyze_table[] = {
    {.name = "setting",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(setting),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .help = "which of the run's settings (strategy and damping), from 1"},
    {.name = "other-setting",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(other_setting),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = ATTRIB_MAX_SETTINGS,
     .help = "which of the second run's settings"},
    {.name = "document-tag",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(document_tag),
     .value = "TAG",
     .standard = "source",
     .help = "tag that groups documents; source, member and n_tokens are there without a "
             "tag"},
    {.name = "query-tag",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(query_tag),
     .value = "TAG",
     .help = "tag that groups queries (default: each query by itself)"},
    {.name = "tags",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(tags),
     .value = "TAGS",
     .standard = "source,n_tokens",
     .help = "tags of documents that influence is explained by, separated by commas"},
    {.name = "answers-tag",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(answers_tag),
     .value = "TAG",
     .standard = "answers",
     .help = "tag of queries that lists the answers to look for"},
    {.name = "count",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(is_counted),
     .help = "read all documents again, from where they stood, and count those that have "
             "an answer"},
    {.name = "prefixes",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(is_hierarchical),
     .help = "a document whose tag is a/b belongs to the group a too"},
    {.name = "bins",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(bins),
     .value = "N",
     .standard = "5",
     .min = 2,
     .max = 1000,
     .help = "groups with equally many documents that a numeric tag is cut into"},
    {.name = "max-groups",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(max_groups),
     .value = "N",
     .standard = "1000",
     .min = 1,
     .max = 1e6,
     .help = "a tag with more values is refused"},
    {.name = "top",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(top),
     .value = "K",
     .standard = "50",
     .min = 1,
     .max = 1e6,
     .help = "documents at each end of a query's ranking"},
    {.name = "tail",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(tail),
     .value = "N",
     .standard = "500",
     .min = 10,
     .max = 1e5,
     .help = "largest scores of a query that a power law is fitted to"},
    {.name = "cluster-at",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = AT(cluster_at),
     .value = "R",
     .standard = "0.5",
     .min = -1,
     .max = 1,
     .help = "average correlation from which queries are one cluster"},
    {.name = "scale",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = AT(scale),
     .value = "X",
     .standard = "0",
     .max = 1e30,
     .help = "nats of log-probability for a unit of score / N, found by retraining; 0: "
             "forecasts are relative"},
    {.name = "replicates",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(replicates),
     .value = "N",
     .standard = "1000",
     .min = 10,
     .max = 1e6,
     .help = "resamplings for each interval, and permutations or samples for each "
             "p"},
    {.name = "permute",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(permute),
     .value = "auto|documents|within|sources",
     .standard = "auto",
     .help = "what trades its tags in a permutation: any documents, documents of the "
             "same source, or whole sources; auto: sources where each has one value of "
             "the tag and they outnumber the values, else documents"},
    {.name = "seed",
     .kind = ATTRIB_OPTION_SEED,
     .offset = AT(seed),
     .value = "N",
     .standard = "0",
     .help = "seed of resamplings and permutations"},
    {0},
};

const attrib_option *attrib_analyze_options_table(void)
{
    return analyze_table;
}

void attrib_analyze_options_init(attrib_analyze_options *options, size_t size)
{
    attrib_analyze_options standard = {0};
    attrib_options_default(analyze_table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}

void attrib_analyze_job_init(attrib_analyze_job *job, size_t size)
{
    const attrib_analyze_job standard = {0};
    at_sized_fill(&standard, sizeof standard, job, size);
}
