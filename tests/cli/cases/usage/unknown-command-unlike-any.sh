attrib frobnicate
