attrib inspect
