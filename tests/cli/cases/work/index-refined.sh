# Questions to an index whose queries are refined, scaled or cut are answered with the scores of a pass over all documents.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 120 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 8K -o index >made
# Lines are ranks, scores and ids.
ask() {
    attrib query -q --top 5 --format json --completion ' metal' "$@" 'Strontium is a soft' |
        grep -o '"rank":[^{]*{"id":"[^"]*"' | sed 's/"rank":\([0-9]*\),"score":\([^,]*\),.*"id":"\(.*\)"/\1 \2 \3/'
}
by_pass() { ask --model "$M" --factors f --corpus a.jsonl "$@"; }
# The same ids in the same order, with the same scores to 1e-4.
compare() {
    awk 'NR == FNR { score[FNR] = $2; id[FNR] = $3; next }
         { far = $2 - score[FNR]; size = $2 < 0 ? -$2 : $2; far = far < 0 ? -far : far }
         $3 == id[FNR] && far <= 1e-4 * size { n++ }
         END { print n + 0, "of", FNR }' "$1" "$2"
}
ask --index index --exact 60 >plain
for option in '--refine cg --refine-documents 20 --refine-steps 2' '--scale gauss-newton --refine-documents 20' '--query-rank 2'; do
    # shellcheck disable=SC2086 # options and their values
    ask --index index --exact 60 $option >by-index
    # shellcheck disable=SC2086
    by_pass $option >by-pass
    echo "$option: $(compare by-index by-pass) as by a pass, $(compare by-index plain) as without"
done
# Among the few that the estimates of a refined query choose, most are those of the pass.
refine='--refine cg --refine-documents 20 --refine-steps 2'
# shellcheck disable=SC2086
ask --index index --exact 10 $refine | cut -d ' ' -f 3 >by-index
# shellcheck disable=SC2086
by_pass $refine | cut -d ' ' -f 3 >by-pass
[ "$(grep -c -F -x -f by-pass by-index)" -ge 8 ] && echo 'most of them'
# Refined queries are whole, so they are answered stage by stage; cut ones in one, and so in no time that is named.
# shellcheck disable=SC2086
attrib query -q --index index --format jsonl --top 2 $refine 'Strontium is a soft' | grep -c '"stage":'
attrib query -q --index index --query-rank 2 --time 1h 'Strontium is a soft' 2>&1 | head -n 1
# Cosines by the index's own damping are answered stage by stage; by another one, of which it has no self-influences, in one.
for damping in 0.1 0.5; do
    ask --index index --exact 60 --normalize unit --damping "$damping" >by-index
    by_pass --normalize unit --damping "$damping" >by-pass
    echo "cosines, damping $damping: $(compare by-index by-pass) as by a pass"
done
attrib query -q --index index --normalize unit --damping 0.5 --time 1h 'Strontium is a soft' 2>&1 | head -n 1
