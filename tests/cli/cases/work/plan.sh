# A plan of a described model on described machines is the same everywhere, as text and as JSON.
shape=layers=32,width=4096,mlp=11008,heads=32,kv-heads=8,vocabulary=32000,gated
attrib plan --shape $shape --documents 5000000 --tokens 2500000000 --fit-documents 100000 \
    --queries 100 --query-rank 32 --hosts 100 --cores 64 --gflops 4000 --ram 256
attrib plan --shape $shape --documents 1000 --tokens 500000 --queries 0 --cores 8 --gflops 800 \
    --format json
