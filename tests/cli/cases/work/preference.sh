# Both sides of a pair are shown, and JSON says which side a token is of.
M=$ATTRIB_SOURCE/corpora/facts-model
cat >c.jsonl <<'END'
{"id": "a", "prompt": "Bern is", "chosen": " in Switzerland.", "rejected": " in Peru, far from the sea.", "by": "A"}
{"id": "b", "chosen": [{"role": "user", "content": "Oslo?"}, {"role": "assistant", "content": "In Norway."}], "rejected": [{"role": "user", "content": "Oslo?"}, {"role": "assistant", "content": "In Peru."}]}
END
ask() {
    attrib query --model "$M" --corpus c.jsonl --preference margin --strategy identity --modules mlp "$@" \
        --prompt 'Oslo lies' --completion ' in Norway.'
}
ask 2>/dev/null
ask --format json 2>e | python3 -c '
import json, sys
for result in json.load(sys.stdin)["results"]:
    document = result["document"]
    sides = {}
    for token in result["tokens"]:
        side = sides.setdefault("rejected" if token.get("is_rejected") else "chosen", ["", 0])
        side[0] += token["text"]
        side[1] += token["score"]
    print(document["id"], repr(document["text"]), repr(document["rejected"]),
          abs(sum(side[1] for side in sides.values()) / result["score"] - 1) < 1e-6,
          {name: side[0] for name, side in sides.items()})'
grep pairs e
sed -n '1s/"rejected"/"refused"/p' c.jsonl >one.jsonl
attrib query --model "$M" --corpus one.jsonl --preference margin 'Oslo' 2>&1
# of a query only the chosen completion is read, which is said under --preference margin
echo '{"prompt": "Bern is", "chosen": " a city", "rejected": " a river"}' >q.jsonl
score() { attrib score --model "$M" --corpus c.jsonl --strategy identity --queries q.jsonl "$@" -o run 2>&1 | grep -o 'warning.*'; rm -r run; }
score
score --preference margin
