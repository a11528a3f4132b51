# A fit that is killed or stopped at any moment, again and again, ends with the bytes of one that was
# left alone, on other threads too: its sums are kept as it goes.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 200 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
RANDOM=7

# same: whether f and whole hold the same, but for the manifest, which has the command line
same() {
    for file in whole/*; do
        [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f/${file#*/}"
    done
    diff <(ls whole) <(ls f)
}

# disturb SIGNAL DELAY ARGUMENT...: begin a fit, and send a signal DELAY seconds after it has begun a stage
disturb() {
    local signal=$1 delay=$2
    : >err
    attrib fit --progress json --model "$M" --corpus c.jsonl -o f "${@:3}" 2>err &
    until grep -qE '"stage": "(covariance|lambda)"' err || ! kill -0 $! 2>gone; do
        sleep 0.01
    done
    sleep "$delay"
    kill "-$signal" $! 2>gone
    wait $! 2>gone
    cat err >>log
}

attrib fit -q --model "$M" --corpus c.jsonl --parts 3 -o whole || exit
: >log
for round in $(seq 16); do
    disturb $((round % 3 ? 9 : 15)) 0.$((100 + RANDOM % 200)) --parts 3 --threads $((1 + RANDOM % 3)) --checkpoint 0.001
    [ ! -e f ] || break
done
attrib fit --model "$M" --corpus c.jsonl --parts 3 -o f 2>err || [ -e f ] || exit
cat err >>log
grep -q 'goes on after block' log && echo 'kept sums were gone on with'
same
rm -r f whole

# Stopped without checkpoints on the way, a sum of one part is kept too. The first line of progress comes
# after a quarter of a second, of one and a half that one thread needs for these documents' covariances.
head -n 600 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib fit -q --stage covariance --model "$M" --corpus c.jsonl -o whole || exit
disturb 15 0 --stage covariance --threads 1 --checkpoint 0
ls f.partial/sums | wc -l
attrib fit --stage covariance --model "$M" --corpus c.jsonl -o f 2>&1 | grep -o 'covariance goes on after'
same
