# What is asked of fits, corpora and scores is what they are made with.
M=$ATTRIB_SOURCE/corpora/facts-model
for i in 1 2 3 4; do
    echo "{\"name\": \"n$i\", \"body\": \"Bern is the capital of $i\"}"
done >c.jsonl
echo '{"id": "q", "prompt": "Bern is", "completion": " the capital"}' >q.jsonl
corpus=(--model "$M" --corpus c.jsonl --text-field body --id-field name)
attrib fit -q "${corpus[@]}" -o d --strategy diagonal --fisher empirical
attrib fit -q "${corpus[@]}" -o f --seed 7 --modules attention
attrib fit -q "${corpus[@]}" -o k --strategy kfac --shard 1/1
attrib inspect d f k | grep -E '^(strategy|fisher|selection|seed) '
score() {
    rm -rf r
    attrib score -q "${corpus[@]}" --queries q.jsonl -o r "$@"
    attrib inspect r | grep -E '^(n tokens|  (ekfac|kfac|diagonal)) '
}
score --factors d
score --factors f --strategy kfac --damping-abs 0.25
score --factors k
score --factors f --damping 0.5 --no-eos
attrib export r --format csv | cut -d, -f 4 | sort | tr -d '\r' | tr '\n' ' '
