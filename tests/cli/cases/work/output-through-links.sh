# A link that is named with -o is kept, and what it points to is filled; a link to nothing is refused before
# any work, and never followed.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
grep -m 1 direct "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
fit() {
    attrib fit -q --model "$M" --corpus c.jsonl "$@"
}
score() {
    attrib score -q --model "$M" --corpus c.jsonl --strategy identity --queries q.jsonl "$@"
}

mkdir -p far/factors far/run
touch far/run.html
ln -s far/factors f
ln -s far/run run
ln -s far/run.html run.html
ln -s nowhere/factors to-nothing
fit -o f && score -o run && attrib export run -o run.html
[ -L f ] && [ -L run ] && [ -L run.html ] && echo 'links are kept'
ls . far far/factors
head -c 15 far/run.html && echo

for output in to-nothing to-nothing/; do
    fit -o $output
    echo "fit: exit $?"
    score -o $output
    echo "score: exit $?"
done
attrib merge -q f -o to-nothing
echo "merge: exit $?"
attrib export run --format csv -o to-nothing
echo "export: exit $?"
ls -d nowhere to-nothing

# Beside a corpus, the cache writes through no link.
mkdir .attrib-cache
ln -s "$PWD/target" .attrib-cache/.gitignore
ln -s "$PWD/target" .attrib-cache/date
attrib query -q --model "$M" --corpus c.jsonl --completion ' Bern.' 'The capital is' >answer
[ -s answer ] && [ ! -e target ] && echo 'answered'
