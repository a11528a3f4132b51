# A model's file that becomes shorter while it is read ends the program with one line, not with a signal;
# where it has all its bytes again, the same command goes on.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model
head -n 250 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
fit() {
    attrib fit --model model --corpus c.jsonl -o f --progress json "$@"
}

: >err
fit 2>err &
until grep -q '"stage"' err; do
    sleep 0.02
done
truncate -s 4096 model/model.safetensors
wait $!
echo "exit $?"
grep -v '^{' err
[ ! -e f ] || echo 'f is there'
cp "$ATTRIB_SOURCE/corpora/facts-model/model.safetensors" model
fit -q && ls
