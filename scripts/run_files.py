# SPDX-License-Identifier: MIT
"""Read what the program reads and writes: JSON lines, and the scores of an export."""
import array
import json
import re
import struct


def read_rows(path):
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def read_planes(path):
    """The [Q, N] scores of an export by the name of each strategy and baseline, then by query and document id. Where a
    strategy has several dampings each has its own name, as in `ekfac-0.01`."""
    data = path.read_bytes()
    (n_header,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n_header])
    metadata = header["__metadata__"]
    documents = json.loads(metadata["document_ids"])
    queries = json.loads(metadata["query_ids"])
    first = "-".join([metadata["strategy"], *metadata.get("damping", "").split()[:1]])
    settings = {name: name.partition(".")[2] or first
                for name in header if name == "all_modules" or name.startswith("all_modules.")}
    strategies = [strategy_of(setting) for setting in settings.values()]
    n = len(documents)
    planes = {}
    for name, setting in settings.items():
        start, end = header[name]["data_offsets"]
        values = array.array("f", data[8 + n_header + start : 8 + n_header + end])
        strategy = strategy_of(setting)
        key = strategy if strategies.count(strategy) == 1 else setting
        planes[key] = {q: dict(zip(documents, values[i * n : (i + 1) * n])) for i, q in enumerate(queries)}
    return planes


def strategy_of(setting):
    """`ekfac` of `ekfac-0.1`, `optimizer-root` of `optimizer-root-0.1`."""
    return re.sub(r"-[0-9].*$", "", setting)


def read_scores(path):
    """The scores of an export's first strategy, by query and document id."""
    return next(iter(read_planes(path).values()))
