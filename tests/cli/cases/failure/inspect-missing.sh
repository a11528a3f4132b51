attrib inspect missing
