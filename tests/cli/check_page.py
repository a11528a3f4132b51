# SPDX-License-Identifier: MIT
"""Compare a page of a run with the run's other exports, value by value.

Usage: check_page.py PAGE.html RUN.jsonl RUN.safetensors

Reads the page as attrib/export/html.h describes it, without the page's own script.
"""
import array
import base64
import hashlib
import json
import math
import re
import struct
import sys
import zlib


def read_chunk(text):
    data = zlib.decompress(base64.b64decode(text, validate=True))
    (n,) = struct.unpack_from("<I", data)
    start = (4 + n + 7) // 8 * 8
    return json.loads(data[4 : 4 + n]), memoryview(data)[start:]


def numbers(arrays, code, offset, n):
    out = array.array(code)
    out.frombytes(arrays[offset : offset + n * out.itemsize])
    return out


def check_policy(page):
    """The policy lets the page's own style and script run, and nothing else."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; "), policy
    for kind, start, end in (("style", "<style>", "</style>"), ("script", "<script>", "</script>")):
        text = page.split(start)[1].split(end)[0].encode()
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy, kind
    assert "unsafe" not in policy


def split_page(path):
    page = open(path, encoding="utf-8", newline="").read()
    check_policy(page)
    elements = re.findall(r'<script type="text/plain" id="([a-z]+(?:-\d+)?)">([A-Za-z0-9+/=]*)</script>\n', page)
    frame = re.sub(r'<script type="text/plain" id="[^"]*">[A-Za-z0-9+/=]*</script>\n', "", page)
    assert frame.count("<script") == 1
    # The first view is there before the script, so that it need not wait for the rest.
    script = page.index("<script>")
    assert all(page.index(f'id="{name}"') < script for name in ("run", "documents", "answer-0", "text-0"))
    return frame, {name: read_chunk(text) for name, text in elements}


def spelled(chunks, document, number):
    """What each token of a document spells; None for a special one."""
    listing, arrays = chunks[f"text-{document['block']}"]
    item = listing["documents"][number - listing["first"]]
    at = item["bytes"]
    out = []
    for length in numbers(arrays, "H", item["lengths"], document["tokens"]):
        out.append(None if length == 0xFFFF else bytes(arrays[at : at + length]))
        at += 0 if length == 0xFFFF else length
    assert at == item["bytes"] + item["nBytes"]
    return out


def check_shares(arrays, offset, scale, wanted):
    """Roots of shares are within half a step of the exact ones."""
    def root(value):
        return math.copysign(math.sqrt(abs(value)), value)

    largest = max((abs(value) for value in wanted), default=0)
    assert scale == largest, (scale, largest)
    for steps, value in zip(numbers(arrays, "b", offset, len(wanted)), wanted):
        assert abs(steps / 127 * root(scale) - root(value)) <= root(scale) / 254 * (1 + 1e-9), (steps, scale, value)


def check_result(chunks, i_answer, place, number, result):
    run, _ = chunks["run"]
    document = chunks["documents"][0]["documents"][number]
    wanted = result["document"]
    for key in ("id", "source", "line", "index"):
        assert document[key] == wanted[key], (key, document[key], wanted[key])
    assert document.get("member") == wanted["member"]
    tags = [(tag["key"], json.loads(tag["value"])) for tag in document["tags"]]
    assert tags == list(wanted["tags"].items()), tags
    tokens = spelled(chunks, document, number)
    assert len(tokens) == len(result["tokens"])
    for token, known in zip(tokens, result["tokens"]):
        # Bytes that are no UTF-8 have become U+FFFD in the JSON.
        assert token is None or b"\xef\xbf\xbd" in known["text"].encode() or token == known["text"].encode()
    answer, arrays = chunks[f"answer-{i_answer}"]
    item = answer["results"][place]
    check_shares(arrays, item["tokens"], item["tokenScale"], [token["score"] for token in result["tokens"]])
    made = run["runs"][run["settings"][i_answer // run["nQueries"]]["run"]]
    assert [module["name"] for module in made["modules"]] == list(result["modules"])
    check_shares(arrays, item["modules"], item["moduleScale"], list(result["modules"].values()))
    return len(tokens)


def check_checkpoints(chunks, paths):
    """What each run of a sum says of the reported documents is in its arrays [Q, N]; other runs say nothing."""
    run, arrays = chunks["run"]
    documents = numbers(arrays, "I", run["documents"], run["nResults"])
    planes = {}
    for i_run, path in enumerate(paths):
        data = open(path, "rb").read()
        (n_header,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + n_header])
        for name in header:
            if name.startswith("checkpoint_scores."):
                first, last = header[name]["data_offsets"]
                values = array.array("d", data[8 + n_header + first : 8 + n_header + last])
                planes[i_run, tuple(name.split(".", 2)[1:])] = (values, header[name]["shape"][1])
    n = 0
    for i, answer in enumerate(run["answers"]):
        setting = run["settings"][i // run["nQueries"]]
        made = run["runs"][setting["run"]]
        is_first = next(s for s in run["settings"] if s["run"] == setting["run"]) is setting
        for place in range(answer["nTop"] + answer["nBottom"]):
            index = chunks["documents"][0]["documents"][documents[answer["first"] + place]]["index"]
            found = chunks[f"answer-{i}"][0]["results"][place].get("checkpoints", [])
            assert len(found) == len(made["checkpoints"])
            for c, score in enumerate(found, 1):
                name = (str(c),) if is_first else (str(c), setting["name"].split(": ")[-1])
                values, n_documents = planes[setting["run"], name]
                assert score == values[i % run["nQueries"] * n_documents + index], (score, c, index)
                n += 1
    return n


def check_answers(chunks, answers):
    run, arrays = chunks["run"]
    documents = numbers(arrays, "I", run["documents"], run["nResults"])
    ranks = numbers(arrays, "I", run["ranks"], run["nResults"])
    scores = numbers(arrays, "d", run["scores"], run["nResults"])
    n_results = n_tokens = 0
    assert len(run["answers"]) == len(answers)
    for i, (answer, wanted) in enumerate(zip(run["answers"], answers)):
        query = {**run["queries"][i % run["nQueries"]], **answer.get("query", {})}
        assert (query["id"], query["loss"]) == (wanted["query"]["id"], wanted["query"]["loss"])
        assert (query["measure"], query["measured"]) == (wanted["query"]["measure"], wanted["query"]["measured"])
        whole = chunks[f"answer-{i}"][0]
        assert whole["against"] == wanted["query"].get("against")
        assert (whole["prompt"], whole["completion"]) == (wanted["query"]["prompt"], wanted["query"]["completion"])
        results = wanted["results"][: answer["nTop"]] + wanted["opposed"][: answer["nBottom"]]
        for place, result in enumerate(results):
            at = answer["first"] + place
            assert (ranks[at], scores[at]) == (result["rank"], result["score"])
            n_tokens += check_result(chunks, i, place, documents[at], result)
            n_results += 1
    assert n_results == run["nResults"]
    return n_results, n_tokens


def all_scores(path, settings):
    """[answers][documents] scores of all maps."""
    data = open(path, "rb").read()
    (n_header,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n_header])
    rows = []
    for i, setting in enumerate(settings):
        name = f"scores.{setting['name'].split(': ')[-1]}" if i else "scores"
        n_queries, n_documents = header[name]["shape"]
        first, last = header[name]["data_offsets"]
        values = array.array("d", data[8 + n_header + first : 8 + n_header + last])
        rows += [values[q * n_documents : (q + 1) * n_documents] for q in range(n_queries)]
    return rows


def pearson(x, y):
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    cross = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    return cross / math.sqrt(math.fsum((a - mean_x) ** 2 for a in x) * math.fsum((b - mean_y) ** 2 for b in y))


def check_spread(run, arrays, i, answer, scores):
    bins = numbers(arrays, "I", run["bins"] + 4 * run["nBins"] * i, run["nBins"])
    width, first = answer["width"], answer["firstBin"]
    wanted = [0] * run["nBins"]
    for score in scores:
        wanted[min(max(math.floor(score / width) - first, 0), run["nBins"] - 1)] += 1
    assert list(bins) == wanted, (list(bins), wanted)
    assert first * width <= min(scores) and max(scores) <= (first + run["nBins"]) * width
    for side, sign in enumerate((1, -1)):
        at = 2 * i + side
        steps = numbers(arrays, "I", run["steps"] + 4 * run["nSteps"] * at, run["nSteps"])
        sums = numbers(arrays, "d", run["sums"] + 8 * run["nSteps"] * at, run["nSteps"])
        sizes = [sign * score for score in scores if sign * score > 0]
        assert sum(steps) == len(sizes)
        assert math.isclose(math.fsum(sums), math.fsum(sizes), rel_tol=1e-12)
        for step in (0, 4, 12, 40):
            least = answer["largest"] * 2 ** (-(step + 1) / 4)
            assert abs(sum(steps[: step + 1]) - sum(size > least for size in sizes)) <= 1


def tables_of(chunk):
    """{table: {column: [cell]}}"""
    content, arrays = chunk
    texts = [line["text"] for line in content["texts"]]
    out = {}
    for table in content["tables"]:
        columns = out[table["name"]] = {}
        for column in table["columns"]:
            cells = numbers(arrays, "I" if column["isText"] else "f", column["cells"], table["nRows"])
            columns[column["name"]] = [texts[cell] for cell in cells] if column["isText"] else list(cells)
    return out


def check_correlations(run, chunk, rows):
    """Pearson's correlations of all pairs, and an order in which each query stands once."""
    ids = [query["id"] for query in run["queries"]]
    tables = tables_of(chunk)
    pairs = tables["queries"]
    assert len(pairs["query"]) == len(ids) * (len(ids) - 1) // 2
    for first, second, r in zip(pairs["query"], pairs["other"], pairs["pearson"]):
        wanted = pearson(rows[ids.index(first)], rows[ids.index(second)])
        assert math.isclose(r, wanted, abs_tol=1e-6), (first, second, r, wanted)
    assert sorted(tables["clusters"]["place"]) == list(range(1, len(ids) + 1))


def check_tails(chunk, rows):
    for share, scores in zip(tables_of(chunk)["tail"]["top_1_percent"], rows):
        positive = sorted((score for score in scores if score > 0), reverse=True)
        first = positive[: math.ceil(len(scores) / 100)]
        assert math.isclose(share, math.fsum(first) / math.fsum(positive), rel_tol=1e-6)


def check_compared(run, chunks, rows):
    """Settings of further runs beside the first setting of the page."""
    n = run["nQueries"]
    for i, setting in enumerate(run["settings"]):
        assert (f"compare-{i}" in chunks) == (setting["run"] > 0)
        if setting["run"]:
            columns = tables_of(chunks[f"compare-{i}"])["queries"]
            for q, (name, r) in enumerate(zip(columns["query"], columns["pearson"])):
                assert name == run["queries"][q]["id"]
                assert math.isclose(r, pearson(rows[q], rows[i * n + q]), abs_tol=1e-6)


def main():
    """check_page.py PAGE JSONL SAFETENSORS [JSONL SAFETENSORS]..., of each run of the page."""
    page, *exports = sys.argv[1:]
    _, chunks = split_page(page)
    answers = [json.loads(line) for path in exports[::2] for line in open(path, encoding="utf-8")]
    n_results, n_tokens = check_answers(chunks, answers)
    n_checkpoints = check_checkpoints(chunks, exports[1::2])
    run, arrays = chunks["run"]
    assert run["tokenKind"] == answers[0]["run"]["token_kind"]
    rows = []
    for i, path in enumerate(exports[1::2]):
        rows += all_scores(path, [setting for setting in run["settings"] if setting["run"] == i])
    check_compared(run, chunks, rows)
    assert len(rows) == len(run["answers"])
    for i, (answer, scores) in enumerate(zip(run["answers"], rows)):
        check_spread(run, arrays, i, answer, scores)
        for setting, item in enumerate(answer["correlation"]):
            wanted = pearson(scores, rows[setting * run["nQueries"] + i % run["nQueries"]])
            assert math.isclose(item["r"], wanted, abs_tol=1e-9), (item, wanted)
    for setting in range(len(run["settings"])):
        mine = rows[setting * run["nQueries"] : (setting + 1) * run["nQueries"]]
        check_correlations(run, chunks[f"queries-{setting}"], mine)
        if f"tail-{setting}" in chunks:
            check_tails(chunks[f"tail-{setting}"], mine)
    of_checkpoints = f", {n_checkpoints} of checkpoints" if n_checkpoints else ""
    print(f"{len(answers)} answers, {n_results} results, {n_tokens} tokens and {len(rows) * run['nDocuments']} scores{of_checkpoints}")


if __name__ == "__main__":
    main()
