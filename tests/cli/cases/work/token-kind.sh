# Influences of tokens as outputs: the listing and JSON say so, and they sum to the score.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
ask() {
    attrib query -q --strategy identity --model "$M" --corpus a.jsonl --top 1 --completion " red" "$@" "Bern is"
}
ask --token-kind output | grep -E '^(Scores|Tokens)'
ask --token-kind input | grep -E -A1 '^Tokens'
ask | grep -c '^Tokens'
cat >sums.py <<'END'
import json, sys
for kind in sys.argv[1:]:
    answer = json.loads(open(kind).read())
    tokens = [token["score"] for token in answer["results"][0]["tokens"]]
    score = answer["results"][0]["score"]
    print(answer["run"]["token_kind"], abs(sum(tokens) - score) < 1e-4 * sum(map(abs, tokens)))
END
for kind in position output input; do
    ask --token-kind $kind --format json >$kind
done
python3 sums.py position output
grep -o '"token_kind":"input"' input
grep -c '"token_error":[0-9]' input
grep -c '"token_error"' output
attrib query -q --strategy identity --threads 1 --model "$M" --corpus a.jsonl --top 1 --completion " red" --token-kind input \
    --format json "Bern is" | cmp - input && echo "same bytes"
ask --token-kind gradient 2>&1 || echo "exit $?"
# A run keeps the kind; scores of a run that is there are explained anew by another kind.
printf '%s\n' '{"prompt": "Bern is", "completion": " red"}' >q.jsonl
for kind in position input output; do
    attrib score -q --strategy identity --model "$M" --corpus a.jsonl --queries q.jsonl --top 1 --token-kind $kind -o run >/dev/null
    attrib export run -q --format jsonl -o kept >/dev/null
    cmp kept $kind && echo "$kind kept"
done
