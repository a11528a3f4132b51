# A tokenizer outside the model's folder gives the results of one inside; one that is not there is named.
M=$ATTRIB_SOURCE/corpora/facts-model
mkdir bare
for file in "$M"/*; do
    case ${file##*/} in tokenizer*.json | checkpoint*) ;; *) cp "$file" bare/ ;; esac
done
mkdir tokenizer
cp "$M"/tokenizer*.json tokenizer/
printf '{"text": "%s"}\n' 'Paris is the capital of France.' 'Lima is the capital of Peru.' >c.jsonl
attrib fit -q --model "$M" --corpus c.jsonl -o f-inside || exit
attrib fit -q --model bare --tokenizer tokenizer --corpus c.jsonl -o f-given || exit
for file in f-inside/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f-given/${file#*/}" || exit
done
echo same
attrib fit -q --model bare --tokenizer bare --corpus c.jsonl -o f-none
attrib plan -q --model bare --tokenizer tokenizer --corpus c.jsonl >/dev/null && echo planned
