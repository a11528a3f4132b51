# SPDX-License-Identifier: MIT
"""Train a small Llama again and again on parts of its documents, and keep what that did: what scripts that make banks share.

Needs torch, tokenizers and safetensors. Weights of the same seed repeat exactly on the same processor and versions.
"""
import csv
import json
import math
import random
import types

import torch
from safetensors.torch import load_file, save_file

from small_llama import END, mean_loss, pad

SMALL_SHAPE = dict(hidden_size=64, intermediate_size=224, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                   max_position_embeddings=128)
LARGER_SHAPE = dict(SMALL_SHAPE, hidden_size=128, intermediate_size=448, num_hidden_layers=4)  # the default model's
BATCH = 16


# 1. Training

def config_of(tokenizer, shape=SMALL_SHAPE):
    return types.SimpleNamespace(vocab_size=tokenizer.get_vocab_size(), rms_norm_eps=1e-5,
                                 rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}, **shape)


def new_weights(config):
    """Weights as transformers begins with: normal with deviation 0.02, norms at 1."""
    generator = torch.Generator().manual_seed(1)
    D, M = config.hidden_size, config.intermediate_size
    kv = D // config.num_attention_heads * config.num_key_value_heads
    shapes = {"model.embed_tokens": (config.vocab_size, D), "model.norm": (D,)}
    for i in range(config.num_hidden_layers):
        each = {"input_layernorm": (D,), "post_attention_layernorm": (D,), "self_attn.q_proj": (D, D),
                "self_attn.k_proj": (kv, D), "self_attn.v_proj": (kv, D), "self_attn.o_proj": (D, D),
                "mlp.gate_proj": (M, D), "mlp.up_proj": (M, D), "mlp.down_proj": (D, M)}
        shapes |= {f"model.layers.{i}.{name}": shape for name, shape in each.items()}
    return {f"{name}.weight": torch.ones(shape) if len(shape) == 1 else torch.randn(shape, generator=generator) * 0.02
            for name, shape in shapes.items()}


def batches_of(documents, epochs, size, seed):
    """[epochs][steps] lists of documents of like length, in an order that depends on the seed alone."""
    rng = random.Random(seed)
    for _ in range(epochs):
        order = sorted(range(len(documents)), key=lambda i: len(documents[i][0]) + rng.random() * 8)
        chunks = [order[i:i + size] for i in range(0, len(order), size)]
        yield rng.sample(chunks, len(chunks))


def train(start, config, documents, kept, seed, epochs, lr, size=BATCH, weight_decay=0.01,
          keep=None, moments=None):
    """Weights after AdamW from `start` on the documents that are kept, with a linear warm-up over a tenth of the steps
    and a linear decay. A step's loss is the mean over the tokens of its whole batch, kept or not. Second moments are
    written to the file `moments`."""
    w = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimizer = torch.optim.AdamW(w.values(), lr=lr, betas=(0.9, 0.98), weight_decay=weight_decay, fused=True)
    n_steps, step = epochs * math.ceil(len(documents) / size), 0
    for epoch, chunks in enumerate(batches_of(documents, epochs, size, seed), 1):
        for chunk in chunks:
            optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / (0.1 * n_steps), (n_steps - step) / (0.9 * n_steps))
            step += 1
            left = [documents[i] for i in chunk if kept[i]]
            if not left:
                continue
            count = lambda rows: sum(len(ids) - n_free for ids, n_free in rows)
            loss = mean_loss(w, config, *pad(left)) * (count(left) / count([documents[i] for i in chunk]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
            optimizer.step()
        if keep:
            keep(epoch, step, {name: value.detach() for name, value in w.items()})
    if moments:
        save_file({f"{name}.exp_avg_sq": optimizer.state[value]["exp_avg_sq"] for name, value in w.items()}, moments)
    return {name: value.detach() for name, value in w.items()}


def store(w, config, tokenizer, folder):
    """A Hugging Face folder with weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({n: p.to(torch.float16).contiguous() for n, p in w.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "attention_bias": False,
        "mlp_bias": False, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
        "dtype": "float16", "head_dim": config.hidden_size // config.num_attention_heads, **vars(config)},
        indent=2, sort_keys=True) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END, "pad_token": END,
        "model_max_length": config.max_position_embeddings, "clean_up_tokenization_spaces": False}, indent=2) + "\n")


def load(folder):
    return {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}


# 2. Parts of the documents

def part(name, group, kept, seeds=(1,), query="", method=""):
    return dict(subset=name, group=group, kept=kept, seeds=list(seeds), query=query, method=method)


def all_but(n, dropped):
    return [d not in dropped for d in range(n)]


# 3. Banks

def read_done(path, n_queries):
    """{(subset, seed): row} of what has been measured; a last line that was cut short is none."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as stream:
        return {(row[0], int(row[1])): row for row in csv.reader(stream) if len(row) == 2 + n_queries}


def measured(parts, n_queries, path):
    """The parts that are done, and their rows."""
    done = read_done(path, n_queries)
    parts = [p for p in parts if all((p["subset"], seed) in done for seed in p["seeds"])]
    return parts, [done[p["subset"], seed] for p in parts for seed in p["seeds"]]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


def write_csv(path, head, rows):
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def write_bank(output, documents, queries, labels, parts, losses):
    write_csv(output / "documents.csv", ["id"], [[d["id"]] for d in documents])
    write_csv(output / "subsets.csv", ["subset", "group", "method", "query", "mask"],
              [[p["subset"], p["group"], p["method"], p["query"], "".join("01"[k] for k in p["kept"])] for p in parts])
    write_csv(output / "losses.csv", ["subset", "seed"] + [q["id"] for q in queries], losses)
    if labels:
        write_csv(output / "labels.csv", ["query", "document"], labels)
