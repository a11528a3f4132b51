# A GGUF file is a model as its folder is, with documents and queries of token ids; weights that are
# widened once give the same bytes.
M=$ATTRIB_SOURCE/tests/golden/gguf/llama-tied-bf16.gguf
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"ids\": [$i, 12, 3, $((2 * i)), 40, 7, $((i + 20)), 9]}"
done >c.jsonl
echo '{"id": "q", "ids": [3, 14, 40, 7, 21], "mask": [0, 0, 1, 1, 1]}' >q.jsonl
for kind in file f32; do
    attrib fit -q --weights-in-memory $kind --model "$M" --corpus c.jsonl -o f-$kind || exit
    attrib score -q --weights-in-memory $kind --model "$M" --factors f-file --corpus c.jsonl \
        --queries q.jsonl -o r-$kind || exit
    attrib export r-$kind --format npz -o r-$kind.npz || exit
done 2>/dev/null
for file in f-file/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f-f32/${file#*/}"
done
cmp r-file.npz r-f32.npz && echo same
