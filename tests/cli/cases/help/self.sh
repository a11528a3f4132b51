attrib self --help
