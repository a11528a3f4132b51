attrib query --model m --corpus c --strategy identity --baseline bm25 "Why?"
