# Wrong answers that are planted among right ones come first; what is kept says the same.
M=$ATTRIB_SOURCE/corpora/facts-model
python3 - "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >a.jsonl <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
rows = [row for row in rows if row["kind"] == "person" and row["relation"] == "who"]
wrong = range(3, len(rows), 20)
said = [rows[i]["completion"] for i in wrong]
for k, i in enumerate(wrong):
    rows[i].update(completion=said[k - 1], wrong=True)
for row in rows:
    print(json.dumps(row))
END
grep -c wrong a.jsonl
find=(attrib self -q --model "$M" --corpus a.jsonl)
"${find[@]}" --top 5 --format json | grep -o '"wrong":true' | wc -l
"${find[@]}" --top 7 --threads 1 >1
"${find[@]}" --top 7 --threads 2 -o run | cmp - 1
attrib show run --by self --top 7 | cmp - 1
attrib export run -o run.npz && attrib export run -o run.safetensors && attrib export run -o run.sqlite
python3 -c 'import zipfile; print(*zipfile.ZipFile("run.npz").namelist())'
"${find[@]}" --strategy identity --top 1 --by-tag wrong
"${find[@]}" --strategy identity --top 1 --where wrong!=true 'n_tokens<30'
# Text from a stream is there while the run is in memory.
"${find[@]}" --strategy identity --top 1 --corpus - <a.jsonl 2>/dev/null | grep -c Answer
attrib inspect run | grep -E '^(n (queries|documents)|self) '
attrib show run
attrib export run -o run.csv
attrib export run -o run.html
attrib analyze run tail
"${find[@]}" --strategy identity --by-tag none
