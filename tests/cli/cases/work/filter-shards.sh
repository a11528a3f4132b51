# Shards of a filtered run merge to the run of one process, also where some of them score nothing; what measures a
# filter, or was chosen in another corpus, is refused.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 1300 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
tail -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >d.jsonl
grep -h -m 3 '"kind": "direct"' "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --model "$M" --queries q.jsonl --top 3)
for options in "--strategy identity --baseline bm25 --prefilter tfidf:9" \
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
    diff one.txt all.txt && grep '^n scored' all.txt
done
"${score[@]}" --corpus c.jsonl --strategy identity --prefilter tfidf:5 --prefilter-sample 9 --shard 1/3 -o x
"${score[@]}" --corpus d.jsonl --strategy identity --prefilter tfidf:1 --query-rank 4 --split layer -o f && attrib merge all f -o x
"${score[@]}" --corpus d.jsonl --strategy identity --prefilter tfidf:5 --prefilter-sample 9 -o g && attrib merge g -o x
for more in '--prefilter tfidf:5 --prefilter-sample 9' '--query-rank 4 --max-rescored 9'; do
    read -ra more <<<"$more"
    attrib job -q --slurm --nodes 2 -o x -- "${score[@]:1}" --corpus c.jsonl --strategy identity "${more[@]}" -o r
done
[ ! -e x ] || echo written
