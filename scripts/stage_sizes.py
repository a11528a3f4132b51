# SPDX-License-Identifier: MIT
"""Ways to give scores of two stages of training sizes that compare, tried in PyTorch on a study of scripts/study-stages.

p = (F_2 + d_2)^-1 g and P = (F_1 + d_1)^-1 d_2 p, with F the program's EK-FAC of each stage and g the query's gradient by
the tuned model; documents of tuning have the scores <p, g_z> / N_2, those of the base <P, g_z> / N_1, and d_1 is 0.1 x
mean(Lambda) of each map. The ways:

  damping X          d_2 = X x mean(Lambda) of each map
  F of tuning's documents by the base model   in the place of F_2, as if tuning had not yet begun
  proximal           d_2 is one for all maps: the strength s of s / 2 |W - W_1|^2 at which the tuned weights are a minimum,
                     -<G, W - W_1> / |W - W_1|^2, with G the mean gradient of tuning's documents by the tuned model
  length             the step (F_2 + d_2)^-1 G, G by the base model, is as long as W - W_1
  Gauss-Newton       p and P times <p, g> / <p, (H + d) p>, of each stage's exact Gauss-Newton matrix H: as --scale
                     gauss-newton does with one stage; and the medians of these factors over queries in their place
"""
import numpy as np
import torch
from safetensors.numpy import load_file

from gauss_newton import Model, solve_in_bases
from small_llama import IGNORE, document_ids, hidden_states, pad, split_ids
from studies import print_table


class Stage:
    """A model, its documents and its curvature."""

    def __init__(self, folder, factors, rows, queries):
        self.model = Model(folder)
        encode = self.model.tokenizer
        self.documents = [document_ids(encode, row) for row in rows]
        gradients = lambda batches: torch.stack([self.model.gradient(batch) for batch in batches])
        self.of_documents = gradients([pad([row]) for row in self.documents])
        self.of_queries = gradients([pad([split_ids(encode, q["prompt"], q["completion"])]) for q in queries])
        self.bases, self.values = self.read(factors)

    def read(self, folder):
        files = {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
        bases, values = {}, {}
        for name in self.model.names:
            key = name.removesuffix(".weight")
            take = lambda what: torch.tensor(files[what][key].astype(np.float64))
            bases[name] = take("gradient_eigenvectors"), take("activation_eigenvectors")
            values[name] = take("lambda_matrix") / float(files["num_lambda_processed"][key].reshape(-1)[0])
        return bases, values

    def ridges(self, damping):
        return {name: damping * value.mean().item() for name, value in self.values.items()}

    def solve(self, vectors, ridges):
        return solve_in_bases(self.model, self.bases, self.values, vectors, ridges)

    def flat(self, ridges):
        return self.model.join({name: torch.full_like(self.model.w[name], ridges[name]) for name in self.model.names})

    def best_steps(self, steps, gradients, ridges):
        """<p, g> / <p, (H + d) p> of each p, by forward-mode derivatives in f32."""
        ids, labels = pad(self.documents)
        counted = labels[:, 1:] != IGNORE
        w = {name: value.float() for name, value in self.model.w.items()}
        run = lambda mlp: hidden_states(w | mlp, self.model.config, ids)[:, :-1][counted] @ w["model.embed_tokens.weight"].T
        at = {name: w[name] for name in self.model.names}
        found = []
        with torch.no_grad(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            likely = run(at).softmax(-1)
            for step in steps:
                along = {name: part.float() for name, part in self.model.split(step).items()}
                moved = torch.func.jvp(run, (at,), (along,))[1]
                moved = moved - (likely * moved).sum(1, keepdim=True)
                found.append((likely * moved**2).sum().double() / len(ids))
        return (steps * gradients).sum(1) / (torch.stack(found) + (steps**2) @ self.flat(ridges))


def find_length(tuned, gradient, length):
    """The damping with which a step is so long, by halving."""
    low, high = 1e-9, 1e9
    for _ in range(100):
        middle = (low * high) ** 0.5
        step = tuned.solve(gradient[None], dict.fromkeys(tuned.model.names, middle))[0]
        low, high = (middle, high) if step.norm() > length else (low, middle)
    return dict.fromkeys(tuned.model.names, middle)


def ways(base, tuned, early):
    """(name, scores of the base's documents, of tuning's); early: tuning's documents by the base model."""
    held = base.ridges(0.1)

    def score(stage, damping):
        p = stage.solve(tuned.of_queries, damping)
        asked = p * stage.flat(damping)
        return p, asked, base.solve(asked, held)

    def scores(p, P):
        return P @ base.of_documents.T / len(base.documents), p @ tuned.of_documents.T / len(tuned.documents)

    for x in (0.1, 1, 10, 100):
        p, _, P = score(tuned, tuned.ridges(x))
        yield f"damping {x:g}", *scores(p, P)
    p, _, P = score(early, early.ridges(0.1))
    yield "F of tuning's documents by the base model", *scores(p, P)
    moved = tuned.model.join(tuned.model.w) - base.model.join(base.model.w)
    strength = -(tuned.of_documents.mean(0) @ moved / (moved @ moved)).item()
    p, _, P = score(tuned, dict.fromkeys(tuned.model.names, strength))
    yield f"proximal: {strength:.2f}", *scores(p, P)
    ridges = find_length(tuned, early.of_documents.mean(0), moved.norm())
    p, _, P = score(tuned, ridges)
    yield f"length: {next(iter(ridges.values())):.2f}", *scores(p, P)
    p, asked, P = score(tuned, tuned.ridges(0.1))
    of_tuned = tuned.best_steps(p, tuned.of_queries, tuned.ridges(0.1))
    of_base = base.best_steps(P, asked, held)
    yield "Gauss-Newton", *scores(of_tuned[:, None] * p, of_base[:, None] * P)
    one, other = of_base.median(), of_tuned.median()
    yield f"Gauss-Newton: medians, {one:.2f} and {other:.2f}", *scores(other * p, one * P)


def print_ways(folders, factors, rows, queries, halves, lds, deviations):
    """A table; folders and factors are of the base, of the tuned model, and of tuning's documents by the base model."""
    base, tuned, early = (Stage(*given, queries) for given in zip(folders, factors, rows))
    measured = [deviations(halves[group][1]) for group in ("base half", "tuning half")]
    table = []
    for name, of_base, of_tuning in ways(base, tuned, early):
        scores = torch.cat([of_base, of_tuning], 1)
        sizes = [deviations(halves[group][0] @ scores.T) / size for group, size in zip(("base half", "tuning half"), measured)]
        table.append([name, *(f"{lds(*halves[group], scores):.3f}" for group in halves), *(f"{size:.2g}" for size in sizes),
                      f"{sizes[1] / sizes[0]:.2g}"])
    print("### Ways to sizes that compare\n")
    print("LDS by group, and predicted over measured deviation over halves of each stage, whose ratio is last.\n")
    print_table(["scores", *halves, "base: size", "tuning: size", "ratio"], table)
