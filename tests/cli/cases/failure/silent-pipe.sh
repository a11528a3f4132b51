# A signal ends the wait for a pipe that has no data, be it of documents or of queries, and for one that
# nobody opens.
model=$ATTRIB_SOURCE/corpora/facts-model
facts=$ATTRIB_SOURCE/corpora/facts/statements.jsonl
mkfifo silent nobody
sleep 100 >silent &
writer=$!

# stopped SIGNAL COMMAND: how it ends, and whether within 2 s
stopped() {
    local signal=$1 status=0
    shift
    timeout --foreground 60 "$@" <silent 2>message &
    local job=$!
    sleep 0.7
    local asked=$SECONDS
    kill -"$signal" "$job"
    wait "$job" || status=$?
    echo "$signal: exit $status, $([ $((SECONDS - asked)) -le 2 ] && echo soon): $(tail -1 message)"
}

stopped TERM attrib fit -q --model "$model" --corpus - -o factors
stopped HUP attrib fit -q --model "$model" --corpus - -o factors
stopped TERM attrib score -q --model "$model" --corpus "$facts" --max-documents 1 --strategy identity \
    --queries - -o run
stopped TERM attrib fit -q --model "$model" --corpus nobody -o factors
kill "$writer"
ls
