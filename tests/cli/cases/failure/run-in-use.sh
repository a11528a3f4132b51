# A folder that another process fills with a run is refused, so that no result is lost; it is free again
# when that process ends, however it ends.
model=$ATTRIB_SOURCE/corpora/facts-model
facts=$ATTRIB_SOURCE/corpora/facts/statements.jsonl
grep -m 1 direct "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl

ask() {
    attrib score -q --model "$model" --corpus "$facts" --max-documents 3 --strategy identity \
        --queries q.jsonl -o run
}

mkdir run
flock --no-fork run/.attrib-lock sleep 100 &
until [ -e run/.attrib-lock ] && ! flock --nonblock run/.attrib-lock true; do
    sleep 0.05
done
ask
echo "exit $?"
ls run
kill $!
wait $! 2>/dev/null
ask
