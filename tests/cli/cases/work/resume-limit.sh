# A run goes on with as many queries at a time as it began with, whatever memory there is now;
# where they do not fit it is refused. One more query takes 5 MiB with all maps tracked, so that a
# limit in the middle of that holds one query, even if the process itself takes 2 MiB more or less.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 6 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --strategy identity --modules all --threads 1 --model "$M" --corpus a.jsonl
    --queries q.jsonl)
least=$("${score[@]}" --ram-limit 1M -o r 2>&1 | grep -oE '[0-9]+ MiB$' | grep -oE '[0-9]+')
"${score[@]}" --ram-limit $((least + 2))M -o small
rm small/manifest.msgpack small/scores-0002*
touch -d 2001-01-01 small/scores-*
"${score[@]}" -o small
find small -name 'scores-*' ! -newermt 2002-01-01 | sort
find small -name 'scores-*' -newermt 2002-01-01
"${score[@]}" -o large
for run in small large; do
    attrib export "$run" --format csv -o - | cut -d, -f 1,2,4 >"$run.csv"
done
cmp small.csv large.csv && echo same
"${score[@]}" --ram-limit $((least + 2))M -o large
