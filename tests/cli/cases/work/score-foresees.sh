# -v says beforehand what every stage is predicted to take; with cut queries, from one round to all.
M=$ATTRIB_SOURCE/corpora/facts-model
head -100 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -v --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r --query-rank 8 2>&1 |
    grep -oE 'predicted of (query|score|explain)|as the scores demand'
