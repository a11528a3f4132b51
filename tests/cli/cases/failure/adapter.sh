M=$ATTRIB_SOURCE/corpora/facts-model
head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
refuses() {
    attrib "$@" && exit 1
    return 0
}
mkdir alone
echo '{"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 4}' >alone/adapter_config.json
cp "$M/tokenizer.json" alone
cp -r "$M" beside && cp alone/adapter_config.json beside
for folder in alone beside; do
    refuses fit --model $folder --corpus c.jsonl -o f
    refuses inspect $folder
done
test ! -e f
