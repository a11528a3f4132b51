attrib export run
