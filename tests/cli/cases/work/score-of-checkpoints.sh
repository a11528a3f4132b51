# Several models in one command: the mean of their scores, with shares of tokens by all of them; shards make
# the bytes of one process, a run that was stopped goes on, and what does not go together is said.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 1030 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
{ head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" && echo '{"id": "b", "prompt": "Sir Christopher Wren was"}'; } >q.jsonl
score() {
    attrib score --threads 1 --corpus c.jsonl --queries q.jsonl --strategy identity --max-new-tokens 3 --top 3 "$@"
}
score -q --model "$M/checkpoint-1185,$M" -o mean || exit
attrib inspect mean | grep -A 3 '^checkpoints' | grep -v -e ^command -e ^kernels | cut -c 1-45
attrib export -q mean -o mean.jsonl && grep -o '"tokens":\[[^]]' mean.jsonl | sort | uniq -c
ls
echo '== shards'
for i in 1 2; do
    score -q --model "$M/checkpoint-1185,$M" --shard $i/2 -o s$i || exit
done
attrib merge -q s2 s1 -o all
for f in answers.msgpack explained.msgpack scores-0000-000000.safetensors prepared.msgpack; do
    cmp mean/$f all/$f && echo "$f: the same bytes"
done
echo '== stopped'
score -q --model "$M/checkpoint-1185" -o again.checkpoints/1 && score -q --model "$M/checkpoint-1185,$M" -o again &&
    cmp mean/explained.msgpack again/explained.msgpack && ls -d again*
echo '== weights'
score -q --model "$M/checkpoint-1185,$M" --checkpoint-weights=-1,1 -o change && attrib show change --query b --top 1 | head -n 6
echo '== refused'
score -q --model "$M,$M" -o mean
score -q --model "$M,nowhere" -o x
score -q --model "$M,$M" --query-rank 4 -o x
score -q --model "$M,$M" --baseline bm25 -o x
score -q --model "$M,$M" --checkpoint-weights 1 -o x
score -q --model "$M" --checkpoint-weights 1 -o x
score -q --model "$M,$M" --factors a -o x
score -q --model "$M,$M" --prepared mean -o x
score -q --model "$M,$M" --extend -o mean
ls
echo '== made again'
attrib rerun -q mean -o x | sed "s|$PWD|HERE|"
attrib merge -q again mean --weights 1,2 --top 2 -o sum && attrib rerun -q sum | sed "s|$PWD|HERE|"
mv s1 s3 && attrib rerun -q all -o y
mkdir models && cp -r "$M" models/a && cp -r "$M" models/b &&
    rm -r models/a/checkpoint-* models/b/checkpoint-* && attrib score -q --threads 1 --model models/a,models/b \
    --max-documents 9 --corpus c.jsonl --queries q.jsonl --strategy identity --max-new-tokens 3 -o pair && rm -r models/b &&
    cp -r "$M/checkpoint-1185" models/b && attrib rerun -q pair 2>&1 | tail -n 1 | sed "s|$PWD|HERE|"
