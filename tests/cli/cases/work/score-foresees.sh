# -v says beforehand what every stage is predicted to take; with cut queries, from one round to all.
M=$ATTRIB_SOURCE/corpora/facts-model
head -100 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -v --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r --query-rank 8 2>&1 |
    grep -oE 'predicted of (query|score|explain)|as the scores demand'

# Factors of Kronfluence do not say which maps were chosen.
mkdir kronfluence
head -20 c.jsonl >d.jsonl
attrib fit -q --model "$M" --corpus d.jsonl -o f
cp f/*.safetensors f/*.json kronfluence/
for F in f kronfluence; do
    attrib score -v --model "$M" --factors $F --corpus d.jsonl --queries q.jsonl --top 2 -o r-$F 2>&1 |
        grep -oE 'predicted of (query|score|explain)|nothing is predicted'
done
