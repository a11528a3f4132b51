# Usual mistakes: each ends in its status and in one line that says what to do. Below, a command a
# line, as it is typed; what is printed is the command, its status and its line.
facts=$ATTRIB_SOURCE/corpora/facts
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model && chmod -R u+w model && rm -r model/checkpoint-*
head -n 3 "$facts/statements.jsonl" >a.jsonl
mkdir gguf encoder empty full && touch full/x
cp "$ATTRIB_SOURCE/tests/golden/gguf/gemma.gguf" gguf/
cp gguf/gemma.gguf gguf/gemma-2.gguf
cp -r model pickled && mv pickled/model.safetensors pickled/pytorch_model.bin
cp -r model cut && head -c 100000 model/model.safetensors >cut/model.safetensors
cp -r model broken && echo '{' >broken/config.json
config() { mkdir "$1" && echo "$2" >"$1/config.json"; }
config bert '{"model_type": "bert"}'
config t5 '{"model_type": "t5"}'
config mixtral '{"model_type": "mixtral"}'
config other '{"model_type": "mamba"}'
config nameless '{}'
row() { printf '%s\n' "$2" >"$1"; }
row misspelt.jsonl '{"txt": "Bern"}'
row promt.jsonl '{"promt": "Bern is"}'
row completon.jsonl '{"prompt": "Bern is", "completon": " a city"}'
row no-completion.jsonl '{"ids": [0, 5, 6]}'
row empty-prompt.jsonl '{"prompt": ""}'
row empty-completion.jsonl '{"prompt": "Bern", "completion": ""}'
row text.txt 'Who is it?'
row headless.csv 'hello there,3
another one,4'
row json.csv "$(cat promt.jsonl promt.jsonl)"
row cut.jsonl '{"prompt": "Bern'
row number.jsonl '{"text": 5}'
row ids.jsonl '{"ids": [0, 99999999]}'
row role.jsonl '{"messages": [{"content": "Hi"}]}'
row array.json '[{"text": "a"},'
row q.jsonl '{"prompt": "Bern is", "completion": " a city"}'
printf 'caf\xe9\n' >latin1.txt
printf '\x00\x01\x02\x03' >binary.txt
: >nothing.jsonl
row text.parquet 'a text'
row text.arrow 'a text'
row text.warc 'a text'
: >nothing.parquet
printf '\x93NUMPY\x01\x00\x46\x00%-69s\n\x05\x00\x06\x00\x00\x00\x07\x00' \
    "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 2), }" >array.npy && cp array.npy array.dat
printf '\x93NUMPY\x01\x00\x46\x00%-69s\n\x05\x00\x00\x00\x00\x00\x00\x80' \
    "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }" >huge.npy
warc() { printf 'WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n%s\r\n\r\nHi\r\n\r\n' "$2" >"$1.warc"; }
warc negative 'Content-Length: -5' && warc huge 'Content-Length: 99999999999999999999999'
warc lacking 'X: 1' && warc long 'Content-Length: 5000'
attrib fit -q --model model --corpus a.jsonl -o factors
attrib fit -q --model model --corpus a.jsonl --modules attention -o other-factors
attrib score -q --strategy identity --model model --corpus a.jsonl --queries q.jsonl -o run >/dev/null
I='--strategy identity'
A='--model model --corpus a.jsonl'

n=0
while IFS= read -r line; do
    code=0
    eval "attrib ${line//@I/$I}" >/dev/null 2>said </dev/null || code=$?
    grep -v '^\[attrib' said >lines || true
    echo "$line"
    echo "  [$code] $(cat lines)"
    n=$((n + 1))
    [ "$(wc -l <lines)" -eq 1 ] || echo "  NOT ONE LINE"
done <<'END'
query --model gpt2 --corpus a.jsonl Hi
query --model openai-community/gpt2 --corpus a.jsonl Hi
query --model gguf --corpus a.jsonl Hi
query --model empty --corpus a.jsonl Hi
query --model model/model.safetensors --corpus a.jsonl Hi
query --model model/config.json --corpus a.jsonl Hi
query --model pickled --corpus a.jsonl Hi
query --model cut --corpus a.jsonl Hi
query --model broken --corpus a.jsonl Hi
query --model bert --corpus a.jsonl Hi
query --model t5 --corpus a.jsonl Hi
query --model mixtral --corpus a.jsonl Hi
query --model other --corpus a.jsonl Hi
query --model nameless --corpus a.jsonl Hi
query --model a.jsonl --corpus model Hi
query --model model --corpus model Hi
query --model model --corpus a.jsonl The capital of France is
query --model model a.jsonl Hi
query --model model --corpus nowhere.jsonl Hi
query --model model --corpus empty Hi
query --model model --corpus nothing.jsonl Hi
query --model model --corpus misspelt.jsonl Hi
query --model model --corpus headless.csv Hi
query --model model --corpus json.csv Hi
query $A --text-field body Hi
query --model model --corpus number.jsonl Hi
query --model model --corpus cut.jsonl Hi
query --model model --corpus array.json Hi
query --model model --corpus latin1.txt Hi
query --model model --corpus binary.txt Hi
query --model model --corpus ids.jsonl Hi
query --model model --corpus role.jsonl Hi
query --model model --corpus text.parquet Hi
query --model model --corpus text.arrow Hi
query --model model --corpus text.warc Hi
query --model model --corpus nothing.parquet Hi
query --model model --corpus array.dat Hi
query --model model --corpus - Hi <array.npy
query --model model --corpus huge.npy Hi
query --model model --corpus negative.warc Hi
query --model model --corpus huge.warc Hi
query --model model --corpus lacking.warc Hi
query --model model --corpus long.warc Hi
query $A --unit line Hi
query $A --unit tokens:8 Hi
query $A --token-dtype uint16 Hi
query $A --document-end 0 Hi
query --model model --corpus array.npy --unit line Hi
query --model model --corpus array.npy --document-end 0 Hi
query --model model --adapter a.jsonl --corpus a.jsonl Hi
query --model model --adapter nowhere --corpus a.jsonl Hi
query --model model --adapter empty --corpus a.jsonl Hi
query --model model --adapter model --corpus a.jsonl Hi
query $A @I Hi --top 3 --top 5
query $A @I Hi --adapter a --adapter b
tokens --model model --queries q.jsonl --unit line
query --corpus a.jsonl Hi
query --model model Hi
query $A
query $A Hi --prompt Ho
query $A @I ''
query $A @I Hi --completion ''
query $A @I Hi --top 0
query $A @I Hi --top five
query $A @I Hi --top -3
query $A @I Hi --top
query $A @I Hi --queries q.jsonl
query $A @I Hi --damping 0.5
query $A Hi --damping -1
query $A Hi --strategy ekfak
query $A Hi --modules attn
query $A Hi --context 999999
query $A Hi --chat-template chatlm
query $A Hi --chat-template model
query $A Hi --chat-template alpaca --date tomorrow
query $A Hi --threads 0
query $A Hi --factors nowhere
query $A Hi --factors model
query $A Hi --factors factors --modules mlp
query --modle model --corpus a.jsonl Hi
score $A @I --queries promt.jsonl -o r
score $A @I --queries completon.jsonl -o r
score $A @I --queries no-completion.jsonl -o r
score $A @I --queries empty-prompt.jsonl -o r
score $A @I --queries empty-completion.jsonl -o r
score $A @I --queries text.txt -o r
score $A @I --queries cut.jsonl -o r
score $A @I --queries nothing.jsonl -o r
score $A @I --queries nowhere.jsonl -o r
score $A @I --queries q.jsonl
score $A @I -o r
score $A --queries q.jsonl -o r
score --model model --corpus promt.jsonl a.jsonl --prompt-field promt @I --queries q.jsonl -o run
score --model model --corpus latin1.txt a.jsonl @I --queries q.jsonl -o run
score --model model --corpus text.txt @I --queries q.jsonl -o run
score $A @I --queries q.jsonl -o a.jsonl
score $A @I --prompt Hi -o r
fit $A
fit $A -o factors --seed 2 --modules all
fit $A -o full
fit $A -o a.jsonl
fit $A -o /proc/none
fit $A --parts 2 --shard 3/2 -o r
merge factors other-factors -o r
export run
export run --format pdf
export model --format csv
export nowhere --format csv
export run --format csv -o nowhere/run.csv
export run --format csv >/dev/full
tokens --model model
inspect nowhere
inspekt model
run --model model
END
echo "$n mistakes"
