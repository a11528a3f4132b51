# Tokens as llm.c keeps them: 256 words of header, ids of 16 bits, each document behind the end of document.
M=$ATTRIB_SOURCE/corpora/facts-model
u16() { # ID...
    for id in "$@"; do
        printf "\\x$(printf %02x $((id % 256)))\\x$(printf %02x $((id / 256)))"
    done
}
{
    u16 $((20240520 % 65536)) $((20240520 / 65536)) 1 0 16 0
    head -c 1012 /dev/zero
    u16 0 10 11 12 0 20 21 22 0 30 31 32 0 40 41 42
} >c.bin
for i in 1 2 3 4; do
    echo "{\"ids\": [0, ${i}0, ${i}1, ${i}2]}"
done >c.jsonl
tail -c +1025 c.bin >plain.bin
run() { # OUTPUT OPTION...
    out=$1 && shift
    attrib query --model "$M" --strategy identity --completion ' London' --format json 'It is in' "$@" 2>err >json
    grep -o '"rank":[0-9]*,"score":[-0-9.e]*' json >"$out"
    grep -o '"document":{"id":"[^"]*"\|"line":[0-9]*,"span":[^]]*]' json | head -n 4
    sed -n 's/^.*\] //; /tokens, a document/p' err
}
run bin --corpus c.bin --document-end 0
run rows --corpus c.jsonl
wc -l <bin && cmp bin rows
run plain --corpus plain.bin --token-dtype uint16 --unit tokens:8
attrib fit --model "$M" --corpus plain.bin -o f 2>&1
