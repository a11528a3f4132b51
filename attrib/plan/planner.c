/* SPDX-License-Identifier: MIT */
/* What the stages of a plan are predicted from: volumes of documents, and the time and
 * memory of their pieces.
 *
 * 1. Volumes.
 * 2. What stages share. */
#include "plan/planner.h"

#include <math.h>

/* Bytes of a process before it does any work: code, tokenizer, pages of files it has
 * open. Measured: 14 MiB with the default model's tokenizer of 2,048 entries, 27 to 33
 * MiB with those of GPT-2, Phi-3 and GPT-NeoX of 32,000 to 50,000 entries. */
#define BYTES_OF_PROCESS (21.0 * 0x1p20)

/* Bytes that the store of documents keeps of a token: id 4, mask 1, and about 4 of text;
 * and of a document: its record and its sequence, a name, and two tags (corpus/store.c).
 */
#define BYTES_STORED          9
#define BYTES_STORED_DOCUMENT (168 + 8 + 24 + 2 * 32)

/* 1. Volumes */

attrib_volume attrib_volume_of(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    attrib_volume volume = {(double)summary.n_documents,
                            (double)summary.n_sequences,
                            (double)summary.n_tokens,
                            (double)summary.n_predicted,
                            0,
                            0,
                            0};
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, i, &sequence);
        volume.squared_tokens += (double)sequence.n_tokens * (double)sequence.n_tokens;
        double n = (double)sequence.n_tokens;
        volume.longest = fmax(volume.longest, n);
        volume.shortest = i ? fmin(volume.shortest, n) : n;
    }
    return volume;
}

attrib_volume attrib_volume_even(double n_documents, double n_tokens, size_t context)
{
    double length = n_tokens / n_documents;
    double parts = ceil(length / (double)context);
    double n_sequences = n_documents * (parts > 1 ? parts : 1);
    return (attrib_volume){n_documents,
                           n_sequences,
                           n_tokens,
                           n_tokens - n_documents,
                           n_tokens * n_tokens / n_sequences,
                           ceil(n_tokens / n_sequences),
                           0};
}

attrib_volume attrib_volume_part(const attrib_volume *all, double n_documents)
{
    double share = n_documents / all->n_documents;
    if (!(share < 1)) {
        return *all;
    }
    return (attrib_volume){n_documents,
                           all->n_sequences * share,
                           all->n_tokens * share,
                           all->n_predicted * share,
                           all->squared_tokens * share,
                           all->longest,
                           all->shortest};
}

/* 2. What stages share */

double at_load_seconds(const attrib_load *load, const attrib_machine *machine)
{
    double n_cores = (double)machine->n_cores;
    double blas_flops = machine->blas_flops > 0 ? machine->blas_flops : machine->flops;
    return (load->flop - load->blas_flop) / (machine->flops / n_cores) +
           load->blas_flop / (blas_flops / n_cores) +
           load->operands * machine->operand_seconds +
           load->elements * machine->element_seconds +
           load->bytes / machine->bytes_per_second + load->fresh * machine->fresh_seconds;
}

/* Where nobody measured it, products in bf16 run at 2.15 times the rate of those in f32
 * (214 against 100 GFLOP/s a core of a Zen 4). Their operands are read once more, to be
 * rounded. */
#define BF16_RATE     2.15
#define BF16_OPERANDS 2.0

attrib_load at_load_timed(const attrib_load *load,
                          const attrib_machine *machine,
                          attrib_precision precision)
{
    attrib_load out = *load;
    if (precision != ATTRIB_F32_PRODUCTS) {
        out.flop = out.blas_flop + (out.flop - out.blas_flop) /
                                       (machine->bf16_flops > 0
                                            ? machine->bf16_flops / machine->flops
                                            : BF16_RATE);
        out.operands *= BF16_OPERANDS;
    }
    return out;
}

attrib_precision at_planned_precision(attrib_precision wanted)
{
    return wanted != ATTRIB_AUTO_PRODUCTS ? wanted
           : attrib_has_bf16()            ? ATTRIB_BF16_PRODUCTS
                                          : ATTRIB_F32_PRODUCTS;
}

double at_missed(const attrib_machine *machine, double held)
{
    return held > machine->cache_bytes ? 1 - machine->cache_bytes / held : 0;
}

at_stretch at_stretch_of(const attrib_volume *volume, double block_rows)
{
    double length = volume->n_tokens / volume->n_sequences;
    double of_token = volume->squared_tokens / volume->n_tokens; /* mean over tokens */
    double rows = length < block_rows ? floor(block_rows / length) * length : length;
    rows = rows < volume->n_tokens ? rows : volume->n_tokens;
    return (at_stretch){rows, length, rows * volume->n_predicted / volume->n_tokens,
                        at_decoder_keys(of_token), rows};
}

at_stretch at_stretch_counted(const at_stretch *block)
{
    at_stretch out = *block;
    double n_sequences = block->rows / block->length;
    out.length = fmax(1, block->length - 1);
    out.rows = n_sequences * out.length;
    out.late = fmin(block->predicted, out.rows);
    return out;
}

const attrib_module *at_planner_map(const at_planner *p, size_t i)
{
    return attrib_model_module(p->model, p->tracked[i]);
}

attrib_status at_planner_pass(const at_planner *p,
                              at_mode mode,
                              double layers_limit,
                              const at_fit_group *maps,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double weights = (double)attrib_model_describe(p->model)->weight_bytes;
    const at_fit_group all = {.n = p->n_tracked};
    maps = maps ? maps : &all;
    const at_decoding how = {p->model, mode, p->tracked + maps->first, maps->n,
                             layers_limit};
    AT_TRY(at_decoder_cost(&how, block, out, err));
    out->bytes *= at_missed(p->machine, weights);
done:
    return status;
}

void at_planner_tap(const attrib_tap *tap,
                    size_t n,
                    const at_stretch *block,
                    double missed,
                    attrib_load *load)
{
    for (size_t i = 0; i < n; i++) {
        attrib_load of_map = {0};
        tap->cost(tap->context, i, block->rows, block->rows / block->length, &of_map);
        of_map.bytes *= missed;
        at_load_add(load, &of_map, 1);
    }
}

double at_planner_rounds(double n, double n_cores)
{
    double rounds = floor(floor(n) / n_cores);
    double left = floor(n) - rounds * n_cores;
    double last = left > 0 ? 1 : n - floor(n); /* a whole piece, or a fraction of one */
    return rounds + last;
}

/* Seconds that n equal pieces take on all cores of all hosts. */
static double seconds_of_pieces(const at_planner *p, const attrib_load *piece, double n)
{
    double cores = (double)p->machine->n_hosts * (double)p->machine->n_cores;
    return at_planner_rounds(n, cores) * at_load_seconds(piece, p->machine);
}

double at_planner_busy(const at_planner *p, const attrib_load *piece, double n)
{
    double cores = (double)p->machine->n_hosts * (double)p->machine->n_cores;
    return n * at_load_seconds(piece, p->machine) / cores;
}

double at_planner_shared(const at_planner *p,
                         const attrib_load *all,
                         const attrib_load *longest,
                         size_t n_workers)
{
    return fmax(at_load_seconds(all, p->machine) / (double)n_workers,
                at_load_seconds(longest, p->machine));
}

attrib_plan_stage *at_planner_add(const at_planner *p,
                                  const char *name,
                                  const attrib_load *piece,
                                  double n)
{
    attrib_plan_stage *stage = &p->out->stages[p->out->n_stages++];
    *stage = (attrib_plan_stage){.name = name, .n_passes = 1};
    stage->flop = stage->most_flop = n * piece->flop;
    stage->seconds = stage->most_seconds = seconds_of_pieces(p, piece, n);
    stage->busy_seconds = at_planner_busy(p, piece, n);
    return stage;
}

void at_planner_take(const at_planner *p,
                     attrib_plan_stage *stage,
                     double bytes,
                     double times)
{
    attrib_load load = {.fresh = bytes * times / (double)p->machine->n_cores};
    double seconds = at_load_seconds(&load, p->machine);
    stage->seconds += seconds;
    stage->busy_seconds += seconds;
    stage->most_seconds += seconds;
}

void at_planner_share(const at_planner *p,
                      const attrib_load *load,
                      attrib_plan_stage *stage)
{
    double seconds = at_planner_busy(p, load, 1);
    stage->flop += load->flop;
    stage->most_flop += load->flop;
    stage->seconds += seconds;
    stage->busy_seconds += seconds;
    stage->most_seconds += seconds;
}

double at_planner_stored(double n_documents, double n_tokens)
{
    return n_tokens * BYTES_STORED + n_documents * BYTES_STORED_DOCUMENT;
}

double at_planner_base(const at_planner *p)
{
    return BYTES_OF_PROCESS + (double)attrib_model_describe(p->model)->weight_bytes;
}

double at_planner_limit(const at_planner *p, size_t ram_limit, double share)
{
    double ram = p->machine->ram_bytes;
    if (ram_limit) {
        return (double)ram_limit;
    }
    return ram > 0 ? ram * share : HUGE_VAL;
}

double at_planner_longest(const attrib_volume *volume)
{
    return volume->longest > 0 ? volume->longest : volume->n_tokens / volume->n_sequences;
}
