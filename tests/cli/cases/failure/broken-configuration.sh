cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
sed "s/\"llama\"/\"mamba\"/" "$ATTRIB_SOURCE/corpora/facts-model/config.json" >m/config.json
attrib fit --model m --corpus c -o f
