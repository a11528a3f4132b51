head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
attrib fit -q --model "$M" --corpus c.jsonl -o f
mkdir other
for file in "$M"/*; do
    [ ! -f "$file" ] || cp "$file" other
done
# The last byte of the file is one of a weight.
printf "\\001" | dd of=other/model.safetensors bs=1 conv=notrunc status=none \
    seek=$(($(stat -c %s other/model.safetensors) - 2))
attrib query --model other --corpus c.jsonl --factors f p
