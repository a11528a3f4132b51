attrib qury
