# SPDX-License-Identifier: MIT
"""GGUF files read with numpy alone, for the scripts that say what such a model computes."""
import math
import pathlib
import struct

import numpy as np

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q",
           12: "d"}
F32, Q4_1, Q8_0 = 0, 3, 8
ALIGNMENT = 32


class Reader:
    """A file of version 2 or 3 with the default alignment; values: {key: value}."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        self.at = 8
        n_tensors, n_values = self.take("QQ")
        self.values = {}
        for _ in range(n_values):
            key = self.text()
            self.values[key] = self.value(self.take("I")[0])
        self.n_head = self.at  # bytes before the list of tensors
        self.entries = []  # name, dims, type, offset
        for _ in range(n_tensors):
            name = self.text()
            dims = self.take(f"{self.take('I')[0]}Q")
            self.entries.append((name, dims, *self.take("IQ")))
        self.begin = -(-self.at // ALIGNMENT) * ALIGNMENT

    def tensors(self):
        """{name: f64 array}"""
        return {name: self.widen(dims, kind, offset)
                for name, dims, kind, offset in self.entries}

    def take(self, form):
        out = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return out

    def text(self):
        n = self.take("Q")[0]
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            kind, n = self.take("IQ")
            return [self.value(kind) for _ in range(n)]
        return self.take(SCALARS[kind])[0]

    def widen(self, dims, kind, offset):
        """[rows, columns] or [columns] in f64: F32, Q4_1 or Q8_0."""
        n = math.prod(dims)
        at = self.begin + offset
        if kind == F32:
            values = np.frombuffer(self.data, "<f4", n, at).astype(np.float64)
        elif kind == Q4_1:  # scale, minimum, 16 bytes: low halves first
            blocks = np.frombuffer(self.data, np.dtype(
                [("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)]), n // 32, at)
            codes = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1)
            values = (codes * blocks["d"].astype(np.float64)[:, None]
                      + blocks["m"].astype(np.float64)[:, None])
        elif kind == Q8_0:  # scale, 32 signed bytes
            blocks = np.frombuffer(self.data, np.dtype([("d", "<f2"), ("q", "i1", 32)]),
                                   n // 32, at)
            values = blocks["q"] * blocks["d"].astype(np.float64)[:, None]
        else:
            raise SystemExit(f"tensor type {kind} is not expected")
        return values.reshape(dims[::-1])


def write_widened(reader, path):
    """The same model with every tensor in f32."""
    with open(path, "wb") as out:
        out.write(reader.data[:reader.n_head])
        at = 0
        for name, dims, _, _ in reader.entries:
            data = name.encode()
            out.write(struct.pack("<Q", len(data)) + data + struct.pack("<I", len(dims)))
            out.write(struct.pack(f"<{len(dims)}QIQ", *dims, F32, at))
            at += -(-4 * math.prod(dims) // ALIGNMENT) * ALIGNMENT
        for _, dims, kind, offset in reader.entries:
            out.write(b"\0" * (-out.tell() % ALIGNMENT))
            out.write(reader.widen(dims, kind, offset).astype("<f4").tobytes())
