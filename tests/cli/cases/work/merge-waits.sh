# A merge waits for shards that are missing or unfinished, says which have stopped, and ends at once when it is asked to.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 1200 | sed 's/.*/{"id": "d&", "text": "Bern is & times"}/' >c.jsonl
echo '{"prompt": "Bern", "completion": " is"}' >q.jsonl
score=(attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl --threads 1)
"${score[@]}" --shard 1/2 -o s1 >/dev/null || exit
attrib merge s1 s2 -o r 2>&1
# Ended while it waits: nothing is left.
attrib merge -q --wait s1 s2 -o r 2>err &
sleep 0.3
kill -TERM $!
wait $!
echo "exit $?" && cat err
[ ! -e r ] && [ ! -e r.partial ] || echo written
# A shard that is killed, and begun again while the merge waits.
attrib merge --progress json --wait s1 s2 -o r 2>err &
waiting=$!
"${score[@]}" --shard 2/2 -o s2 2>/dev/null &
until [ -e s2/job.json ]; do sleep 0.01; done
{ kill -KILL $! && wait $!; } 2>/dev/null # the shell says "Killed" at either command
until grep -q stopped err; do sleep 0.05; done
sleep 1.2 # it is said once
"${score[@]}" --shard 2/2 -o s2 >/dev/null || exit
wait $waiting || cat err
grep -o 's2: stopped' err
grep -o '"stage": "wait", "done": [0-9], "total": 2' err | sort -u
"${score[@]}" -o one >/dev/null && diff -rq one r | grep -v manifest
# What is no run is not waited for; nor is a stage taken for runs that came meanwhile.
mkdir other && touch other/file
attrib merge -q --wait s1 other -o x 2>&1
rm -r s1 s2 && attrib merge -q --wait --stage covariance s1 s2 -o x 2>err &
for i in 1 2; do
    "${score[@]}" --shard $i/2 -o s$i >/dev/null || exit
done
wait $!
sed 's/ (see .*//' err
# Factors are waited for as well.
fit=(attrib fit -q --model "$M" --corpus "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" --max-documents 90
    --strategy diagonal)
attrib merge -q --wait f1 f2 -o factors &
for i in 1 2; do
    "${fit[@]}" --shard $i/2 -o f$i || exit
done
wait $! || exit
"${fit[@]}" --parts 2 -o whole
cmp factors/lambda_matrix.safetensors whole/lambda_matrix.safetensors
