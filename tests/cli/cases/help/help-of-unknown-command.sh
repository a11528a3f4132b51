attrib help fitt
