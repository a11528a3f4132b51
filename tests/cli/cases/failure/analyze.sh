# Analyses that fail: no run, a setting or a table that is not there, a full disk.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 12 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r >/dev/null || exit
try() {
    attrib analyze "$@"
    echo "$?"
}
try missing tail
try r tail --setting 2
try r tail --format csv --table tails -o out.csv
try r tail --format csv -o /dev/full
try r groups --document-tag nothing
try r reweight person=1,nobody=+1 --document-tag kind
ls
