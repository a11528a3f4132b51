# needs-cpu: avx512_bf16
# In bf16 each shard estimates the error of its scores by itself. What is reported of their merge is what one process
# reports; the errors that the two say they have seen may differ, and nothing else that is exported does.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 600 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score() {
    attrib score -q --model "$M" --strategy identity --precision bf16 --top 5 --corpus c.jsonl --queries q.jsonl "$@" \
        >printed || exit
}
score -o one && score --shard 1/2 -o a && score --shard 2/2 -o b && attrib merge -q b a -o all || exit
cmp one/scores-0000-000000.safetensors all/scores-0000-000000.safetensors
cmp one/explained.msgpack all/explained.msgpack && cmp one/prepared.msgpack all/prepared.msgpack
for run in one all; do
    attrib export -q $run -o $run.csv
done
cmp one.csv all.csv && wc -l <one.csv
