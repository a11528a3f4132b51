printf 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n' >pointer
M=$ATTRIB_SOURCE/corpora/facts-model
echo '{"text": "a text"}' >c.jsonl
echo '{"prompt": "a", "completion": " text"}' >q.jsonl
refuses() {
    attrib "$@" -o out && exit 1
    return 0
}
for name in c.txt c.jsonl.zst c.zip c; do
    cp pointer "$name"
    refuses fit --model "$M" --corpus "$name"
done
refuses fit --model "$M" --corpus - <pointer
mkdir folder && cp pointer folder/b.jsonl && cp c.jsonl folder/a.jsonl && tar cf folder.tar folder
refuses fit --model "$M" --corpus folder
refuses fit --model "$M" --corpus folder.tar
cp pointer q2.jsonl
refuses score --strategy identity --model "$M" --corpus folder/a.jsonl --queries q2.jsonl
for name in model.safetensors tokenizer.json config.json; do
    rm -rf m && cp -r "$M" m && cp pointer "m/$name"
    refuses fit --model m --corpus folder/a.jsonl
done
cp pointer m.gguf
refuses fit --model m.gguf --corpus folder/a.jsonl
