/* SPDX-License-Identifier: MIT */
/* The table of the options of validation, one row an option. */
#include "attrib/validate.h"
#include "base/sized.h"

#define AT(field) offsetof(attrib_validate_options, field)

static const attrib_option validate_table[] = {
    {.name = "mean",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(with_mean),
     .help = "judge also the mean of the scores of several runs, such as those of "
             "several checkpoints, for each setting that all of them have"},
    {.name = "top",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(top),
     .value = "K",
     .standard = "10",
     .min = 1,
     .max = 1e6,
     .help = "first documents of a ranking in which labelled ones are counted"},
    {.name = "replicates",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(replicates),
     .value = "N",
     .standard = "1000",
     .min = 10,
     .max = 1e6,
     .help = "resamplings for each interval"},
    {.name = "seed",
     .kind = ATTRIB_OPTION_SEED,
     .offset = AT(seed),
     .value = "N",
     .standard = "0",
     .help = "seed of resamplings"},
    {0},
};

const attrib_option *attrib_validate_options_table(void)
{
    return validate_table;
}

void attrib_validate_options_init(attrib_validate_options *options, size_t size)
{
    attrib_validate_options standard = {0};
    attrib_options_default(validate_table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}

void attrib_validate_job_init(attrib_validate_job *job, size_t size)
{
    const attrib_validate_job standard = {0};
    at_sized_fill(&standard, sizeof standard, job, size);
}
