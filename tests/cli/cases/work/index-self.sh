# Self-influences of an index are those of a pass, rounded to f32, and take none.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 130 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >>a.jsonl
head -n 20 a.jsonl >b.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
index() { attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 4K "$@"; }
index -o whole >/dev/null
index -o damped --damping 2 >/dev/null
index -o absolute --damping-abs 1e-4 >/dev/null
pass() { attrib self -q --model "$M" --factors f --corpus a.jsonl --top 133 "$@"; }
take() { attrib self -q --top 133 "$@"; }
# All documents and ranks, by the damping of each index; numbers to what f32 leaves of products in other blocks.
compare() {
    python3 - "$1" "$2" <<'END'
import json, sys
def read(path):
    return {r["document"]["index"]: r["score"] for line in open(path) for r in json.loads(line)["results"]}
pass_, taken = map(read, sys.argv[1:])
assert len(pass_) > 1 and pass_.keys() == taken.keys()
worst = max(abs(taken[i] / pass_[i] - 1) for i in pass_)
print(len(taken), "alike" if worst < 2e-5 else worst)
END
}
for name in whole damped absolute; do
    case $name in damped) say='--damping 2' ;; absolute) say='--damping-abs 1e-4' ;; *) say= ;; esac
    # shellcheck disable=SC2086 # an option and its value
    pass --format json $say >by-pass
    take --format json --index $name >by-$name
    compare by-pass by-$name
done
cmp -s by-whole by-damped || echo not the same
# The listing names its documents as the listing of a pass does; groups and conditions are taken.
take --index whole --by-tag kind --format json --where 'kind!=person' >groups
pass --by-tag kind --format json --where 'kind!=person' >groups-by-pass
compare groups-by-pass groups
# A corpus in another order, and a part of it.
tac b.jsonl >c.jsonl
attrib self -q --model "$M" --factors f --corpus c.jsonl --format json --top 30 >by-pass
take --index whole --corpus c.jsonl --format json >by-part
compare by-pass by-part
# A run that is kept; the same bytes for any threads.
take --index whole -o run >kept
attrib show run --by self --top 133 | cmp - kept && echo kept
take --index whole --threads 1 -o run-1 >/dev/null
take --index whole -o run >again && cmp kept again && echo again
for slice in run/*.safetensors; do cmp "$slice" "run-1/${slice#*/}" && echo same; done
# What it does not have, or is not of, is refused.
fails() { "$@" 2>&1 >/dev/null | head -n 1; }
fails take --index whole --damping 1
fails take --index whole --strategy kfac
fails take --index whole --precision bf16
fails take --index whole --modules mlp
fails pass -o run
head -n 2 "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >d.jsonl
fails take --index whole --corpus d.jsonl -o not | sed 's/ in the index:.*//'
cp -r whole cut && head -c 1000 whole/piece-000000 >cut/piece-000000
fails take --index cut -o not
python3 - <<'END'
with open("damped/piece-000000", "r+b") as f:
    f.seek(-1, 2); byte = f.read(1); f.seek(-1, 2); f.write(bytes([byte[0] ^ 1]))
END
fails take --index damped -o not
[ ! -e not ] && echo nothing of it
