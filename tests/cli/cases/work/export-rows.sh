# The rows of chosen documents, from plain, compressed and archived files, by the scores that another export has.
M=$ATTRIB_SOURCE/corpora/facts-model
F=$ATTRIB_SOURCE/corpora/facts/statements.jsonl
head -n 20 "$F" >a.jsonl
sed -n 21,40p "$F" >b.jsonl && tar czf b.tar.gz b.jsonl
sed -n 41,60p "$F" | gzip >c.jsonl.gz
printf 'A plain text.\nTwo lines.\n' >d.txt
printf '[{"id": "array-1",\n "text": "Strontium is a metal."},\n {"id": "array-2", "text": "Rivers\\nflow."}]' >e.json
printf '%s\n' '{"instruction": "Say", "instances": [{"input": "one", "output": "1"}, {"input": "two", "output": "2"}]}' >f.jsonl
head -n 4 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus a.jsonl b.tar.gz c.jsonl.gz d.txt e.json f.jsonl --queries q.jsonl -o r --top 3 || exit
attrib export r --rows --order corpus -o all.jsonl || exit
head -n 60 all.jsonl | cmp - <(head -n 60 "$F") && tail -n 4 all.jsonl
attrib export r --rows >best.jsonl && cmp <(sort best.jsonl) <(sort all.jsonl)
attrib export r --rows --top 3 | cmp - <(head -n 3 best.jsonl)
attrib export r --rows --share 0.06 | cmp - <(head -n 4 best.jsonl)
attrib export r --rows --where kind=person 'line<30' -o persons.jsonl || exit
id=$(head -n 1 q.jsonl | sed 's/.*"id": "\([^"]*\)".*/\1/')
attrib export r --rows --query "$id" -o one.jsonl || exit
attrib export r --all --format jsonl --fields query,document,tags.kind,line,score >scores.jsonl || exit
python3 - "$id" <<'END'
import json, sys
rows = [json.loads(line) for line in open("scores.jsonl")]
def ranked(which):
    sums = {}
    for row in filter(which, rows):
        sums[row["document"]] = sums.get(row["document"], 0) + row["score"]
    return sorted(sums, key=lambda d: -sums[d])
def ids(name):
    return [row["id"] for row in map(json.loads, open(name)) if "id" in row]
def named(documents):
    return [d for d in documents if not d.startswith("f.jsonl")]
assert ids("best.jsonl") == named(ranked(lambda r: True))
assert ids("one.jsonl") == named(ranked(lambda r: r["query"] == sys.argv[1]))
assert ids("persons.jsonl") == ranked(lambda r: r["tags.kind"] == "person" and r["line"] < 30) != []
print(len(ids("best.jsonl")), "ranked as their scores are")
END
attrib fit -q --model "$M" --corpus a.jsonl -o f || exit
attrib score -q --strategy ekfac,identity --model "$M" --factors f --corpus a.jsonl --queries q.jsonl -o two --top 3 || exit
attrib export two --all --format jsonl --fields query,document,loss,score,setting >two.jsonl || exit
for how in sum per-nat max; do
    attrib export two --rows --aggregate $how --setting 2 -o $how.jsonl || exit
done
python3 - <<'END'
import json
rows = [json.loads(line) for line in open("two.jsonl")]
for how, put in (("sum", sum), ("per-nat", sum), ("max", max)):
    scores = {}
    for row in rows[len(rows) // 2 :]:
        scores.setdefault(row["document"], []).append(row["score"] / (row["loss"] if how == "per-nat" else 1))
    wanted = sorted(scores, key=lambda d: -put(scores[d]))
    assert [json.loads(line)["id"] for line in open(how + ".jsonl")] == wanted, how
END
attrib export two --rows --setting 3 2>&1
attrib export two --rows --query "$id" --aggregate max 2>&1
sed -i 's/$/ /' a.jsonl && attrib export r --rows --top 9 -o changed.jsonl 2>&1
sed -n 21,39p "$F" >b.jsonl && tar czf b.tar.gz b.jsonl && attrib export r --rows --where source=b.tar.gz 2>&1
rm c.jsonl.gz && attrib export r --rows --where source=c.jsonl.gz 2>&1
attrib export r --rows --where source=d.txt
attrib export r --rows --where kind=nothing 2>&1
attrib export r --rows --query no 2>&1
attrib export r --top 3 2>&1
attrib export r --rows --format csv 2>&1
attrib export r --rows --where source=e.json -o /dev/full 2>&1
ls
