# A margin between two completions, and a probability: answers say what was measured, and the
# command line asks as a row does.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
ask() {
    attrib query -q --strategy identity --model "$M" --corpus a.jsonl --top 1 --completion " red" "$@" "Bern is"
}
ask --against " blue" | grep -E '^(Against|Loss|Measures|score|completion)' | sed -E 's/[0-9]+\.[0-9]+/N/g'
ask --measure probability | grep -E '^(Against|Loss|Measures|score)' | sed -E 's/[0-9]+\.[0-9]+/N/g'
ask --measure log-probability >1 && ask | cmp - 1
cat >rows.py <<'END'
import json, subprocess
def answer(*words):
    run = subprocess.run(words, capture_output=True, check=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])
import os, math
common = ["--strategy", "identity", "-q", "--model", os.environ["ATTRIB_SOURCE"] + "/corpora/facts-model", "--corpus", "a.jsonl"]
found = {}
for name, row, options in [
        ("margin", {"against": " blue"}, ["--against", " blue"]),
        ("probability", {"measure": "probability"}, ["--measure", "probability"]),
        ("log-probability", {}, [])]:
    asked = answer("attrib", "query", *common, *options, "--format", "json", "--completion", " red", "Bern is")
    with open("q.jsonl", "w", encoding="utf-8") as file:
        file.write(json.dumps({"prompt": "Bern is", "completion": " red"} | row) + "\n")
    subprocess.run(["attrib", "score", *common, "--queries", "q.jsonl", "-o", "run-" + name],
                   check=True, stdout=subprocess.DEVNULL)
    kept = answer("attrib", "export", "run-" + name, "-q", "--format", "jsonl", "-o", "-")
    assert asked == kept, name
    query = asked["query"]
    assert query["measure"] == name and query.get("against") == row.get("against")
    found[name] = query["measured"]
    print(name, query["measured"] > 0, "against" in query, asked["run"]["meaning"].split("raises ")[1].split(";")[0])
assert math.isclose(found["probability"], math.exp(found["log-probability"]))
END
python3 rows.py
ask --against " blue" --measure probability || echo "exit $?"
ask --against " blue" --normalize nats 2>&1 || echo "exit $?"
printf '%s\n' '{"prompt": "Bern is", "completion": " red", "against": " a blue"}' >q.jsonl
attrib tokens -q --model "$M" --queries q.jsonl
attrib tokens -q --model "$M" --queries q.jsonl --format json
# A direction in a hidden state: the same by options and by a row, whose path begins at the folder of the row.
python3 - <<'END'
import struct
header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (128,), }"
with open("v.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<128f", *[1, -2] * 64))
END
along() {
    attrib query -q --strategy identity --model "$M" --corpus a.jsonl --top 1 --direction v.npy --layer 3 "$@" "Bern is"
}
along --positions 1,-1 | grep -E '^(Prompt|Completion|Loss|Measures|score|Documents)' | sed -E 's/-?[0-9]+\.[0-9]+/N/g'
along | grep -E '^Measures' | sed -E 's/-?[0-9]+\.[0-9]+/N/g'
mkdir asked && cp v.npy asked
printf '%s\n' '{"prompt": "Bern is", "direction": "v.npy", "layer": 3, "positions": [1, -1]}' >asked/q.jsonl
attrib score -q --strategy identity --model "$M" --corpus a.jsonl --top 1 --queries asked/q.jsonl -o along >/dev/null
attrib export along -q --format jsonl -o one.jsonl >/dev/null
along --positions 1,-1 --format json | cmp - one.jsonl && grep -oE '"(measure|direction|loss|completion)":[^}]*(\}|,)' one.jsonl | sed -E 's/(measured":)[^,]*/\1N/' | cut -d, -f 1-2
attrib tokens -q --model "$M" --queries asked/q.jsonl
attrib tokens -q --model "$M" --queries asked/q.jsonl --format json | grep -o '"measure".*'
along --positions 9 2>&1 || echo "exit $?"
along --positions completion --completion " red" | grep -E '^(Completion|Measures)' | sed -E 's/-?[0-9]+\.[0-9]+/N/g'
ask --direction v.npy || echo "exit $?"
ask --layer 2 || echo "exit $?"
ask --positions last || echo "exit $?"
ask --direction v.npy --layer 2 --against " blue" || echo "exit $?"
printf '%s\n' '{"prompt": "Bern is"}' '{"prompt": "Bern is", "layer": 2}' >q.jsonl
attrib tokens -q --model "$M" --queries q.jsonl || echo "exit $?"
