# SPDX-License-Identifier: MIT
"""The work of compare-analyses: every column that another library can find, from exported scores and tags."""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
PARSER = argparse.ArgumentParser(description=__doc__)
PARSER.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/attrib")
PARSER.add_argument("--run", type=pathlib.Path)
PARSER.add_argument("--document-tag", default="kind")
PARSER.add_argument("--query-tag", default="relation")
ARGUMENTS = PARSER.parse_args()

import numpy as np
import powerlaw
import scipy.stats
import statsmodels.api as sm
import statsmodels.stats.multitest as multitest

warnings.simplefilter("ignore")
FAILURES = []


def attrib(*words):
    return subprocess.run([ARGUMENTS.program, *words], check=True, capture_output=True).stdout


def analyze(*words):
    tables = json.loads(attrib("analyze", ARGUMENTS.run, *words, "--format", "json"))["tables"]
    return {table["name"]: table["rows"] for table in tables}


def number(value):
    return np.nan if value is None else value


def compare(name, got, want, tolerance=1e-8):
    """Differences over the largest size, for lists of numbers."""
    got, want = np.array([number(x) for x in got], float), np.array(want, float)
    scale = max(np.nanmax(np.abs(want), initial=0), 1e-300)
    worst = np.nanmax(np.abs(got - want), initial=0) / scale
    is_good = got.shape == want.shape and np.array_equal(np.isnan(got), np.isnan(want)) and worst <= tolerance
    print(f"{name:30} {len(got):7} values, largest difference {worst:.1e}{'' if is_good else '  FAILED'}")
    if not is_good:
        FAILURES.append(name)


def pearson(x, y):
    return scipy.stats.pearsonr(x, y).statistic if np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan


def check_queries(scores, ids):
    rows = analyze("queries")["queries"]
    pairs = [(scores[ids.index(row["query"])], scores[ids.index(row["other"])]) for row in rows]
    assert len({(row["query"], row["other"]) for row in rows}) == len(ids) * (len(ids) - 1) // 2
    compare("queries pearson", [r["pearson"] for r in rows], [pearson(x, y) for x, y in pairs])
    compare("queries spearman", [r["spearman"] for r in rows], [scipy.stats.spearmanr(x, y).statistic for x, y in pairs])
    compare("queries positive", [r["positive"] for r in rows], [pearson(x.clip(0), y.clip(0)) for x, y in pairs])
    compare("queries negative", [r["negative"] for r in rows], [pearson(x.clip(None, 0), y.clip(None, 0)) for x, y in pairs])


def check_tail(scores, ids):
    rows = analyze("tail", "--replicates", "10")["tail"]
    fits = []
    for x in scores:
        largest = np.sort(x[x > 0])[::-1][:500]
        fit = powerlaw.Fit(largest, xmin=(0, largest[9]), discrete=False, verbose=False, parameter_ranges={"alpha": [1, 1e6]})
        fits.append((fit.xmin, fit.alpha - 1, fit.D))
    compare("tail x_min", [r["x_min"] for r in rows], [f[0] for f in fits])
    compare("tail alpha", [r["alpha"] for r in rows], [f[1] for f in fits])
    compare("tail ks", [r["ks"] for r in rows], [f[2] for f in fits])
    above = scores.clip(0)
    descending = -np.sort(-above, axis=1)
    total = above.sum(axis=1)
    n = scores.shape[1]
    compare("tail top_1_percent", [r["top_1_percent"] for r in rows], descending[:, :-(-n // 100)].sum(axis=1) / total)
    gini = [np.abs(x[:, None] - x[None, :]).sum() / (2 * n * x.sum()) for x in above]
    compare("tail gini", [r["gini"] for r in rows], gini)
    compare("tail effective", [r["effective"] for r in rows], np.abs(scores).sum(axis=1)**2 / (scores**2).sum(axis=1))
    compare("tail n50", [r["n50"] for r in rows], (np.cumsum(descending, axis=1) < total[:, None] / 2).sum(axis=1) + 1)


def check_groups(scores, losses, document_values, query_values):
    words = ["groups", "--document-tag", ARGUMENTS.document_tag, "--query-tag", ARGUMENTS.query_tag, "--top", "50"]
    rows = analyze(*words)["groups"]
    n = scores.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")
    want = collections.defaultdict(list)
    for row in rows:
        d = np.array([v == row["documents"] for v in document_values])
        q = np.array([v == row["queries"] for v in query_values])
        part = scores[q][:, d]
        above = scores[q].clip(0)
        want["sum"].append(part.sum())
        want["mean"].append(part.mean())
        want["per_nat"].append((part.mean(axis=1) / losses[q]).mean())
        want["lift"].append((above[:, d].sum(axis=1) / above.sum(axis=1)).mean() / (d.sum() / n))
        want["top"].append(d[order[q, :50]].sum())
        want["bottom"].append(d[order[q, -50:]].sum())
        want["expected"].append(50 * q.sum() * d.sum() / n)
        is_one = q.sum() == 1
        want["p"].append(scipy.stats.hypergeom.sf(want["top"][-1] - 1, n, d.sum(), 50) if is_one else row["p"])
    for name, values in want.items():
        compare(f"groups {name}", [row[name] for row in rows], values)
    rates = multitest.multipletests([row["p"] for row in rows], method="fdr_bh")[1]
    compare("groups rate", [row["rate"] for row in rows], rates)
    check_permutations(rows, order, document_values, query_values)


def check_permutations(rows, order, document_values, query_values):
    """p of other permutations: within four standard errors of both."""
    generator = np.random.default_rng(1)
    values, n_permutations = np.array(document_values, object), 1000
    counts = np.zeros((len(rows), n_permutations))
    for r in range(n_permutations):
        shuffled = generator.permutation(values)
        for i, row in enumerate(rows):
            q = [v == row["queries"] for v in query_values]
            counts[i, r] = (shuffled[order[q, :50]] == row["documents"]).sum()
    p = (1 + (counts >= np.array([[row["top"]] for row in rows])).sum(axis=1)) / (1 + n_permutations)
    got = np.array([row["p"] for row in rows])
    distance = np.abs(got - p) / np.sqrt(2 * np.maximum(p * (1 - p), 1 / n_permutations) / n_permutations)
    print(f"{'groups p by permutation':30} {len(rows):7} values, at most {distance.max():.1f} standard errors apart")
    if distance.max() > 4.5:
        FAILURES.append("permutation")


def check_relations(scores, document_values, tokens):
    tables = analyze("relations", "--tags", f"{ARGUMENTS.document_tag},n_tokens")
    levels = collections.Counter(document_values)
    reference = max(sorted(levels), key=lambda v: levels[v])
    others = [v for v in sorted(levels) if v != reference]
    x = np.column_stack([np.ones(len(tokens))] + [[v == o for v in document_values] for o in others] +
                        [tokens - tokens.mean()])
    got, want = collections.defaultdict(list), collections.defaultdict(list)
    rows = iter(tables["relations"])
    by_query = collections.defaultdict(list)
    for row in rows:
        by_query[row["queries"]].append(row)
    for name, y in zip(IDS, scores):
        fit = sm.OLS(y, x).fit()
        for key, values in {"coefficient": fit.params, "error": fit.bse, "t": fit.tvalues, "p": fit.pvalues,
                            "low": fit.conf_int()[:, 0], "high": fit.conf_int()[:, 1]}.items():
            got[key] += [row[key] for row in by_query[name]]
            want[key] += list(values)
        want["r_squared"].append(fit.rsquared)
    fits = {row["queries"]: row["r_squared"] for row in tables["fits"]}
    got["r_squared"] = [fits[name] for name in IDS]
    for key in want:
        compare(f"relations {key}", got[key], want[key], 1e-7)


def score_facts(folder):
    """A run of the facts' first 600 statements and 12 queries, by plain products of gradients."""
    facts = ROOT / "corpora/facts"
    corpus, queries = folder / "corpus.jsonl", folder / "queries.jsonl"
    corpus.write_text("".join((facts / "statements.jsonl").read_text().splitlines(True)[:600]))
    queries.write_text("".join((facts / "queries.jsonl").read_text().splitlines(True)[::40][:12]))
    attrib("score", "-q", "--model", ROOT / "corpora/facts-model", "--strategy", "identity", "--corpus", corpus,
           "--queries", queries, "-o", folder / "run")
    return folder / "run"


SCRATCH = tempfile.TemporaryDirectory()
ARGUMENTS.run = ARGUMENTS.run or score_facts(pathlib.Path(SCRATCH.name))
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "run.npz"
    attrib("export", ARGUMENTS.run, "--format", "npz", "-o", path)
    arrays = np.load(path)
    SCORES, IDS, DOCUMENTS = arrays["scores"], [str(x) for x in arrays["query_ids"]], [str(x) for x in arrays["document_ids"]]

FIELDS = f"query,query_index,loss,document_index,n_tokens,tags.{ARGUMENTS.document_tag},query_tags.{ARGUMENTS.query_tag}"
documents, queries = {}, {}
for line in attrib("export", ARGUMENTS.run, "--all", "--format", "jsonl", "--fields", FIELDS).splitlines():
    row = json.loads(line)
    documents[row["document_index"]] = (row[f"tags.{ARGUMENTS.document_tag}"], row["n_tokens"])
    queries[row["query"]] = (row[f"query_tags.{ARGUMENTS.query_tag}"], row["loss"])
VALUES = [documents[i][0] for i in sorted(documents)]
TOKENS = np.array([documents[i][1] for i in sorted(documents)], float)
QUERY_VALUES = [queries[name][0] for name in IDS]
LOSSES = np.array([queries[name][1] for name in IDS])

check_queries(SCORES, IDS)
check_tail(SCORES, IDS)
check_groups(SCORES, LOSSES, VALUES, QUERY_VALUES)
check_relations(SCORES, VALUES, TOKENS)
sys.exit(f"differences: {', '.join(FAILURES)}" if FAILURES else None)
