# Second moments of an optimizer as the curvature, compared with dense algebra in f64 (scripts/make-optimizer-fixture): both
# strategies in one pass, self-influence, shards, a question; and what does not go together.
F=$ATTRIB_SOURCE/tests/golden/optimizer
cp -r "$F"/*.jsonl "$F/moments.safetensors" "$F/model" .
cp -r "$ATTRIB_SOURCE/tests/golden/stages/1" other
take() { attrib fit -q --model model --optimizer moments.safetensors --modules mlp,attention "$@"; }
score() { attrib score -q --threads 1 --model model --factors f --queries queries.jsonl --corpus documents.jsonl --top 3 "$@"; }
# near WHAT FILE: all rows "query,document,score" of the file are as expected, to 1e-5 of the largest
near() {
    awk -F, -v what="$1" '
        FILENAME ~ /expected/ { if ($1 == what) { want[$2 "," $3] = $4; n_want++ } next }
        { n++; d = $3 - want[$1 "," $2]; d = d < 0 ? -d : d; s = $3 < 0 ? -$3 : $3; most = d > most ? d : most
          large = s > large ? s : large }
        END { print what ": " n + 0 " of " n_want " scores, " (most <= 1e-5 * large ? "near" : "off by " most " of " large) }' \
        "$F/expected.csv" "$2"
}
# rows RUN SETTING FIELDS: of one setting by its name
rows() {
    attrib export -q "$1" -o - --format csv --all --fields "setting,$3" --csv-raw | tr -d '\r' | grep "^$2," | cut -d , -f 2-
}
take -o f && attrib inspect f | grep -E '^(strategy|selection|corpus|sequences)'
score --strategy optimizer,optimizer-root -o both --self
for s in optimizer optimizer-root; do
    rows both $s-0.1 query,document,score >all.csv && near $s all.csv
    rows both $s-0.1 query,document,self_influence | grep ^q0 | sed 's/^q0//' >all.csv && near self-$s all.csv
done
score --strategy optimizer-root --damping-abs 1e-3 -o eps && rows eps optimizer-root-abs-0.001 query,document,score >all.csv && near eps all.csv
score -o usual && rows usual optimizer-0.1 query,document,score >all.csv && near optimizer all.csv
attrib show usual --query q1 --top 1 | grep -e ^Scores -e '^score >'
echo '== shards'
for i in $(seq 60); do sed "s/\"id\": \"/&$i-/" documents.jsonl; done >many.jsonl
score --corpus many.jsonl -o whole
for i in 1 2; do score --corpus many.jsonl --shard $i/2 -o s$i || exit; done
attrib merge -q s2 s1 -o merged && cmp whole/answers.msgpack merged/answers.msgpack && echo 'the same answers'
take -o g && cmp f/lambda_matrix.safetensors g/lambda_matrix.safetensors && echo 'the same factors'
attrib fit -q --model model --optimizer moments.safetensors -o tied --modules head && attrib inspect tied | grep -E '^(selection|modules)'
echo '== a map without gradients'
# zeros FILE NAME...: the numbers of these tensors become 0
zeros() {
    local file=$1 name first last
    shift
    for name; do
        IFS=, read -r first last < <(grep -aoE "\"$name\":\{[^}]*\}" "$file" | sed 's/.*data_offsets":\[\([0-9,]*\)\].*/\1/')
        first=$((first + 8 + $(od -An -tu8 -N8 "$file"))) last=$((last + 8 + $(od -An -tu8 -N8 "$file")))
        head -c $((last - first)) /dev/zero | dd of="$file" bs=1 seek=$first conv=notrunc status=none
    done
}
cp moments.safetensors zeros.safetensors
zeros zeros.safetensors transformer.h.0.mlp.c_fc.weight.exp_avg_sq transformer.h.0.mlp.c_fc.bias.exp_avg_sq
attrib fit --model model --optimizer zeros.safetensors --modules mlp,attention -o z 2>&1 | grep -o 'warning: .*'
attrib score --model model --factors z --queries queries.jsonl --corpus documents.jsonl -o of-zeros 2>&1 | grep -o 'warning: tr.*'
attrib fit -q --model model --optimizer moments.safetensors --modules 'attention,*.mlp.c_proj' -o rest
attrib score -q --model model --factors rest --queries queries.jsonl --corpus documents.jsonl -o of-rest
for r in of-zeros of-rest; do rows $r optimizer-0.1 query,document,score | sort >$r.csv; done
awk -F, 'NR == FNR { want[$1, $2] = $3; next } { n++; d = $3 - want[$1, $2]; bad += d > 1e-3 || d < -1e-3 }
    END { print n + 0 " scores as without it, " bad + 0 " not" }' of-rest.csv of-zeros.csv
echo '== predicted as for a diagonal that was fitted, and as attrib plan says'
attrib fit -q --model model --strategy diagonal --modules mlp,attention --corpus documents.jsonl -o diagonal
for F in f diagonal; do
    attrib score -v --model model --factors $F --queries queries.jsonl --corpus documents.jsonl --top 3 -o of-$F 2>&1 |
        grep -oE 'predicted of .* GFLOP' >$F.predicted
done
cmp f.predicted diagonal.predicted && grep -c predicted f.predicted
attrib plan -q --model model --strategy optimizer --corpus documents.jsonl
echo '== again'
cp moments.safetensors others.safetensors
printf '\1' | dd of=others.safetensors bs=1 seek=$(($(stat -c %s others.safetensors) - 4)) conv=notrunc status=none
attrib fit --model model --optimizer moments.safetensors --modules mlp,attention -o f 2>&1 | grep -o 'f: .*nothing.*'
cp f/manifest.msgpack was && take -o f && cmp was f/manifest.msgpack
echo '== refused'
attrib fit -q --model model --optimizer others.safetensors --modules mlp,attention -o f
take --corpus documents.jsonl -o x
take --fisher empirical -o x
attrib fit --model model -o x
score --strategy ekfac -o x
attrib score --model model --strategy optimizer --queries queries.jsonl --corpus documents.jsonl -o x
attrib merge f g -o x
attrib index -q --model model --factors f --corpus documents.jsonl -o x
score --refine cg -o x
printf 'PK\003\004 pickled' >optimizer.pt
attrib fit --model model --optimizer optimizer.pt -o x
printf '\200\0\0\0\0\0\0\0%-128s' '{}' >bare # a header of 128 bytes, which is no pickle
attrib fit -q --model model --optimizer bare -o x
printf 'moments' >short
attrib fit --model model --optimizer short -o x
attrib fit -q --model model --optimizer model/model.safetensors -o x
attrib fit -q --model other --optimizer moments.safetensors -o x
attrib fit --model model --optimizer missing.safetensors -o x
ls
