/* SPDX-License-Identifier: MIT */
/* A plan for people and for programs. */
#ifndef CLI_PLAN_PRINT_H
#define CLI_PLAN_PRINT_H

#include <attrib.h>

typedef struct plan_description {
    const attrib_model *model;
    const attrib_work *work;
    const attrib_machine *machine; /* a host, of all its processes */
    size_t n_processes;            /* of a host; stages have the memory of one of them */
    const attrib_plan *plan;       /* of all models */
    size_t n_models;               /* of which the first is told */
} plan_description;

/* A table on standard output. */
void plan_print_text(const plan_description *about);

/* One JSON object on a line: FLOP, seconds and bytes. */
void plan_print_json(const plan_description *about);

#endif
