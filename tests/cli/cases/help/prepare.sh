attrib prepare --help
