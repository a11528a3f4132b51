# An address that is none is said to be none, before a token is asked for; one that others reach takes a token.
for address in 999.0.0.1 localhost ''; do
    attrib serve i --model m --listen "$address" || echo "exit $?"
done
for address in 192.0.2.1 0.0.0.0 ::; do
    attrib serve i --model m --listen "$address" || echo "exit $?"
done
attrib serve i --model m --listen 127.0.0.2 2>&1 | grep token || echo 'no token is asked for'
