# Analyses of a run: every kind, the same bytes for any threads, and formats that others read.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
printf '%s\n' '{"id": "=1+1", "prompt": "An id that a spreadsheet", "completion": " would run", "answers": ["group 2 of the periodic table", "strontium"]}' \
    '{"id": "red\u001b[31m", "prompt": "An id that a terminal", "completion": " would obey"}' >>q.jsonl
attrib score -q --strategy identity --tokens --model "$M" --corpus c.jsonl --queries q.jsonl --top 31 -o r >/dev/null || exit
grouped='--document-tag kind --query-tag relation'
while read -r kind; do
    attrib analyze r $kind --threads 1 --format json -o 1.json &&
        attrib analyze r $kind --threads 2 --format json -o 2.json && cmp 1.json 2.json || exit
    python3 - $kind <<'END' || exit
import csv, json, subprocess, sys
kind = sys.argv[1:]
analysis = json.load(open("1.json"))
for table in analysis["tables"]:
    names = [column["name"] for column in table["columns"]]
    assert all(list(row) == names for row in table["rows"])
    text = subprocess.run(["attrib", "analyze", "r", *kind, "--format", "csv", "--table", table["name"]],
                          check=True, capture_output=True, text=True).stdout
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == names and len(rows) == 1 + len(table["rows"])
    for got, want in zip(rows[1:], table["rows"]):
        for cell, value in zip(got, want.values()):
            assert value is None and cell == "" or isinstance(value, str) or float(cell) == value, (cell, value)
    print(kind[0], table["name"], len(table["rows"]))
END
done <<END
groups $grouped
reweight person=+0.1,place=-0.2 $grouped
tail
queries
layers
spurious
answers --answers-tag entity --count
overlap
relations --tags kind,n_tokens
END
attrib analyze r tail --format csv | cut -d, -f1 | tail -n 2 | cat -v
attrib analyze r tail | grep -c "$(printf '\033')"
attrib analyze r r stability --rows 2 | head -n 4 | cut -c 1-16
attrib analyze r queries --rows 2 | grep ' of '
attrib analyze r answers --count --format csv | cut -d, -f2,7
grep -ciw 'group 2 of the periodic table' c.jsonl
grep -ciw strontium c.jsonl
rm c.jsonl
attrib analyze r answers --answers-tag entity --count | grep 'read again'
