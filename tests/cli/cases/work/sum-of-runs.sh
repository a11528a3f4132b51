# Runs of two checkpoints are added: a mean, a sum, what changed between them, and cosines of both together. Shards of
# a sum are those of the sums of shards.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 1100 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
echo '{"text": ' >>c.jsonl # a row that cannot be read
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
# score MODEL OPTION...
score() {
    attrib score -q --threads 1 --model "$@" --corpus c.jsonl --queries q.jsonl --strategy identity --self \
        --on-bad-row skip
}
score "$M" --top 30 -o last && score "$M/checkpoint-1185" --top 40 -o first || exit
attrib merge -q first last --mean --top 3 -o mean && attrib merge -q --weights=-1,1 first last -o change || exit
attrib merge -q first first --mean -o same && attrib merge -q first last --sum --top 3 -o sum || exit

echo '== what it is'
attrib inspect mean | grep -A 3 -e 'n documents' -e checkpoints | cut -c 1-70
# without the last digit, which processors do not agree about
cut_digit() { sed -E 's/^( *[0-9]+  [+-][0-9.]+)[0-9] /\1 /'; }
attrib show mean --top 2 | head -n 18 | cut_digit
attrib show mean --by cosine --top 1 | cut_digit | sed -n 's/^   1/first by cosine/p'
attrib export mean -q -o mean.jsonl && grep -o '"checkpoints":.*"factors_hash"' mean.jsonl | head -n 1 | cut -c 1-80
attrib show change --top 1 --query query/paraphrase/august-von-wassermann/when | sed -n '4p;6p'
cmp first/skipped.jsonl mean/skipped.jsonl && wc -l <mean/skipped.jsonl

echo '== numbers'
# All documents as CSV: what the mean says is half of what both say.
for r in first last mean change same; do
    attrib export -q $r --format csv --all --fields query,document,score,self_influence -o $r.csv || exit
done
paste -d, first.csv last.csv mean.csv change.csv | awk -F, '
    function off(x, y) { d = x - y; return (d < 0 ? -d : d) / ((x < 0 ? -x : x) + 1e-9) > 1e-9 }
    NR > 1 { n++; bad += off(($3 + $7) / 2, $11) + off($7 - $3, $15) + off(($4 + $8) / 2, $12) + off($4 + $8, $16) }
    END { print n, "pairs,", bad + 0, "off" }'
cmp first.csv same.csv && echo the mean of a run with itself is that run
# A sum is the runs with a weight of 1 each, which its manifest says.
for r in first last sum; do attrib export -q $r --format csv --all --fields score -o $r.csv || exit; done
paste -d, first.csv last.csv sum.csv | awk -F, '
    NR > 1 { n++; d = $1 + $2 - $3; bad += (d < 0 ? -d : d) > 1e-9 * ($3 < 0 ? -$3 : $3) + 1e-18 }
    END { print n, "pairs of the sum,", bad + 0, "off" }'
attrib inspect sum | grep -A 3 -e checkpoints | cut -c 1-70
attrib merge -q first last --weights 1,1 --top 3 -o sum

echo '== shares of tokens'
grep -o '"tokens":\[[^]]' mean.jsonl | sort | uniq -c

echo '== shards'
for i in 1 2; do
    score "$M" --top 30 --shard $i/2 -o last-$i && score "$M/checkpoint-1185" --top 40 --shard $i/2 -o first-$i || exit
    attrib merge -q first-$i last-$i --mean --top 3 -o mean-$i || exit
done
attrib merge -q mean-2 mean-1 -o mean-all && attrib export -q mean-all --format csv --all \
    --fields query,document,score,self_influence -o mean-all.csv && cmp mean.csv mean-all.csv && echo same scores
attrib export -q mean-all -o mean-all.csv && attrib export -q mean -o mean.csv && cut -d, -f 1-4 mean.csv |
    cmp - <(cut -d, -f 1-4 mean-all.csv) && echo same documents
cmp mean/scores-0000-000000.safetensors mean-all/scores-0000-000000.safetensors && echo same bytes
attrib merge -q first last --mean --top 3 -o again && for f in mean/[!m]*; do cmp "$f" "again/${f#*/}" || echo differs; done
