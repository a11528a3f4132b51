# A GGUF file is a model whatever its name, as is a folder that holds one; of two the folder says so.
M=$ATTRIB_SOURCE/tests/golden/gguf/llama-tied-bf16.gguf
mkdir blobs
cp "$M" blobs/sha256-00aa
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"ids\": [$i, 12, 3, $((2 * i)), 40, 7, $((i + 20)), 9]}"
done >c.jsonl
for model in "$M" blobs/sha256-00aa blobs; do
    attrib fit -q --model "$model" --corpus c.jsonl -o f-"${model##*/}" 2>/dev/null || exit
done
for file in f-llama-tied-bf16.gguf/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f-sha256-00aa/${file#*/}" || exit
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f-blobs/${file#*/}" || exit
done
attrib inspect blobs | sed -n '/^kind/p'
cp "$M" blobs/sha256-00bb
attrib inspect blobs 2>&1 | sed 's/(.*)/(...)/'
