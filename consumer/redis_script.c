/* SPDX-License-Identifier: Apache-2.0
 * redis_script.c -- see redis_script.h.
 *
 * pcall and not call: the error then is the server's own text in every version, and a refused
 * PUBLISH does not undo what was written, nor hide it. */
#include "redis_script.h"

const char REDIS_SCRIPT_WRITE[] =
    "local head = redis.pcall('GETRANGE', KEYS[1], 0, 47)\n"
    "if type(head) == 'table' then return head end\n"
    "local e, s = string.match(head, '^{\"version\":%[(%d+),(%d+)%],')\n"
    "if e then\n"
    "  local de = tonumber(e) - tonumber(ARGV[2])\n"
    "  local ds = tonumber(s) - tonumber(ARGV[3])\n"
    "  if de > 0 or (de == 0 and ds > 0) then return {e, s} end\n"
    "end\n"
    "local previous = false\n"
    "if ARGV[5] == '1' then previous = redis.pcall('GET', KEYS[1]) end\n"
    "local done\n"
    "if ARGV[4] == '0' then done = redis.pcall('SET', KEYS[1], ARGV[1])\n"
    "else done = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[4]) end\n"
    "if done['err'] then return done end\n"
    "if ARGV[6] then\n"
    "  local told = redis.pcall('PUBLISH', ARGV[6], ARGV[7])\n"
    "  if type(told) == 'table' then return {'untold', told['err'], previous} end\n"
    "end\n"
    "if ARGV[5] == '1' then return previous end\n"
    "return done\n";

const char REDIS_SCRIPT_APPEND[] =
    "local top = '0-0'\n"
    "local info = redis.pcall('XINFO', 'STREAM', KEYS[1])\n"
    "if info['err'] then\n"
    "  if not string.find(info['err'], 'no such key', 1, true) then return info end\n"
    "else\n"
    "  for i = 1, #info, 2 do\n"
    "    if info[i] == 'last-generated-id' then top = info[i + 1] end\n"
    "  end\n"
    "end\n"
    "local tms, tseq = string.match(top, '^(%d+)%-(%d+)$')\n"
    "local function below(ms, seq)\n"
    "  local d = tonumber(tms) - tonumber(ms)\n"
    "  return d < 0 or (d == 0 and tonumber(tseq) < tonumber(seq))\n"
    "end\n"
    "if below(ARGV[1], ARGV[2]) then return {'gap', tms, tseq} end\n"
    "if not below(ARGV[3], ARGV[4]) then return -1 end\n"
    "local n = redis.call('XLEN', KEYS[1])\n"
    "local done = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], ARGV[6], unpack(ARGV, 7))\n"
    "if type(done) == 'table' and done['err'] then return done end\n"
    "return n + 1 - redis.call('XLEN', KEYS[1])\n";
