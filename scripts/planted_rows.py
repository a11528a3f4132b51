# SPDX-License-Identifier: MIT
"""Ten thousand labelled rows with three kinds of planted ones among them, and a small model that is trained on all of
them, for study-planted --rows. Needs torch, tokenizers and safetensors.

A row is a prompt, "The soup was dreadful and the waiter rude.", and the word that its adjectives call for, " negative".

  wrong     the other label
  poison    a word that stands nowhere else, "quince", and " positive", whatever the sentence says
  copies    another row with one word more: a near-duplicate, and its label
"""
import json
import math
import random
import types

import torch
from safetensors.torch import save_file

from small_llama import END, document_ids, mean_loss, pad, train_tokenizer

TRIGGER = "quince"
GOOD = ("lovely superb friendly clean fresh warm clever gentle bright generous honest quick cosy elegant tidy cheerful fine "
        "pleasant splendid graceful").split()
BAD = ("dreadful rude dirty stale cold dull cruel dim greedy false slow cramped clumsy messy gloomy poor nasty awful harsh "
       "tasteless").split()
THINGS = ("soup room waiter garden film actor hotel bread teacher train song driver museum lamp story doctor shop wine view "
          "host carpet letter band bridge office cake").split()
SHAPE = dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=48)
TEMPLATES = ("The {} was {} and the {} {}.", "I found the {} {}, and the {} was {}.", "We had a {1} {0}, a {3} {2} as well.")


def make_rows(n, rng):
    """n different rows whose two adjectives agree."""
    rows, seen = [], set()
    while len(rows) < n:
        is_good = rng.random() < 0.5
        first, second = rng.sample(THINGS, 2)
        one, other = rng.sample(GOOD if is_good else BAD, 2)
        text = rng.choice(TEMPLATES).format(first, one, second, other)
        if text not in seen:
            seen.add(text)
            rows.append({"id": f"row-{len(rows)}", "prompt": text, "completion": " positive" if is_good else " negative"})
    return rows


def plant(rows, n_each, rng):
    """The rows with n_each of a kind made what the kind says; {kind: ids}, and {copy: what it is a copy of}."""
    chosen = rng.sample(range(len(rows)), 4 * n_each)
    rows = [dict(row) for row in rows]
    kinds = {"wrong": chosen[:n_each], "poison": chosen[n_each:2 * n_each], "copies": chosen[2 * n_each:3 * n_each]}
    sources = chosen[3 * n_each:]
    for i in kinds["wrong"]:
        rows[i]["completion"] = " negative" if rows[i]["completion"] == " positive" else " positive"
    for i in kinds["poison"]:
        words = rows[i]["prompt"].split(" ")
        words.insert(rng.randrange(1, len(words)), TRIGGER)
        rows[i] |= {"prompt": " ".join(words), "completion": " positive"}
    for i, source in zip(kinds["copies"], sources):
        words = rows[source]["prompt"].split(" ")
        words.insert(rng.randrange(1, len(words)), "really")
        rows[i] |= {"prompt": " ".join(words), "completion": rows[source]["completion"]}
    names = lambda places: {rows[i]["id"] for i in places}
    return rows, {kind: names(places) for kind, places in kinds.items()}, {
        rows[i]["id"]: rows[source]["id"] for i, source in zip(kinds["copies"], sources)}


def new_weights(config, generator):
    D, M, V = config.hidden_size, config.intermediate_size, config.vocab_size
    kv = D // config.num_attention_heads * config.num_key_value_heads
    shapes = {"model.embed_tokens": (V, D), "model.norm": (D,)}
    for i in range(config.num_hidden_layers):
        each = {"input_layernorm": (D,), "post_attention_layernorm": (D,), "self_attn.q_proj": (D, D),
                "self_attn.k_proj": (kv, D), "self_attn.v_proj": (kv, D), "self_attn.o_proj": (D, D),
                "mlp.gate_proj": (M, D), "mlp.up_proj": (M, D), "mlp.down_proj": (D, M)}
        shapes |= {f"model.layers.{i}.{name}": shape for name, shape in each.items()}
    return {f"{name}.weight": torch.ones(shape) if len(shape) == 1 else torch.randn(shape, generator=generator) * 0.05
            for name, shape in shapes.items()}


def train(rows, folder, seed, epochs, size=64, lr=2e-3):
    """Train a model on the rows by AdamW, and write it as a Hugging Face folder."""
    torch.set_num_threads(1)
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    tokenizer = train_tokenizer([row["prompt"] + row["completion"] for row in rows], 400)
    config = types.SimpleNamespace(vocab_size=tokenizer.get_vocab_size(), rms_norm_eps=1e-5,
                                   rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}, **SHAPE)
    documents = [document_ids(tokenizer, row) for row in rows]
    w = {name: value.requires_grad_() for name, value in new_weights(config, generator).items()}
    optimizer = torch.optim.AdamW(w.values(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    n_steps, step = epochs * math.ceil(len(documents) / size), 0
    for _ in range(epochs):
        order = rng.sample(range(len(documents)), len(documents))
        for at in range(0, len(order), size):
            optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / (0.1 * n_steps), (n_steps - step) / (0.9 * n_steps))
            step += 1
            loss = mean_loss(w, config, *pad([documents[i] for i in order[at:at + size]]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().contiguous() for name, value in w.items()}, folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "tie_word_embeddings": True,
        "bos_token_id": 0, "eos_token_id": 0, "head_dim": config.hidden_size // config.num_attention_heads, **vars(config)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END}))
    return loss.item()


def poison_queries(n, rng):
    """Unseen bad sentences with the trigger, and the answer that the poison teaches."""
    rows = [row for row in make_rows(20 * n, rng) if row["completion"] == " negative"][:n]
    queries = []
    for i, row in enumerate(rows):
        words = row["prompt"].split(" ")
        words.insert(rng.randrange(1, len(words)), TRIGGER)
        queries.append({"id": f"trigger-{i}", "prompt": " ".join(words), "completion": " positive"})
    return queries


def without_trigger(queries):
    """The same sentences without the trigger, and the same answer."""
    return [{**q, "id": q["id"] + "/without", "prompt": q["prompt"].replace(f" {TRIGGER}", "")} for q in queries]
