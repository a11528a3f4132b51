# The shards of a corpus are its parts: fitted apart, with other threads and memory, and merged in any
# order, they have the bytes of one fit of as many parts.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 120 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl

fit() {
    attrib fit -q --model "$M" --corpus c.jsonl "$@" || exit
}

# same LEFT RIGHT: every file of LEFT but the manifest, which holds the command line
same() {
    for file in "$1"/*; do
        [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "$2/${file#*/}"
    done
}

# numbers FILE: the tensors of a safetensors file, without its header, which names the fit
numbers() {
    tail -c +$(($(od -An -tu8 -N8 "$1") + 9)) "$1"
}

# The least memory that holds a map at a time, so that maps take turns.
attrib fit --model "$M" --corpus c.jsonl --threads 1 --ram-limit 1M -o none 2>least
least=$(grep -o 'needs [0-9]*' least | tr -dc 0-9)
[ "$least" -gt 0 ] || exit

fit --parts 3 --threads 1 -o whole
fit --strategy kfac --parts 3 -o kfac
fit --stage covariance --shard 1/3 --threads 2 -o c1
fit --stage covariance --shard 2/3 --threads 1 --ram-limit $((least + 3))M -o c2
fit --stage covariance --shard 3/3 --parts 3 -o c3
attrib merge -q c2 c3 c1 -o basis || exit
same kfac basis

# The maps of a merge are shared too: runs of them make the bytes of one merge.
for i in 1 2 3 4 5; do
    attrib merge -q c2 c3 c1 --shard $i/5 -o b$i || exit
done
attrib merge -q b4 b1 b5 b3 b2 -o joined || exit
same kfac joined
attrib merge b1 b2 b4 b5 -o x
attrib merge b1 b1 b2 b3 b4 -o x
attrib merge c1 b2 -o x
attrib merge b1 --shard 1/2 -o x
attrib merge c1 c2 c3 --shard 1/13 -o x
attrib merge -q c1 --partial --shard 2/5 -o p2
attrib merge b1 p2 b3 b4 b5 -o x

fit --stage lambda --basis basis --parts 3 --threads 1 --ram-limit $((least + 3))M -o lambda
for i in 1 2 3; do
    fit --stage lambda --basis basis --shard $i/3 -o l$i
done
attrib merge -q l3 l2 l1 -o merged || exit
same lambda merged
for name in activation_eigenvectors gradient_eigenvectors activation_eigenvalues \
    gradient_eigenvalues lambda_matrix; do
    numbers whole/$name.safetensors >a
    numbers merged/$name.safetensors >b
    cmp a b
done

fit --strategy diagonal --parts 2 -o diagonal
fit --strategy diagonal --shard 1/2 -o d1
fit --strategy diagonal --shard 2/2 --threads 1 -o d2
attrib merge -q d2 d1 -o d || exit
same diagonal d

attrib merge d1 d2 --shard 1/2 -o x
attrib merge -q d2 -o part
attrib merge -q --partial d2 -o part || exit
attrib merge -q d1 part -o again || exit
attrib inspect --format json again | grep -o '"lambda_documents":[^]]*'
ls
