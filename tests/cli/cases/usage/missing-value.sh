attrib fit --model
