# SPDX-License-Identifier: MIT
"""The work of compare-exports: the same run in every format of tables, compared value by value."""
import argparse
import csv
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import duckdb
import msgpack
import numpy
import pyarrow.ipc
import pyarrow.parquet

ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTS = ROOT / "corpora/facts"
MODEL = ROOT / "corpora/facts-model"
HOSTILE = [
    {"text": "esc \u001b[2J\u001b]0;x\u0007 \u009b31m \u202e rtl \r over", "id": "\u001b[31mid\u001b[0m\u0007", "t\u001b": "v\u001b"},
    {"text": "<script>alert(1)</script> & \"q\", 'r'; --", "id": "<img src=x>", "list": [1, "two", None, {"a": [True]}]},
    {"text": "=cmd|' /C calc'!A0", "id": "=1+1", "k": "@SUM(A1)", "n": -1.5, "b": False},
    {"text": "-2+3 words here\r\nand a line", "id": "+1", "k": "-1", "big": 9007199254740993},
    {"text": "\u00e9\U0001f600\u4e2d\u6587 'quoted' \"twice\"", "id": "'); DROP TABLE documents; --", "k": ""},
]
FIELDS = [
    "query", "query_index", "prompt", "completion", "completion_by", "loss", "n_completion_tokens",
    "query_self_influence", "query_tags", "setting", "rank", "side", "score", "raw_score", "bound", "document", "document_index",
    "source", "member", "line", "span_start", "span_end", "n_tokens", "n_predicted", "hash", "tags", "text", "rejected",
    "self_influence", "tags.kind", "tags.k", "tags.n", "tags.list", "query_tags.kind",
]  # fmt: skip
NUMBERS = {
    "query_index", "loss", "n_completion_tokens", "query_self_influence", "rank", "score", "raw_score", "bound", "document_index",
    "line", "span_start", "span_end", "n_tokens", "n_predicted", "self_influence",
}  # fmt: skip


def expect(is_true, what):
    if not is_true:
        sys.exit(f"compare-exports: {what}")


def run(*words):
    return subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Run:
    """A run, and what its JSON lines and arrays say, from which all rows follow."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.answers = [json.loads(line) for line in self.export("a.jsonl").read_text("utf-8").splitlines()]
        self.arrays = numpy.load(self.export("a.npz"))
        self.n_queries = len(self.arrays["query_ids"])
        self.names = [row[0] for row in self.sqlite("a.sqlite", "select setting_name from settings order by setting")]

    def export(self, name, *options):
        path = self.folder.parent / f"{self.folder.name}-{name}"
        run(self.program, "export", self.folder, "-o", path, *options)
        return path

    def sqlite(self, name, sql, *options):
        path = self.folder.parent / f"{self.folder.name}-{name}"
        if not path.exists():
            self.export(name, *options)
        with sqlite3.connect(path) as database:
            return database.execute(sql).fetchall()

    def matrix(self, name, setting):
        """One matrix [Q, N] of an array, or None."""
        suffix = f".{self.names[setting]}" if setting else ""
        return self.arrays[name + suffix] if name + suffix in self.arrays else None

    def self_influence(self, setting, document):
        return float(self.arrays["self"][setting, document]) if "self" in self.arrays else None

    def raw_score(self, setting, query, document):
        raw = self.matrix("raw_scores", setting)
        return None if raw is None else float(raw[query, document])

    def reported(self):
        """The reported rows in their order, by (setting, query, document) and with all fields."""
        rows = {}
        for i, answer in enumerate(self.answers):
            setting, query = divmod(i, self.n_queries)
            sides = [("top", r) for r in answer["results"]] + [("bottom", r) for r in reversed(answer["opposed"])]
            for side, result in sides:
                key = setting, query, result["document"]["index"]
                rows[key] = self.row(key, answer["query"], side, result)
        return rows

    def row(self, key, query, side, result):
        setting, i_query, i_document = key
        document = result["document"]
        tags, query_tags = document["tags"], query["tags"]
        by = ("model, cut" if query["is_cut"] else "model") if query["is_generated"] else "row"
        return {
            "query": query["id"], "query_index": i_query, "prompt": query["prompt"],
            "completion": query["completion"], "completion_by": by, "loss": query["loss"],
            "n_completion_tokens": query["n_completion_tokens"], "query_self_influence": query["self_influence"],
            "query_tags": query_tags, "setting": self.names[setting], "rank": result["rank"], "side": side,
            "score": result["score"], "raw_score": self.raw_score(*key), "bound": None, "document": document["id"], "document_index": i_document,
            "source": document["source"], "member": document["member"], "line": document["line"],
            "span_start": document["span"][0], "span_end": document["span"][1], "n_tokens": len(result["tokens"]),
            "tags": tags, "text": document["text"], "rejected": document.get("rejected"),
            "self_influence": self.self_influence(setting, i_document), "tags.kind": tags.get("kind"),
            "tags.k": tags.get("k"), "tags.n": tags.get("n"), "tags.list": tags.get("list"),
            "query_tags.kind": query_tags.get("kind"),
        }  # fmt: skip

    def all(self):
        """All pairs in the order of --all: setting, document, query, and what they score."""
        reported = self.reported()
        for setting in range(len(self.names)):
            scores, bounds = self.matrix("scores", setting), self.matrix("bounds", setting)
            for document in range(scores.shape[1]):
                for query in range(self.n_queries):
                    row = reported.get((setting, query, document))
                    bound = None if row or bounds is None else float(bounds[query, document])
                    yield {
                        "setting": self.names[setting], "query_index": query, "document_index": document,
                        "query": str(self.arrays["query_ids"][query]),
                        "score": row["score"] if row else float(scores[query, document]), "bound": bound,
                        "rank": row and row["rank"], "side": row and row["side"],
                        "self_influence": self.self_influence(setting, document),
                    }  # fmt: skip


def flat(value):
    """A JSON value as tables have it: texts as they are, other values as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def same(got, want):
    if isinstance(got, str) and isinstance(want, (dict, list, bool, int, float)):
        got = json.loads(got)
    return got == want


def compare(rows, wanted, fields, what):
    wanted = list(wanted)
    expect(len(rows) == len(wanted), f"{what}: {len(rows)} rows, expected {len(wanted)}")
    for i, (got, want) in enumerate(zip(rows, wanted)):
        for field in fields:
            if field == "raw_score" and want.get(field) is not None:  # the divided score times its divisor: rounded twice
                expect(abs(got[field] - want[field]) <= 4e-16 * abs(want[field]), f"{what}: row {i}: {field}")
            elif field in want:
                expect(same(got[field], want[field]), f"{what}: row {i}: {field}: {got[field]!r} != {want[field]!r}")


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield {k: (v if v != "" else None) if k not in NUMBERS else (float(v) if v else None) for k, v in row.items()}


def read_duckdb(path):
    rows = duckdb.sql(f"select * from read_parquet('{path}')")
    return [dict(zip(rows.columns, row)) for row in rows.fetchall()]


READERS = {
    "parquet": lambda p: pyarrow.parquet.read_table(p, page_checksum_verification=True).to_pylist(),
    "arrow": lambda p: pyarrow.ipc.open_stream(p).read_all().to_pylist(),
    "msgpack": lambda p: list(msgpack.Unpacker(open(p, "rb"))),
    "jsonl": lambda p: [json.loads(line) for line in p.read_text("utf-8").split("\n") if line],
}


def compare_rows(a_run):
    """All formats of rows hold the reported documents, and with --all the arrays."""
    for options, wanted, fields in (
        ([], list(a_run.reported().values()), FIELDS),
        (["--all"], list(a_run.all()), ["setting", "query", "query_index", "document_index", "score", "bound", "rank",
                                        "side", "self_influence"]),
    ):  # fmt: skip
        name = "all" if options else "rows"
        options = [*options, "--fields", ",".join(fields)]
        for format, read in READERS.items():
            path = a_run.export(f"{name}.{format}", *options)
            compare(read(path), wanted, fields, path.name)
        path = a_run.folder.parent / f"{a_run.folder.name}-{name}.parquet"
        compare(read_duckdb(path), wanted, fields, path.name + " (DuckDB)")
        path = a_run.export(f"{name}.csv", *options, "--csv-raw")
        blank = [{k: None if v == "" else v for k, v in row.items()} for row in wanted]
        compare(list(read_csv(path)), blank, fields, path.name)
        check_harmless(a_run.export(f"{name}-safe.csv", *options))


def compare_npz(a_run):
    """Fields of queries and of documents as arrays hold what rows say of them."""
    fields = ["prompt", "completion", "loss", "n_completion_tokens", "source", "member", "line", "span_end", "n_tokens",
              "tags.kind", "tags.k"]  # fmt: skip
    arrays = numpy.load(a_run.export("fields.npz", "--fields", ",".join(fields)))
    for row in a_run.reported().values():
        for field in fields:
            place = "query_index" if field in fields[:4] else "document_index"
            want = row[field] if row[field] is not None else arrays[field].dtype.type()
            expect(same(arrays[field][row[place]].item(), want), f"fields.npz: {field}: {row[place]}")


def check_harmless(path):
    """No cell of CSV begins as a formula does, and none holds control characters."""
    text = path.read_bytes().decode("utf-8")
    kept = "\t\r\n"
    expect(not [c for c in text if (c < " " or "\x7f" <= c < "\xa0") and c not in kept], f"{path.name}: controls")
    with open(path, encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream):
            for cell in row:
                if cell.strip() and cell.strip()[0] in "=+-@":
                    float(cell)


def compare_sqlite(a_run):
    reported = a_run.reported()
    for name, options in (("a.sqlite", []), ("all.sqlite", ["--all"])):
        expect(a_run.sqlite(name, "pragma integrity_check", *options) == [("ok",)], f"{name}: damaged")
        expect(not a_run.sqlite(name, "pragma foreign_key_check"), f"{name}: keys")
    scores = "select setting, document, query, score, bound, side, rank from scores order by setting, document, query"
    got = a_run.sqlite("a.sqlite", scores)
    want = [(s, d, q, r["score"], None, r["side"], r["rank"]) for (s, q, d), r in reported.items()]
    expect(got == sorted(want), "a.sqlite: scores")
    settings = {name: i for i, name in enumerate(a_run.names)}
    want = [(settings[r["setting"]], r["document_index"], r["query_index"], r["score"], r["bound"], r["side"], r["rank"])
            for r in a_run.all()]  # fmt: skip
    expect(a_run.sqlite("all.sqlite", scores) == want, "all.sqlite: scores")
    compare_documents(a_run, reported)
    compare_explanations(a_run)


def compare_documents(a_run, reported):
    columns = "document_id, source, member, line, span_start, span_end, n_tokens, text, rejected"
    keys = ["document", "source", "member", "line", "span_start", "span_end", "n_tokens", "text", "rejected"]
    got = {row[0]: row[1:] for row in a_run.sqlite("a.sqlite", f"select document, {columns} from documents")}
    expect(list(got) == list(range(a_run.arrays["scores"].shape[1])), "a.sqlite: documents")
    for i, document in enumerate(a_run.arrays["document_ids"]):
        expect(got[i][0] == str(document), f"a.sqlite: document {i}")
    tags = {}
    for document, key, item, kind, value in a_run.sqlite("a.sqlite", "select * from document_tags"):
        tags.setdefault((document, key), {})[item] = (kind, value)
    for row in reported.values():
        i = row["document_index"]
        expect(got[i] == tuple(row[k] for k in keys), f"a.sqlite: document {i}: {got[i]}")
        for key, value in row["tags"].items():
            values = value if isinstance(value, list) else [value]
            stored = tags.get((i, key), {})
            expect(len(stored) == len(values), f"a.sqlite: tags of document {i}")
            for k, v in enumerate(values):
                kind, cell = stored[k]
                is_json = kind in ("object", "array")
                expect((json.loads(cell) if is_json else cell) == (v if not isinstance(v, bool) else int(v)),
                       f"a.sqlite: tag {key} of document {i}")  # fmt: skip


def compare_explanations(a_run):
    """Shares of tokens, of maps and of groups of maps."""
    tokens = "select token_id, text, score from tokens where setting = {} and document = {} and query = {} order by position"
    maps = "select module_name, score from module_scores join modules using (module) where setting = {} and document = {} and query = {} order by module"  # fmt: skip
    for i, answer in enumerate(a_run.answers):
        setting, query = divmod(i, a_run.n_queries)
        for result in answer["results"] + answer["opposed"]:
            key = setting, result["document"]["index"], query
            want = [(t["id"], t["text"], t["score"]) for t in result["tokens"]]
            expect(a_run.sqlite("a.sqlite", tokens.format(*key)) == want, f"a.sqlite: tokens of {key}")
            want = list(result["modules"].items())
            expect(a_run.sqlite("a.sqlite", maps.format(*key)) == want, f"a.sqlite: modules of {key}")
    groups = "select setting, document, query, group_name, score from group_scores join groups using (module_group)"
    for setting, document, query, group, score in a_run.sqlite("a.sqlite", groups):
        suffix = f".{a_run.names[setting]}" if len(a_run.names) > 1 else ""
        expect(score == a_run.arrays[f"scores{suffix}.{group}"][query, document], f"a.sqlite: group {group}")


def make_runs(program, folder):
    """Two settings with groups and self-influences, the same divided by norms, cut queries, and hostile documents."""
    corpus, queries, hostile = folder / "corpus.jsonl", folder / "queries.jsonl", folder / "hostile.jsonl"
    rows = (FACTS / "statements.jsonl").read_text("utf-8").splitlines()[:300]
    corpus.write_text("\n".join(rows) + "\n", "utf-8")
    asked = (FACTS / "queries.jsonl").read_text("utf-8").splitlines()[:6]
    queries.write_text("\n".join(asked) + "\n", "utf-8")
    hostile.write_text("".join(json.dumps(row) + "\n" for row in HOSTILE), "utf-8")
    model = ["--model", MODEL]
    run(program, "fit", *model, "--corpus", corpus, "-o", folder / "factors")
    factored = [*model, "--factors", folder / "factors", "--corpus", corpus, "--queries", queries]
    run(program, "score", *factored, "--damping", "0.1,0.01", "--split", "kind", "--self", "-o", folder / "full")
    run(program, "score", *factored, "--damping", "0.1,0.01", "--normalize", "unit", "-o", folder / "unit")
    run(program, "score", *factored, "--query-rank", "2", "--top", "3", "-o", folder / "cut")
    run(program, "score", *model, "--strategy", "identity", "--corpus", hostile, "--queries", queries, "--top", "2",
        "-o", folder / "hostile")  # fmt: skip
    return [folder / name for name in ("full", "unit", "cut", "hostile")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/attrib")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compare-exports-") as folder:
        for path in make_runs(args.program.resolve(), pathlib.Path(folder)):
            a_run = Run(args.program.resolve(), path)
            compare_rows(a_run)
            compare_npz(a_run)
            compare_sqlite(a_run)
            print(f"{path.name}: {len(a_run.reported())} reported rows, {len(list(a_run.all()))} scores agree")


if __name__ == "__main__":
    main()
