attrib score --model m --corpus c --queries q -o r --baseline bm25,hidden:x
