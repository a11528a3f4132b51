# Questions to an index are read as it was, refine stage by stage, and stop where they are told to.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 200 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
index() { attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 8K "$@"; }
index -o whole
index --where kind=person --sample 40 --unit document -o part
ask() { attrib query -q --index "$@" 'Strontium is a soft'; }
scored() { ask "$@" | grep -o '[0-9]* of [0-9]* documents'; }
# The options that it was made with are those of the question.
attrib inspect part | sed -n '/^readings/,/^command/p' | grep -v ^command
scored part
scored part --unit document --id-field entity
fails() { "$@" 2>&1 >/dev/null | head -n 1; }
fails ask part --sample 30
fails ask part --unit line
fails ask part --text-field id
fails ask part --where relation=life
fails ask whole --context 64
fails ask whole --modules mlp
fails attrib score -q --index part --queries a.jsonl --sample 30 -o run
[ ! -e run ] && echo nothing of it
# Stages: estimates, then what is exact, in JSON a line each. The last one is the answer of a pass over all documents.
ask whole --top 2 --format jsonl >stages
grep -o '^{"stage":[0-9]*,"is_last":[a-z]*,"n_exact":[0-9]*' stages
head -n 1 stages | grep -o '"is_estimate":true' | sort -u
ids() { grep -o '"id":"[^"]*"' | tail -n "+$1"; }
ask whole --exact 100 --format jsonl --top 5 | grep '"is_last":true' | ids 1 >by-index
attrib query -q --model "$M" --factors f --corpus a.jsonl --top 5 --format json 'Strontium is a soft' | ids 2 >by-pass
cmp by-index by-pass && wc -l <by-pass
# Sums that are divided by the corpus, and a segment of training: all that an index keeps is estimated and scored under
# the same function of the curvature as by a pass. Lines are ids and scores to five digits.
answers() {
    grep -o '"id":"[^"]*"\|"score":[-0-9.e]*' | sed 's/\("score":-\{0,1\}[0-9.]\{7\}\)[0-9]*/\1/' | head -n 20
}
for option in --over-documents '--segments 100@0.001'; do
    # shellcheck disable=SC2086 # an option and its value
    ask whole --exact 100 --format json --top 5 $option | answers >by-index-too
    # shellcheck disable=SC2086
    attrib query -q --model "$M" --factors f --corpus a.jsonl --top 5 --format json $option 'Strontium is a soft' | answers >by-pass-too
    cmp by-index-too by-pass-too && ! cmp -s by-pass-too plain && wc -l <by-pass-too
    cp by-pass-too plain
done
# Most of the ten first by a pass are among the few that the estimates choose, under a segment as without.
attrib query -q --model "$M" --factors f --corpus a.jsonl --top 5 --format json --segments 100@0.001 'Strontium is a soft' | ids 2 >by-segment
n=$(ask whole --top 5 --format json --segments 100@0.001 | ids 2 | grep -c -F -x -f by-segment)
[ "$n" -ge 7 ] && echo 'most of them too'
# By the documents that are scored where nothing is said of it, most of them are found: 9 of 10 were.
n=$(ask whole --top 5 --format json | ids 2 | grep -c -F -x -f by-pass)
[ "$n" -ge 8 ] && echo 'most of them'
# Nobody waits for more than was asked for: what is not exact is marked.
ask whole --time 0.000001s --top 3 | grep -c "^ *~ " || true
ask whole --time 1h --top 3 | grep -c "^ *~ " || true
# Certain by bounds: here only when all documents are exact.
ask whole --certify bounds --top 3 --format jsonl | grep -o '"is_last":true.*"n_open":[0-9]*'
ask whole --certify 0.9 --top 3 --format jsonl | grep '"is_last":true' | grep -o '"n_open":[0-9]*'
# Errors that were not measured are not said to be 0, and what they are by is not called certain.
ask whole --certify 0.9 --top 3 --time 0.000001s --format jsonl | grep -o '"share_of_bound":[a-z0-9]*\|"error":[a-z0-9]*' | sort -u
attrib query --index whole --certify 0.9 --top 3 --format json 'Strontium is a soft' 2>&1 >/dev/null | grep -o '[a-z]* (0 left)'
# What is foreseen is what a question does: it explains the documents that it scores, and no other pass scores them.
foreseen() { attrib query --index whole --exact "$1" --top 3 --progress none -v 'Strontium is a soft' 2>&1 >/dev/null | sed -n 's/.*predicted of \([a-z]*: [0-9.e+]* GFLOP\).*/\1/p'; }
foreseen 5 >few
foreseen 50 >many
cut -d : -f 1 many
paste few many | awk '/^explain/ { print ($5 > 5 * $2 ? "more documents take more" : "as many as are listed") }'
# What goes with what.
ask whole --format jsonl 2>&1 >/dev/full | head -n 1
fails ask whole --certify 2
fails ask whole --certify bounds --exact 4
fails ask whole --time 3x
fails attrib query -q --model "$M" --factors f --corpus a.jsonl --time 3 x
fails ask whole --time 3 -o kept
fails ask whole --certify bounds --query-rank 4
[ ! -e kept ] && echo nothing of it
