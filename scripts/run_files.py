# SPDX-License-Identifier: MIT
"""Read what the program reads and writes: JSON lines, and the scores of an export."""
import array
import json
import struct


def read_rows(path):
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def read_planes(path):
    """The [Q, N] scores of an export by the name of each strategy and baseline, then by query and document id."""
    data = path.read_bytes()
    (n_header,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n_header])
    metadata = header["__metadata__"]
    documents = json.loads(metadata["document_ids"])
    queries = json.loads(metadata["query_ids"])
    n = len(documents)
    planes = {}
    for name in header:
        if name == "all_modules" or name.startswith("all_modules."):
            setting = name.partition(".")[2].partition("-")[0] or metadata["strategy"]
            first, last = header[name]["data_offsets"]
            values = array.array("f", data[8 + n_header + first : 8 + n_header + last])
            planes[setting] = {q: dict(zip(documents, values[i * n : (i + 1) * n])) for i, q in enumerate(queries)}
    return planes


def read_scores(path):
    """The scores of an export's first strategy, by query and document id."""
    return next(iter(read_planes(path).values()))
