# Documents stand in the order of their scores, equal ones in that of the corpus: the first of them stand first, the
# last ones last, and none stands at both ends. So for whole queries, for cut ones and for words in common. Where the
# kernels of OpenBLAS sum a row by its place in a block, gradients of one text may differ by a rounding; numbers of
# words never do.
M=$ATTRIB_SOURCE/corpora/facts-model
for n in 6 12; do
    yes '{"text": "Oslo is the capital of Norway."}' | head -n $n >same.jsonl
    echo '{"text": "Tin is an element.", "id": "other"}' | cat same.jsonl - >corpus$n.jsonl
done
echo '{"id": "q", "prompt": "Oslo is", "completion": " a capital"}' >q.jsonl

# ranks_of CORPUS OPTION...: the ranks of what is reported, and what is not in order there
ranks_of() {
    rm -rf r
    attrib score -q --model "$M" --top 5 --corpus "$1" --queries q.jsonl "${@:2}" -o r >log || exit
    attrib export r --format csv -o - | tail -n +2 | cut -d, -f 2,3,7 | awk -F, '{
        ranks = ranks " " $1
        if (NR > 1 && ($2 > score || ($2 == score && $3 < document))) ranks = ranks " out of order"
        if (found[$3]++) ranks = ranks " twice"
        score = $2
        document = $3
    } END { print ranks }'
}

for options in '--query-rank full --strategy identity' '--query-rank 8 --strategy identity' '--baseline bm25'; do
    for corpus in corpus6 corpus12 same; do
        echo "$options, $(wc -l <$corpus.jsonl) documents:"
        # shellcheck disable=SC2086 # options are words
        ranks_of $corpus.jsonl $options
    done
done
echo 'equal ones:'
attrib export r --format csv -o - | tail -n +2 | cut -d, -f 2,7 | paste -s -d ' '
