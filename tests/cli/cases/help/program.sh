attrib --help
