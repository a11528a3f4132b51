# One JSON object on standard output, and nothing else there.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib query -q --strategy identity --model "$M" --corpus a.jsonl --top 1 --format json "Bern is" >out
wc -l <out
grep -oE '"(query|prompt|completion|loss|results|rank|score|document|id|source|line|span|tags|text|tokens|modules)":' out | sort -u
