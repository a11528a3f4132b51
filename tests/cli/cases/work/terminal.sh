# On a terminal text is coloured unless NO_COLOR is set, and there is a progress line unless -q is
# given. script(1) is the terminal.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
query="attrib query --strategy identity --model $M --corpus a.jsonl Bern"
has() {
    grep -q "$1" && echo yes || echo no
}
echo "coloured: $(script -qec "$query -q" /dev/null | has $'\033\\[1m')"
echo "NO_COLOR: $(NO_COLOR=1 script -qec "$query -q" /dev/null | has $'\033')"
echo "NO_COLOR empty: $(NO_COLOR='' script -qec "$query -q" /dev/null | has $'\033\\[1m')"
echo "progress: $(script -qec "$query" /dev/null | has $'\r\033\[Kattrib query: [0-9]*%.*  score ')"
echo "no progress: $(script -qec "$query --progress none" /dev/null | has 'attrib query: [0-9]*%')"
