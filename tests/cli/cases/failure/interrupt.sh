# Ctrl-C stops a run cleanly: exit status 1, one line, and no half-written factors, but what the same
# command goes on with.
M=$ATTRIB_SOURCE/corpora/facts-model
: >err
attrib fit --model "$M" --corpus "$ATTRIB_SOURCE"/corpora/facts/*s.jsonl -o f --progress json \
    >out 2>err &
job=$!
until grep -q '"stage"' err; do
    sleep 0.02
done
kill -TERM $job
wait $job
echo "exit $?"
grep -v '^{' err
rm -rf f.partial
ls
