# A query keeps the tokens of its corpus with the factors: the next one takes them while the sources are what they were.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 5 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
ask() {
    attrib query --model "$M" --corpus a.jsonl --modules model.layers.0.mlp.down_proj "$@" --top 1 'Bern is' \
        --completion ' a' 2>e >o
    sed -n 's/.*\] \(.*\) into the cache .*/\1/p; s/.*\] \(.* of the cache\) .*/\1/p; s/.*\(again: \)\(.*store: \)*/\1/p' e
}
ask && mv o first
ask && cmp o first && echo same
touch -d 2001-02-03 a.jsonl && ask && cmp o first && echo same
# Another day, another order of options, a part of the documents: the same store.
ask --context 64 --cache-limit 1G | head -n 1
ask --max-documents 3 --context 64 | head -n 1
# Changed sources are read again, and so is a damaged store.
sed -n 2p "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >>a.jsonl
ask
ask | head -n 1
for store in .attrib-cache/*.store; do printf x | dd of="$store" bs=1 seek=4100 conv=notrunc status=none; done
ask | head -n 1
ask | head -n 1
# Nothing is kept where no factors are, nor of standard input, nor where it would fill the cache.
attrib query -q --model "$M" --corpus a.jsonl --strategy identity --unit document 'Bern is' --completion ' a' >/dev/null
touch -d 'next year' .attrib-cache/* # as if they were in use
ask --context 32 --cache-limit 10
list() { attrib cache list "$@" | cut -f 1 | sort | uniq -c; }
list a.jsonl
# What was not used for the longest goes first.
touch -d 2001-02-03 .attrib-cache/*
ask --cache-limit 3M
list a.jsonl
# What a killed process was writing goes with the next one that reads the cache, or lists it.
mkfifo pipe
leave() {
    exec 3<>pipe
    attrib ingest -q --model "$M" --corpus - -o left <pipe 3>&- &
    until [ -e left.tmp-* ]; do sleep 0.1; done 2>/dev/null
    { kill -KILL $! && wait $!; } 2>/dev/null || true
    exec 3>&-
    mv left.tmp-* ".attrib-cache/0123456789abcdef.store.${1:-}$(echo left.tmp-* | sed 's/left.//')"
}
count_left() { find .attrib-cache -name '*.tmp-*' | wc -l; }
leave && count_left
ask && count_left
leave && count_left
list a.jsonl && count_left
attrib cache clear a.jsonl | sed 's/.*: //; s/, .*//'
list a.jsonl
ls -A .attrib-cache
attrib cache list # of the user
attrib cache throw a.jsonl 2>&1
attrib cache list none 2>&1 || true
