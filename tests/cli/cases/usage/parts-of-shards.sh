attrib fit --model m --corpus c --shard 1/2 --parts 3 -o f
