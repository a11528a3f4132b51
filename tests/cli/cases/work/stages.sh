# Queries that pass the stages of a training: SOURCE by its segments, and two stages in one ranking, compared with dense
# algebra in f64 (scripts/make-stages-fixture); shards, a stop, and what does not go together.
F=$ATTRIB_SOURCE/tests/golden/stages
cp "$F"/*.jsonl . && mkdir trainer
score() {
    attrib score -q --threads 1 --queries queries.jsonl --corpus documents.jsonl --top 3 "$@"
}
# near WHAT RUN [WHAT [PATTERN]]: all scores of the run, whose rows have the pattern, are as expected, to 2e-5 of the
# largest
near() {
    attrib export -q "$2" -o - --format csv --all --fields query,document,score --csv-raw | grep "${4:-,[bd][0-9]}" >all.csv
    awk -F, -v what="^($1|${3:-none})\$" '
        FILENAME ~ /expected/ { if ($1 ~ what) want[$2 "," $3] = $4; next }
        { n++; d = $3 - want[$1 "," $2]; d = d < 0 ? -d : d; s = $3 < 0 ? -$3 : $3; most = d > most ? d : most
          large = s > large ? s : large; if (!(($1 "," $2) in want)) missing++ }
        END { print "'"$1"': " n + 0 " scores, " (most <= 2e-5 * large ? "near" : "off by " most " of " large) \
              (missing ? ", unexpected: " missing : "") }' "$F/expected.csv" all.csv
}
three=(--model "$F/1,$F/2,$F/3" --factors "$F/factors-1,$F/factors-2,$F/factors-3")
score "${three[@]}" --segments 40@0.02,60@0.01,50@0.005 -o segments && near segments segments &&
    attrib show segments --query q1 --top 1 | grep -e ^Scores -e '^score >'
score "${three[@]}" --segments 3/mean,0.5/mean,8/mean -o relative && near relative relative
two=(--model "$F/3" --factors "$F/factors-3" --base-model "$F/1" --base-factors "$F/factors-1" --base-corpus base.jsonl)
score "${two[@]}" -o both && near base both tuned
attrib show both --query q0 --top 2
attrib score --progress json --queries queries.jsonl --corpus documents.jsonl "${two[@]}" -o told 2>&1 >/dev/null |
    grep -o '"stage": "explain", "done": [0-9]*, "total": [0-9]*' | tail -n 1 && rm -r told
attrib score --queries queries.jsonl --corpus documents.jsonl "${two[@]}" -o told 2>&1 >/dev/null |
    grep -o 'without a manifest nobody knows of which model these factors are' && rm -r told
attrib rerun -q both | grep 'same bytes' | cut -d ' ' -f 1-7
score --model "$F/3" --factors "$F/factors-empty" --base-model "$F/1" --base-factors "$F/factors-1" \
    --base-corpus base.jsonl -o empty
near empty empty none ',b'
attrib export -q segments -o - --format jsonl | grep -o '"loss":[^,]*' | cut -c 1-14 >losses
score --model "$F/3" --factors "$F/factors-3" -o alone && attrib export -q alone -o - --format jsonl | grep -o '"loss":[^,]*' |
    cut -c 1-14 | cmp - losses && echo 'losses of the last model'
# A query that passes stages has no influence on itself that one model would know.
for run in segments both; do
    attrib export -q $run -o - --format jsonl | grep -o '"self_influence":[^,]*' | sort -u
done
# Sums over segments are added as other runs are: the query counts by the weights.
attrib merge -q segments segments --weights 1,1 -o doubled && attrib export -q doubled -o - --format jsonl |
    grep -o '"loss":[^,]*' | cut -d : -f 2 >twice
attrib export -q segments -o - --format jsonl | grep -o '"loss":[^,]*' | cut -d : -f 2 | paste - twice |
    awk '{ d = $2 - 2 * $1; n += d < 1e-9 && d > -1e-9 } END { print n " of " NR " losses are doubled" }'
echo '== a trainer'
cp -r "$F/1" trainer/checkpoint-40 && cp -r "$F/2" trainer/checkpoint-100 && cp -r "$F/3" trainer/checkpoint-150
rate() { echo "{\"step\": $1, \"learning_rate\": $2, \"loss\": 1.5}"; }
echo "{\"log_history\": [$(rate 1 0.02), $(rate 40 0.02), {\"step\": 40, \"eval_loss\": 2}, $(rate 41 0.01), $(rate 100 0.01)," \
    "$(rate 101 0.005), $(rate 150 0.005)]}" >trainer/checkpoint-150/trainer_state.json
trainer=(--model trainer --factors "$F/factors-1,$F/factors-2,$F/factors-3" --segments trainer)
score "${trainer[@]}" --checkpoints all -o trained && near segments trained
score "${trainer[@]}" --checkpoints all --segment-loss sequence -o sequences && near segments sequences | cut -d ' ' -f 1-5
score --model trainer --checkpoints last --factors "$F/factors-3" --segments 50@0.005 -o last
echo '== an index'
one=(--model "$F/3" --factors "$F/factors-3")
attrib index -q "${one[@]}" --corpus documents.jsonl -o index
all() { attrib export -q "$1" -o - --format csv --all --fields query,document,score --csv-raw | grep ^q[01] | sort; }
for given in '--over-documents' '--segments 50@0.005' '--over-documents --segments 3/mean'; do
    read -ra options <<<"$given"
    score "${one[@]}" "${options[@]}" -o passed >/dev/null &&
        score "${one[@]}" "${options[@]}" --index index -o chosen >/dev/null
    join -t , <(all passed | sed 's/,/-/') <(all chosen | sed 's/,/-/') | awk -F, -v what="$given" '
        { n++; d = $2 - $3; d = d < 0 ? -d : d; s = $2 < 0 ? -$2 : $2; most = d > most ? d : most; large = s > large ? s : large }
        END { print what ": " n " scores, " (most <= 2e-5 * large ? "as without the index" : "off by " most " of " large) }'
    # JSON says that scores are divided, and says nothing where they are not
    attrib export -q passed -o - --format jsonl | grep -o '"over_documents":[^,]*' | sort -u
    rm -r passed chosen
done
echo '== shards'
for f in documents base; do
    for i in $(seq 80); do sed "s/\"id\": \"/&$i-/" $f.jsonl; done >many.$f.jsonl
done
many() {
    score --model "$F/3" --factors "$F/factors-3" --base-model "$F/1" --base-factors "$F/factors-1" \
        --base-corpus many.base.jsonl --corpus many.documents.jsonl "$@"
}
many -o whole && many --shard 1/2 -o s1 && many --shard 2/2 -o s2 && attrib merge -q s2 s1 -o merged
for f in answers.msgpack explained.msgpack scores-0000-000000.safetensors scores-0000-000001.safetensors; do
    cmp whole/$f merged/$f && echo "$f: the same bytes"
done
score "${three[@]}" --segments 40@0.02,60@0.01,50@0.005 --corpus many.documents.jsonl -o whole-segments
for i in 1 2; do
    score "${three[@]}" --segments 40@0.02,60@0.01,50@0.005 --corpus many.documents.jsonl --shard $i/2 -o g$i || exit
done
attrib merge -q g1 g2 -o merged-segments && cmp whole-segments/answers.msgpack merged-segments/answers.msgpack &&
    echo 'the same answers'
ls -d ./*.stages ./*.checkpoints 2>/dev/null
echo '== refused'
score "${three[@]}" --segments 40@0.02,60@0.01 -o x
score "${three[@]}" --segments 40@0.02,60@0.01,-1@3 -o x
score "${three[@]}" --segments 40@0.02,60,3/mean -o x
score "${three[@]}" --segments trainer -o x
score "${trainer[@]}" --checkpoints last,2,1 -o x
score "${three[@]}" --segments 1@1,1@1,1@1 --checkpoint-weights 1,1,1 -o x
score "${three[@]}" --segments 1@1,1@1,1@1 --normalize unit -o x
score "${three[@]}" --segments 1@1,1@1,1@1 --refine cg -o x
score "${three[@]}" --segments 1@1,1@1,1@1 --damping 0.1,1 -o x
score --model "$F/1,$F/3" --strategy identity --segments 1@1,1@1 -o x
score "${two[@]}" --query-rank 2 -o x
score "${two[@]}" --self -o x
score "${two[@]}" --strategy ekfac --baseline bm25 -o x
score "${one[@]}" --over-documents --strategy ekfac --baseline bm25 -o x
score "${two[@]}" --prefilter tfidf:3 -o x
score "${two[@]}" --segments 1@1,1@1 -o x
attrib score -q "${two[@]}" --queries queries.jsonl --corpus base.jsonl -o x
score "${two[@]}" --strategy identity -o x
score --model "$F/3" --factors "$F/factors-3" --base-model "$F/1" --base-corpus base.jsonl -o x
score --model "$F/3" --factors "$F/factors-3" --base-factors "$F/factors-1" -o x
score "${two[@]}" --on-bad-row skip -o x
score --model "$F/3" --factors "$F/factors-3" --segments 1@1 -o alone --extend
score --model "$F/3" --factors "$F/factors-3" --base-model "$F/1" --base-factors "$F/factors-3" --base-corpus base.jsonl -o x
score --model "$F/1,$F/2,$F/3" --factors "$F/factors-1,$F/factors-1,$F/factors-3" --segments 1@1,1@1,1@1 -o x
attrib fit -q --model "$F/3" --corpus documents.jsonl -o fitted
score --model "$F/3" --factors fitted --base-model "$F/1" --base-factors fitted --base-corpus base.jsonl -o x
ls
