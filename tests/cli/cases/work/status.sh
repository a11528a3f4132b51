# What is done, runs, was stopped or is missing is told by folder, with the command that goes on.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 400 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
told() {
    attrib status "$@" | sed -E "s/[0-9.]+ s ago/N s ago/; s/about [0-9.]+ s left/N s left/; s/ [0-9]+ %/ N %/
        s/process [0-9]+ of $(hostname)/process N of HOST/; s/[0-9]+ of 400/N of 400/; s|$PWD|HERE|"
}
is() {
    attrib status "$1" --format json | python3 -c '
import json, sys
state = json.load(sys.stdin)
print(*(state[key] for key in sys.argv[1:]))' "${@:2}"
}
attrib fit -q --model "$M" --corpus a.jsonl -o 'the factors' &
until [ -e 'the factors.partial/job.json' ]; do
    sleep 0.01
done
kill -STOP $!
told 'the factors' | head -n 1
is 'the factors' state holds
{ kill -KILL $! && wait $!; } 2>/dev/null # the shell says "Killed" at either command
is 'the factors.partial' state error
told 'the factors/' | grep -c 'goes on with cd HERE && attrib fit -q --model .* -o .the factors.$'
(cd / && eval "$(attrib status "$OLDPWD/the factors" | sed -n 's/.*goes on with //p')")
told 'the factors'
is 'the factors' state overall
# A run that is stopped by itself says why, and how far it came.
echo '{"prompt": "a", "completion": " b"}' >q.jsonl
: >err
attrib score --model "$M" --factors 'the factors' --corpus a.jsonl --queries q.jsonl -o run --progress json 2>err &
until grep -q '"stage": "score"' err; do
    sleep 0.01
done
kill -TERM $!
wait $!
told run | grep -v 'goes on'
is run state holds error
# Parts of shards that no folder holds.
for i in 1 3; do
    attrib fit -q --model "$M" --corpus a.jsonl --max-documents 60 --stage covariance --shard $i/4 -o s$i
done
told s1 s2 s3
# What is neither, and what is damaged.
mkdir other && touch other/file
attrib status other 2>&1
echo '{"pid": -1}' >run/job.json
attrib status run 2>&1
echo '{' >run/job.json
attrib status run 2>&1
