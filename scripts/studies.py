# SPDX-License-Identifier: MIT
"""What studies of corpora/facts share: runs that are made once, analyses of them, and tables for a page."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from run_files import read_rows

ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTS = ROOT / "corpora" / "facts"
MODEL = ROOT / "corpora" / "facts-model"
CHECKPOINTS = {"early": MODEL / "checkpoint-1185", "final": MODEL}
KINDS = ("direct", "paraphrase", "flipped")


def read_options(text, has_model=False):
    """The options of a study, whose docstring is `text`; has_model: of any model and sentences of its own, in place of
    the checkpoints and the facts."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "attrib",
                        help="the attrib program (default: %(default)s)")
    parser.add_argument("--work", type=pathlib.Path, help="a folder that keeps factors and runs (default: none is kept)")
    if not has_model:
        parser.add_argument("--queries", type=int, default=40, help="of each kind (default: %(default)s)")
        parser.add_argument("--documents", type=int, help="the first so many besides the queries' sources (default: all)")
    parser.add_argument("--strategy", default="ekfac", help="of attrib score; identity needs no factors (default: %(default)s)")
    if has_model:
        parser.add_argument("--model", type=pathlib.Path, default=CHECKPOINTS["early"],
                            help="a folder or a GGUF file; its factors are fitted on the facts (default: %(default)s)")
    options = parser.parse_args()
    if not options.program.exists():
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {options.program}: not built, run scripts/demo first")
    return options


class Study:
    """Runs over the facts in a folder of work, which `with` removes where it was not asked for."""

    def __init__(self, options):
        self.options = options
        self.truth = {row["id"]: row for row in read_rows(FACTS / "truth.jsonl")}
        self.temporary = None

    def __enter__(self):
        if not self.options.work:
            self.temporary = tempfile.TemporaryDirectory(prefix="attrib-study-")
        self.work = self.options.work or pathlib.Path(self.temporary.name)
        self.work.mkdir(parents=True, exist_ok=True)
        if hasattr(self.options, "queries"):
            self.queries = self.choose_queries()
            self.documents = self.choose_documents()
        return self

    def __exit__(self, *_):
        if self.temporary:
            self.temporary.cleanup()

    def choose_queries(self):
        """Evenly spaced ones of each kind, two neighbours at a time, which ask of one entity where that is asked of
        twice. Each knows the kind of document that tells its answer as its topic."""
        kinds = {row["id"]: row["kind"] for name in ("statements", "instructions") for row in read_rows(FACTS / f"{name}.jsonl")}
        chosen = []
        rows = read_rows(FACTS / "queries.jsonl")
        for kind in KINDS:
            own = [row for row in rows if row["tags"]["kind"] == kind]
            n = min(self.options.queries, len(own)) + 1 & ~1
            chosen += [own[2 * (i // 2 * len(own) // n) + i % 2] for i in range(n)]
        for row in chosen:
            row["tags"]["topic"] = kinds[self.truth[row["id"]]["sources"][0]]
        return chosen

    def choose_documents(self):
        needed = {name for row in self.queries for key in ("sources", "distractors") for name in self.truth[row["id"]][key]}
        rows = [row for name in ("statements", "instructions") for row in read_rows(FACTS / f"{name}.jsonl")]
        n = self.options.documents
        return [row for i, row in enumerate(rows) if n is None or i < n or row["id"] in needed]

    def attrib(self, *arguments):
        subprocess.run([self.options.program, *map(str, arguments)], check=True, stdout=sys.stderr)

    def write(self, name, rows):
        path = self.work / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def factors(self, name, model):
        """Options that name the factors of a model, fitted on all facts; none for identity."""
        if self.options.strategy == "identity":
            return []
        folder = self.work / f"factors-{name}"
        self.attrib("fit", "-q", "--model", model, "--corpus", FACTS / "statements.jsonl", FACTS / "instructions.jsonl", "-o", folder)
        return ["--factors", folder]

    def score(self, name, model, documents, queries, *options):
        """A run, made by the program or found in the folder; its path."""
        folder = self.work / f"run-{name}"
        corpus = self.write(f"{name}-documents.jsonl", documents)
        asked = self.write(f"{name}-queries.jsonl", queries)
        self.attrib("score", "-q", "--model", model, *self.factors(name, model), "--strategy", self.options.strategy,
                    "--corpus", corpus, "--queries", asked, "-o", folder, *options)
        return folder

    def checkpoint(self, name, *options):
        return self.score(name, CHECKPOINTS[name], self.documents, self.queries, *options)

    def analyze(self, *arguments):
        """The tables of an analysis, {name: [row]}."""
        done = subprocess.run([self.options.program, "analyze", *map(str, arguments), "--format", "json"], check=True, stdout=subprocess.PIPE)
        return {table["name"]: table["rows"] for table in json.loads(done.stdout)["tables"]}

    def export(self, run, form):
        path = run.with_suffix("." + form)
        self.attrib("export", run, "-o", path)
        return path


def mean(values):
    """Of those that are known; None where none is."""
    values = [value for value in values if value is not None]
    return statistics.fmean(values) if values else None


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def shown(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def percent(value):
    return "–" if value is None else f"{100 * value:.1f} %"


def print_table(heads, rows):
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()
