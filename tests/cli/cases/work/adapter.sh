# A model with a LoRA adapter is one model, however it is named, and another than its base.
GOLDEN=$ATTRIB_SOURCE/tests/golden
M=$GOLDEN/model/llama-gqa-untied
A=$GOLDEN/adapter/llama-patterns
echo '{"input_ids": [3, 1, 4, 1, 5, 9, 2, 6]}
{"input_ids": [2, 7, 1, 8, 2, 8, 1, 8]}' >c.jsonl
echo '{"id": "q", "input_ids": [3, 1, 4, 1, 5], "labels": [-100, -100, 4, 1, 5]}' >q.jsonl

attrib fit -q --model "$M" --adapter "$A" --corpus c.jsonl --modules all -o both 2>/dev/null || exit
attrib fit -q --model "$A" --corpus c.jsonl --modules all -o named 2>/dev/null || exit
attrib fit -q --model "$M" --corpus c.jsonl --modules all -o base 2>/dev/null || exit
for file in both/*.safetensors; do
    cmp "$file" "named/${file#*/}" || exit
done
cmp -s both/lambda.safetensors base/lambda.safetensors && exit 1
score() {
    attrib score -q "$@" --corpus c.jsonl --queries q.jsonl 2>&1 | grep -v 'no tokenizer.json'
    return "${PIPESTATUS[0]}"
}
score --model "$M" --adapter "$A" --factors named -o run || exit
score --model "$A" --factors named --weights-in-memory f32 -o f32 || exit
cmp run/scores-0000-000000.safetensors f32/scores-0000-000000.safetensors || exit
score --model "$M" --adapter "$A" --factors base -o other && exit 1
score --model "$M" --factors both -o other && exit 1
attrib plan --model "$M" --adapter "$A" --documents 10 --tokens 80 --cores 1 --gflops 10 --ram 1 >plan.txt
head -1 plan.txt
attrib inspect --format json "$A" | grep -o '"adapter": *{.*"parameters": *[0-9]*}, *"tok' | sed "s|$ATTRIB_SOURCE|SOURCE|"
attrib inspect --format json "$A" "$M" | grep -o '"hash": *"[0-9a-f]*"' | sort -u | wc -l
attrib inspect --format json "$A" >a.json
attrib inspect --format json --adapter "$A" "$M" >b.json
test "$(grep -o '"hash": *"[0-9a-f]*"' a.json)" = "$(grep -o '"hash": *"[0-9a-f]*"' b.json)"
