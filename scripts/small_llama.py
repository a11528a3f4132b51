# SPDX-License-Identifier: MIT
"""A small Llama in PyTorch, from a dictionary of weights: what the scripts that train share.

How a document becomes token ids (`<|endoftext|>`, id 0, is both bos and eos):
  text      ids = [bos] + text + [eos]                 loss on all but the first id
  prompt    ids = [bos] + (prompt + completion) + [eos]
                                                       loss after the prompt, eos included
  query     ids = [bos] + (prompt + completion)        loss on the completion
The tokenizer's own post-processor puts the bos. The prompt's ids are the longest common prefix
of the ids of the prompt alone and of prompt + completion.
"""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = "<|endoftext|>"
IGNORE = -100


def train_tokenizer(texts, vocab_size):
    """A byte-level BPE tokenizer of so many tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=[END], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=f"{END} $A $B:1", special_tokens=[(END, 0)])
    return tokenizer


def split_ids(tokenizer, prompt, completion):
    """Ids of prompt + completion, and how many of them are the prompt's."""
    alone, whole = tokenizer.encode(prompt).ids, tokenizer.encode(prompt + completion).ids
    n_prompt = next((i for i, (a, b) in enumerate(zip(alone, whole)) if a != b), min(len(alone), len(whole)))
    return whole, n_prompt


def document_ids(tokenizer, row):
    """(ids, number of leading ids without loss) of a document, its eos included."""
    if "text" in row:
        return tokenizer.encode(row["text"]).ids + [0], 1
    ids, n_prompt = split_ids(tokenizer, row["prompt"], row["completion"])
    return ids + [0], n_prompt


def pad(documents):
    """ids [B, T], and labels [B, T] that are IGNORE where no loss counts, of (ids, n_free) pairs."""
    longest = max(len(ids) for ids, _ in documents)
    ids = torch.zeros(len(documents), longest, dtype=torch.long)
    labels = torch.full((len(documents), longest), IGNORE)
    for row, (document, n_free) in enumerate(documents):
        ids[row, :len(document)] = torch.tensor(document)
        labels[row, n_free:len(document)] = ids[row, n_free:len(document)]
    return ids, labels


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def hidden_states(w, config, ids, linear=None):
    """Final normed hidden states [B, T, D] of ids [B, T]; w holds Llama's weights by name, and all is
    computed in their precision. linear(x, name) may stand in for the product with a map of the MLPs."""
    linear = linear or (lambda x, name: x @ w[name].T)
    B, T = ids.shape
    x = w["model.embed_tokens.weight"][ids]
    width, eps = config.hidden_size // config.num_attention_heads, config.rms_norm_eps
    theta = config.rope_parameters["rope_theta"]
    inverse = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.outer(torch.arange(T, dtype=torch.float64), inverse).repeat(1, 2)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    norm = lambda x, name: F.rms_norm(x, (x.shape[-1],), w[name], eps)
    heads = lambda x: x.view(B, T, -1, width).transpose(1, 2)
    for i in range(config.num_hidden_layers):
        at = lambda name: w[f"model.layers.{i}.{name}.weight"]
        a = norm(x, f"model.layers.{i}.input_layernorm.weight")
        q, k, v = (heads(a @ at(f"self_attn.{n}_proj").T) for n in "qkv")
        a = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v,
                                           is_causal=True, enable_gqa=True)
        x = x + a.transpose(1, 2).reshape(B, T, -1) @ at("self_attn.o_proj").T
        a = norm(x, f"model.layers.{i}.post_attention_layernorm.weight")
        mlp = lambda a, name: linear(a, f"model.layers.{i}.mlp.{name}_proj.weight")
        x = x + mlp(F.silu(mlp(a, "gate")) * mlp(a, "up"), "down")
    return norm(x, "model.norm.weight")


def mean_loss(w, config, ids, labels):
    """Nats a token that counts, over a padded batch."""
    wanted = labels[:, 1:] != IGNORE
    logits = hidden_states(w, config, ids)[:, :-1][wanted] @ w["model.embed_tokens.weight"].T
    return F.cross_entropy(logits, labels[:, 1:][wanted])


def sum_losses(w, config, ids, labels):
    """[B] nats of each row, summed over the tokens that count."""
    with torch.no_grad():
        logits = hidden_states(w, config, ids)[:, :-1] @ w["model.embed_tokens.weight"].T
        each = F.cross_entropy(logits.transpose(1, 2).double(), labels[:, 1:], ignore_index=IGNORE, reduction="none")
    return each.sum(1)
