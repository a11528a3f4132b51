# Groups of maps that a run keeps apart have their shares in the scores of all documents.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --split layer --model "$M" --corpus c.jsonl --queries q.jsonl -o r --top 2 || exit
attrib analyze r layers --format json -o layers.json && attrib export r -o r.safetensors || exit
python3 - <<'END'
import array, json, struct
data = open("r.safetensors", "rb").read()
(n,) = struct.unpack_from("<Q", data)
header = json.loads(data[8 : 8 + n])
def matrix(name):
    first, last = header[name]["data_offsets"]
    values = array.array("d", data[8 + n + first : 8 + n + last])
    return [values[q * 40 : (q + 1) * 40] for q in range(3)]
totals = matrix("scores")
tables = {table["name"]: table for table in json.load(open("layers.json"))["tables"]}
rows = tables["split"]["rows"]
assert len(rows) == 4 and abs(sum(row["favour"] for row in rows) - 1) < 1e-9
for row in rows:
    scores = matrix([name for name in header if name.startswith("scores.") and name.endswith(row["group"])][0])
    for key, sign in (("favour", 1), ("oppose", -1)):
        shares = []
        for q in range(3):
            chosen = [d for d in range(40) if sign * totals[q][d] > 0]
            shares.append(sum(scores[q][d] for d in chosen) / sum(totals[q][d] for d in chosen))
        assert abs(row[key] - sum(shares) / 3) < 1e-9, (row, shares)
print("groups share the scores of all documents")
END
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o whole --top 2 || exit
attrib analyze whole layers --format json -o whole.json || exit
python3 -c 'import json; print(*(table["name"] for table in json.load(open("whole.json"))["tables"]))'
