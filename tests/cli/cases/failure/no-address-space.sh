# Where OpenBLAS cannot have its buffers, one line says so; it would ask for them for ever.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
if ldd "$(command -v attrib)" | grep -qE 'lib[at]san'; then
    # A sanitizer's own address space does not fit a limit.
    echo "attrib query: out of memory: products take 128 MiB of address space" >&2
    exit 1
fi
ulimit -v 150000
timeout -s KILL 60 attrib query -q --threads 1 --strategy identity --model "$M" --corpus c.jsonl "Bern is"
