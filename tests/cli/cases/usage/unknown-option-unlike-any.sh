attrib fit --frobnicate
