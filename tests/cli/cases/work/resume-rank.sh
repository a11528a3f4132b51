# A rank that was for the program to choose, among others by what memory holds, stays that of the
# run where it goes on with other memory; queries and documents that are there are not made again.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 24 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --strategy identity --threads 1 --model "$M" --corpus a.jsonl
    --queries q.jsonl --query-rank auto --max-rescored 8)
least=$("${score[@]}" --ram-limit 1M -o r 2>&1 | grep -oE '[0-9]+ MiB$' | grep -oE '[0-9]+')
"${score[@]}" --ram-limit $((least + 1))M -o small
"${score[@]}" -o large
cp -r small stopped
rm stopped/manifest.msgpack
touch -d 2001-01-01 stopped/scores-*
"${score[@]}" -o stopped
find stopped -name 'scores-*' ! -newermt 2002-01-01
find stopped -name 'scores-*' -newermt 2002-01-01
for run in small large stopped; do
    attrib export $run --format npz -o $run.npz
    attrib inspect $run | grep 'query rank'
done
cmp small.npz stopped.npz && echo same
