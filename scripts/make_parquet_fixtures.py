#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""See scripts/make-parquet-fixtures."""
import datetime
import decimal
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent.parent
GOLDEN = HERE / "tests/golden/parquet"
SEEDS = HERE / "tests/fuzz/corpora/parquet"


# 1. Rows as the library writes them

def text_of(value):
    if isinstance(value, float):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        digits = "%.17g" % value
        return digits if "." in digits or "e" in digits else digits + ".0"
    if isinstance(value, dict):
        return "{" + ",".join(text_of(k) + ":" + text_of(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def keep(name, rows, seed=True):
    """The rows of GOLDEN/NAME.parquet, which is there, and the file as a seed."""
    (GOLDEN / f"{name}.jsonl").write_text("".join(text_of(r) + "\n" for r in rows), encoding="utf-8")
    if seed:
        (SEEDS / name).write_bytes(b"\xff" + (GOLDEN / f"{name}.parquet").read_bytes())


def write(name, schema, rows, expected=None, seed=True, **options):
    table = pa.Table.from_pylist(rows, schema=schema)
    options = {"compression": "none", "write_statistics": False, "store_schema": False, **options}
    pq.write_table(table, GOLDEN / f"{name}.parquet", **options)
    keep(name, expected or [{f.name: r.get(f.name) for f in schema} for r in rows], seed)


# 2. What pyarrow writes

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def chat_rows():
    return [{"messages": [{"role": "user", "content": f"ask {i}"}, {"role": "assistant", "content": f"say {i} é"}],
             "source": ["a", "b"][i % 2], "score": i / 4, "n": i} for i in range(12)]


def write_codecs():
    schema = pa.schema([("messages", MESSAGES), ("source", pa.string()), ("score", pa.float64()), ("n", pa.int64())])
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        for version in ["1.0", "2.0"]:
            write(f"{codec}-v{version[0]}", schema, chat_rows(), compression=codec, data_page_version=version,
                  row_group_size=5, data_page_size=20, write_batch_size=2, write_page_checksum=codec == "none",
                  seed=codec != "none" or version == "2.0")


def write_scalars():
    d = decimal.Decimal
    when = datetime.datetime(2001, 2, 3, 4, 5, 6, 789000)
    utc = when.replace(tzinfo=datetime.timezone.utc)
    columns = [
        ("bool", pa.bool_(), True, True), ("i8", pa.int8(), -128, -128), ("i16", pa.int16(), -32768, -32768),
        ("i32", pa.int32(), -2**31, -2**31), ("i64", pa.int64(), -2**63, -2**63), ("u8", pa.uint8(), 255, 255),
        ("u16", pa.uint16(), 65535, 65535), ("u32", pa.uint32(), 2**32 - 1, 2**32 - 1),
        ("u64", pa.uint64(), 2**64 - 1, 2**64 - 1), ("f16", pa.float16(), 0.333251953125, 0.333251953125),
        ("f32", pa.float32(), 0.1, struct.unpack("f", struct.pack("f", 0.1))[0]), ("f64", pa.float64(), 0.1, 0.1),
        ("nan", pa.float64(), math.nan, math.nan), ("inf", pa.float32(), -math.inf, -math.inf),
        ("text", pa.string(), "é\"\\\n\x01", "é\"\\\n\x01"), ("bytes", pa.binary(), b"word", "word"),
        ("image", pa.binary(), b"\xff\xd8", "\0binary"), ("fixed", pa.binary(3), b"abc", "abc"),
        ("date", pa.date32(), datetime.date(1969, 12, 31), "1969-12-31"),
        ("time_ms", pa.time32("ms"), datetime.time(23, 59, 59, 999000), "23:59:59.999"),
        ("time_us", pa.time64("us"), datetime.time(1, 2, 3, 4), "01:02:03.000004"),
        ("time_ns", pa.time64("ns"), datetime.time(1, 2, 3), "01:02:03"),
        ("local_ms", pa.timestamp("ms"), when, "2001-02-03T04:05:06.789"),
        ("utc_us", pa.timestamp("us", "Europe/Berlin"), utc, "2001-02-03T04:05:06.789+00:00"),
        ("local_ns", pa.timestamp("ns"), 1000000001, "1970-01-01T00:00:01.000000001"),
        ("small", pa.decimal128(5, 2), d("-1.05"), "-1.05"), ("medium", pa.decimal128(15, 0), d(10**14), str(10**14)),
        ("large", pa.decimal256(60, 10), d("-12345678901234567890123456789.5"),
         "-12345678901234567890123456789.5000000000"),
        ("none", pa.null(), None, None), ("required", pa.int32(), 7, 7),
    ]
    schema = pa.schema([pa.field(n, t, nullable=n != "required") for n, t, _, _ in columns])
    rows = [{n: v for n, _, v, _ in columns}, {"required": 8}]
    expected = [{n: e for n, _, _, e in columns}, {n: 8 if n == "required" else None for n, _, _, _ in columns}]
    write("scalars", schema, rows, expected, store_decimal_as_integer=True)
    write("dictionaries", schema.remove(28), rows * 3, [{k: v for k, v in r.items() if k != "none"}
                                                       for r in expected * 3], data_page_version="2.0")
    schema = pa.schema([("t", pa.timestamp("ns"))])
    days = [datetime.datetime(1900, 1, 1), when, None]
    write("int96", schema, [{"t": t} for t in days],
          [{"t": t and (t.isoformat()[:-3] if t.microsecond else t.isoformat())} for t in days],
          use_deprecated_int96_timestamps=True)


def write_encodings():
    encodings = {"plain": (pa.string(), "PLAIN"), "delta_i32": (pa.int32(), "DELTA_BINARY_PACKED"),
                 "delta_i64": (pa.int64(), "DELTA_BINARY_PACKED"), "lengths": (pa.string(), "DELTA_LENGTH_BYTE_ARRAY"),
                 "prefixes": (pa.string(), "DELTA_BYTE_ARRAY"), "fixed": (pa.binary(4), "DELTA_BYTE_ARRAY"),
                 "split_f32": (pa.float32(), "BYTE_STREAM_SPLIT"), "split_f64": (pa.float64(), "BYTE_STREAM_SPLIT"),
                 "split_i32": (pa.int32(), "BYTE_STREAM_SPLIT"), "split_fixed": (pa.binary(4), "BYTE_STREAM_SPLIT"),
                 "runs": (pa.bool_(), "RLE"), "bits": (pa.bool_(), "PLAIN")}
    schema = pa.schema([(n, t) for n, (t, _) in encodings.items()])
    rows, expected = [], []
    for i in range(150):
        row = {"plain": f"word {i}", "delta_i32": (-1)**i * 2**31 // (i + 1) // 2, "delta_i64": (-1)**i * 2**62 // (i + 1),
               "lengths": "w" * (i % 7), "prefixes": "prefix"[:i % 6] + str(i), "fixed": f"{i:04}".encode(),
               "split_f32": i / 8, "split_f64": -i / 3, "split_i32": -i, "split_fixed": f"{i:04}".encode(),
               "runs": i < 100, "bits": i % 3 == 0}
        row = {k: None if (i + j) % 11 == 0 else v for j, (k, v) in enumerate(row.items())}
        rows.append(row)
        expected.append({k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()})
    for version in ["1.0", "2.0"]:
        write(f"encodings-v{version[0]}", schema, rows, expected, use_dictionary=False, data_page_version=version,
              column_encoding={n: e for n, (_, e) in encodings.items()}, data_page_size=100, write_batch_size=16)


def write_nested():
    i, s = pa.int32(), pa.string()
    schema = pa.schema([
        ("lists", pa.list_(pa.list_(i))), ("structs", pa.struct([("a", i), ("b", pa.struct([("c", s)]))])),
        ("map", pa.map_(s, pa.list_(i))), ("numbered", pa.map_(i, s)),
        ("deep", pa.list_(pa.struct([("x", pa.list_(pa.struct([("y", i), ("z", pa.list_(s))])))]))),
        pa.field("sure", pa.list_(pa.field("element", i, nullable=False)), nullable=False)])
    rows = [
        {"lists": [[1, 2], [], None, [3, None]], "structs": {"a": 1, "b": {"c": "x"}},
         "map": {"k": [1], "l": None}, "numbered": {1: "one", -2: None},
         "deep": [{"x": [{"y": 1, "z": ["a", None]}, {"y": None, "z": []}]}, {"x": None}, None, {"x": []}],
         "sure": [1, 2]},
        {"lists": None, "structs": None, "map": None, "numbered": None, "deep": None, "sure": []},
        {"lists": [], "structs": {"a": None, "b": None}, "map": {}, "numbered": {}, "deep": [], "sure": [3]},
        {"lists": [None], "structs": {"a": 2, "b": {"c": None}}, "map": {"": []}, "numbered": {0: ""},
         "deep": [{"x": [None, {"y": 2, "z": None}]}], "sure": [4]}]
    written = [{**r, "map": r["map"] and list(r["map"].items()) or r["map"] and [] if r["map"] is None else list(
        r["map"].items()), "numbered": None if r["numbered"] is None else list(r["numbered"].items())} for r in rows]
    expected = [{**r, "numbered": r["numbered"] and {str(k): v for k, v in r["numbered"].items()} if r["numbered"]
                 else r["numbered"]} for r in rows]
    write("nested", schema, written, expected)
    write("nested-small-pages", schema, written * 4, expected * 4, data_page_size=1, write_batch_size=1,
          row_group_size=3, data_page_version="2.0", compression="snappy", seed=False)


def write_corpora():
    """Rows of every shape that rows of text have, and columns that hold no text."""
    s, i = pa.string(), pa.int32()
    turns = pa.list_(pa.struct([("role", s), ("content", s), ("weight", i)]))
    said = pa.list_(pa.struct([("from", s), ("value", s)]))
    names = {"id": s, "messages": turns, "conversations": said, "system": s, "prompt": s, "completion": s,
             "response": s, "instruction": s, "input": s, "output": s, "history": pa.list_(pa.list_(s)), "question": s,
             "answer": s, "chosen": s, "rejected": s, "text": s, "ids": pa.list_(i), "mask": pa.list_(pa.int8()),
             "input_ids": pa.list_(pa.int64()), "attention_mask": pa.list_(i), "labels": pa.list_(i),
             "meta": pa.struct([("source", s), ("n", pa.float64())]), "keywords": pa.list_(s)}
    rows = [
        {"messages": [{"role": "user", "content": "ab", "weight": None}, {"role": "assistant", "content": "c", "weight": 1},
                      {"role": "assistant", "content": "d", "weight": 0}], "system": "e"},
        {"conversations": [{"from": "human", "value": "ab"}, {"from": "gpt", "value": "c"}]},
        {"prompt": "ab", "completion": "c"}, {"prompt": "ab", "response": "c", "system": "e"},
        {"instruction": "ab", "input": "f", "output": "c", "history": [["g", "h"]]}, {"question": "ab", "answer": "c"},
        {"prompt": "ab", "chosen": "c", "rejected": "d"}, {"text": "abc"}, {"ids": [5, 6, 7], "mask": [0, 0, 1]},
        {"input_ids": [5, 6, 7, 0], "attention_mask": [1, 1, 1, 0], "labels": [-100, 6, 7, -100]},
        {"text": "hidden", "instruction": "ab", "output": "c"},
    ]
    rows = [{n: r.get(n) for n in names} for r in rows]
    for n, row in enumerate(rows):
        row["id"] = f"row{n}" if n % 2 else None
        row["meta"] = {"source": "web", "n": n / 3}
        row["keywords"] = ["k", "l"] if n % 3 else None
    write("shapes", pa.schema(list(names.items())), rows, row_group_size=4, compression="zstd")
    image = pa.struct([("bytes", pa.binary()), ("path", s)])
    schema = pa.schema([("text", s), ("image", image), ("images", pa.list_(image)), ("sound", pa.binary())])
    rows = [{"text": "one", "image": {"bytes": b"\xff\xd8", "path": "1.jpg"}, "images": [], "sound": b"\x80"},
            {"text": "two", "image": {"bytes": None, "path": "2.jpg"}, "images": None, "sound": b"plain"}]
    write("images", schema, rows, [
        {"text": "one", "image": {"bytes": "\0binary", "path": "1.jpg"}, "images": [], "sound": "\0binary"},
        {"text": "two", "image": {"bytes": None, "path": "2.jpg"}, "images": None, "sound": "plain"}])
    # Text that is not UTF-8, which pyarrow does not look at.
    data = b"onet\xffothree"
    offsets = struct.pack("<4i", 0, 3, 6, 11)
    column = pa.Array.from_buffers(s, 3, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    pq.write_table(pa.table({"text": column}), GOLDEN / "not-utf8.parquet", store_schema=False, compression="none",
                   write_statistics=False)
    write("queries", pa.schema([("id", s), ("prompt", s), ("completion", s), ("sound", pa.binary())]), [
        {"id": "q", "prompt": "ab", "completion": "c", "sound": b"\xff"}, {"prompt": "ab"}],
        [{"id": "q", "prompt": "ab", "completion": "c", "sound": "\0binary"},
         {"id": None, "prompt": "ab", "completion": None, "sound": None}], seed=False)


# 3. Files of old and rare forms, byte by byte

STRUCT, LIST, BINARY, I32, I64, TRUE, FALSE = 12, 9, 8, 5, 6, 1, 2


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def zigzag(value):
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def thrift(kind, value):
    if kind in (I32, I64):
        return zigzag(value)
    if kind == BINARY:
        return varint(len(value)) + value
    if kind == LIST:
        element, items = value
        n = len(items)
        head = bytes([n << 4 | element]) if n < 15 else bytes([0xf0 | element]) + varint(n)
        return head + b"".join(thrift(element, i) for i in items)
    if kind == STRUCT:
        out, last = b"", 0
        for number, (inner, content) in sorted(value.items()):
            out += bytes([number - last << 4 | inner])
            out += thrift(inner, content)
            last = number
        return out + b"\0"
    return b""


def element(name, kind=None, repetition=0, children=0, converted=None, length=None):
    out = {4: (BINARY, name.encode()), 3: (I32, repetition)}
    if kind is not None:
        out[1] = (I32, kind)
    if children:
        out[5] = (I32, children)
    if converted is not None:
        out[6] = (I32, converted)
    if length is not None:
        out[2] = (I32, length)
    return out


def page(kind, n, n_unpacked, data, **more):
    """A page of kind 0 (data), 2 (dictionary) or 3 (data v2)."""
    encoding = more.get("encoding", 0)
    part = {0: {1: (I32, n), 2: (I32, encoding), 3: (I32, more.get("levels", 3)), 4: (I32, more.get("levels", 3))},
            2: {1: (I32, n), 2: (I32, encoding)},
            3: {1: (I32, n), 2: (I32, 0), 3: (I32, n), 4: (I32, encoding), 5: (I32, more.get("n_definition", 0)),
                6: (I32, more.get("n_repetition", 0))}}[kind]
    if kind == 3 and "is_compressed" in more:
        part[7] = (TRUE if more["is_compressed"] else FALSE, None)
    header = {1: (I32, kind), 2: (I32, n_unpacked), 3: (I32, len(data)), {0: 5, 2: 7, 3: 8}[kind]: (STRUCT, part)}
    if "checksum" in more:
        checksum = more["checksum"]
        header[4] = (I32, checksum - (1 << 32) if checksum >> 31 else checksum)
    return thrift(STRUCT, header) + data


def build(elements, chunks, n_rows, **more):
    """A file of one row group; a chunk is (type, codec, number of values, pages[, more fields])."""
    body, columns = b"PAR1", []
    for kind, codec, n, pages, *fields in chunks:
        metadata = {1: (I32, kind), 2: (LIST, (I32, [0])), 3: (LIST, (BINARY, [b"c"])), 4: (I32, codec), 5: (I64, n),
                    6: (I64, len(pages)), 7: (I64, len(pages)), 9: (I64, len(body))}
        chunk = {2: (I64, 0), 3: (STRUCT, metadata)}
        for extra in fields:
            chunk.update(extra)
        columns.append(chunk)
        body += pages
    group = {1: (LIST, (STRUCT, columns)), 2: (I64, len(body)), 3: (I64, n_rows)}
    footer = {1: (I32, 1), 2: (LIST, (STRUCT, elements)), 3: (I64, n_rows), 4: (LIST, (STRUCT, [group])), **more}
    footer = thrift(STRUCT, footer)
    return body + footer + struct.pack("<I", len(footer)) + b"PAR1"


def by_hand(name, data, rows):
    (GOLDEN / f"{name}.parquet").write_bytes(data)
    keep(name, rows)


def ints(*values):
    return struct.pack(f"<{len(values)}i", *values)


def texts(*values):
    return b"".join(struct.pack("<I", len(v)) + v for v in values)


def levels(*runs):
    """Runs (how many, which level) with their length before them."""
    data = b"".join(varint(n << 1) + bytes([level]) for n, level in runs)
    return struct.pack("<I", len(data)) + data


def hadoop(data, blocks):
    """Hadoop's frames: one for each run of lengths in `blocks`, with a block for each."""
    codec, out = pa.Codec("lz4_raw"), b""
    for lengths in blocks:
        out += struct.pack(">I", sum(lengths))
        for n in lengths:
            packed = codec.compress(data[:n], asbytes=True)
            out += struct.pack(">I", len(packed)) + packed
            data = data[n:]
    return out


def write_by_hand():
    root = element("schema", children=1)
    x = [root, element("x", 1)]
    numbers = ints(*range(20))
    rows = [{"x": i} for i in range(20)]
    by_hand("lz4-hadoop", build(x, [(1, 5, 20, page(0, 20, 80, hadoop(numbers, [[40], [20, 20]])))], 20), rows)
    by_hand("lz4-bare", build(x, [(1, 5, 20, page(0, 20, 80, pa.Codec("lz4_raw").compress(numbers, asbytes=True)))],
                              20), rows)
    gzip = zlib.compressobj(wbits=31)
    members = [gzip.compress(numbers[:36]) + gzip.flush()]
    gzip = zlib.compressobj(wbits=31)
    members += [gzip.compress(numbers[36:]) + gzip.flush()]
    by_hand("gzip-members", build(x, [(1, 2, 20, page(0, 20, 80, b"".join(members)))], 20), rows)
    by_hand("zlib", build(x, [(1, 2, 20, page(0, 20, 80, zlib.compress(numbers)))], 20), rows)
    # Levels that are bit-packed, the highest bit first: 1 0 1 1 0 1 1 1, 0 1.
    by_hand("bit-packed-levels", build([root, element("x", 1, repetition=1)], [
        (1, 0, 10, page(0, 10, 30, bytes([0b10110111, 0b01000000]) + ints(*range(7)), levels=4))], 10),
        [{"x": v} for v in [0, None, 1, 2, None, 3, 4, 5, None, 6]])
    # Two rows [1, 2], [3] in each of the forms that lists have had.
    data = levels((1, 0), (1, 1), (1, 0)) + levels((3, 1)) + ints(1, 2, 3)
    forms = {
        "x": [element("x", 1, repetition=2)],
        "x (LIST) of a repeated value": [element("x", children=1, converted=3), element("element", 1, repetition=2)],
        "x (LIST) of array": [element("x", children=1, converted=3), element("array", children=1, repetition=2),
                              element("y", 1)],
        "x (LIST) of x_tuple": [element("x", children=1, converted=3),
                                element("x_tuple", children=1, repetition=2), element("y", 1)],
        "x (LIST) of another name": [element("x", children=1, converted=3),
                                     element("bag", children=1, repetition=2), element("array_element", 1)],
    }
    elements, chunks, expected = [element("schema", children=len(forms))], [], [{}, {}]
    for i, (name, form) in enumerate(forms.items()):
        for part in form:
            if part[4][1] in (b"x", b"x_tuple"):
                part[4] = (BINARY, part[4][1].replace(b"x", b"x%d" % i, 1))
        elements += form
        chunks.append((1, 0, 3, page(0, 3, len(data), data)))
        is_struct = "array" in name or "tuple" in name
        for row, values in zip(expected, ([1, 2], [3])):
            row[f"x{i}"] = [{"y": v} for v in values] if is_struct else values
    by_hand("old-lists", build(elements, chunks, 2), expected)
    # A map whose annotation is the old one, and a list of two members without annotation.
    data = levels((1, 0), (1, 1)) + levels((2, 1))
    pairs = [element("m", children=1, converted=2), element("map", children=2, repetition=2),
             element("key", 6, converted=0), element("value", 1),
             element("pairs", children=2, repetition=2), element("a", 6, converted=0), element("b", 1)]
    chunk_of_texts = (6, 0, 2, page(0, 2, len(data) + 10, data + texts(b"k", b"l")))
    chunk_of_ints = (1, 0, 2, page(0, 2, len(data) + 8, data + ints(1, 2)))
    by_hand("old-maps", build([element("schema", children=2)] + pairs, [chunk_of_texts, chunk_of_ints] * 2, 1),
            [{"m": {"k": 1, "l": 2}, "pairs": [{"a": "k", "b": 1}, {"a": "l", "b": 2}]}])
    # An index of one bit less: a dictionary of one item takes no bits, and no runs.
    by_hand("one-item", build([root, element("x", 6)], [
        (6, 0, 3, page(2, 1, 8, texts(b"word"), encoding=2) + page(0, 3, 1, b"\0", encoding=2))], 3),
        [{"x": "word"}] * 3)
    # Values that are not packed in a column that is, as DATA_V2 has them, with a checksum.
    by_hand("v2-unpacked", build(x, [(1, 1, 20, page(3, 20, 80, numbers, is_compressed=False,
                                                     checksum=zlib.crc32(numbers)))], 20), rows)
    # A decimal in bytes, and one in 64 bits.
    money = element("money", 6, converted=5)
    money.update({7: (I32, 2), 8: (I32, 9)})
    whole = element("whole", 2, converted=5)
    whole.update({7: (I32, 0), 8: (I32, 18)})
    by_hand("decimals", build([element("schema", children=2), money, whole], [
        (6, 0, 3, page(0, 3, 16, texts(b"\xff", b"\x01\x00", b"\x7f"))),
        (2, 0, 3, page(0, 3, 24, struct.pack("<3q", -1, 10**18 - 1, 0)))], 3),
        [{"money": a, "whole": b} for a, b in [("-0.01", "-1"), ("2.56", str(10**18 - 1)), ("1.27", "0")]])


def write_refused():
    """Files that are damaged on purpose, or that hold what is not read; test_parquet.c has their messages."""
    root = element("schema", children=1)
    x = [root, element("x", 1)]
    numbers = ints(*range(20))

    def refused(name, data):
        (GOLDEN / f"refused-{name}.parquet").write_bytes(data)
        (SEEDS / f"refused-{name}").write_bytes(b"\xff" + data)

    def one(name, pages, n=20, kind=1, codec=0, elements=x, n_rows=None):
        refused(name, build(elements, [(kind, codec, n, pages)], n if n_rows is None else n_rows))

    (GOLDEN / "encrypted-footer.parquet").write_bytes(b"PAREfooter\x06\0\0\0PARE")
    (GOLDEN / "encrypted-column.parquet").write_bytes(
        build(x, [(1, 0, 20, page(0, 20, 80, numbers), {8: (STRUCT, {1: (STRUCT, {})})})], 20))
    (GOLDEN / "lzo.parquet").write_bytes(build(x, [(1, 3, 20, page(0, 20, 80, numbers))], 20))
    (GOLDEN / "checksum.parquet").write_bytes(build(x, [(1, 0, 20, page(0, 20, 80, numbers, checksum=1))], 20))
    refused("elsewhere", build(x, [(1, 0, 20, page(0, 20, 80, numbers), {1: (BINARY, b"other.parquet")})], 20))
    one("large-page", page(0, 20, (1 << 30) + 1, b"\x81\x80\x80\x80\x04", ), codec=1)
    one("wrong-size", page(0, 20, 100, pa.compress(numbers, "snappy", asbytes=True)), codec=1)
    one("long-page", thrift(STRUCT, {1: (I32, 0), 2: (I32, 80), 3: (I32, 10**6), 5: (STRUCT, {1: (I32, 20)})}))
    one("item", page(2, 1, 8, texts(b"word"), encoding=2) + page(0, 3, 3, b"\x02\x06\x01", encoding=8), n=3, kind=6,
        elements=[root, element("x", 6)])
    one("no-dictionary", page(0, 3, 3, b"\x02\x06\x01", encoding=8), n=3)
    two_deep = [root, element("s", children=1, repetition=1), element("x", 1, repetition=1)]
    one("level", page(0, 2, 14, levels((2, 3)) + ints(1, 2)), n=2, elements=two_deep)
    one("repetition", page(0, 2, 20, levels((2, 1)) + levels((2, 1)) + ints(1, 2)), n=2,
        elements=[root, element("x", 1, repetition=2)])
    one("page-values", page(0, 21, 84, ints(*range(21))))
    one("few-values", page(0, 20, 80, numbers), n=21)
    one("few-rows", page(0, 20, 80, numbers), n_rows=21)
    one("many-rows", page(0, 20, 80, numbers), n_rows=19)
    one("negative-count", page(0, 20, 80, numbers), n=-1, n_rows=20)
    one("short-page", page(0, 20, 79, numbers[:79]))
    one("levels-length", page(0, 2, 8, struct.pack("<I", 2**31) + ints(1)), n=2, elements=[root, element("x", 1, 1)])
    one("blocks", page(0, 2, 5, b"\x80\x01\x03\x02\x00", encoding=5), n=2)
    # Prefixes 0 and 9 of suffixes "a" and "b": each list of lengths is one block of 128 in 1 miniblock.
    def lengths(first, step):
        return b"\x80\x01\x01\x02" + zigzag(first) + zigzag(step) + b"\0"
    prefixes = lengths(0, 9) + lengths(1, 0) + b"ab"
    one("prefix", page(0, 2, len(prefixes), prefixes, encoding=7), n=2, kind=6, elements=[root, element("x", 6)])
    one("run", page(0, 3, 6, struct.pack("<I", 2) + b"\x06\x02", encoding=3), n=3, kind=0,
        elements=[root, element("x", 0)])
    one("encoding", page(0, 20, 80, numbers, encoding=10))
    one("type", page(0, 20, 80, numbers), elements=[root, element("x", 2)])
    one("string", page(0, 20, 80, numbers), elements=[root, element("x", 1, converted=0)])
    one("interval", page(0, 1, 12, b"\0" * 12), n=1, kind=7, elements=[root, element("x", 7, converted=21, length=12)])
    one("deep", b"", elements=[root] + [element("g", children=1) for _ in range(70)] + [element("x", 1)])
    one("no-leaf", b"", elements=[root])
    one("many-leaves", b"", elements=x + [element("y", 1)])
    one("list", b"", elements=[root, element("x", children=1, converted=3), element("y", 1)])
    pairs = [root, element("pairs", children=2, repetition=2), element("a", 1), element("b", 1)]
    refused("disagree", build(pairs, [
        (1, 0, 2, page(0, 2, 22, levels((1, 0), (1, 1)) + levels((2, 1)) + ints(1, 2))),
        (1, 0, 1, page(0, 1, 16, levels((1, 0)) + levels((1, 1)) + ints(1)))], 1))
    nested = b"\x19" * 20 + b"\0"  # a list of a list of ...
    footer = b"\xf9\x09" + nested
    refused("recursion", b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1")
    refused("footer-size", b"PAR1" + struct.pack("<I", 2**32 - 1) + b"PAR1")


def write_large_rows():
    """A row each, of a few kilobytes, which is too large in all its columns, or in one that is nested deep."""
    def refused(name, columns):
        path = GOLDEN / f"refused-{name}.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=False, write_statistics=False,
                       data_page_size=1 << 30)
        (SEEDS / f"refused-{name}").write_bytes(b"\xff" + path.read_bytes())
    n = 9 << 20
    row = pa.array([0, n], pa.int32())
    nulls = pa.nulls(n, pa.int32())
    many = pa.ListArray.from_arrays(row, nulls)
    refused("row-values", {"x": many, "y": many})
    refused("row-bytes", {"x": ["a" * (150 << 20)], "y": ["a" * (150 << 20)]})
    deep = nulls
    for _ in range(20):
        deep = pa.ListArray.from_arrays(pa.array(range(n + 1), pa.int32()), deep)
    refused("row-memory", {"x": pa.ListArray.from_arrays(row, deep)})


def main():
    if len(sys.argv) > 1 or pa.__version__ != "26.0.1":
        sys.exit(f"make-parquet-fixtures: no arguments, and pyarrow 26.0.1, not {pa.__version__}")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    SEEDS.mkdir(parents=True, exist_ok=True)
    write_codecs()
    write_scalars()
    write_encodings()
    write_nested()
    write_corpora()
    write_by_hand()
    write_refused()
    write_large_rows()


if __name__ == "__main__":
    main()
