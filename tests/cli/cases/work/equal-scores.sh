# Documents that are the same have equal scores: the first of them stand first, the last ones last,
# and none stands at both ends. So for whole queries and for cut ones.
M=$ATTRIB_SOURCE/corpora/facts-model
for n in 6 12; do
    yes '{"text": "Oslo is the capital of Norway."}' | head -n $n >same.jsonl
    echo '{"text": "Tin is an element.", "id": "other"}' | cat same.jsonl - >corpus$n.jsonl
done
echo '{"id": "q", "prompt": "Oslo is", "completion": " a capital"}' >q.jsonl
for rank in full 8; do
    for n in 6 12; do
        run=r-$rank-$n
        attrib score -q --model "$M" --strategy identity --query-rank $rank --top 5 \
            --corpus corpus$n.jsonl --queries q.jsonl -o $run >log || exit
        echo "rank $rank, $((n + 1)) documents:"
        attrib export $run --format csv -o - | tail -n +2 | cut -d, -f 2,7 | paste -s -d ' '
    done
    attrib score -q --model "$M" --strategy identity --query-rank $rank --top 5 \
        --corpus same.jsonl --queries q.jsonl -o r-$rank-same >log || exit
    attrib export r-$rank-same --format csv -o - | tail -n +2 | cut -d, -f 2,7 | paste -s -d ' '
done
