#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""See scripts/compare-parquet."""
import argparse
import datetime
import decimal
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

try:
    import polars
except ImportError:
    polars = None
try:
    import duckdb
except ImportError:
    duckdb = None
try:
    import fastparquet
except ImportError:
    fastparquet = None

PANICS = (polars.exceptions.PanicException,) if polars else ()
HERE = Path(__file__).resolve().parent.parent
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
ENCODINGS = {
    "int": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
    "float": ["PLAIN", "BYTE_STREAM_SPLIT"],
    "text": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
    "fixed": ["PLAIN", "BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY"],
    "bool": ["PLAIN", "RLE"],
    "other": ["PLAIN"],
}


# 1. What is written

SCALARS = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(),
           pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(),
           pa.binary(5), pa.date32(), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.timestamp("ms"),
           pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.decimal128(9, 3), pa.decimal128(38, 10),
           pa.decimal256(70, 20), pa.null()]


def random_type(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return rng.choice(SCALARS)
    if kind < 0.72:
        return rng.choice([pa.list_, pa.large_list])(random_type(rng, depth - 1))
    if kind < 0.78:
        return pa.map_(rng.choice([pa.string(), pa.int32(), pa.date32()]), random_type(rng, depth - 1))
    return pa.struct([random_field(rng, f"f{i}", depth - 1) for i in range(rng.randint(1, 3))])


def random_field(rng, name, depth):
    kind = random_type(rng, depth)
    return pa.field(name, kind, nullable=rng.random() < 0.7 or pa.types.is_null(kind))


def random_text(rng):
    words = ["", "a", "the same", "the same words", "é漢😀", "\"quoted\"\n\t\\", "x" * rng.randint(0, 300)]
    return rng.choice(words) + (str(rng.randint(0, 99)) if rng.random() < 0.5 else "")


def random_integer(rng, bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return rng.choice([rng.randint(low, high), rng.randint(0, min(high, 100)), low, high])


def random_scalar(rng, kind):
    types = pa.types
    if types.is_boolean(kind):
        return rng.random() < 0.5
    if types.is_integer(kind):
        return random_integer(rng, kind.bit_width, types.is_signed_integer(kind))
    if types.is_floating(kind):
        value = rng.choice([rng.gauss(0, 1), 1.0, -0.0, 0.1, math.nan, math.inf, -math.inf, 6e-8, 60000.0])
        return value
    if types.is_string(kind) or types.is_large_string(kind):
        return random_text(rng)
    if types.is_fixed_size_binary(kind):
        return bytes(rng.choice(b"abc\xff") for _ in range(kind.byte_width))
    if types.is_binary(kind):
        return rng.choice([random_text(rng).encode(), b"\xff\xd8\0"])
    if types.is_decimal(kind):
        digits = rng.choice([1, kind.precision // 2, kind.precision])
        return decimal.Decimal(rng.randint(-10**digits + 1, 10**digits - 1)).scaleb(
            -kind.scale, decimal.Context(prec=100))
    if types.is_date(kind):
        return datetime.date.fromordinal(rng.randint(1, 3652059))
    if types.is_time(kind):
        units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        return rng.choice([0, rng.randrange(86400) * units, rng.randrange(86400 * units)])
    if types.is_timestamp(kind):
        if kind.unit == "ns":
            return rng.choice([0, rng.randint(-2**63 + 1, 2**63 - 1), rng.randint(0, 10**9) * 10**9])
        units = {"s": 1, "ms": 10**3, "us": 10**6}[kind.unit]
        return rng.randint(-60000000000 * units, 250000000000 * units)
    return None


def random_value(rng, kind, nullable, nulls):
    if pa.types.is_null(kind) or (nullable and rng.random() < nulls):
        return None
    if pa.types.is_struct(kind):
        return {f.name: random_value(rng, f.type, f.nullable, nulls) for f in kind}
    if pa.types.is_map(kind):
        keys = {random_scalar(rng, kind.key_type) for _ in range(rng.randint(0, 3))}
        return [(k, random_value(rng, kind.item_type, True, nulls)) for k in keys]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        n = rng.choice([0, 0, 1, 2, 3, rng.randint(0, 40)])
        return [random_value(rng, kind.value_type, kind.value_field.nullable, nulls) for _ in range(n)]
    return random_scalar(rng, kind)


def random_table(rng):
    n = rng.choice([0, 1, 7, 40, 300])
    fields = [random_field(rng, f"c{i}", rng.randint(0, 4)) for i in range(rng.randint(1, 5))]
    nulls = rng.choice([0, 0.1, 0.9])
    columns = []
    for field in fields:
        values = [random_value(rng, field.type, field.nullable, nulls) for _ in range(n)]
        if rng.random() < 0.3 and n:
            values = [values[0]] * n
        columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def leaves(kind, path):
    """Paths of leaves as pyarrow names them, with the sort of encodings that they may have."""
    if pa.types.is_struct(kind):
        for field in kind:
            yield from leaves(field.type, f"{path}.{field.name}")
    elif pa.types.is_map(kind):
        yield from leaves(kind.key_type, f"{path}.key_value.key")
        yield from leaves(kind.item_type, f"{path}.key_value.value")
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from leaves(kind.value_type, f"{path}.list.element")
    else:
        types = pa.types
        sort = ("bool" if types.is_boolean(kind) else
                "float" if types.is_float32(kind) or types.is_float64(kind) else
                "int" if types.is_integer(kind) or types.is_date(kind) or types.is_time(kind) or
                types.is_timestamp(kind) else
                "fixed" if types.is_fixed_size_binary(kind) or types.is_float16(kind) or types.is_decimal(kind) else
                "text" if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) else "other")
        yield path, sort


# 2. Writers

def has_wide_timestamps(kinds):
    """Whether there are timestamps that pyarrow does not read back from INT96: as nanoseconds in 64 bits."""
    children = [kinds.key_type, kinds.item_type] if isinstance(kinds, pa.MapType) else \
        [f.type for f in kinds] if isinstance(kinds, (pa.Schema, pa.StructType)) else \
        [kinds.value_type] if isinstance(kinds, (pa.ListType, pa.LargeListType)) else []
    return isinstance(kinds, pa.TimestampType) and kinds.unit != "ns" or any(map(has_wide_timestamps, children))


def write_pyarrow(rng, table, path):
    plain = rng.random() < 0.6
    more = {}
    if plain:
        more["use_dictionary"] = False
        more["column_encoding"] = {p: rng.choice(ENCODINGS[s]) for f in table.schema
                                   for p, s in leaves(f.type, f.name)}
    if rng.random() < 0.15 and not has_wide_timestamps(table.schema):
        more["use_deprecated_int96_timestamps"] = True
    pq.write_table(table, path, compression=rng.choice(CODECS), row_group_size=rng.choice([1, 13, 1000]),
                   data_page_size=rng.choice([1, 100, 100000]), data_page_version=rng.choice(["1.0", "2.0"]),
                   version=rng.choice(["1.0", "2.4", "2.6"]), write_batch_size=rng.choice([1, 8, 1024]),
                   dictionary_pagesize_limit=rng.choice([10, 1000000]),
                   write_page_checksum=rng.random() < 0.5, **more)


def write_polars(rng, table, path):
    polars.from_arrow(table).write_parquet(
        path, compression=rng.choice(["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"]),
        row_group_size=rng.choice([1, 13, 1000]), data_page_size=rng.choice([100, 100000]))


def write_duckdb(rng, table, path):
    connection = duckdb.connect()
    connection.register("written", table)
    codec = rng.choice(["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"])
    version = rng.choice(["V1", "V2"])
    connection.execute(f"COPY written TO '{path}' (FORMAT parquet, COMPRESSION {codec}, PARQUET_VERSION {version}, "
                       f"ROW_GROUP_SIZE {rng.choice([2048, 100000])})")


def write_fastparquet(rng, table, path):
    fastparquet.write(str(path), table.to_pandas(), compression=rng.choice([None, "SNAPPY", "GZIP", "ZSTD", "LZ4"]),
                      row_group_offsets=rng.choice([13, 1000]))


# 3. What is expected

def time_text(seconds, nanoseconds):
    clock = "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
    digits = "%09d" % nanoseconds
    while digits.endswith("000"):
        digits = digits[:-3]
    return clock + ("." + digits if digits else "")


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def moment_text(value, kind, is_int96):
    per_second = UNITS[kind.unit]
    seconds, rest = divmod(value, per_second)
    days, seconds = divmod(seconds, 86400)
    date = datetime.date.fromordinal(719163 + days).isoformat()
    return f"{date}T{time_text(seconds, rest * (10**9 // per_second))}" + (
        "+00:00" if kind.tz and not is_int96 else "")


def expect(scalar, kind, physical):
    """A value as JSON has it; `scalar` is pyarrow's."""
    types = pa.types
    if not scalar.is_valid:
        return None
    if types.is_dictionary(kind):
        return expect(scalar.dictionary[scalar.index.as_py()], kind.value_type, physical)
    if types.is_struct(kind):
        return {f.name: expect(scalar[f.name], f.type, physical) for f in kind}
    if types.is_map(kind):
        pairs = scalar.values
        keys, items = pairs.field(0), pairs.field(1)
        return {key_text(keys[i], kind.key_type, physical): expect(items[i], kind.item_type, physical)
                for i in range(len(pairs))}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [expect(v, kind.value_type, physical) for v in scalar.values]
    if types.is_timestamp(kind):
        return moment_text(scalar.value, kind, physical == "INT96")
    if types.is_time(kind):
        return time_text(*(lambda s, r: (s, r * (10**9 // UNITS[kind.unit])))(*divmod(scalar.value, UNITS[kind.unit])))
    value = scalar.as_py()
    if types.is_decimal(kind):
        return format(value, "f")
    if types.is_date(kind):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return "\0binary"
    return value


def key_text(scalar, kind, physical):
    key = expect(scalar, kind, physical)
    return key if isinstance(key, str) else json.dumps(key)


def same(got, want):
    if isinstance(want, dict):
        return isinstance(got, dict) and list(got) == list(want) and all(same(got[k], want[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, float):
        return isinstance(got, float) and (got == want or (math.isnan(got) and math.isnan(want))) and \
            math.copysign(1, got) == math.copysign(1, want) or isinstance(got, float) and math.isnan(got) and math.isnan(want)
    return type(got) is type(want) and got == want


def has_int96(path):
    schema = pq.ParquetFile(path).schema
    return any(schema.column(i).physical_type == "INT96" for i in range(len(schema.names)))


def expected_rows(path, written):
    """What pyarrow reads; but what was written where it drops rows, as it does of some empty lists."""
    table = pq.read_table(path)
    if len(table) != pq.read_metadata(path).num_rows:
        table = written
    physical = "INT96" if has_int96(path) else ""
    columns = [[expect(v, f.type, physical) for v in table[i]] for i, f in enumerate(table.schema)]
    return [dict(zip(table.schema.names, row)) for row in zip(*columns)]


def compare(program, path, written):
    """What is wrong with a file, or None."""
    text = subprocess.run([program, path], capture_output=True, text=True, check=True).stdout
    got = [json.loads(line) for line in text.splitlines() if line]
    want = expected_rows(path, written)
    if len(got) == len(want) + 1 and "error" in got[-1]:
        return got[-1]["error"]
    if len(got) != len(want):
        return f"{len(got)} rows, expected {len(want)}; the last is {got[-1:]}"
    for i, pair in enumerate(zip(got, want)):
        if not same(*pair):
            return f"row {i + 1}: {pair[0]}\n  expected {pair[1]}"
    return None


# 4. All of it

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", default=HERE / "build/release/tests/unit/format/show_parquet")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("."))
    arguments = parser.parse_args()
    writers = [("pyarrow", write_pyarrow)] * 4
    writers += [("polars", write_polars)] if polars else []
    writers += [("duckdb", write_duckdb)] if duckdb else []
    writers += [("fastparquet", write_fastparquet)] if fastparquet else []
    counts = {}
    n_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(arguments.files):
            seed = arguments.seed * 1000000 + i
            rng = random.Random(seed)
            path = Path(folder) / f"{seed}.parquet"
            name, write = rng.choice(writers)
            table = random_table(rng)
            try:
                write(rng, table, path)
                pq.read_table(path)
            except (Exception, *PANICS):  # a type that the writer does not know
                counts[name + ", not written"] = counts.get(name + ", not written", 0) + 1
                continue
            counts[name] = counts.get(name, 0) + 1
            why = compare(arguments.show, path, table)
            if why:
                n_wrong += 1
                print(f"{name} {path.name}: {why[:1000]}")
                shutil.copy(path, arguments.keep / path.name)
            path.unlink()
    for name in sorted(counts):
        print(f"{counts[name]:6} files: {name}")
    print(f"{n_wrong:6} files differ")
    return n_wrong > 0


if __name__ == "__main__":
    sys.exit(main())
