# The same command again keeps what is there, and ends with the same scores.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
for i in 1 2; do
    attrib score -q --strategy identity --model "$M" --corpus a.jsonl --queries q.jsonl -o r || exit
    attrib export r --format npz -o $i.npz || exit
done
cmp 1.npz 2.npz && echo same
