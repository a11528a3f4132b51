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
# Stages of a question to an index are shown as they come, without what documents would do to the terminal.
{ cat a.jsonl; printf '{"text":"Bern \\u009b31m is a town"}\n'; } >b.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
attrib index -q --model "$M" --factors f --corpus b.jsonl -o i >/dev/null
script -qec "stty cols 80; attrib query --index i --exact 10 --top 10 Bern" /dev/null >shown
echo "stages: $(has 'of 10 documents are exact' <shown)"
echo "its character: $(has 'Bern ??31m' <shown)"
echo "the terminal's: $(LC_ALL=C has $'\302\233' <shown)"
