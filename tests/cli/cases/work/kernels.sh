# -v names the kernels of products, which the environment may choose.
head -n 2 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib inspect -v a.jsonl 2>&1 >/dev/null | grep -c 'OpenBLAS'
case $(uname -m) in
x86_64) OPENBLAS_CORETYPE=Nehalem attrib inspect -v a.jsonl 2>&1 >/dev/null | grep -c 'Nehalem' ;;
*) echo 1 ;;
esac
