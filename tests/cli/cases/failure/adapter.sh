M=$ATTRIB_SOURCE/corpora/facts-model
head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
refuses() {
    attrib "$@" && exit 1
    return 0
}
# an adapter whose base is not there, alone and next to a model that may be its base
cp -r "$ATTRIB_SOURCE/tests/golden/adapter/llama-layers" alone
sed -i 's|"base_model_name_or_path": "[^"]*"|"base_model_name_or_path": "org/base"|' alone/adapter_config.json
cp -r "$M" beside && cp alone/adapter_* beside
for folder in alone beside; do
    refuses fit --model $folder --corpus c.jsonl -o f
done
# one of another model
refuses fit --model "$M" --adapter alone --corpus c.jsonl -o f
refuses inspect --adapter alone c.jsonl
refuses inspect --adapter "$M" "$M" 2>&1 | sed "s|$ATTRIB_SOURCE|SOURCE|" >&2
# pickled
mv alone/adapter_model.safetensors alone/adapter_model.bin
refuses inspect alone
# of another kind
sed -i 's|"LORA"|"PREFIX_TUNING"|' beside/adapter_config.json
refuses query --model "$M" --adapter beside --corpus c.jsonl "Word"
test ! -e f
