/* SPDX-License-Identifier: MIT */
#include "reference/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory) {
        abort();
    }
    return memory;
}

static void add(ref_decoder *d, const char *name, size_t n_dims, size_t rows, size_t cols)
{
    ref_tensor *tensor = &d->tensors[d->n_tensors++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->n_dims = n_dims;
    tensor->shape[0] = rows;
    tensor->shape[1] = cols;
    tensor->values = allocate(rows * cols, sizeof(double));
}

static void add_layer(ref_decoder *d,
                      size_t layer,
                      const char *name,
                      bool is_matrix,
                      size_t rows,
                      size_t cols)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%zu.%s",
             d->is_gpt2 ? "transformer.h" : "model.layers", layer, name);
    size_t length = strlen(full) - strlen(name);
    add(d, full, is_matrix ? 2 : 1, rows, cols);
    ref_tensor *tensor = &d->tensors[d->n_tensors - 1];
    tensor->part = tensor->name + length;
}

static void add_llama_layer(ref_decoder *d, size_t l)
{
    size_t q = d->n_heads * d->head_dim;
    size_t kv = d->n_kv_heads * d->head_dim;
    add_layer(d, l, "input_layernorm.weight", false, d->width, 1);
    add_layer(d, l, "post_attention_layernorm.weight", false, d->width, 1);
    add_layer(d, l, "self_attn.q_proj.weight", true, q, d->width);
    add_layer(d, l, "self_attn.k_proj.weight", true, kv, d->width);
    add_layer(d, l, "self_attn.v_proj.weight", true, kv, d->width);
    add_layer(d, l, "self_attn.o_proj.weight", true, d->width, q);
    add_layer(d, l, "mlp.gate_proj.weight", true, d->mlp_width, d->width);
    add_layer(d, l, "mlp.up_proj.weight", true, d->mlp_width, d->width);
    add_layer(d, l, "mlp.down_proj.weight", true, d->width, d->mlp_width);
    if (d->has_attention_bias) {
        add_layer(d, l, "self_attn.q_proj.bias", false, q, 1);
        add_layer(d, l, "self_attn.k_proj.bias", false, kv, 1);
        add_layer(d, l, "self_attn.v_proj.bias", false, kv, 1);
        add_layer(d, l, "self_attn.o_proj.bias", false, d->width, 1);
    }
    if (d->has_mlp_bias) {
        add_layer(d, l, "mlp.gate_proj.bias", false, d->mlp_width, 1);
        add_layer(d, l, "mlp.up_proj.bias", false, d->mlp_width, 1);
        add_layer(d, l, "mlp.down_proj.bias", false, d->width, 1);
    }
}

static void add_gpt2_layer(ref_decoder *d, size_t l)
{
    static const char *const norms[] = {"ln_1.weight", "ln_1.bias", "ln_2.weight",
                                        "ln_2.bias"};
    for (size_t i = 0; i < 4; i++) {
        add_layer(d, l, norms[i], false, d->width, 1);
    }
    add_layer(d, l, "attn.c_attn.weight", true, d->width, 3 * d->width);
    add_layer(d, l, "attn.c_attn.bias", false, 3 * d->width, 1);
    add_layer(d, l, "attn.c_proj.weight", true, d->width, d->width);
    add_layer(d, l, "attn.c_proj.bias", false, d->width, 1);
    add_layer(d, l, "mlp.c_fc.weight", true, d->width, d->mlp_width);
    add_layer(d, l, "mlp.c_fc.bias", false, d->mlp_width, 1);
    add_layer(d, l, "mlp.c_proj.weight", true, d->mlp_width, d->width);
    add_layer(d, l, "mlp.c_proj.bias", false, d->width, 1);
}

void ref_decoder_make_tensors(ref_decoder *d)
{
    d->tensors = allocate(8 + 20 * d->n_layers, sizeof *d->tensors);
    d->n_tensors = 0;
    add(d, d->is_gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", 2,
        d->n_vocabulary, d->width);
    add(d, "lm_head.weight", 2, d->n_vocabulary, d->width);
    if (d->is_gpt2) {
        add(d, "transformer.wpe.weight", 2, d->context, d->width);
        add(d, "transformer.ln_f.weight", 1, d->width, 1);
        add(d, "transformer.ln_f.bias", 1, d->width, 1);
    } else {
        add(d, "model.norm.weight", 1, d->width, 1);
    }
    d->n_outside = d->n_tensors;
    for (size_t l = 0; l < d->n_layers; l++) {
        if (d->is_gpt2) {
            add_gpt2_layer(d, l);
        } else {
            add_llama_layer(d, l);
        }
    }
}

void ref_decoder_free_tensors(ref_decoder *d)
{
    for (size_t i = 0; i < d->n_tensors; i++) {
        free(d->tensors[i].values);
    }
    free(d->tensors);
    d->tensors = NULL;
    d->n_tensors = 0;
}

static ref_tensor *find_or_null(const ref_decoder *d, const char *name)
{
    for (size_t i = 0; i < d->n_tensors; i++) {
        if (strcmp(d->tensors[i].name, name) == 0) {
            return &d->tensors[i];
        }
    }
    return NULL;
}

ref_tensor *ref_decoder_find(const ref_decoder *d, const char *name)
{
    ref_tensor *tensor = find_or_null(d, name);
    if (!tensor) {
        fprintf(stderr, "no tensor %s\n", name);
        abort();
    }
    return tensor;
}

/* The tensor "STEM.ENDING" of a layer, or NULL. */
static const ref_tensor *of_layer(const ref_decoder *d,
                                  size_t layer,
                                  const char *stem,
                                  const char *ending)
{
    size_t n = (d->n_tensors - d->n_outside) / d->n_layers;
    size_t length = strlen(stem);
    for (size_t i = d->n_outside + layer * n; i < d->n_outside + (layer + 1) * n; i++) {
        const char *part = d->tensors[i].part;
        if (strncmp(part, stem, length) == 0 && part[length] == '.' &&
            strcmp(part + length + 1, ending) == 0) {
            return &d->tensors[i];
        }
    }
    return NULL;
}

/* y = W x + b for one token; Conv1D holds W as [in, out]. */
static void apply(
    const ref_decoder *d, size_t layer, const char *name, const double *x, double *y)
{
    const ref_tensor *w = of_layer(d, layer, name, "weight");
    const ref_tensor *b = of_layer(d, layer, name, "bias");
    size_t n_out = w->shape[d->is_gpt2 ? 1 : 0];
    size_t n_in = w->shape[d->is_gpt2 ? 0 : 1];
    for (size_t o = 0; o < n_out; o++) {
        double sum = b ? b->values[o] : 0;
        for (size_t i = 0; i < n_in; i++) {
            sum += x[i] * w->values[d->is_gpt2 ? i * n_out + o : o * n_in + i];
        }
        y[o] = sum;
    }
}

static void normalize(const ref_decoder *d,
                      const ref_tensor *gain,
                      const ref_tensor *shift,
                      const double *x,
                      double *y)
{
    size_t n = d->width;
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; d->is_gpt2 && i < n; i++) {
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = (x[i] - mean) / sqrt(variance + d->epsilon) * gain->values[i] +
               (shift ? shift->values[i] : 0);
    }
}

/* Complex numbers (x[i], x[i + half]) times exp(sqrt(-1) t theta^(-2 i / head_dim)). */
static void rotate(const ref_decoder *d, double *x, size_t t)
{
    size_t half = d->head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        double angle = (double)t / pow(d->theta, 2.0 * (double)i / (double)d->head_dim);
        double re = x[i];
        double im = x[i + half];
        x[i] = re * cos(angle) - im * sin(angle);
        x[i + half] = im * cos(angle) + re * sin(angle);
    }
}

/* Queries, keys and values of token t from its normed vector. */
static void make_qkv(const ref_decoder *d,
                     size_t layer,
                     size_t t,
                     const double *x,
                     double *q,
                     double *k,
                     double *v)
{
    if (d->is_gpt2) {
        double *all = allocate(3 * d->width, sizeof *all);
        apply(d, layer, "attn.c_attn", x, all);
        memcpy(q, all, d->width * sizeof *q);
        memcpy(k, all + d->width, d->width * sizeof *k);
        memcpy(v, all + 2 * d->width, d->width * sizeof *v);
        free(all);
        return;
    }
    apply(d, layer, "self_attn.q_proj", x, q);
    apply(d, layer, "self_attn.k_proj", x, k);
    apply(d, layer, "self_attn.v_proj", x, v);
    for (size_t h = 0; h < d->n_heads; h++) {
        rotate(d, q + h * d->head_dim, t);
    }
    for (size_t h = 0; h < d->n_kv_heads; h++) {
        rotate(d, k + h * d->head_dim, t);
    }
}

/* out = sum over keys s <= t (and within the window) of softmax(q . k_s / sqrt(head_dim))
 * v_s, one head. */
static void attend(const ref_decoder *d,
                   const double *q,
                   const double *k,
                   const double *v,
                   size_t t,
                   double *out)
{
    size_t n = d->head_dim;
    size_t stride = d->n_kv_heads * n;
    double *p = allocate(t + 1, sizeof *p);
    double largest = -HUGE_VAL;
    double total = 0;
    size_t first = d->window && t >= d->window ? t - d->window + 1 : 0;
    for (size_t s = first; s <= t; s++) {
        for (size_t i = 0; i < n; i++) {
            p[s] += q[i] * k[s * stride + i] / sqrt((double)n);
        }
        largest = fmax(largest, p[s]);
    }
    for (size_t s = first; s <= t; s++) {
        p[s] = exp(p[s] - largest);
        total += p[s];
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = 0;
        for (size_t s = first; s <= t; s++) {
            out[i] += p[s] / total * v[s * stride + i];
        }
    }
    free(p);
}

static void add_attention(const ref_decoder *d, size_t layer, size_t n, double *x)
{
    size_t q_dim = d->n_heads * d->head_dim;
    size_t kv_dim = d->n_kv_heads * d->head_dim;
    double *q = allocate(n * q_dim, sizeof *q);
    double *k = allocate(n * kv_dim, sizeof *k);
    double *v = allocate(n * kv_dim, sizeof *v);
    double *normed = allocate(d->width + q_dim, sizeof *normed);
    const ref_tensor *gain =
        of_layer(d, layer, d->is_gpt2 ? "ln_1" : "input_layernorm", "weight");
    const ref_tensor *shift = of_layer(d, layer, "ln_1", "bias");
    for (size_t t = 0; t < n; t++) {
        normalize(d, gain, shift, x + t * d->width, normed);
        make_qkv(d, layer, t, normed, q + t * q_dim, k + t * kv_dim, v + t * kv_dim);
    }
    for (size_t t = 0; t < n; t++) {
        double *attended = normed + d->width;
        for (size_t h = 0; h < d->n_heads; h++) {
            size_t kv_offset = h / (d->n_heads / d->n_kv_heads) * d->head_dim;
            attend(d, q + t * q_dim + h * d->head_dim, k + kv_offset, v + kv_offset, t,
                   attended + h * d->head_dim);
        }
        apply(d, layer, d->is_gpt2 ? "attn.c_proj" : "self_attn.o_proj", attended,
              normed);
        for (size_t i = 0; i < d->width; i++) {
            x[t * d->width + i] += normed[i];
        }
    }
    free(q);
    free(k);
    free(v);
    free(normed);
}

/* The MLP of one token. */
static void add_mlp(const ref_decoder *d, size_t layer, double *x)
{
    double *normed = allocate(d->width, sizeof *normed);
    double *gate = allocate(d->mlp_width, sizeof *gate);
    double *up = allocate(d->mlp_width, sizeof *up);
    if (d->is_gpt2) {
        normalize(d, of_layer(d, layer, "ln_2", "weight"),
                  of_layer(d, layer, "ln_2", "bias"), x, normed);
        apply(d, layer, "mlp.c_fc", normed, up);
        for (size_t i = 0; i < d->mlp_width; i++) {
            double u = up[i];
            double inner = sqrt(2 / acos(-1.0)) * (u + 0.044715 * u * u * u);
            up[i] = 0.5 * u * (1 + tanh(inner));
        }
        apply(d, layer, "mlp.c_proj", up, normed);
    } else {
        normalize(d, of_layer(d, layer, "post_attention_layernorm", "weight"), NULL, x,
                  normed);
        apply(d, layer, "mlp.gate_proj", normed, gate);
        apply(d, layer, "mlp.up_proj", normed, up);
        for (size_t i = 0; i < d->mlp_width; i++) {
            up[i] *= gate[i] / (1 + exp(-gate[i]));
        }
        apply(d, layer, "mlp.down_proj", up, normed);
    }
    for (size_t i = 0; i < d->width; i++) {
        x[i] += normed[i];
    }
    free(normed);
    free(gate);
    free(up);
}

static void normalize_last(const ref_decoder *d, const double *x, double *out)
{
    normalize(
        d,
        ref_decoder_find(d, d->is_gpt2 ? "transformer.ln_f.weight" : "model.norm.weight"),
        find_or_null(d, "transformer.ln_f.bias"), x, out);
}

static double log_probability(const ref_decoder *d, const double *x, int32_t target)
{
    const ref_tensor *head = ref_decoder_find(d, "lm_head.weight");
    double *normed = allocate(d->width, sizeof *normed);
    double *logits = allocate(d->n_vocabulary, sizeof *logits);
    double largest = -HUGE_VAL;
    double total = 0;
    normalize_last(d, x, normed);
    for (size_t v = 0; v < d->n_vocabulary; v++) {
        for (size_t i = 0; i < d->width; i++) {
            logits[v] += normed[i] * head->values[v * d->width + i];
        }
        largest = fmax(largest, logits[v]);
    }
    for (size_t v = 0; v < d->n_vocabulary; v++) {
        total += exp(logits[v] - largest);
    }
    double result = logits[target] - largest - log(total);
    free(normed);
    free(logits);
    return result;
}

/* The stream [n, width] after the first n_layers layers. */
static double *make_stream(const ref_decoder *d,
                           const int32_t *ids,
                           size_t n,
                           size_t n_layers)
{
    const ref_tensor *embedding = &d->tensors[0];
    const ref_tensor *positions = find_or_null(d, "transformer.wpe.weight");
    double *x = allocate(n * d->width, sizeof *x);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < d->width; i++) {
            x[t * d->width + i] = embedding->values[(size_t)ids[t] * d->width + i] +
                                  (positions ? positions->values[t * d->width + i] : 0);
        }
    }
    for (size_t l = 0; l < n_layers; l++) {
        add_attention(d, l, n, x);
        for (size_t t = 0; t < n; t++) {
            add_mlp(d, l, x + t * d->width);
        }
    }
    return x;
}

void ref_decoder_states(
    const ref_decoder *d, const int32_t *ids, size_t n, size_t layer, double *states)
{
    double *x = make_stream(d, ids, n, layer);
    for (size_t t = 0; t < n; t++) {
        double *state = states + t * d->width;
        memcpy(state, x + t * d->width, d->width * sizeof *state);
        if (layer == d->n_layers) {
            normalize_last(d, x + t * d->width, state);
        }
    }
    free(x);
}

void ref_decoder_logprobs(const ref_decoder *d,
                          const int32_t *ids,
                          const int32_t *targets,
                          size_t n,
                          double *logprobs)
{
    double *x = make_stream(d, ids, n, d->n_layers);
    for (size_t t = 0; t + 1 < n; t++) {
        logprobs[t] =
            targets[t + 1] < 0 ? 0 : log_probability(d, x + t * d->width, targets[t + 1]);
    }
    free(x);
}
