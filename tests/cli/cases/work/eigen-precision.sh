# Eigenvectors in f32 are others than in f64, the same for any threads, shards and merges, and what has them says so.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
fit=(attrib fit -q --model "$M" --corpus c.jsonl --modules 'model.layers.1.mlp.*')
"${fit[@]}" -o f64
for n in 1 2 3; do
    "${fit[@]}" --eigen-precision f32 --threads $n -o f32-$n
    sha256sum f32-$n/*.safetensors | sed 's/ .*//' >sums-$n
    cmp sums-1 sums-$n
done
for file in {activation,gradient}_eigenvectors lambda_matrix; do
    cmp -s f64/$file.safetensors f32-1/$file.safetensors && echo "$file is the same"
done
attrib inspect f64 | grep '^eigen'
attrib inspect f32-1 | grep '^eigen'

# ends FILE: the numbers at the end of it, without the header that names a fit
ends() {
    tail -c 100000 "$1"
}

# Shards carry it to the merge, whose basis those of Lambda carry on.
"${fit[@]}" --eigen-precision f32 --parts 2 -o whole
for i in 1 2; do
    "${fit[@]}" --eigen-precision f32 --stage covariance --shard $i/2 -o c$i
done
attrib merge -q c1 c2 -o basis
for i in 1 2; do
    attrib fit -q --model "$M" --corpus c.jsonl --stage lambda --basis basis --shard $i/2 -o l$i
    attrib merge -q c1 c2 --shard $i/2 -o run$i
done
attrib merge -q l1 l2 -o merged
attrib inspect merged | grep '^eigen'
for file in {activation,gradient}_eigenvectors lambda_matrix; do
    cmp <(ends whole/$file.safetensors) <(ends merged/$file.safetensors)
done
attrib merge -q run1 run2 -o joined
for file in joined/*.safetensors; do
    cmp "$file" "basis/${file##*/}"
done
attrib inspect joined | grep '^eigen'

# A merge may say otherwise, and must where parts differ.
"${fit[@]}" --stage covariance --shard 2/2 -o d2
cmp -s {c2,d2}/activation_covariance.safetensors && echo 'both are named as one fit'
cmp <(ends c2/activation_covariance.safetensors) <(ends d2/activation_covariance.safetensors)
attrib merge -q c1 d2 -o mixed 2>&1
attrib merge -q c1 d2 --eigen-precision f64 -o mixed
attrib merge -q f64 --stage covariance --eigen-precision f32 -o again
cmp <(ends f32-1/gradient_eigenvectors.safetensors) <(ends again/gradient_eigenvectors.safetensors)
attrib merge -q l1 l2 --eigen-precision f32 -o no 2>&1
attrib merge -q run1 run2 --eigen-precision f64 -o no 2>&1
attrib merge -q c1 c2 --shard 2/2 --eigen-precision f64 -o other
attrib merge -q run1 other -o no 2>&1
[ -e no ] && echo 'no was written'

# A query's own fit, and the plan of one.
attrib query -q --model "$M" --corpus c.jsonl --modules 'model.layers.1.mlp.*' --eigen-precision f32 --top 1 \
    'Who was Sir Christopher Wren?' >/dev/null
find . -path '*attrib-cache*' -name manifest.msgpack -exec dirname {} + | xargs attrib inspect | grep '^eigen'
for precision in f64 f32; do
    attrib plan -q --model "$M" --documents 9 --tokens 1000 --eigen-precision $precision --format json |
        grep -o '"name": *"eigenbasis"[^}]*"flop": *[0-9.e+]*' | grep -o '[0-9.e+]*$'
done
