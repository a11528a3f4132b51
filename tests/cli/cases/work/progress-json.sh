# With --progress json every line of standard error is a JSON object; with -q there is none at all.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit --model "$M" --corpus a.jsonl -o f --progress json -v 2>err
grep -vc '^{.*}$' err
grep -o '^{"[a-z]*"' err | sort -u
attrib fit -q --model "$M" --corpus a.jsonl -o g --progress json
# The preparation of queries reports its pass and its maps.
head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score --model "$M" --factors f --corpus a.jsonl --queries q.jsonl -o r --progress json 2>&1 >out |
    grep '"stage"' | sed -E 's/"done": [0-9]+, //; s/, "seconds".*//' | uniq
