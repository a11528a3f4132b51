# SPDX-License-Identifier: MIT
"""Read what the program reads and writes: JSON lines, and the scores of an export."""
import array
import json
import struct


def read_rows(path):
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def read_scores(path):
    """The [Q, N] scores of an export, by query and document id."""
    data = path.read_bytes()
    (n_header,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n_header])
    metadata = header["__metadata__"]
    first, last = header["all_modules"]["data_offsets"]
    values = array.array("f", data[8 + n_header + first : 8 + n_header + last])
    documents = json.loads(metadata["document_ids"])
    queries = json.loads(metadata["query_ids"])
    n = len(documents)
    return {q: dict(zip(documents, values[i * n : (i + 1) * n])) for i, q in enumerate(queries)}
