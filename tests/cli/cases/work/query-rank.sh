# Queries cut to a rank report what whole ones report; auto chooses, and -v says how.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 80 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
grep -m 3 '"kind": "direct"' "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score --strategy identity --model "$M" --queries q.jsonl --top 3)
"${score[@]}" -q --corpus a.jsonl -o full
"${score[@]}" --corpus a.jsonl --query-rank 12 -o cut 2>err
grep -E 'query rank|ranking' err | sed -E 's/[0-9][0-9.e+]*/N/g'
for run in full cut; do
    attrib export "$run" --format csv -o - | cut -d, -f 1,2,4 >"$run.csv"
done
cmp full.csv cut.csv && wc -l <cut.csv
attrib inspect cut | grep -c 'query rank  *12'
"${score[@]}" -q --corpus a.jsonl --query-rank 12 --max-rescored 1 -o limited
attrib inspect limited --format json | grep -cE '"n_open": ?[1-9]'
# A pilot needs 2,048 documents; the first two words of each are enough.
sed -nE 's/^.*("text": "[^ "]+ [^ "]+).*$/{\1"}/p' "$ATTRIB_SOURCE"/corpora/facts/statements.jsonl >once.jsonl
cat once.jsonl once.jsonl | head -n 2100 >short.jsonl
"${score[@]}" -v --corpus short.jsonl --query-rank auto -o auto 2>&1 |
    grep -oE 'that a pilot scored again: (cut|whole)|by (gradients|rows|factors|rebuilding)' | sort -u
# One whole query is scored in forward mode; the pilot that comes before it is not.
head -n 1 q.jsonl >one.jsonl
attrib score -v --strategy identity --model "$M" --queries one.jsonl --top 3 --query-rank auto \
    --corpus short.jsonl -o one 2>&1 |
    grep -oE 'that a pilot scored again: (cut|whole)|by direction|forward with tangents' | sort -u
for run in one auto; do
    attrib export "$run" --format csv -o - | awk -F, '$1 ~ /^query\// { print $1, $2, $4 }' |
        grep -F "$(attrib export one --format csv -o - | sed -n 2p | cut -d, -f 1) " >"$run.txt"
done
cmp one.txt auto.txt && wc -l <one.txt
# A query that is alone stays whole, and has no bounds; with shares of tokens it is cut.
attrib score -v --strategy identity --model "$M" --queries one.jsonl --top 3 --query-rank 12 --corpus a.jsonl -o alone 2>&1 |
    grep -oE 'query rank: one query, whole .*' | sed -E 's/[0-9][0-9.e+]*/N/g'
attrib score -q --strategy identity --model "$M" --queries one.jsonl --top 3 --corpus a.jsonl -o one-full
attrib score -q --strategy identity --model "$M" --queries one.jsonl --top 3 --query-rank 12 --tokens --corpus a.jsonl -o tokens
for run in alone one-full tokens; do
    attrib export -q "$run" --format csv --all -o "$run.csv"
    echo "$run: $(attrib inspect "$run" | grep -oE 'query rank  *[a-z0-9]+' | tr -s ' ')"
done
cmp alone.csv one-full.csv && wc -l <alone.csv
