# The format follows from the name of -o, and databases open elsewhere.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 6 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r --top 2 >/dev/null || exit
for name in r.jsonl r.csv r.npz r.safetensors r.sqlite r.html; do
    attrib export r -o $name && attrib export r --format "${name#r.}" -o x && cmp $name x
done
attrib export r --all -o r.db || exit
python3 - <<'END'
import sqlite3
for name in "r.sqlite", "r.db":
    rows = sqlite3.connect(name).execute("select query, count(*), count(rank) from scores group by query")
    print(name, *rows)
END
