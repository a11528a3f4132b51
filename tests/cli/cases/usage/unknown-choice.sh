attrib fit --model m --corpus c -o f --fisher exact
