attrib fit --corpus c -o f
