attrib fit --model m --corpus c -o f --fisher empirical --seed 1
