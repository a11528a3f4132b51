# Shards of a filtered run merge to the run of one process, also where some of them score nothing, and what measures
# the filter with it; what was chosen in another corpus is refused.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 1300 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
tail -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >d.jsonl
grep -h -m 3 '"kind": "direct"' "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --model "$M" --queries q.jsonl --top 3)
for options in "--strategy identity --baseline bm25 --prefilter tfidf:9 --prefilter-sample 300" \
    "--strategy identity --prefilter tfidf:2 --prefilter-sample 1" \
    "--strategy identity --query-rank 4 --prefilter tfidf:1 --split layer"; do
    read -ra filtered <<<"$options"
    filtered=("${score[@]}" --corpus c.jsonl "${filtered[@]}")
    rm -rf one all s?
    "${filtered[@]}" -o one >/dev/null || exit
    for i in 1 2 3; do
        "${filtered[@]}" --shard $i/3 -o s$i >/dev/null || exit
        attrib inspect s$i | grep '^n scored'
    done
    attrib merge -q s3 s1 s2 -o all || exit
    diff -rq one all | grep -v manifest # which has the command
    for run in one all; do
        attrib inspect $run | grep -v -e "^command" -e "^path" >$run.txt
        attrib show $run --query query/direct/louvre/what >>$run.txt
    done
    diff one.txt all.txt && grep -e '^n scored' -e '^Filter' all.txt
    # Two shards know no more than one what the filter missed, until the third one comes.
    attrib merge -q --partial s2 s1 -o some && attrib merge -q some s3 -o rest || exit
    attrib show some | grep -c '^Filter'
    for file in one/*; do
        [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "rest/${file#*/}"
    done
    rm -r some rest
done
"${score[@]}" --corpus d.jsonl --strategy identity --prefilter tfidf:1 --query-rank 4 --split layer -o f && attrib merge all f -o x
# Whole runs are copied with what they say of their filter.
"${score[@]}" --corpus d.jsonl --strategy identity --prefilter tfidf:5 --prefilter-sample 9 -o g && attrib merge -q g -o h &&
    cmp g/answers.msgpack h/answers.msgpack
attrib job -q --slurm --nodes 2 -o x -- "${score[@]:1}" --corpus c.jsonl --strategy identity --query-rank 4 --max-rescored 9 -o r
# A shard without what it drew is named.
"${score[@]}" --corpus c.jsonl --strategy identity --prefilter tfidf:5 --prefilter-sample 9 --shard 1/3 -o bare >/dev/null &&
    rm bare/drawn.msgpack && attrib merge --partial bare -o x
[ ! -e x ] || echo written
