# What a query leaves that was killed is removed by the next: the folder of several models in TMPDIR, and factors that it
# had begun to fit into the cache. What belongs to a living process, or to somebody else, stays.
M=$ATTRIB_SOURCE/corpora/facts-model
export TMPDIR=$PWD/scratch
mkdir scratch corpus
head -n 1500 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >corpus/c.jsonl
head -n 3 corpus/c.jsonl >few.jsonl
query=(attrib query -q --threads 1 Bern --completion ' is')
of=(--model "$M" --corpus corpus/c.jsonl)
models=(--model "$M,$M/checkpoint-1185" --strategy identity)
# killed_at PATTERN ARGUMENTS...: a query that is killed when a file of that name is there
killed_at() {
    until compgen -G "$1" >/dev/null; do
        "${query[@]}" "${@:2}" >/dev/null 2>&1 &
        until compgen -G "$1" >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
        { kill -KILL $! && wait $!; } 2>/dev/null # the shell says "Killed" at either command
    done
}
count() { find "$@" | wc -l; }
echo '== scratch of several models'
mkdir scratch/attrib-query.other scratch/attrib-query.tmp-11111111-11111111-1-1-0 # whose processes nobody knows
killed_at 'scratch/attrib-query.tmp-*-?*-*-[0-9]*-0/run*' "${models[@]}" --corpus corpus/c.jsonl
count scratch -maxdepth 1 -name 'attrib-query*'
"${query[@]}" "${models[@]}" --corpus few.jsonl >/dev/null
count scratch -maxdepth 1 -name 'attrib-query*'
echo '== factors of the cache'
killed_at 'corpus/.attrib-cache/*.partial' "${of[@]}"
count corpus/.attrib-cache -name '*.partial'
other=("${of[@]}" --max-tokens 20 --modules model.layers.0.mlp.down_proj)
"${query[@]}" "${other[@]}" >/dev/null
count corpus/.attrib-cache -name '*.partial' -o -name '*.lock'
# One that still runs keeps what it fills.
"${query[@]}" "${of[@]}" >/dev/null &
until compgen -G 'corpus/.attrib-cache/*.partial' >/dev/null; do sleep 0.01; done
kill -STOP $!
"${query[@]}" "${other[@]}" >/dev/null
count corpus/.attrib-cache -name '*.partial' -o -name '*.lock'
kill -CONT $!
wait $! && echo "the other ends: $?"
count corpus/.attrib-cache -name '*.partial' -o -name '*.lock'
