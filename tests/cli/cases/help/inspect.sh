attrib inspect --help
