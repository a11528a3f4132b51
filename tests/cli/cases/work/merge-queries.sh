# Runs of other queries, and a grid of documents and queries, become one run with the bytes of one process; in whatever
# order they are named, and with what could not be read of the corpus. What does not go together is refused, by name.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 600 | sed 's/.*/{"id": "d&", "text": "Bern & is near river &"}/' >c.jsonl
echo '{"text": ' >>c.jsonl
for name in London Bern Paris river tower; do
    printf '{"id": "%s", "prompt": "%s is", "completion": " here"}\n' $name $name
done >q.jsonl
head -n 2 q.jsonl >a.jsonl && tail -n +3 q.jsonl >b.jsonl
# score RUN QUERIES [OPTION]...
score() {
    local run=$1 queries=$2
    shift 2
    attrib score -q --on-bad-row skip --model "$M" --strategy identity --baseline hidden --top 3 --corpus c.jsonl \
        --queries "$queries" -o "$run" --self "$@" >printed || exit
}
score one q.jsonl
for i in 1 2; do
    score a$i a.jsonl --shard $i/2 && score b$i b.jsonl --shard $i/2
done
score b b.jsonl
attrib merge -q a2 b1 b2 a1 -o grid && attrib merge -q a1 a2 -o a && attrib merge -q a b -o both
described() { attrib inspect "$1" | grep -v -e ^path -e ^command; }
for run in grid both; do
    diff <(described one) <(described $run) || exit
    for file in answers.msgpack explained.msgpack prepared.msgpack scores-0000-000000.safetensors skipped.jsonl; do
        cmp one/$file $run/$file && echo same
    done
    attrib export -q $run -o $run.csv && attrib export -q one -o one.csv && cmp one.csv $run.csv && wc -l <one.csv
done
attrib merge -q a b1 -o m
attrib merge -q a1 b --partial -o m
attrib merge -q a one -o m
attrib merge -q a b b1 -o m
score other b.jsonl --normalize nats
attrib merge -q a other -o m
for queries in a b; do
    score filtered-$queries $queries.jsonl --prefilter tfidf:20
done
attrib merge -q filtered-a filtered-b -o m
[ ! -e m ] && [ ! -e m.partial ] && echo nothing is written
