attrib tokens --help
