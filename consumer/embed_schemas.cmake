# SPDX-License-Identifier: Apache-2.0
#
# embed_schemas.cmake -- writes the shipped schemas into a C header, as arrays of bytes
# (a string literal of their length is more than ISO C promises to accept).
#
#   cmake -DOUT=FILE -DCOURSE=CourseView.avsc -DFOOD=FoodOrder.avsc -P embed_schemas.cmake
#
# The header defines two terminated texts: builtin_course_view, builtin_food_order.
foreach(var OUT COURSE FOOD)
  if(NOT DEFINED ${var})
    message(FATAL_ERROR "embed_schemas.cmake: -D${var}=... is missing")
  endif()
endforeach()

# embed(NAME FILE) appends one array to `text`.
function(embed name file)
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
  set(text "${text}\nstatic const char ${name}[] = {\n    ${hex}0x00};\n" PARENT_SCOPE)
endfunction()

set(text "/* Written by embed_schemas.cmake from schemas/: do not edit. */\n")
string(APPEND text "#ifndef SCHEMAS_BUILTIN_H\n#define SCHEMAS_BUILTIN_H\n")
embed(builtin_course_view "${COURSE}")
embed(builtin_food_order "${FOOD}")
string(APPEND text "\n#endif\n")
file(WRITE "${OUT}" "${text}")
