attrib index --help
