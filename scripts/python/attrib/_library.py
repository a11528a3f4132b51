# SPDX-License-Identifier: MIT
"""The shared library through cffi: its declarations, its errors, and calls that Ctrl-C stops.

1. Calls.
2. Options.
3. Sessions.
"""
from __future__ import annotations

import pathlib
import sys
import threading
from typing import Any, Callable, Dict, Optional, Union

import cffi

_FOLDER = pathlib.Path(__file__).resolve().parent

ffi = cffi.FFI()
ffi.cdef((_FOLDER / "header.h").read_text())
lib = ffi.dlopen(str(_FOLDER / "libattrib.so"))

Progress = Callable[[str, int, int, str, float], None]


class Error(Exception):
    """What the library refused: one line that says what, where and what to do. `status` is its kind, as
    "format error" or "shape error"."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


# 1. Calls


def text(pointer: Any) -> Optional[str]:
    """A string of the library's as Python's; None for NULL."""
    return ffi.string(pointer).decode("utf-8", "replace") if pointer else None


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Call a function that returns a status and takes an attrib_error last."""
    err = ffi.new("attrib_error *")
    status = function(*arguments, err)
    if status != lib.ATTRIB_OK:
        raise Error(text(err.message) or "failed", text(lib.attrib_status_name(status)))


def make(kind: str, close: Callable[[Any], None], function: Callable[..., int], *arguments: Any) -> Any:
    """Call a function that makes an object of type `kind`, which is closed with the last reference to it."""
    out = ffi.new(f"{kind} **")
    call(function, *arguments, out)
    return ffi.gc(out[0], close)


# 2. Options


def _encode(value: Union[str, bytes, pathlib.Path]) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class Options:
    """A struct of options with its defaults, set by keywords. It keeps the texts that the struct points to."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.struct = ffi.new(f"{kind} *")
        self._texts: list = []
        getattr(lib, f"{kind}_init")(self.struct, ffi.sizeof(kind))

    def keep(self, value: Union[str, bytes, pathlib.Path]) -> Any:
        """The text as C has it, for as long as this object lives."""
        self._texts.append(ffi.new("char[]", _encode(value)))
        return self._texts[-1]

    def read(self, values: Dict[str, Any]) -> "Options":
        """Set options by the names that they have on the command line, as if they were typed there."""
        table = getattr(lib, f"{self.kind}_table")()
        for key, value in values.items():
            if value is None or value is False:
                continue
            option = self._find(table, key)
            typed = ffi.NULL if value is True else self.keep(str(value))
            call(lib.attrib_option_read, option, typed, self.struct)
        return self

    def assign(self, values: Dict[str, Any]) -> "Options":
        """Set fields of the struct by their names; choices by their words, as on_bad_row="skip"."""
        fields = dict(ffi.typeof(self.kind).fields)
        for key, value in values.items():
            if key not in fields or key == "size":
                raise TypeError(f"unknown option {key!r}; there are {', '.join(sorted(set(fields) - {'size'}))}")
            if value is not None:
                setattr(self.struct, key, self._convert(fields[key].type, key, value))
        return self

    @staticmethod
    def _find(table: Any, key: str) -> Any:
        name, names, i = key.replace("_", "-"), [], 0
        while table[i].name:
            names.append(text(table[i].name).replace("-", "_"))
            if names[-1] == name.replace("-", "_"):
                return table + i
            i += 1
        raise TypeError(f"unknown option {key!r}; there are {', '.join(names)}")

    def _convert(self, kind: Any, key: str, value: Any) -> Any:
        if kind.kind == "pointer":
            return self.keep(value)
        if kind.kind == "enum" and isinstance(value, str):
            words = {constant.lower(): number for number, constant in kind.elements.items()}
            for constant, number in words.items():
                if constant.endswith("_" + value.lower()):
                    return number
            raise ValueError(f"{key}: {value!r} is none of {', '.join(words)}")
        return value


# 3. Sessions


def _print_progress(stage: str, done: int, total: int, unit: str, seconds: float) -> None:
    share = f"{100 * done / total:5.1f} %" if total else f"{done} {unit}"
    end = "\n" if total and done == total else ""
    sys.stderr.write(f"\r{stage:<16}{share:>12}{seconds:9.1f} s{end}")
    sys.stderr.flush()


class Session:
    """Threads and progress of one call. Ctrl-C asks the call to stop, and is raised once it has.

    progress: False says nothing, True writes a line to standard error, and a function is called with stage, done,
    total, unit and seconds."""

    def __init__(self, threads: int = 0, progress: Union[bool, Progress] = False) -> None:
        self._options = Options("attrib_session_options").assign({"n_threads": threads})
        if progress:
            show = _print_progress if progress is True else progress
            self._callback = ffi.callback("attrib_progress_fn", lambda _, p: show(
                text(p.stage), p.done, p.total, text(p.unit), p.seconds))
            self._options.struct.progress = self._callback
        self.pointer = make("attrib_session", lib.attrib_session_free, lib.attrib_session_new, self._options.struct)

    def run(self, work: Callable[[], Any]) -> Any:
        """Do work in a thread of its own, so that this one can hear Ctrl-C."""
        outcome: dict = {}

        def body() -> None:
            try:
                outcome["value"] = work()
            except BaseException as error:  # noqa: BLE001 - raised again where it belongs
                outcome["error"] = error

        worker = threading.Thread(target=body)
        worker.start()
        try:
            worker.join()
        except KeyboardInterrupt:
            lib.attrib_session_cancel(self.pointer)
            worker.join()
            raise
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]
