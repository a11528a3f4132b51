# SPDX-License-Identifier: MIT
"""Finished runs: their scores as arrays, their documents and answers as frames.

1. What answers are made of.
2. Runs.
"""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np

from . import _html
from ._library import Options, call, ffi, lib, make, text

# 1. What answers are made of


@dataclasses.dataclass(frozen=True)
class Setting:
    """How the Fisher was inverted: damping is in units of the mean eigenvalue of each map, or absolute."""

    strategy: str
    damping: float
    is_damping_absolute: bool


@dataclasses.dataclass(frozen=True)
class Query:
    """A prompt and the completion that was asked about. Loss in nats, summed over the completion's tokens."""

    id: str
    prompt: Optional[str]
    completion: Optional[str]
    tags: Dict[str, Any]
    loss: float
    n_completion_tokens: int
    self_influence: float
    is_generated: bool
    is_cut: bool


@dataclasses.dataclass(frozen=True)
class Token:
    """A token's bytes, which may be a part of a character, and its share of the score."""

    bytes: bytes
    id: int
    score: float
    is_special: bool


@dataclasses.dataclass(frozen=True)
class Result:
    """A document that was reported: rank 1 has the largest score of all. Tokens and modules sum to the score."""

    rank: int
    score: float
    side: str  # "top" or "bottom"
    index: int
    id: str
    source: str
    member: Optional[str]
    line: int
    tags: Dict[str, Any]
    text: Optional[str]
    tokens: List[Token] = dataclasses.field(repr=False)
    modules: Dict[str, float] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Answer:
    """A query under one setting, with the documents that most favour and most oppose its completion."""

    query: Query
    setting: Setting
    top: List[Result]
    bottom: List[Result]

    def frame(self):
        """The reported documents as a pandas frame, the best first."""
        import pandas

        rows = []
        for result in self.top + self.bottom[::-1]:
            row = {"query": self.query.id}
            row.update({field.name: getattr(result, field.name) for field in dataclasses.fields(result)
                        if field.name not in ("tokens", "modules", "tags")})
            row.update({f"tag.{key}": value for key, value in result.tags.items()})
            rows.append(row)
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        return _html.answer(self)


def _tags(items: Any, n: int) -> Dict[str, Any]:
    return {text(items[i].key): json.loads(ffi.string(items[i].value)) for i in range(n)}


def _query(answer: Any) -> Query:
    query = answer.query
    return Query(text(query.id), text(query.prompt), text(query.completion), _tags(query.tags, query.n_tags),
                 answer.loss, answer.n_completion_tokens, answer.self_influence, query.is_generated, query.is_cut)


def _token(token: Any) -> Token:
    return Token(ffi.buffer(token.text, token.n_bytes)[:], token.id, token.score, token.is_special)


def _result(result: Any, side: str) -> Result:
    document = result.document
    body = ffi.buffer(document.text, document.n_text_bytes)[:].decode("utf-8", "replace") if document.text else None
    return Result(result.rank, result.score, side, document.index, text(document.id), text(document.source),
                  text(document.member), document.line, _tags(document.tags, document.n_tags), body,
                  [_token(result.tokens[i]) for i in range(result.n_tokens)],
                  {text(result.modules[i].name): result.modules[i].score for i in range(result.n_modules)})


# 2. Runs


class Run:
    """A run: every document's score against every query, and the documents reported for each.

    Arrays are NumPy's, queries by documents: [Q, N]. They are copied from the run's files once for each call."""

    _BLOCK = 4096  # documents that are read at once

    def __init__(self, folder: Union[str, os.PathLike]) -> None:
        self._hold(make("attrib_run", lib.attrib_run_close, lib.attrib_run_open, os.fsencode(folder)), [])

    @classmethod
    def _of(cls, pointer: Any, keep: list) -> "Run":
        run = cls.__new__(cls)
        run._hold(pointer, keep)
        return run

    def _hold(self, pointer: Any, keep: list) -> None:
        self._pointer, self._keep = pointer, keep
        self._info = lib.attrib_run_describe(pointer)

    # What it holds

    @property
    def n_queries(self) -> int:
        return self._info.n_queries

    @property
    def n_documents(self) -> int:
        return self._info.n_documents

    @property
    def query_rank(self) -> int:
        """The rank that queries were cut to, whose scores are approximate; 0: they are whole."""
        return self._info.query_rank

    @property
    def settings(self) -> List[Setting]:
        options = self._info.options
        return [Setting(text(lib.attrib_strategy_name(s.strategy)), s.damping, s.is_damping_absolute)
                for s in options.settings[0:options.n_settings]]

    @property
    def groups(self) -> List[str]:
        """The groups of maps whose scores were kept apart (--split)."""
        return [text(lib.attrib_run_plane(self._pointer, i + 1).group) for i in range(self._info.n_groups)]

    @property
    def queries(self):
        """The queries as a pandas frame, a tag a column."""
        import pandas

        rows = []
        for answer in self.answers():
            row = dataclasses.asdict(answer.query)
            row.update({f"tag.{key}": value for key, value in row.pop("tags").items()})
            rows.append(row)
        return pandas.DataFrame(rows).set_index("id")

    @property
    def documents(self):
        """All documents as a pandas frame: where each stands, its tokens and its tags."""
        import pandas

        return pandas.DataFrame(self._documents()).set_index("id")

    def _documents(self) -> Iterator[Dict[str, Any]]:
        document = ffi.new("attrib_document *")
        for i in range(self.n_documents):
            call(lib.attrib_run_document, self._pointer, i, document)
            row = {"id": text(document.id), "source": text(document.source), "member": text(document.member),
                   "line": document.line, "n_tokens": document.n_tokens}
            row.update({f"tag.{key}": value for key, value in _tags(document.tags, document.n_tags).items()})
            yield row

    # Arrays

    def scores(self, setting: int = 0, group: str = "") -> np.ndarray:
        """The scores [Q, N] under a setting; of a group of maps where the run keeps them."""
        groups = [""] + self.groups
        if group not in groups:
            raise KeyError(f"no group {group!r}; there are {', '.join(groups[1:]) or 'none'}")
        self._check(setting)
        return self._read("scores", setting * len(groups) + groups.index(group), self.n_queries).T

    def bounds(self, setting: int = 0) -> np.ndarray:
        """How far the scores of cut queries may be from the whole ones', [Q, N]."""
        self._check(setting)
        return self._read("bounds", setting * (1 + self._info.n_groups), self.n_queries).T

    def self_influence(self, setting: int = 0) -> np.ndarray:
        """What each document does to its own loss, [N]; of runs scored with --self."""
        self._check(setting)
        return self._read("self", setting, 1)[:, 0]

    def checkpoint_scores(self, checkpoint: int, setting: int = 0) -> np.ndarray:
        """What one of the runs of a sum says, before it is divided, [Q, N]; its place among them, from 0."""
        self._check(setting)
        n = self._info.n_checkpoints
        if not 0 <= checkpoint < n:
            raise IndexError(f"no checkpoint {checkpoint} of {n}")
        return self._read("checkpoint_scores", setting * n + checkpoint, self.n_queries).T

    def tokens(self, document: int, setting: int = 0) -> np.ndarray:
        """The shares of a document's tokens, [tokens, Q]; of runs scored with --tokens."""
        self._check(setting)
        n = ffi.new("size_t *")
        call(lib.attrib_run_n_tokens, self._pointer, self._index(document), n)
        out = np.empty((n[0], self.n_queries))
        call(lib.attrib_run_tokens, self._pointer, setting, document, ffi.from_buffer("double[]", out))
        return out

    def _check(self, setting: int) -> None:
        if not 0 <= setting < self._info.options.n_settings:
            raise IndexError(f"no setting {setting} of {self._info.options.n_settings}")

    def _index(self, document: int) -> int:
        if not 0 <= document < self.n_documents:
            raise IndexError(f"no document {document} of {self.n_documents}")
        return document

    def _array(self, name: str) -> Any:
        array, names = ffi.new("attrib_array *"), []
        while lib.attrib_run_array(self._pointer, len(names), array):
            names.append(text(array.name))
            if names[-1] == name:
                return array
        raise KeyError(f"the run has no {name}: it holds {', '.join(names)}")

    def _read(self, name: str, i: int, width: int) -> np.ndarray:
        array = self._array(name)
        array.i = i
        out = np.empty((self.n_documents, width))
        for first in range(0, self.n_documents, self._BLOCK):
            block = out[first:first + self._BLOCK]
            call(lib.attrib_run_read, self._pointer, array, first, len(block), ffi.from_buffer("double[]", block))
        return out

    # Answers

    def answer(self, query: Union[int, str] = 0, setting: int = 0) -> Answer:
        """What was found for a query, by its place or its id."""
        self._check(setting)
        if isinstance(query, str):
            query = self._find(query)
        if not 0 <= query < self.n_queries:
            raise IndexError(f"no query {query} of {self.n_queries}")
        return self._answer(setting * self.n_queries + query)

    def answers(self, setting: int = 0) -> List[Answer]:
        self._check(setting)
        return [self._answer(setting * self.n_queries + i) for i in range(self.n_queries)]

    def _find(self, name: str) -> int:
        for i in range(self.n_queries):
            if text(lib.attrib_run_answer(self._pointer, i).query.id) == name:
                return i
        raise KeyError(f"no query {name!r}")

    def _answer(self, i: int) -> Answer:
        call(lib.attrib_run_load, self._pointer, i)
        answer = lib.attrib_run_answer(self._pointer, i)
        return Answer(_query(answer), self.settings[answer.i_setting],
                      [_result(answer.top[k], "top") for k in range(answer.n_top)],
                      [_result(answer.bottom[k], "bottom") for k in range(answer.n_bottom)])

    # Exports

    def to_json(self, query: int = 0, setting: int = 0) -> str:
        """An answer as `attrib query --format json` prints it."""
        self._check(setting)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "answer.json")
            call(lib.attrib_export_json, self._pointer, setting * self.n_queries + query, os.fsencode(path))
            return path.read_text()

    def export(self, path: Union[str, os.PathLike], format: Optional[str] = None, **options: Any) -> None:
        """Write the whole run as `attrib export` does: "jsonl", "csv", "npz", "safetensors", "sqlite", "html", ...,
        which otherwise follows from the path's name. Options are attrib_export_options' fields."""
        options["format"] = format or pathlib.Path(path).suffix[1:]
        chosen = Options("attrib_export_options").assign(options)
        call(lib.attrib_export_run, self._pointer, chosen.struct, os.fsencode(path))

    def __repr__(self) -> str:
        return f"<attrib.Run: {self.n_queries} queries x {self.n_documents} documents>"

    def _repr_html_(self) -> str:
        return _html.run(self)


def map_arrays(path: Union[str, os.PathLike]) -> Dict[str, np.ndarray]:
    """The arrays of `attrib export --format safetensors`, mapped from the file and not read into memory."""
    kinds = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "U8": np.uint8}
    with open(path, "rb") as file:
        n = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(n))
    header.pop("__metadata__", None)
    return {name: np.memmap(path, kinds[tensor["dtype"]], "r", 8 + n + tensor["data_offsets"][0],
                            tuple(tensor["shape"]))
            for name, tensor in header.items() if all(tensor["shape"])}
