# Hostile documents in CSV, and the help names all fields that there are.
M=$ATTRIB_SOURCE/corpora/facts-model
cat >c.jsonl <<'END'
{"text": "esc \u001b[2J\u001b]0;pwned\u0007 \u009b31m", "id": "\u001b[31mid\u001b[0m\u0007"}
{"text": "=cmd|' /C calc'!A0", "id": "=1+1", "k": "@SUM(A1)"}
{"text": "-2+3 words here", "id": "+1", "k": "-1"}
END
head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r >/dev/null || exit
attrib export r --format csv --fields document,tags.k,text,line,n_tokens
attrib export r --format csv --fields document,tags.k,text --csv-raw | cat -v
attrib export r --format jsonl --fields document,tags,side
attrib export r --all --format jsonl | wc -l
attrib export r --format csv --fields no 2>&1 | grep -o 'there are.*' | tr -cs 'a-z_A-Z.' '\n' | grep -vx 'there\|are\|and\|' | sort >known
attrib export --help | sed -n '/--fields/,/--csv-raw/p' | tr -cs 'a-z_A-Z.' '\n' | sort >told
comm -23 known told
wc -l <known
# Scores before they were divided, of those reported and of all, are those that arrays have.
for how in nats unit; do
    attrib score -q --strategy identity --normalize $how --top 1 --model "$M" --corpus c.jsonl --queries q.jsonl -o $how >/dev/null || exit
    attrib export $how -o $how.safetensors && attrib export $how -o $how.sqlite || exit
    attrib export $how --all -o $how-all.sqlite || exit
    attrib export $how --all --format jsonl --fields document_index,raw_score,score >$how.jsonl || exit
done
attrib export r --format csv --fields raw_score | sort -u
python3 - <<'END'
import array, json, sqlite3, struct
for how in ("nats", "unit"):
    data = open(how + ".safetensors", "rb").read()
    (n,) = struct.unpack_from("<Q", data)
    first, last = json.loads(data[8 : 8 + n])["raw_scores"]["data_offsets"]
    raw = array.array("d", data[8 + n + first : 8 + n + last])
    rows = [json.loads(line) for line in open(how + ".jsonl")]
    for found in ({row["document_index"]: row["raw_score"] for row in rows},
                  *(dict(sqlite3.connect(how + name).execute("SELECT document, raw_score FROM scores"))
                    for name in (".sqlite", "-all.sqlite"))):
        assert all(abs(found[i] / raw[i] - 1) < 1e-6 for i in found), (how, found, raw)
        print(how, len(found))
    assert any(row["raw_score"] != row["score"] for row in rows)
END
