# A plan has the pass that makes an index, the scan of a question, and the documents that it scores exactly.
plan() {
    attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents 10000 --tokens 1000000 \
        --cores 4 --gflops 100 --ram 64 "$@" | sed '/^[a-z]/s/^\(.\{26\}\).*/\1/'
}
plan --index --queries 0 | sed 1,2d
plan --index --fit-documents 0 --exact 100 --queries 20 --bytes-per-document 8K | sed 1,2d
# Where nothing is fitted or asked, an index alone is planned; its bytes are in proportion to documents.
for n in 1000 2000; do
    attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents $n --tokens ${n}00 --index \
        --bytes-per-document 10000 --queries 0 --fit-documents 0 --gflops 100 --format json |
        grep -oE '"(indexed": .*"stages"|name": "[a-z]*|disk_bytes": [0-9]*)' | sed 's/"scored.*//'
done
# Measured rates are those of as many cores as are planned for, of which each does what it did here.
attrib plan --shape layers=1,width=64,mlp=64,heads=1,vocabulary=9 --documents 10 --tokens 100 --threads 1 --cores 1000 \
    --format json | grep -oE '"(flops|blas_flops)": [0-9.e+]+' |
    awk '{ rate[NR] = $2 } END { print NR, (rate[2] > rate[1] / 50 ? "both rates" : rate[1] " and " rate[2]) }'
