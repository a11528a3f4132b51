# Weights of fewer layers than the configuration has, in a folder whose name is part of a tensor's.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
sed -i 's/"num_hidden_layers": 4/"num_hidden_layers": 5/' m/config.json
echo '{"text": "a"}' >c.jsonl
attrib query -q --strategy identity --model m --corpus c.jsonl p
