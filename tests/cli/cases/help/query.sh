attrib query --help
