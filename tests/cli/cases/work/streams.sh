# Corpus and queries from standard input; results to standard output.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus - --queries q.jsonl -o r <a.jsonl
attrib score -q --strategy identity --model "$M" --corpus a.jsonl --queries - -o s <q.jsonl
attrib export r --format csv -o - | cut -d, -f1-3 | head -n 3 | wc -l
