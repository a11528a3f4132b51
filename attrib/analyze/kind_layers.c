/* SPDX-License-Identifier: MIT */
/* Where in the model the influence of the reported documents lies. Source: Grosse et al.
 * 2023, arXiv:2308.03296, section 5.3.2.
 *
 * 1. Names of modules.
 * 2. Shares of modules.
 * 3. Tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"

/* 1. Names of modules */

/* "model.layers.3.mlp.down_proj": layer "3", kind "mlp.down_proj". A module outside of
 * layers has its name for both. */
typedef struct module_place {
    const char *layer, *kind; /* into the name */
    size_t n_layer;           /* bytes of `layer` */
} module_place;

static module_place place_of(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '.')) {
        part += *part == '.';
        size_t n = strspn(part, "0123456789");
        if (n > 0 && part[n] == '.') {
            return (module_place){part, part + n + 1, n};
        }
        if (!*part) {
            break;
        }
    }
    return (module_place){name, name, strlen(name)};
}

static bool is_same_layer(const module_place *a, const module_place *b)
{
    return a->n_layer == b->n_layer && memcmp(a->layer, b->layer, a->n_layer) == 0;
}

/* 2. Shares of modules */

/* The shares of modules in the reported documents of all queries. */
typedef struct shares {
    size_t n;                  /* modules */
    const char **names;        /* [n] borrowed */
    double *favour, *oppose;   /* [n] mean over queries */
    size_t n_favour, n_oppose; /* queries that have documents at this end */
} shares;

/* Add one end of a query's ranking: the part that each module has in the sum of its
 * documents' scores, which are all of one sign or nearly so. */
static void add_end(const attrib_result *results,
                    size_t n_results,
                    double *out,
                    size_t n,
                    size_t *n_queries)
{
    double total = 0;
    for (size_t i = 0; i < n_results; i++) {
        for (size_t m = 0; m < at_smaller(n, results[i].n_modules); m++) {
            total += results[i].modules[m].score;
        }
    }
    if (total == 0) {
        return;
    }
    (*n_queries)++;
    for (size_t i = 0; i < n_results; i++) {
        for (size_t m = 0; m < at_smaller(n, results[i].n_modules); m++) {
            out[m] += results[i].modules[m].score / total;
        }
    }
}

/* Find the first reported document of a run, which names its modules; NULL: there is
 * none. */
static attrib_status any_result(const at_subject *subject,
                                const attrib_result **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = NULL;
    for (size_t q = 0; q < subject->info->n_queries && !*out; q++) {
        const attrib_answer *answer = at_subject_answer(subject, q);
        if (answer->n_top > 0) {
            AT_TRY(at_subject_load(subject, q, err));
            *out = &answer->top[0];
        }
    }
done:
    return status;
}

static attrib_status find_shares(const at_subject *subject,
                                 const attrib_result *any,
                                 shares *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->n = any->n_modules;
    AT_TRY(at_array(out->n, sizeof *out->names, (void *)&out->names, err));
    AT_TRY(at_array(out->n, sizeof *out->favour, (void *)&out->favour, err));
    AT_TRY(at_array(out->n, sizeof *out->oppose, (void *)&out->oppose, err));
    for (size_t m = 0; m < out->n; m++) {
        out->names[m] = any->modules[m].name;
    }
    for (size_t q = 0; q < subject->info->n_queries; q++) {
        const attrib_answer *a = at_subject_answer(subject, q);
        AT_TRY(at_subject_load(subject, q, err));
        add_end(a->top, a->n_top, out->favour, out->n, &out->n_favour);
        add_end(a->bottom, a->n_bottom, out->oppose, out->n, &out->n_oppose);
    }
    for (size_t m = 0; m < out->n; m++) {
        out->favour[m] /= (double)out->n_favour;
        out->oppose[m] /= (double)out->n_oppose;
    }
done:
    return status;
}

/* 3. Tables */

static const attrib_column layer_columns[] = {
    {"layer", "text", "of the model, from 0, or a module outside of layers", false},
    {"modules", "number", "of the layer that count", false},
    {"favour", "share", "of the scores of the first documents", false},
    {"oppose", "share", "of the scores of the last documents", false},
};

static const attrib_column kind_columns[] = {
    {"kind", "text", "of module", false},
    {"modules", "number", "of the kind that count", false},
    {"favour", "share", "of the scores of the first documents", false},
    {"oppose", "share", "of the scores of the last documents", false},
};

static const attrib_column module_columns[] = {
    {"module", "text", "name", false},
    {"layer", "text", "of the model, from 0", true},
    {"kind", "text", "of module", true},
    {"favour", "share", "of the scores of the first documents", false},
    {"oppose", "share", "of the scores of the last documents", false},
};

/* Whether two modules belong together: of a layer, or of a kind. */
static bool is_together(const char *a, const char *b, bool by_layer)
{
    module_place first = place_of(a);
    module_place second = place_of(b);
    return by_layer ? is_same_layer(&first, &second)
                    : strcmp(first.kind, second.kind) == 0;
}

static bool is_first(const shares *s, size_t m, bool by_layer)
{
    for (size_t i = 0; i < m; i++) {
        if (is_together(s->names[i], s->names[m], by_layer)) {
            return false;
        }
    }
    return true;
}

static attrib_status append_layer(at_buffer *out, const char *name, attrib_error *err)
{
    module_place place = place_of(name);
    at_buffer_clear(out);
    return at_buffer_append(out, place.layer, place.n_layer, err);
}

/* A row for each layer, or for each kind. */
static attrib_status add_sums(const shares *s,
                              bool by_layer,
                              attrib_analysis *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer layer = {0};
    for (size_t m = 0; m < s->n; m++) {
        double favour = 0;
        double oppose = 0;
        size_t n = 0;
        if (!is_first(s, m, by_layer)) {
            continue;
        }
        for (size_t i = m; i < s->n; i++) {
            if (is_together(s->names[m], s->names[i], by_layer)) {
                favour += s->favour[i];
                oppose += s->oppose[i];
                n++;
            }
        }
        AT_TRY(append_layer(&layer, s->names[m], err));
        const attrib_cell row[] = {
            at_text_cell(by_layer ? layer.bytes : place_of(s->names[m]).kind),
            at_count_cell(n), at_number_cell(favour), at_number_cell(oppose)};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    at_buffer_free(&layer);
    return status;
}

static attrib_status add_modules(const shares *s, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer layer = {0};
    for (size_t m = 0; m < s->n; m++) {
        AT_TRY(append_layer(&layer, s->names[m], err));
        const attrib_cell row[] = {at_text_cell(s->names[m]), at_text_cell(layer.bytes),
                                   at_text_cell(place_of(s->names[m]).kind),
                                   at_number_cell(s->favour[m]),
                                   at_number_cell(s->oppose[m])};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    at_buffer_free(&layer);
    return status;
}

attrib_status at_analyze_layers(const at_inquiry *inquiry,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *subject = &inquiry->subject;
    const attrib_result *any = NULL;
    shares s = {0};
    AT_TRY(any_result(subject, &any, err));
    AT_CHECK(any && any->n_modules > 0, ATTRIB_ENOTSUP,
             "the run reports no documents with modules that would be told (baselines "
             "have none)");
    AT_TRY(find_shares(subject, any, &s, err));
    AT_TRY(at_analysis_begin(out, "layers", "Influence of reported documents by layer",
                             layer_columns, AT_N_COLUMNS(layer_columns), err));
    AT_TRY(add_sums(&s, true, out, err));
    AT_TRY(at_analysis_begin(out, "kinds", "By kind of module", kind_columns,
                             AT_N_COLUMNS(kind_columns), err));
    AT_TRY(add_sums(&s, false, out, err));
    AT_TRY(at_analysis_begin(out, "modules", "By module", module_columns,
                             AT_N_COLUMNS(module_columns), err));
    AT_TRY(add_modules(&s, out, err));
    AT_TRY(at_add_split(inquiry, out, err));
    AT_TRY(at_analysis_say(out, err,
                           "Shares are means over %zu queries, each of the sum of its "
                           "reported documents; they add up to 1 and may be below 0.",
                           subject->info->n_queries));
done:
    free(s.names);
    free(s.favour);
    free(s.oppose);
    return status;
}
