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
