# A fit that is stopped leaves what it has done. The same command goes on from there, with the day that its
# templates took for today, whatever day it is then, and ends with the bytes of one that never stopped.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model && chmod -R u+w model
echo "{{ strftime_now('%d %B %Y') }}: {{ messages[1].content }}" >model/chat_template.jinja
for i in $(seq 400); do
    echo "{\"messages\": [{\"role\": \"user\", \"content\": \"$i?\"}, {\"role\": \"assistant\", \"content\": \"Bern is city $i.\"}]}"
done >c.jsonl
: >err
attrib fit --progress json --model model --corpus c.jsonl --date 2026-02-03 -o f/ 2>err &
job=$!
until grep -q '"stage": "lambda"' err; do
    sleep 0.01
done
kill -TERM $job
wait $job
echo "exit $?"
ls
attrib fit --model model --corpus c.jsonl -o f 2>&1 | grep -o 'f.partial: [0-9].*'
attrib fit -q --model model --corpus c.jsonl --date 2026-02-03 -o whole
for file in whole/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f/${file#*/}"
done
ls
