# Runs of a tiny model that grow from few queries: from one under one setting, which is scored in another way than
# several are and so again, whole where several are cut; by cut queries and sums of shares behind the first ones; and
# from none, of self-influences.
cp -r "$ATTRIB_SOURCE/tests/golden/model/gpt2-tied" m
for ((i = 0; i < 530; i++)); do
    echo "{\"id\": \"d$i\", \"ids\": [1, $((3 + i % 20)), $((3 + i % 17)), $((3 + i * i % 23))]}"
done >all.jsonl
head -n 515 all.jsonl >c.jsonl && tail -n +516 all.jsonl >new.jsonl
for ((i = 0; i < 5; i++)); do
    echo "{\"id\": \"q$i\", \"ids\": [$((i + 1)), $((2 * i + 3)), 7, $((9 - i))], \"mask\": [0, 0, 1, 1]}"
done >five.jsonl
attrib fit -q --model m --corpus c.jsonl -o f
factors='--factors f' extend=()

# score RUN DOCUMENTS [OPTION]...
score() {
    # shellcheck disable=SC2086
    attrib score -q --model m $factors --top 3 --queries queries.jsonl -o "$1" --corpus $2 "${@:3}" >printed
}

# grows N DOCUMENTS M [OPTION]...: a run of the first N queries, extended to DOCUMENTS and the first M
grows() {
    local n=$1 documents=$2 m=$3
    shift 3
    head -n "$n" five.jsonl >queries.jsonl && score run c.jsonl "$@" || exit
    head -n "$m" five.jsonl >queries.jsonl && score run "$documents" "$@" --extend || exit
    mkdir there && mv run there && score run "$documents" "$@" || exit
    diff -r there/run run && echo "from $n to $m queries: same"
    rm -r run there
}
grows 1 c.jsonl 2
grows 1 'c.jsonl new.jsonl' 4 --tokens
grows 1 'c.jsonl new.jsonl' 1
grows 1 'c.jsonl new.jsonl' 3 --query-rank 2
grows 1 'c.jsonl new.jsonl' 1 --query-rank 2
grows 2 'c.jsonl new.jsonl' 5 --self --damping 0.1,1
grows 1 'c.jsonl new.jsonl' 3 --damping 0.1,1 --split layer --normalize nats

# Cut queries are multiplied in the groups in which the run began: so steps do not show.
for steps in 5 '3 4 5'; do
    head -n 2 five.jsonl >queries.jsonl && score run c.jsonl --query-rank 2 || exit
    for m in $steps; do
        head -n "$m" five.jsonl >queries.jsonl && score run 'c.jsonl new.jsonl' --query-rank 2 --extend || exit
    done
    mv run "in ${steps##* }, ${#steps}"
done
diff -r in*1 in*5 && echo 'in one step and in three: same'

# Blocks are as long as those that the run began with, where one of all documents would take longer ones: so it is of
# one corpus, and grows again.
for ((i = 0; i < 1250; i++)); do
    echo "{\"ids\": [1, $((3 + i % 20)), $((3 + i % 17)), $((3 + i * i % 23)), 5, 6, 7, 8, 9, 4, 3, 2, 1, 2, 3, 4, 5]}"
done >long.jsonl
for ((i = 0; i < 40; i++)); do
    echo "{\"id\": \"q$i\", \"ids\": [$((i + 1)), 3, 7, 9], \"mask\": [0, 0, 1, 1]}"
done >queries.jsonl
factors=
for n in 600 1100 1200; do
    head -n $n long.jsonl >grown.jsonl && score long grown.jsonl --strategy identity "${extend[@]}" && cat printed
    extend=(--extend)
done
attrib score -v --model m --queries queries.jsonl --corpus grown.jsonl --strategy identity -o fresh 2>&1 >printed |
    grep -o 'blocks of 1024 tokens'
cp long.jsonl grown.jsonl
attrib score -v --model m --top 3 --queries queries.jsonl --corpus grown.jsonl --strategy identity -o long --extend 2>&1 >printed |
    grep -o 'blocks of 512 tokens' | sort -u
factors='--factors f'
# Nothing is left of a merge that a damaged run ends.
printf x | dd of=fresh/scores-0000-000000.safetensors bs=1 seek=20000 conv=notrunc status=none
attrib merge -q fresh -o merged 2>&1
[ ! -e merged ] && [ ! -e merged.partial ] && [ ! -e merged.lock ] && echo nothing

# A process that ended when the run had just taken the place of the old one: what it left goes, but for what is not its.
head -n 2 five.jsonl >queries.jsonl && score run c.jsonl && cp -r run run.partial && echo mine >run.partial/notes
head -n 3 five.jsonl >queries.jsonl && score run c.jsonl --extend && [ ! -e run.partial ] && cat run/notes
cp -r run run.partial && rm run/notes && score run c.jsonl --extend && [ ! -e run.partial ] && cat run/notes
ls
