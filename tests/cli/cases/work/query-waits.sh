# A second query on a corpus that another one is fitting waits for it, says so once, and can be interrupted;
# then it answers from the same factors. Many at once give the same answer.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
ask=(attrib query --model "$M" --corpus c.jsonl --top 2 --completion ' Bern.' 'The capital is')

# until_seen FILE TEXT: wait until FILE has TEXT
until_seen() {
    until grep -qs "$2" "$1"; do
        sleep 0.02
    done
}

"${ask[@]}" >first 2>first.err &
first=$!
until grep -qs '^process' .attrib-cache/*.lock; do # which names it
    sleep 0.01
done
kill -STOP $first
"${ask[@]}" 2>stopped.err &
stopped=$!
"${ask[@]}" >second 2>second.err &
second=$!
until_seen stopped.err 'waiting for process'
until_seen second.err 'waiting for process'
kill -TERM $stopped
wait $stopped
echo "interrupted: exit $?"
grep -v '^\[' stopped.err
kill -CONT $first
wait $first
echo "first: exit $?"
wait $second
echo "second: exit $?"
grep -o "waiting for process $first on" second.err | sed "s/$first/N/"
cmp first second && ls .attrib-cache | sed -E 's/[0-9a-f]{16}/FACTORS/' | sort

rm -r .attrib-cache
for i in 1 2 3 4 5 6; do
    "${ask[@]}" -q --threads 1 >"many$i" &
done
wait
for i in 1 2 3 4 5 6; do
    cmp first "many$i"
done
ls -A .attrib-cache | sed -E 's/[0-9a-f]{16}/FACTORS/' | sort
