# Under any limit of addresses a fit ends: done, or with one line and exit status 1. OpenBLAS, which asks for
# its buffers for ever where it cannot have them, is never asked without room.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
if ldd "$(command -v attrib)" | grep -qE 'lib[at]san'; then
    exit 0 # a sanitizer's own address space does not fit a limit
fi
for threads in 1 2; do
    for limit in 200000 250000 300000 350000 400000 450000 500000 600000; do
        code=0
        (ulimit -v $limit && timeout -s KILL 100 attrib fit -q --threads $threads --model "$M" \
            --corpus c.jsonl -o f) 2>err || code=$?
        lines=$(wc -l <err)
        [ "$code $lines" = '0 0' ] || [ "$code $lines" = '1 1' ] ||
            echo "$threads threads, $limit KiB: exit $code, $(cat err)"
        rm -rf f f.*
    done
done
