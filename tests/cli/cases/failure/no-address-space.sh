# Where OpenBLAS cannot have its buffers, one line says so; it would ask for them for ever.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
if ! (ulimit -v 150000 && attrib --version) >/dev/null 2>&1; then
    echo "attrib query: out of memory: products take 128 MiB of address space" >&2
    exit 1 # a sanitizer's own address space does not fit either
fi
ulimit -v 150000
timeout 60 attrib query -q --threads 1 --strategy identity --model "$M" --corpus c.jsonl "Bern is"
