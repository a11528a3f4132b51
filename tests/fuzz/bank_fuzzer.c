/* SPDX-License-Identifier: MIT */
/* A sound bank in which one table, chosen by the first byte, is replaced by the input's
 * bytes. What is accepted must be what it says it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "validate/truth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name, *sound;
} tables[] = {
    {"documents.csv", "id,hash\na,1\nb,2\nc,3\n"},
    {"subsets.csv", "subset,group,method,query,kept\ns,g,,,a b\nt,h,m,x,c\n"},
    {"losses.csv", "subset,seed,x,y\ns,1,2,3\nt,1,,4\ns,2,5,6\n"},
    {"labels.csv", "query,document\nx,a\ny,b\n"},
};

enum { N_TABLES = sizeof tables / sizeof *tables };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Look at everything that was accepted. */
static void use(const at_truth *truth)
{
    size_t n_trainings = 0;
    for (size_t i = 0; i < truth->n_parts; i++) {
        const at_part *part = &truth->parts[i];
        size_t n_kept = 0;
        for (size_t d = 0; d < truth->n_documents; d++) {
            n_kept += part->kept[d];
        }
        must(n_kept == part->n_kept && strlen(part->name) > 0);
        must(part->query == SIZE_MAX || part->query < truth->n_queries);
        must(part->n_trainings > 0 && part->first_training == n_trainings);
        n_trainings += part->n_trainings;
    }
    must(n_trainings == truth->n_trainings);
    for (size_t t = 0; t < truth->n_trainings; t++) {
        for (size_t q = 0; q < truth->n_queries; q++) {
            must(!isinf(truth->trainings[t].losses[q]));
        }
    }
    for (size_t i = 0; i < truth->n_labels; i++) {
        must(truth->labels[i].query < truth->n_queries &&
             truth->labels[i].document < truth->n_documents);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at_truth truth = {0};
    attrib_error err = {0};
    if (size == 0) {
        return 0;
    }
    for (size_t i = 0; i < N_TABLES; i++) {
        bool is_replaced = data[0] % N_TABLES == i;
        scratch_write(tables[i].name,
                      is_replaced ? data + 1 : (const uint8_t *)tables[i].sound,
                      is_replaced ? size - 1 : strlen(tables[i].sound));
    }
    if (at_truth_read(scratch_folder(), &truth, &err) == ATTRIB_OK) {
        use(&truth);
    } else {
        must(err.message[0] != '\0' && !truth.arena);
    }
    at_truth_free(&truth);
    return 0;
}
