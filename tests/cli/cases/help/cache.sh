attrib cache --help
