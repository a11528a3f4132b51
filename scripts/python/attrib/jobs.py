# SPDX-License-Identifier: MIT
"""Models, corpora, fitting and scoring. Options have the names that they have on the command line."""
from __future__ import annotations

import os
from typing import Any, Optional, Sequence, Union

from ._library import Options, Progress, Session, call, ffi, lib, make, text
from .run import Answer, Run

Path = Union[str, os.PathLike]
_USUAL_CONTEXT = 2048  # tokens of a sequence where none are asked for, as in the program


class Model:
    """A model with its tokenizer: a Hugging Face folder, a GGUF file, or the folder of a LoRA adapter."""

    def __init__(self, path: Path, *, adapter: Optional[Path] = None, tokenizer: Optional[Path] = None) -> None:
        options = Options("attrib_model_options").assign({"adapter": adapter})
        self._pointer = make("attrib_model", lib.attrib_model_close, lib.attrib_model_open, os.fsencode(path),
                             options.struct)
        where = os.fsencode(tokenizer) if tokenizer else lib.attrib_model_tokenizer_path(self._pointer)
        self._tokenizer = make("attrib_tokenizer", lib.attrib_tokenizer_close, lib.attrib_tokenizer_open, where)
        self._info = lib.attrib_model_describe(self._pointer)

    def _corpus_options(self, values: dict) -> Options:
        options = Options("attrib_corpus_options").assign(
            {"context": min(self._info.context, _USUAL_CONTEXT), "n_vocabulary": self._info.n_vocabulary})
        return options.assign(values)

    def __repr__(self) -> str:
        return f"<attrib.Model: {text(self._info.architecture)}, {self._info.n_parameters} parameters>"


class Corpus:
    """Documents of files, folders and archives, as the model sees them. Options are attrib_corpus_options' fields:
    unit="line", text_field="body", on_bad_row="skip", max_documents=1000, ..."""

    def __init__(self, model: Model, paths: Union[Path, Sequence[Path]], *, threads: int = 0,
                 progress: Union[bool, Progress] = False, **options: Any) -> None:
        self._options = model._corpus_options(options)
        names = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        texts = [ffi.new("char[]", os.fsencode(name)) for name in names]
        array = ffi.new("const char *[]", texts)
        where = ffi.new("attrib_paths *", {"paths": array, "n": len(texts)})
        session = Session(threads, progress)
        self._pointer = session.run(lambda: make(
            "attrib_corpus", lib.attrib_corpus_close, lib.attrib_corpus_open, session.pointer, where,
            model._tokenizer, self._options.struct))

    def __len__(self) -> int:
        return lib.attrib_corpus_summarize(self._pointer).n_documents


class Factors:
    """Fitted curvature, from a folder of `attrib fit` or of Kronfluence."""

    def __init__(self, folder: Path, model: Model) -> None:
        self._pointer = make("attrib_factors", lib.attrib_factors_close, lib.attrib_factors_open,
                             os.fsencode(folder), model._pointer)


def fit(model: Model, corpus: Optional[Corpus], folder: Path, *, optimizer: Optional[Path] = None, threads: int = 0,
        progress: Union[bool, Progress] = True, **options: Any) -> Factors:
    """Fit the curvature into a new folder, as `attrib fit` does, with its options: strategy="ekfac", modules="mlp",
    blocks=1, parts=1, seed=0, ... A fit that was stopped goes on where it was.

    With `optimizer`, safetensors of the second moments that Adam kept, nothing is fitted: `corpus` is None, and of the
    options there is `modules` alone."""
    if (corpus is None) != (optimizer is not None):
        raise ValueError("factors are fitted on a corpus, or are the moments of an optimizer: give one of both")
    if optimizer is not None and set(options) - {"modules"}:
        raise ValueError(f"{sorted(set(options) - {'modules'})[0]!r} does not go with an optimizer, "
                         "which reads no documents")
    chosen = Options("attrib_fit_options").read(options)
    session = Session(threads, progress)
    if optimizer is not None:
        session.run(lambda: call(lib.attrib_factors_take_optimizer, session.pointer, model._pointer,
                                 os.fsencode(optimizer), chosen.struct, os.fsencode(folder)))
        return Factors(folder, model)
    session.run(lambda: call(lib.attrib_factors_fit_folder, session.pointer, model._pointer, corpus._pointer,
                             chosen.struct, os.fsencode(folder)))
    return Factors(folder, model)


def score(model: Model, factors: Optional[Factors], corpus: Corpus, queries: Path, folder: Optional[Path] = None, *,
          threads: int = 0, progress: Union[bool, Progress] = True, **options: Any) -> Run:
    """Score every document against every query of a file, as `attrib score` does, with its options: query_rank="auto",
    split="layer", normalize="unit", self=True, strategy=["ekfac", "identity"], damping=[0.1, 0.01],
    baseline=["bm25", "hidden:4"], ...

    The run is kept in `folder`; without one it is in memory alone."""
    session = Session(threads, progress)
    asked = make("attrib_queries", lib.attrib_queries_close, lib.attrib_queries_open, session.pointer,
                 os.fsencode(queries), model._tokenizer, corpus._options.struct)
    return _score(model, factors, corpus, asked, folder, session, options)


def query(model: Model, factors: Optional[Factors], corpus: Corpus, prompt: str, completion: Optional[str] = None, *,
          folder: Optional[Path] = None, threads: int = 0, progress: Union[bool, Progress] = True,
          **options: Any) -> Answer:
    """Ask about one prompt, as `attrib query` does. Without a completion the model writes it."""
    asked = make("attrib_queries", lib.attrib_queries_close, lib.attrib_queries_from_prompt, prompt.encode(),
                 completion.encode() if completion is not None else ffi.NULL, model._tokenizer,
                 corpus._options.struct)
    return _score(model, factors, corpus, asked, folder, Session(threads, progress), options).answer()


def _list(value: Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _set_settings(chosen: Options, factors: Optional[Factors], options: dict) -> None:
    """All strategies with all dampings, the identity once, then baselines, as the command line has them."""
    fitted = lib.attrib_factors_describe(factors._pointer).strategy if factors else lib.ATTRIB_IDENTITY
    baselines = _list(options.pop("baseline", []))
    standard = [] if baselines else text(lib.attrib_strategy_name(fitted))
    strategies = _list(options.pop("strategy", standard))
    absolute = options.pop("damping_abs", None)
    dampings = _list(options.pop("damping", 0.1) if absolute is None else absolute)
    words = {text(lib.attrib_strategy_name(i)): i for i in ffi.typeof("attrib_strategy").elements}
    settings = [(words[s], d, 0) for s in strategies for d in (dampings[:1] if s == "identity" else dampings)]
    for baseline in baselines:
        name, _, layer = baseline.partition(":")
        if name not in ("bm25", "hidden") or (layer and not (name == "hidden" and layer.isdecimal())):
            raise ValueError(f"baseline {baseline!r}, expected 'bm25', 'hidden' or 'hidden:L'")
        settings.append((words[name], 0.1, int(layer) if layer else lib.ATTRIB_LAYER_LAST))
    if len(settings) > len(chosen.struct.settings):
        raise ValueError(f"{len(settings)} settings, at most {len(chosen.struct.settings)}")
    for i, (strategy, damping, layer) in enumerate(settings):
        chosen.struct.settings[i] = {"strategy": strategy, "damping": damping,
                                     "is_damping_absolute": absolute is not None, "layer": layer}
    chosen.struct.n_settings = len(settings)


def _score(model: Model, factors: Optional[Factors], corpus: Corpus, queries: Any, folder: Optional[Path],
           session: Session, options: dict) -> Run:
    chosen = Options("attrib_score_options")
    _set_settings(chosen, factors, options)
    chosen.read(options)
    job = Options("attrib_score_job")
    job.struct.model, job.struct.tokenizer = model._pointer, model._tokenizer
    job.struct.factors = factors._pointer if factors else ffi.NULL
    job.struct.corpus, job.struct.queries, job.struct.options = corpus._pointer, queries, chosen.struct
    job.struct.folder = job.keep(os.fsencode(folder)) if folder is not None else ffi.NULL
    pointer = session.run(lambda: make("attrib_run", lib.attrib_run_close, lib.attrib_run_score, session.pointer,
                                       job.struct))
    return Run._of(pointer, [model, factors, corpus, queries, chosen, job])
