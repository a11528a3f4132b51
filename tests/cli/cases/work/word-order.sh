# The script that measures what the order of words does to influence, on eight facts and the
# shipped model's early checkpoint: "A is B" does more than "B is A" for saying B after A.
head -n 300 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" > corpus.jsonl
"$ATTRIB_SOURCE/scripts/measure-word-order" --program "$(command -v attrib)" --corpus corpus.jsonl \
    --facts 8 --score-option=--quiet --csv rows.csv > report 2> log || cat log
grep -m 3 -e queries -e 'same > flipped' report
head -n 1 rows.csv
wc -l < rows.csv
