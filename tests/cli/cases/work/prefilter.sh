# A filter of documents: what is not scored is absent, never 0, and a sample says what was missed.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --model "$M" --corpus c.jsonl --queries q.jsonl --strategy identity --top 2)
"${score[@]}" --prefilter tfidf:5 -o r || exit
attrib show r --top 1 | grep Scores
attrib inspect r | grep -e '^prefilter' -e '^n scored' -e '^n sampled'
attrib export r --format csv --all | tail -n +2 | cut -d, -f1 | sort | uniq -c
attrib export r -o r.npz && python3 - <<'END'
import array, struct, zipfile
data = zipfile.ZipFile("r.npz").read("scores.npy")
values = array.array("d", data[10 + struct.unpack_from("<H", data, 8)[0]:])
print(len(values), sum(v == v for v in values), sum(v == 0 for v in values))
END
attrib export r -o r.html && attrib export r --all -o r.sqlite && python3 - <<'END'
import sqlite3
print(*sqlite3.connect("r.sqlite").execute("select query, count(*), count(score) from scores group by query"))
END
attrib analyze r groups
attrib analyze r spurious | grep -c /when
"${score[@]}" --prefilter tfidf:5 --prefilter-sample 60 -o s || exit
attrib show s --query query/paraphrase/august-von-wassermann/when --top 1 | grep -A 1 -e '^Scores' -e '^Filter'
attrib export s --format jsonl | grep -o -e '"prefilter":"[^"]*","n_scored":[0-9]*,"n_sampled":[0-9]*' -e '"recall":{"share":[0-9.]*' | cut -c 1-60
attrib score --model "$M" --corpus c.jsonl --queries q.jsonl --strategy identity --top 2 --prefilter tfidf:5 \
    --prefilter-sample 60 -o s 2>&1 | grep -o -e 'prefilter  .*' -e 'recall  *identity'
"${score[@]}" --prefilter tfidf:6 -o r 2>&1
"${score[@]}" --prefilter tfidf -o x
"${score[@]}" --prefilter-sample 6 -o x
[ ! -e x ] || echo written
# Shares of all tokens are absent where scores are.
"${score[@]}" --prefilter tfidf:5 --tokens -o t && attrib export t -o t.npz && python3 - <<'END'
import array, struct, zipfile
data = zipfile.ZipFile("t.npz")
def read(name, kind):
    at = data.read(name + ".npy")
    return array.array(kind, at[10 + struct.unpack_from("<H", at, 8)[0]:])
scores, tokens, offsets = read("scores", "d"), read("tokens", "f"), read("token_offsets", "q")
def fits(q, d):
    shares = tokens[2 * offsets[d] + q : 2 * offsets[d + 1] : 2]
    score = scores[2 * d + q]  # the order of Fortran
    return abs(sum(shares) - score) <= 1e-5 * max(map(abs, shares)) * len(shares) if score == score else all(x != x for x in shares)
print(sum(fits(q, d) for q in range(2) for d in range(60)))
END
