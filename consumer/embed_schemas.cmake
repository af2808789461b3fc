# SPDX-License-Identifier: Apache-2.0
#
# embed_schemas.cmake -- writes the shipped schemas into a C header, as arrays of bytes
# (a string literal of their length is more than ISO C promises to accept).
#
#   cmake -DOUT=FILE "-DFILES=CourseView.avsc;FoodOrder.avsc;..." -P embed_schemas.cmake
#
# Of every file the header defines one terminated text, named after it: CourseView.avsc is
# builtin_course_view, earlier/2.avsc is builtin_2.
foreach(var OUT FILES)
  if(NOT DEFINED ${var})
    message(FATAL_ERROR "embed_schemas.cmake: -D${var}=... is missing")
  endif()
endforeach()

# embed(FILE) appends one array to `text`.
function(embed file)
  get_filename_component(name "${file}" NAME_WE)
  string(REGEX REPLACE "([a-z0-9])([A-Z])" "\\1_\\2" name "${name}")
  string(TOLOWER "${name}" name)
  file(READ "${file}" hex HEX)
  string(REGEX MATCHALL ".." bytes "${hex}")
  list(FILTER bytes INCLUDE REGEX "^[89a-f]")
  if(bytes)
    message(FATAL_ERROR "embed_schemas.cmake: ${file} is not plain ASCII")
  endif()
  string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
  # 18 bytes a line keeps the lines below 100 columns.
  string(REPEAT "....." 18 line)
  string(REGEX REPLACE "(${line})" "\\1\n    " hex "${hex}")
  set(text "${text}\nstatic const char builtin_${name}[] = {\n    ${hex}0x00};\n" PARENT_SCOPE)
endfunction()

set(text "/* Written by embed_schemas.cmake from schemas/: do not edit. */\n")
string(APPEND text "#ifndef SCHEMAS_BUILTIN_H\n#define SCHEMAS_BUILTIN_H\n")
foreach(file IN LISTS FILES)
  embed("${file}")
endforeach()
string(APPEND text "\n#endif\n")
file(WRITE "${OUT}" "${text}")
