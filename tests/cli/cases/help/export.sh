attrib export --help
