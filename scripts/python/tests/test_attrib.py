# SPDX-License-Identifier: MIT
"""The package against the program, byte for byte, and against what it must refuse.

ATTRIB_PROGRAM names the program, ATTRIB_CORPORA the project's corpora."""
import gc
import html.parser
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import attrib

PROGRAM = os.environ["ATTRIB_PROGRAM"]
CORPORA = pathlib.Path(os.environ["ATTRIB_CORPORA"])
MODEL = CORPORA / "facts-model"
PROMPT = "Question: Who was Sir Christopher Wren?\nAnswer:"
N = 120


def run_program(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True).stdout


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attrib")
    lines = (CORPORA / "facts" / "statements.jsonl").read_text().splitlines()[:N]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    rows = [{"id": "one", "prompt": "Question: Who was Aesop?\nAnswer:", "completion": " a writer", "tags": {"kind": "a"}},
            {"id": "two", "prompt": "Question: Who was Bach?\nAnswer:", "completion": " a composer", "tags": {"kind": "b"}}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_program("fit", "-q", "--model", MODEL, "--corpus", folder / "corpus.jsonl", "-o", folder / "factors")
    run_program("score", "-q", "--model", MODEL, "--corpus", folder / "corpus.jsonl", "--factors", folder / "factors",
                "--queries", folder / "queries.jsonl", "--self", "--tokens", "--split", "kind", "--damping", "0.1,1",
                "-o", folder / "run")
    return folder


@pytest.fixture(scope="session")
def model():
    return attrib.Model(MODEL)


@pytest.fixture(scope="session")
def corpus(folder, model):
    return attrib.Corpus(model, folder / "corpus.jsonl")


@pytest.fixture(scope="session")
def factors(folder, model):
    return attrib.Factors(folder / "factors", model)


@pytest.fixture(scope="session")
def run(folder):
    return attrib.Run(folder / "run")


def test_fit__writes_the_bytes_of_the_program(folder, model, corpus):
    attrib.fit(model, corpus, folder / "fitted", progress=False)
    names = sorted(path.name for path in (folder / "factors").glob("*.safetensors"))
    assert names
    for name in names:
        assert (folder / "fitted" / name).read_bytes() == (folder / "factors" / name).read_bytes()


def write_moments(path):
    """Second moments of every MLP map of the model, as scripts/optimizer-to-safetensors writes them."""
    data = (MODEL / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    shapes = {name: entry["shape"] for name, entry in json.loads(data[8:8 + size]).items()
              if ".mlp." in name and name.endswith(".weight")}
    header, parts, at = {}, [], 0
    for name, shape in shapes.items():
        moments = np.linspace(1e-6, 1e-3, int(np.prod(shape)), dtype="<f4").tobytes()
        header[name + ".exp_avg_sq"] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(moments)]}
        parts.append(moments)
        at += len(moments)
    words = json.dumps(header).encode()
    path.write_bytes(len(words).to_bytes(8, "little") + words + b"".join(parts))


def test_fit__takes_the_moments_of_an_optimizer_as_the_program_does(folder, model, corpus):
    moments = folder / "moments.safetensors"
    write_moments(moments)
    run_program("fit", "-q", "--model", MODEL, "--optimizer", moments, "-o", folder / "of-program")
    attrib.fit(model, None, folder / "of-python", optimizer=moments, progress=False)
    names = sorted(path.name for path in (folder / "of-program").glob("*.safetensors"))
    assert names
    for name in names:
        assert (folder / "of-python" / name).read_bytes() == (folder / "of-program" / name).read_bytes()
    with pytest.raises(ValueError, match="give one of both"):
        attrib.fit(model, corpus, folder / "both", optimizer=moments)
    with pytest.raises(ValueError, match="give one of both"):
        attrib.fit(model, None, folder / "neither")
    with pytest.raises(ValueError, match="'seed' does not go with an optimizer"):
        attrib.fit(model, None, folder / "seeded", optimizer=moments, seed=1)


def test_score__writes_the_bytes_of_the_program(folder, model, corpus, factors):
    attrib.score(model, factors, corpus, folder / "queries.jsonl", folder / "scored", progress=False, self=True,
                 tokens=True, split="kind", damping=[0.1, 1])
    names = sorted(path.name for path in (folder / "run").iterdir() if path.name != "manifest.msgpack")
    assert names == sorted(path.name for path in (folder / "scored").iterdir() if path.name != "manifest.msgpack")
    for name in names:
        assert (folder / "scored" / name).read_bytes() == (folder / "run" / name).read_bytes()


def test_query__answers_as_the_program_does(folder, model, corpus, factors):
    found = attrib.query(model, factors, corpus, PROMPT, progress=False)
    printed = json.loads(run_program("query", "-q", "--model", MODEL, "--corpus", folder / "corpus.jsonl", "--factors",
                                     folder / "factors", "--format", "json", PROMPT))
    assert found.query.completion == printed["query"]["completion"]
    assert [result.id for result in found.top] == [row["document"]["id"] for row in printed["results"]]
    assert [result.score for result in found.top] == [row["score"] for row in printed["results"]]
    assert [result.text for result in found.top] == [row["document"]["text"] for row in printed["results"]]


@pytest.mark.parametrize("format", ["jsonl", "csv", "npz", "safetensors", "parquet", "html"])
def test_export__writes_the_bytes_of_the_program(folder, run, format):
    run.export(folder / f"mine.{format}")
    run_program("export", folder / "run", "--format", format, "-o", folder / f"its.{format}")
    assert (folder / f"mine.{format}").read_bytes() == (folder / f"its.{format}").read_bytes()


def test_export__takes_options_and_refuses_unknown_formats(folder, run):
    run.export(folder / "all.data", "csv", with_all=True, fields="query,document,score")
    lines = (folder / "all.data").read_text().splitlines()
    assert lines[0] == "query,document,score" and len(lines) > 2 * N
    with pytest.raises(ValueError, match="format: 'xls' is none of"):
        run.export(folder / "run.xls")


def test_arrays__equal_those_of_the_exports(folder, run):
    run_program("export", folder / "run", "--format", "npz", "-o", folder / "run.npz")
    run_program("export", folder / "run", "--format", "safetensors", "-o", folder / "run.safetensors")
    exported = np.load(folder / "run.npz")
    assert run.scores().shape == (2, N)
    np.testing.assert_array_equal(run.scores(), exported["scores"])
    np.testing.assert_array_equal(run.self_influence(1), exported["self"][1])
    first, end = exported["token_offsets"][3:5]
    shares = [name for name in exported.files if name.startswith("tokens")]
    np.testing.assert_array_equal(run.tokens(3), exported[shares[0]][first:end].astype(float))
    np.testing.assert_array_equal(attrib.map_arrays(folder / "run.safetensors")["scores"], run.scores())
    assert not np.array_equal(run.scores(0), run.scores(1))
    np.testing.assert_array_equal(run.scores(0, "mlp"), run.scores(0))


def test_frames__hold_documents_queries_and_answers(run):
    documents, queries = run.documents, run.queries
    assert len(documents) == N and documents["line"].tolist() == list(range(1, N + 1))
    assert {"source", "n_tokens", "tag.entity"} <= set(documents.columns)
    assert queries.loc["two", "tag.kind"] == "b"
    found = run.answer("one")
    frame = found.frame()
    best = documents.index[np.argsort(-run.scores()[0], kind="stable")[:len(found.top)]]
    assert frame["id"].tolist()[:len(found.top)] == best.tolist()
    assert abs(sum(token.score for token in found.top[0].tokens) - found.top[0].score) < 1e-6 * abs(found.top[0].score)


def test_a_run_in_memory_outlives_what_it_was_made_of(folder):
    def made():
        model = attrib.Model(MODEL)
        corpus = attrib.Corpus(model, folder / "corpus.jsonl")
        return attrib.score(model, attrib.Factors(folder / "factors", model), corpus, folder / "queries.jsonl",
                            progress=False, self=True, tokens=True, split="kind", damping=[0.1, 1])

    run = made()
    gc.collect()
    np.testing.assert_array_equal(run.scores(), attrib.Run(folder / "run").scores())
    assert len(run.documents) == N


def test_progress__is_a_function_that_sees_every_stage(folder, model, corpus):
    seen = []
    attrib.fit(model, corpus, folder / "seen", progress=lambda stage, done, total, unit, seconds: seen.append(stage))
    assert {"covariance", "eigenbasis", "lambda"} <= set(seen)


def test_notebooks__are_given_markup_without_the_documents_own(folder, tmp_path):
    attack = '<img src=x onerror="alert(1)"></script><b>'
    rows = [{"id": attack, "text": f"Aesop was a writer {i} {attack}", "<i>key": attack} for i in range(3)]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = attrib.Model(MODEL)
    found = attrib.query(model, None, attrib.Corpus(model, tmp_path / "corpus.jsonl"), attack, attack, progress=False)

    class Tags(html.parser.HTMLParser):
        names = set()

        def handle_starttag(self, tag, attributes):
            self.names.add(tag)
            assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "href")]

    parser = Tags()
    parser.feed(found._repr_html_())
    assert parser.names <= {"p", "b", "small", "table", "tr", "th", "td", "br", "span"}
    assert "&lt;img" in found._repr_html_()


def test_mistakes__are_one_line_that_says_what(folder, model, corpus, factors, run):
    with pytest.raises(attrib.Error, match="no such folder"):
        attrib.Run(folder / "absent")
    with pytest.raises(attrib.Error, match=r"top: 0 is not in"):
        attrib.score(model, factors, corpus, folder / "queries.jsonl", progress=False, top=0)
    with pytest.raises(TypeError, match="unknown option 'tops'; there are .*top"):
        attrib.score(model, factors, corpus, folder / "queries.jsonl", progress=False, tops=1)
    with pytest.raises(TypeError, match="unknown option 'units'"):
        attrib.Corpus(model, folder / "corpus.jsonl", units="line")
    with pytest.raises(ValueError, match="on_bad_row"):
        attrib.Corpus(model, folder / "corpus.jsonl", on_bad_row="ignore")
    with pytest.raises(KeyError, match="no query 'three'"):
        run.answer("three")
    with pytest.raises(IndexError):
        run.scores(2)
    with pytest.raises(KeyError, match="the run has no bounds: it holds scores"):
        run.bounds()
    with pytest.raises(KeyError, match="no group 'attention'; there are mlp"):
        run.scores(0, "attention")


def test_interrupt__stops_a_fit_which_goes_on_later(folder):
    code = textwrap.dedent(f"""
        import attrib, sys
        model = attrib.Model({str(MODEL)!r})
        corpus = attrib.Corpus(model, {str(CORPORA / "facts" / "statements.jsonl")!r})
        attrib.fit(model, corpus, {str(folder / "stopped")!r}, progress=lambda *_: print("going", flush=True))
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors and process.returncode != 0
    assert time.monotonic() - asked < 10
    assert not (folder / "stopped").exists()
