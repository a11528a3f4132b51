# Make a page into C: cmake -D OUTPUT=page.c -D PAGE=page.html -D "STYLES=page.css" -D "SCRIPTS=a.js b.js"
#     -D NAME=at_page -D HEADER=export/html.h -P embed.cmake
# PAGE holds @STYLE@, @SCRIPT@, @STYLE_HASH@, @SCRIPT_HASH@ and, where data go, @FIRST@ and @REST@: it becomes the
# arrays NAME_head, NAME_middle and NAME_foot then, else the array NAME, which HEADER declares. The hashes are SHA-256
# in base64, by which the page's content security policy knows its own style and script.

set(DIGITS ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)

# hash_of(out text): SHA-256 in base64. 32 bytes are ten groups of 3 and one of 2.
function(hash_of out text)
    string(SHA256 hex "${text}")
    set(base64 "")
    foreach(i RANGE 10)
        math(EXPR start "${i} * 6")
        string(SUBSTRING "${hex}00" ${start} 6 group)
        math(EXPR group "0x${group}")
        foreach(shift 18 12 6 0)
            math(EXPR digit "(${group} >> ${shift}) & 63")
            string(SUBSTRING "${DIGITS}" ${digit} 1 digit)
            string(APPEND base64 "${digit}")
        endforeach()
    endforeach()
    string(SUBSTRING "${base64}" 0 43 base64)
    set(${out} "${base64}=" PARENT_SCOPE)
endfunction()

# array_of(out name text): a C array of the text's bytes, and its size.
function(array_of out name text)
    string(HEX "${text}" hex)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)"
        "\\1\n" bytes "${bytes}")
    set(${out} "const unsigned char ${name}[] = {\n${bytes}\n};\nconst size_t ${name}_bytes = sizeof ${name};\n"
        PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
set(style "")
separate_arguments(STYLES)
foreach(name IN LISTS STYLES)
    file(READ ${name} part)
    string(APPEND style "${part}")
endforeach()
set(script "'use strict';\n(() => {\n")
separate_arguments(SCRIPTS)
foreach(name IN LISTS SCRIPTS)
    file(READ ${name} part)
    string(APPEND script "${part}\n")
endforeach()
string(APPEND script "})();\n")

hash_of(style_hash "${style}")
hash_of(script_hash "${script}")
string(REPLACE "@STYLE_HASH@" "${style_hash}" page "${page}")
string(REPLACE "@SCRIPT_HASH@" "${script_hash}" page "${page}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
# split(before after text mark): what stands before a mark, and after it.
function(split before after text mark)
    string(FIND "${text}" "${mark}" start)
    string(LENGTH "${mark}" length)
    math(EXPR end "${start} + ${length}")
    string(SUBSTRING "${text}" 0 ${start} first)
    string(SUBSTRING "${text}" ${end} -1 rest)
    set(${before} "${first}" PARENT_SCOPE)
    set(${after} "${rest}" PARENT_SCOPE)
endfunction()

if(page MATCHES "@FIRST@")
    split(head page "${page}" "@FIRST@")
    split(middle foot "${page}" "@REST@")
    array_of(head_array ${NAME}_head "${head}")
    array_of(middle_array ${NAME}_middle "${middle}")
    array_of(foot_array ${NAME}_foot "${foot}")
    set(arrays "${head_array}\n${middle_array}\n${foot_array}")
else()
    array_of(arrays ${NAME} "${page}")
endif()
file(WRITE ${OUTPUT} "/* Made by embed.cmake. */\n#include \"${HEADER}\"\n\n${arrays}")
