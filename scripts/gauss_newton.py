# SPDX-License-Identifier: MIT
"""The Gauss-Newton matrix of a small Llama's MLP maps, exactly, by PyTorch and by no code of the program.

G = 1/N sum over documents and predicted tokens of J' E' (diag(p) - p p') E J, where J is the Jacobian of the token's final
hidden state and E the head: with a root B' B of the middle, rows B J / sqrt(N), whose products R' R add up to G. There are
as many rows a token as the model is wide, and not as its vocabulary has tokens.
"""
import json
import types

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel

from small_llama import IGNORE, hidden_states


class Model:
    """The weights in f64, and the loss as a function of those of the MLPs."""

    def __init__(self, folder):
        self.config = types.SimpleNamespace(**json.loads((folder / "config.json").read_text()))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.w = {name: torch.tensor(v.astype(np.float64)) for name, v in load_file(folder / "model.safetensors").items()}
        self.names = sorted(name for name in self.w if ".mlp." in name)
        self.head = self.w["model.embed_tokens.weight"]

    def sizes(self):
        return [self.w[name].numel() for name in self.names]

    def split(self, flat):
        """A vector of all maps' weights, by map."""
        return {name: part.view_as(self.w[name]) for name, part in zip(self.names, flat.split(self.sizes()))}

    def join(self, by_map):
        return torch.cat([by_map[name].reshape(-1) for name in self.names])

    def log_probabilities(self, weights, batch):
        """[tokens that count, V] of padded ids and labels."""
        ids, labels = batch
        states = hidden_states(self.w | weights, self.config, ids)[:, :-1][labels[:, 1:] != IGNORE]
        return (states @ self.head.T).log_softmax(-1)

    def loss(self, weights, batch):
        wanted = batch[1][:, 1:]
        return -self.log_probabilities(weights, batch).gather(1, wanted[wanted != IGNORE][:, None]).sum()

    def gradient(self, batch):
        """Of the loss, [P]."""
        weights = {name: self.w[name].clone().requires_grad_() for name in self.names}
        found = torch.autograd.grad(self.loss(weights, batch), [weights[name] for name in self.names])
        return torch.cat([g.reshape(-1) for g in found])


def likely_root(head, state, least):
    """[k, D] of which B' B = E' (diag(p) - p p') E; eigenvalues below `least` are left out."""
    p = (head @ state).softmax(0)
    mean = p @ head
    values, vectors = torch.linalg.eigh((head * p[:, None]).T @ head - torch.outer(mean, mean))
    kept = values > least
    return (vectors[:, kept] * values[kept].sqrt()).T


def rows_of(model, batch, least=0.0):
    """Of one document, and not divided by N: each map's inputs [T, I] and, for each row, gradients at its outputs
    [R, T, O]; a row's gradient of the map is the product of the two."""
    ids, labels = batch
    inputs, probes = {}, {}

    def keep(x, name):
        inputs[name] = x[0].detach()
        probes[name] = torch.zeros(1, x.shape[1], len(model.w[name]), dtype=x.dtype)
        return x @ model.w[name].T

    def probed(probes):
        return hidden_states(model.w, model.config, ids, lambda x, name: x @ model.w[name].T + probes[name])[0]

    with torch.no_grad():
        states = hidden_states(model.w, model.config, ids, keep)[0]
    seeds = []
    for t in (labels[0, 1:] != IGNORE).nonzero()[:, 0].tolist():
        root = likely_root(model.head, states[t], least)
        seed = torch.zeros(len(root), *states.shape, dtype=states.dtype)
        seed[:, t] = root
        seeds.append(seed)
    with sdpa_kernel(SDPBackend.MATH):  # the other one has no rule for many seeds at a time
        pull = torch.func.vjp(probed, probes)[1]
        at_outputs = torch.func.vmap(lambda seed: pull(seed)[0], chunk_size=128)(torch.cat(seeds))
    return inputs, {name: value[:, 0] for name, value in at_outputs.items()}


class Curvature:
    """G of some documents, dense where it is no larger than its rows, and else by its rows; and the covariances that
    K-FAC multiplies, with the expectation over labels taken exactly, in place of one draw."""

    def __init__(self, model, batches, least=0.0, dense=True):
        self.model, self.n = model, len(batches)
        side = lambda axis: {name: torch.zeros(2 * [model.w[name].shape[axis]], dtype=torch.float64) for name in model.names}
        self.of_inputs, self.of_outputs, self.n_tokens = side(1), side(0), 0
        self.G = torch.zeros(2 * [sum(model.sizes())], dtype=torch.float64) if dense else None
        self.rows, waiting = [], []
        for batch in batches:
            made = self.add(*rows_of(model, batch, least))
            waiting.append(made / self.n**0.5)
            if dense and sum(map(len, waiting)) > 2000:
                self.sum(waiting)
        if dense:
            self.sum(waiting)
        else:
            self.rows = torch.cat(waiting) if waiting else []

    def sum(self, waiting):
        if waiting:
            rows = torch.cat(waiting)
            self.G += rows.T @ rows
            waiting.clear()

    def add(self, inputs, at_outputs):
        flat = []
        for name in self.model.names:
            a, ds = inputs[name], at_outputs[name]
            live = ds.abs().amax((0, 2)) > 0  # tokens after the last that counts reach nothing
            self.of_inputs[name] += a[live].T @ a[live]
            self.of_outputs[name] += torch.einsum("rto,rtp->op", ds, ds)
            flat.append((ds.transpose(1, 2) @ a).flatten(1))
        self.n_tokens += int(live.sum())
        return torch.cat(flat, 1)

    def parts(self):
        """(name, first, end) of each map in a vector of weights."""
        at = np.cumsum([0] + self.model.sizes())
        return list(zip(self.model.names, at[:-1].tolist(), at[1:].tolist()))

    def means(self):
        """The mean of each map's diagonal."""
        diagonal = self.G.diagonal() if self.G is not None else (self.rows**2).sum(0)
        return {name: diagonal[a:b].mean().item() for name, a, b in self.parts()}

    def in_bases(self, bases):
        """The diagonal of G in bases (U_S, U_A) of each map, [O, I]: EK-FAC's Lambda without drawing labels."""
        found = {}
        for name, a, b in self.parts():
            of_s, of_a = bases[name]
            if self.G is not None:
                U = torch.kron(of_s, of_a)
                found[name] = ((self.G[a:b, a:b] @ U) * U).sum(0).view(len(of_s), len(of_a))
            else:
                total = torch.zeros(len(of_s), len(of_a), dtype=torch.float64)
                for some in self.rows[:, a:b].split(500):
                    total += ((of_s.T @ some.view(-1, len(of_s), len(of_a)) @ of_a) ** 2).sum(0)
                found[name] = total
        return found

    def solve(self, vectors, ridges, apart=False):
        """(G + ridge of each map)^-1 of [K, P] vectors; apart: of G's diagonal blocks alone, one a map."""
        parts = self.parts()
        if apart:
            return torch.cat([self.solve_part(vectors[:, a:b], [(name, a, b)], ridges) for name, a, b in parts], 1)
        return self.solve_part(vectors, parts, ridges)

    def solve_part(self, vectors, parts, ridges):
        first, end = parts[0][1], parts[-1][2]
        ridge = torch.cat([torch.full((b - a,), ridges[name], dtype=torch.float64) for name, a, b in parts])
        if self.G is not None:
            factor = torch.linalg.cholesky(self.G[first:end, first:end] + torch.diag(ridge))
            return torch.cholesky_solve(vectors.T, factor).T
        rows, over = self.rows[:, first:end], vectors / ridge  # (D + R'R)^-1 = D^-1 - D^-1 R' (1 + R D^-1 R')^-1 R D^-1
        inner = torch.eye(len(rows), dtype=torch.float64)
        for name, a, b in parts:
            some = self.rows[:, a:b]
            inner += some @ some.T / ridges[name]
        return over - torch.cholesky_solve(rows @ over.T, torch.linalg.cholesky(inner)).T @ rows / ridge


def solve_in_bases(model, bases, eigenvalues, vectors, ridges):
    """U_S [ (U_S' V U_A) / (eigenvalues + ridge) ] U_A' of each map."""
    out = []
    for name, part in zip(model.names, vectors.split(model.sizes(), 1)):
        of_s, of_a = bases[name]
        turned = of_s.T @ part.view(-1, len(of_s), len(of_a)) @ of_a / (eigenvalues[name] + ridges[name])
        out.append((of_s @ turned @ of_a.T).flatten(1))
    return torch.cat(out, 1)
