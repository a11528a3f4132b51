attrib fit --help
