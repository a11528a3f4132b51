attrib status --help
