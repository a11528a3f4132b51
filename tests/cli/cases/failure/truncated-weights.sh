cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
head -c 100000 "$ATTRIB_SOURCE/corpora/facts-model/model.safetensors" >m/model.safetensors
attrib fit --model m --corpus c -o f
