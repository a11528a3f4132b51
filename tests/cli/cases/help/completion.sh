attrib --bash-completion >c && bash -n c && . ./c && COMP_WORDS=(attrib sc) COMP_CWORD=1 && _attrib && echo "${COMPREPLY[@]}"
COMP_WORDS=(attrib fit --fi) COMP_CWORD=2 && _attrib && echo "${COMPREPLY[@]}"
