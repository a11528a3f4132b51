# How far sizes of scores are off was measured of EK-FAC alone, and is said of no other strategy.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 12 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib fit -q --model "$M" --corpus c.jsonl --modules 'model.layers.1.mlp.*' -o f
for strategy in ekfac kfac; do
    attrib query -q --model "$M" --factors f --corpus c.jsonl --strategy $strategy --top 1 --completion ' Bern.' \
        'The capital is' | tr -s '\n ' ' ' | grep -oE 'rely on .*'
done
