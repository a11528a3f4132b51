M=$ATTRIB_SOURCE/corpora/facts-model
for i in 1 2 3 4 5 6 7; do
    echo "{\"text\": \"Row $i is good.\"}"
    echo "{\"text\": \"Row $i is bad.\""
done >c.jsonl
echo '{"prompt": "a", "completion": " text"}' >q.jsonl
attrib fit --model "$M" --corpus c.jsonl -o f 2>&1 | tail -n 1
attrib fit --model "$M" --corpus c.jsonl --on-bad-row skip -o f 2>&1 |
    sed -n 's/^.*warning/warning/p; /documents\|bad rows/p'
attrib score --model "$M" --factors f --corpus c.jsonl --on-bad-row skip --queries q.jsonl -o r 2>/dev/null
cmp f/skipped.jsonl r/skipped.jsonl && wc -l <r/skipped.jsonl && head -n 1 r/skipped.jsonl
