touch model; attrib fit --model model --corpus c -o f
