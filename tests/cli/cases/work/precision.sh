# needs-cpu: avx512_bf16
# Documents that are scored in bf16 are reported as in f32, with the same scores; bytes are the same for
# any threads, and all that reads a run or factors says what they are.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 150 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
grep -m 2 '"kind": "direct"' "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
fit=(attrib fit -q --model "$M" --corpus a.jsonl --modules 'model.layers.1.mlp.*')
"${fit[@]}" -o f32
"${fit[@]}" --precision auto -o bf16
"${fit[@]}" --precision bf16 -o f32 2>&1
attrib inspect bf16 | grep '^precision'
# Runs of the maps of covariances in bf16 are joined to the bytes of one merge.
"${fit[@]}" --precision bf16 --stage covariance -o covariances
attrib merge -q covariances -o basis
for i in 1 2; do
    attrib merge -q covariances --shard $i/2 -o maps-$i
done
attrib merge -q maps-1 maps-2 -o joined
for file in joined/*.safetensors; do
    cmp "$file" "basis/${file##*/}"
done
attrib inspect joined | grep '^precision'
score=(attrib score -q --model "$M" --corpus a.jsonl --queries q.jsonl --top 3)
"${score[@]}" --factors bf16 -o exact
for n in 1 2 3 5; do
    "${fit[@]}" --precision bf16 --threads $n -o factors-$n
    "${score[@]}" --factors factors-$n --precision bf16 --threads $n -o run-$n
    sha256sum factors-$n/*.safetensors run-$n/scores-* | sed 's/ .*//' >sums-$n
    cmp sums-1 sums-$n
done
for run in exact run-1; do
    attrib export $run --format csv -o - | cut -d, -f 1,2,4 >$run.csv
done
cmp exact.csv run-1.csv && wc -l <exact.csv
attrib show run-1 --top 1 | grep -A 1 -m 1 -E '^Precision' | sed -E 's/[0-9][0-9.e+-]*/N/g'
attrib inspect run-1 --format json | grep -cE '"assumed_error": ?[0-9.e-]*[1-9]'
attrib export run-1 --format jsonl -o - | sed -n 1p | grep -c '"precision": *"bf16"'
attrib export run-1 -o run.sqlite
sqlite3 run.sqlite 'SELECT precision, n_rescored > 0, n_open, largest_error > 0, largest_bound FROM runs'
for key in assumed_error largest_error; do # as the other export has them
    sqlite3 run.sqlite "SELECT printf('%.9g', $key) FROM runs" >one
    attrib export run-1 --format jsonl -o - | sed -n 1p | grep -o "\"$key\": *[0-9.e-]*" | sed 's/.*: *//' |
        xargs printf '%.9g\n' | cmp one -
done
attrib export exact -o exact.sqlite
sqlite3 exact.sqlite 'SELECT precision, n_rescored, assumed_error FROM runs'
"${score[@]}" --factors f32 --precision bf16 --no-settle -o raw
attrib show raw --top 1 | tr '\n' ' ' | tr -s ' ' | grep -c 'others may be first or last in f32'
"${score[@]}" --factors f32 --precision bf16 --normalize unit -o unit 2>&1
"${score[@]}" --factors f32 --precision bf16 --query-rank 8 -o cut
attrib inspect cut | grep -E '^precision'
attrib self -q --model "$M" --factors bf16 --corpus a.jsonl --top 1 --precision bf16 | grep -c 'products in bf16'
