# Refined queries have the same scores whatever memory there is, in shards, and in a run that goes on where it stopped.
F=$ATTRIB_SOURCE/tests/golden/stages
B=$ATTRIB_SOURCE/corpora/facts-bank
head -n 16 "$B/documents.jsonl" >few.jsonl
head -n 6 "$B/queries.jsonl" >six.jsonl
all() { attrib export -q "$1" -o - --format csv --all --fields query,document,score --csv-raw | grep , | sort; }
echo '== memory'
attrib fit -q --model "$B/model" --corpus few.jsonl -o f
few() {
    attrib score --threads 1 --model "$B/model" --factors f --corpus few.jsonl --queries six.jsonl --top 1 --refine cg \
        --refine-documents 8 --refine-steps 3 --refine-damping 100 "$@"
}
few -q -o any
least=$(few -v --ram-limit 1M -o x 2>&1 | grep -oE '[0-9]+ MiB$' | grep -oE '[0-9]+')
few -v --ram-limit $((least + 1))M -o small 2>log && all any >1.csv && all small | cmp - 1.csv && echo 'the same scores'
[ "$(grep -c 'refined by cg to a residual' log)" = 6 ] && echo 'six residuals'
[ -e small/scores-0001-000000.safetensors ] && echo 'some queries at a time'
# all queries at a time, of which an eighth of the limit holds the vectors of some
few -q --ram-limit $((least + 12))M -o middle && all middle | cmp - 1.csv && echo 'the same scores'
[ ! -e middle/scores-0001-000000.safetensors ] && echo 'all queries at a time'
echo '== a run that lost a part'
last=$(basename "$(find small -name 'scores-*' | sort | tail -n 1)")
rm small/manifest.msgpack small/answers.msgpack "small/$last"
touch -d 2001-01-01 small/scores-*
few -q -o small && all small | cmp - 1.csv && echo 'the same scores'
[ "$(find small -name 'scores-*' -newermt 2002-01-01)" = "small/$last" ] && echo 'the part alone was scored again'
echo '== shards'
for i in $(seq 80); do sed "s/\"id\": \"/&$i-/" "$F/documents.jsonl"; done >many.jsonl
many() {
    attrib score -q --model "$F/3" --factors "$F/factors-3" --corpus many.jsonl --queries "$F/queries.jsonl" --top 3 \
        --refine "$how" --refine-documents 100 --refine-steps 8 --refine-damping 1 "$@"
}
for how in cg astra lissa; do
    many -o whole && many --shard 1/2 --threads 1 -o s1 && many --shard 2/2 --threads 2 -o s2 && attrib merge -q s2 s1 -o merged
    for f in answers.msgpack explained.msgpack scores-0000-000000.safetensors; do
        cmp whole/$f merged/$f && echo "$how: $f: the same bytes"
    done
    rm -r s1 s2 merged
    attrib prepare -q --model "$F/3" --factors "$F/factors-3" --corpus many.jsonl --queries "$F/queries.jsonl" --top 3 \
        --refine "$how" --refine-documents 100 --refine-steps 8 --refine-damping 1 -o prepared >/dev/null
    many --prepared prepared --shard 1/2 -o s1 && attrib score -v --model "$F/3" --factors "$F/factors-3" --corpus many.jsonl \
        --queries "$F/queries.jsonl" --top 3 --refine "$how" --refine-documents 100 --refine-steps 8 --refine-damping 1 \
        --prepared prepared --shard 2/2 -o s2 2>&1 >/dev/null | grep -oE '[0-9]+ queries are refined already|refined by.*'
    attrib merge -q s2 s1 -o merged >/dev/null && cmp whole/answers.msgpack merged/answers.msgpack &&
        cmp whole/scores-0000-000000.safetensors merged/scores-0000-000000.safetensors && echo "$how: prepared, the same bytes"
    rm -r whole s1 s2 merged
    [ "$how" = lissa ] || { mv prepared/refined-000000.safetensors other && rm -r prepared; }
done
ls prepared
how=astra
many --prepared prepared --shard 1/2 -o s1
how=lissa
cp prepared/refined-000000.safetensors own && cp other prepared/refined-000000.safetensors
many --prepared prepared --shard 1/2 -o s1
mv own prepared/refined-000000.safetensors
printf '\001' | dd of=prepared/refined-000000.safetensors bs=1 seek=1500 conv=notrunc status=none
many --prepared prepared --shard 1/2 -o s1
head -c 900 prepared/refined-000000.safetensors >cut && mv cut prepared/refined-000000.safetensors
many --prepared prepared --shard 1/2 -o s1
