# A plan of a described model on described machines is the same everywhere, as text and as JSON.
# Bytes follow the code's scratch and change with it; the unit tests check them.
shape=layers=32,width=4096,mlp=11008,heads=32,kv-heads=8,vocabulary=32000,gated
attrib plan --shape $shape --documents 5000000 --tokens 2500000000 --fit-documents 100000 \
    --queries 100 --query-rank 32 --hosts 100 --cores 64 --gflops 4000 --ram 256 | cut -c 1-36
attrib plan --shape $shape --documents 1000 --tokens 500000 --queries 0 --cores 8 --gflops 800 \
    --format json | sed 's/"memory_bytes": [0-9]*/"memory_bytes": N/g'
# What memory does not hold is worked on in turns, and what it cannot hold is said.
attrib plan --shape $shape --documents 1000 --tokens 500000 --cores 2 --gflops 100 --ram 50 |
    grep -o '[0-9]* passes'
attrib plan --shape $shape --documents 1000 --tokens 500000 --cores 2 --gflops 100 --ram 1 |
    grep -c 'more than a host has'
