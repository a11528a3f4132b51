# A finished run that is extended by documents, by queries and by both has the bytes of one run over all of it, the
# manifest included; documents or queries that were changed are refused; and the run is whole whenever it is killed.
M=$ATTRIB_SOURCE/corpora/facts-model
awk 'BEGIN {
    split("London Bern Paris river tower bridge king queen", w, " ")
    for (i = 0; i < 560; i++) {
        text = w[i % 8 + 1]
        for (k = 1; k <= i % 11 % 4 + i % 3; k++) text = text " " w[int(i / k) % 8 + 1]
        printf "{\"id\": \"d%d\", \"text\": \"%s\"}\n", i, text
    }
}' >all.jsonl
head -n 520 all.jsonl >c.jsonl && tail -n +521 all.jsonl >new.jsonl
for name in London Bern Paris river tower bridge king queen Rome; do
    printf '{"id": "%s", "prompt": "%s is"}\n' $name $name
done >allq.jsonl
head -n 3 allq.jsonl >q.jsonl && head -n 5 allq.jsonl >q5.jsonl && head -n 2 q.jsonl >q2.jsonl && head -n 1 q.jsonl >q1.jsonl

# score RUN QUERIES DOCUMENTS...: with the options in $options
score() {
    local run=$1 queries=$2
    shift 2
    # shellcheck disable=SC2086
    attrib score -q --model "$M" --strategy identity --top 3 --max-new-tokens 2 $options \
        --queries "$queries" -o "$run" --corpus "$@"
}

# grows TITLE QUERIES DOCUMENTS: a run of c.jsonl and QUERIES, extended to DOCUMENTS and all queries of $final; where
# $n_tiles is given, 1 unless these are held in so many turns
n_tiles=
grows() {
    cp "$2" queries.jsonl && score run queries.jsonl c.jsonl >printed || exit
    cp $final queries.jsonl
    # shellcheck disable=SC2086
    score run queries.jsonl $3 --extend >printed || exit
    # shellcheck disable=SC2086
    mkdir there && mv run there && score run queries.jsonl $3 >printed || exit
    if [ "$n_tiles" ] && [ "$(echo run/scores-*-000000.* there/run/scores-*-000000.* | wc -w)" -ne $((2 * n_tiles)) ]; then
        rm -r run there
        return 1
    fi
    echo "== $1"
    diff -r there/run run && [ ! -e run.extend ] && [ ! -e run.partial ] && echo same
    rm -r run there
}

final=allq.jsonl
options=
grows "queries" q.jsonl "c.jsonl"
final=q.jsonl
grows "documents" q.jsonl "c.jsonl new.jsonl"
options='--self --tokens --split kind --normalize unit'
final=allq.jsonl
grows "both, with self-influences, tokens and groups" q.jsonl "c.jsonl new.jsonl"

# Cut queries are multiplied in the groups in which the run began, whatever the steps in which it grows. Their scores
# differ in their last bits from those of a run that begins with all of them.
echo '== both, cut'
options='--query-rank 4 --normalize nats'
cp q.jsonl queries.jsonl && score run queries.jsonl c.jsonl >printed && cp -r run steps || exit
cp allq.jsonl queries.jsonl && score run queries.jsonl c.jsonl new.jsonl --extend >printed || exit
cp q.jsonl queries.jsonl && score steps queries.jsonl c.jsonl new.jsonl --extend >printed || exit
head -n 5 allq.jsonl >queries.jsonl && score steps queries.jsonl c.jsonl new.jsonl --extend >printed || exit
cp allq.jsonl queries.jsonl && score steps queries.jsonl c.jsonl new.jsonl --extend >printed || exit
for file in answers.msgpack explained.msgpack prepared.msgpack scores-0000-000000.safetensors scores-0000-000001.safetensors; do
    [ ! -e run/$file ] || cmp run/$file steps/$file || exit
done
score fresh queries.jsonl c.jsonl new.jsonl >printed || exit
for run in run fresh; do
    attrib export -q $run -o $run.csv && cut -d, -f1,2,4- $run.csv | cut -c 1-40 >$run.ranks
done
cmp run.ranks fresh.ranks && paste -d, <(cut -d, -f3 run.csv) <(cut -d, -f3 fresh.csv) |
    awk -F, 'NR > 1 && ($1 - $2) ^ 2 > 1e-8 * $1 ^ 2 { print "differ", $0 }' && echo same
rm -r run steps fresh run.* fresh.*
options='--baseline hidden'
grows "baselines" q.jsonl "c.jsonl new.jsonl"
grows "a single query" q1.jsonl "c.jsonl new.jsonl"
options=
grows "a single query under a single setting" q1.jsonl "c.jsonl new.jsonl"
# A query takes 5 MiB with all maps tracked, so that two are held at a time; what a process has in use from its
# beginning varies by 2 MiB, so that one or three may be.
options='--modules all --threads 1 --self'
cp q.jsonl queries.jsonl
options="$options --ram-limit 1M"
least=$(score run queries.jsonl c.jsonl 2>&1 | grep -oE '[0-9]+ MiB$' | grep -oE '[0-9]+')
options="${options% *} $((least + 7))M"
final=q5.jsonl
n_tiles=3
tries=1
until grows "two queries at a time" q.jsonl "c.jsonl new.jsonl"; do
    [ $((++tries)) -lt 10 ] || exit
done
n_tiles=

echo '== killed'
options=--self
cp q.jsonl queries.jsonl && score run queries.jsonl c.jsonl
attrib export -q run -o before.jsonl
cp allq.jsonl queries.jsonl
for delay in 0.05 0.1 0.2 0.4; do
    {
        timeout --foreground --signal=KILL $delay attrib score -q --model "$M" --strategy identity --top 3 \
            --max-new-tokens 2 --self --queries queries.jsonl -o run --corpus c.jsonl new.jsonl --extend
    } >printed 2>&1 || true
    attrib export -q run -o now.jsonl || exit
    cmp -s now.jsonl before.jsonl || attrib show run --query Rome --top 1 >printed || exit
done
score run queries.jsonl c.jsonl new.jsonl --extend
score run queries.jsonl c.jsonl new.jsonl --extend # nothing is new
mkdir there && mv run there && score run queries.jsonl c.jsonl new.jsonl && diff -r there/run run && echo same

echo '== refused'
score run queries.jsonl c.jsonl new.jsonl --extend --shard 1/2
score none queries.jsonl c.jsonl --extend
score run queries.jsonl c.jsonl --extend
cp c.jsonl kept.jsonl
sed '7s/"text": "/&Rome /' kept.jsonl >c.jsonl && score run queries.jsonl c.jsonl new.jsonl --extend
sed 7d kept.jsonl >c.jsonl && score run queries.jsonl c.jsonl new.jsonl --extend
cp kept.jsonl c.jsonl && score run queries.jsonl new.jsonl c.jsonl --extend
score run q2.jsonl c.jsonl new.jsonl --extend
tail -n +2 allq.jsonl >other.jsonl && score run other.jsonl c.jsonl new.jsonl --extend
options='--self --normalize nats' && score run queries.jsonl c.jsonl new.jsonl --extend
options=
score run queries.jsonl c.jsonl new.jsonl --extend
options='--baseline bm25' && score bm25 q.jsonl c.jsonl && score bm25 q.jsonl c.jsonl new.jsonl --extend
options='--prefilter tfidf:20' && score filtered q.jsonl c.jsonl && score filtered q.jsonl c.jsonl new.jsonl --extend
options='--shard 1/2' && score shard q.jsonl c.jsonl
options= && score shard q.jsonl c.jsonl new.jsonl --extend
diff -r there/run run && echo unchanged
ls
