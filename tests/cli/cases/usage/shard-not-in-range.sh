attrib fit --model m --corpus c -o f --shard 3/2
