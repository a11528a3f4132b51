attrib $'fit\e[31m'
