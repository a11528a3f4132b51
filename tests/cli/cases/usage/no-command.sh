attrib
