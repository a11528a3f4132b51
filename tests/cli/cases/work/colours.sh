# Colours where they are asked for; none in a pipe, and none in NO_COLOR's name.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
for colour in auto never always; do
    attrib query -q --strategy identity --model "$M" --corpus a.jsonl --colour $colour "Bern is" |
        grep -q $'\033' && echo "$colour: coloured"
done
NO_COLOR=1 attrib query -q --strategy identity --model "$M" --corpus a.jsonl --colour always "Bern is" |
    grep -q $'\033' && echo "asked for: coloured"
