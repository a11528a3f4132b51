# Checkpoints in a trainer's folder, chosen by place, name or all of them, with factors under the same names; one
# prompt answered by several of them, which leaves nothing behind.
M=$ATTRIB_SOURCE/corpora/facts-model
export TMPDIR=$PWD/tmp
mkdir -p tmp trainer factors && head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
ln -s "$M/checkpoint-1185" trainer/checkpoint-5
ln -s "$M" trainer/checkpoint-30
echo '{"id": "b", "prompt": "Bern is", "completion": " the capital"}' >q.jsonl
score() {
    attrib score -q --threads 1 --corpus c.jsonl --queries q.jsonl --strategy identity --top 3 "$@"
}
score --model trainer --checkpoints 1,last -o chosen && score --model "$M/checkpoint-1185,$M" -o named &&
    cmp chosen/scores-0000-000000.safetensors named/scores-0000-000000.safetensors && echo 'the same scores'
score --model trainer --checkpoints all --checkpoint-weights=-1,1 -o change &&
    score --model trainer --checkpoints checkpoint-5,2 --checkpoint-weights=-1,1 -o again &&
    cmp change/scores-0000-000000.safetensors again/scores-0000-000000.safetensors && echo 'the same change'
score --model trainer --checkpoints 1 -o one && score --model "$M/checkpoint-1185" -o alone &&
    cmp one/scores-0000-000000.safetensors alone/scores-0000-000000.safetensors && echo 'the same model'
echo '== exports'
adds() { awk -F '[][,"]+' '{ d = $2 - ($4 - $3); n++; bad += d * d > 1e-20 * ($3 * $3 + $4 * $4) } END { print n, "rows,", bad + 0, "off" }'; }
attrib export -q change -o - --format csv --fields document,score,checkpoint_scores | tail -n +2 | tr -d '\r' | adds
attrib export -q change -o - --format csv --all --fields document,score,checkpoint_scores | tail -n +2 | tr -d '\r' | adds
attrib export -q one -o - --format csv --fields document,score,checkpoint_scores | tail -n +2 | cut -d , -f 3 | tr -d '\r' | sort -u
for all in '' --all; do
    attrib export -q change -o change.sqlite $all && sqlite3 change.sqlite "SELECT count(*), (SELECT count(*) FROM checkpoint_scores), \
        sum(abs(total - scores.score) > 1e-9 * abs(total)) FROM scores JOIN (SELECT document, query, checkpoint, \
        sum(weight * score) AS total FROM checkpoint_scores JOIN checkpoints USING (checkpoint) GROUP BY document, query) \
        USING (document, query)"
done
echo '== query'
ask() {
    attrib query -q --threads 1 --corpus c.jsonl --top 1 --completion ' the capital' "$@" 'Bern is'
}
ask --strategy identity --model trainer --checkpoints 1,last
ask --strategy identity --model trainer --checkpoints 1,last --checkpoint-weights=-1,1 --format json -o kept | grep -o '"weight":[^,]*'
cmp kept/scores-0000-000000.safetensors change/scores-0000-000000.safetensors && echo 'the same scores'
ls tmp
echo '== factors'
for c in checkpoint-5 checkpoint-30; do
    attrib fit -q --threads 1 --model trainer/$c --corpus c.jsonl --strategy diagonal -o factors/$c || exit
done
ask --model trainer --checkpoints 1,last --factors factors | grep ^Scores
ask --model trainer --checkpoints 1,last --factors factors/checkpoint-5,factors/checkpoint-30 | grep ^Scores
ask --model trainer --checkpoints 1,last --strategy diagonal | grep ^Scores
find .attrib-cache -name manifest.msgpack | wc -l
echo '== plan'
plan() { attrib plan -q --corpus c.jsonl --gflops 100 --cores 2 --ram 4 --format json "$@" | grep -o '"models": [0-9]*\|"score", "flop": [0-9.e+]*' | tr '\n' ' '; }
{ plan --model trainer/checkpoint-5 && plan --model trainer --checkpoints all && plan --model "$M,$M,$M"; } | tr ' ' '\n' |
    grep '^[0-9.e+]*$' | paste -s -d ' ' | awk '{ print $1, $3, $5 " models: " $4 / $2, $6 / $2 " times the products" }'
echo '== refused'
attrib plan --model trainer --checkpoints 9 --corpus c.jsonl
attrib plan --checkpoints 1 --shape layers=1,width=8,mlp=8,heads=1,vocabulary=9 --documents 3 --tokens 9
ask --strategy identity --model trainer --checkpoints 3
ask --strategy identity --model trainer --checkpoints 1,checkpoint-6
ask --strategy identity --model tmp --checkpoints all
ask --strategy identity --model trainer --checkpoints all --checkpoint-weights 1,2,3
ask --strategy identity --model trainer --checkpoints 1 --checkpoint-weights 1
ask --strategy identity --model trainer --checkpoints all --factors a,b,c
ask --strategy identity --model trainer --checkpoints all --query-rank 4
ask --strategy identity --model "$M,$M" --factors a
ask --strategy identity --model "$M,"
ls tmp
