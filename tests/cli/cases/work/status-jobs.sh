# Which tasks of a job, and which shards of runs, are missing.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 2000 | sed 's/.*/{"id": "d&", "text": "Bern is & times"}/' >c.jsonl
echo '{"prompt": "Bern", "completion": " is"}' >q.jsonl
score=(score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl --threads 1)
told() {
    attrib status "$@" 2>&1 | sed -E "s/written [0-9.]+ s ago/written N s ago/; s/at [0-9]+ %/at N %/; s|$PWD|HERE|"
}
attrib job -q --slurm --nodes 2 --shards 4 -o job -- "${score[@]}" -o run || exit
sed "s|$PWD|HERE|" job/tasks
told job/
attrib prepare "${score[@]:1}" -o job/prepared || exit
for i in 1 4; do
    attrib "${score[@]}" --prepared job/prepared --shard $i/4 -o job/scores-$i >/dev/null || exit
done
# A shard that is killed.
attrib "${score[@]}" --prepared job/prepared --shard 2/4 -o job/scores-2 &
until [ -e job/scores-2/job.json ] && [ -e job/scores-2/prepared.msgpack ]; do sleep 0.01; done
{ kill -KILL $! && wait $!; } 2>/dev/null # the shell says "Killed" at either command
told job
attrib status job --format json | cut -d, -f 1,2 | sed "s|$PWD|HERE|"
# How it goes on: by Slurm, once it was handed in; and by Kubernetes.
printf 'prepared: 41\nscores: 42\n' >job/submitted
told job/ | tail -n 1
attrib job -q --kubernetes --nodes 2 --shards 4 --image i --claim c -o pods -- "${score[@]}" -o run || exit
mv job/scores-2 pods/
told pods | tail -n 1
mv pods/scores-2 job/
told job/scores-[14]
told job/scores-? | grep -v 'goes on'
attrib status job/scores-1 | grep documents
# All of a corpus miss nothing.
attrib "${score[@]}" --shard 2/4 -o job/scores-2 >/dev/null
attrib "${score[@]}" --shard 3/4 -o job/scores-3 >/dev/null
told job/scores-? | grep missing
attrib merge -q job/scores-? -o run && told job
# Lists that nobody wrote.
for text in '' 'scores 0\n' 'scores 1000001\n' 'scores -1\n' 'scores 3' 'a/b 3\n' 'scores = \n' "$(yes 'a\n' | head -n 17 | tr -d '\n')"; do
    printf %b "$text" >job/tasks
    told job
done
