# SPDX-License-Identifier: MIT
# Writes SOURCE, in C, which defines what HEADER declares: the texts page_css and page_js, read from
# the files CSS and JS. -DSOURCE=... -DHEADER=... -DCSS=... -DJS=... -P embed.cmake
set(text "/* Made by cmake/embed.cmake. */\n#include \"${HEADER}\"\n")
foreach(kind css js)
  string(TOUPPER ${kind} file)
  file(READ "${${file}}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND text "const char page_${kind}[] = { ${bytes} 0 };\n")
endforeach()
file(WRITE "${SOURCE}" "${text}")
