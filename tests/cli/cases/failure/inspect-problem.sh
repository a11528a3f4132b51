# What cannot be run is told with the rest of its file, and is a failure all the same.
sed s/llama.block_count/llama.block_kount/ "$ATTRIB_SOURCE/tests/golden/gguf/llama-tied-bf16.gguf" >m.gguf
attrib inspect m.gguf >report
echo "$?: $(grep problem report)"
grep -c token_embd.weight report
cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
echo "{" >m/tokenizer.json
attrib inspect --format json m >report
echo "$?: $(grep -o 'problem[^}]*' report)"
