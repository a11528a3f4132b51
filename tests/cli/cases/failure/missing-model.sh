attrib fit --model missing --corpus c -o f
