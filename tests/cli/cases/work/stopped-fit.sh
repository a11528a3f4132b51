# A fit that is stopped leaves what it has done; the same command goes on from there, and ends with the
# bytes of one that never stopped.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 700 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
: >err
attrib fit --progress json --model "$M" --corpus c.jsonl -o f 2>err &
job=$!
until grep -q '"stage": "lambda"' err; do
    sleep 0.01
done
kill -TERM $job
wait $job
echo "exit $?"
ls
attrib fit --model "$M" --corpus c.jsonl -o f 2>&1 | grep -o 'f.partial: [0-9].*'
attrib fit -q --model "$M" --corpus c.jsonl -o whole || exit
for file in whole/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f/${file#*/}"
done
ls
