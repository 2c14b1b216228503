"""What changes the cache, each an atomic step in Redis. A list holds turns without a gap, the newest last.

An entry begins with its seq and the bytes before it, 16 digits each: see ``entries``.
"""

from hashlib import sha1
from typing import Any

import redis

# KEYS: list. ARGV: seq, encoded turn, most turns, most bytes, milliseconds to live, what marks an erased conversation.
# An empty turn cannot be kept: the list goes, for without that turn it is of no use. Answers 1 where one was appended.
APPEND = """
local key, seq, encoded, most = KEYS[1], tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4])
local head = redis.pcall('LINDEX', key, -1)
if encoded == '' then
    if head ~= ARGV[6] then redis.call('DEL', key) end
    return 0
end
local taken = 0
if head then
    if type(head) ~= 'string' then return 0 end
    local last, before = tonumber(string.sub(head, 1, 16)), tonumber(string.sub(head, 17, 32))
    if last ~= seq - 1 or not before then return 0 end
    taken = before + #head - 32
elseif seq ~= 1 then
    return 0
end
redis.call('RPUSH', key, string.format('%016.0f%016.0f', seq, taken) .. encoded)
redis.call('LTRIM', key, -tonumber(ARGV[3]), -1)
while true do
    local before = tonumber(string.sub(redis.call('LINDEX', key, 0), 17, 32))
    if not before or taken + #encoded - before <= most then break end
    redis.call('LPOP', key)
end
redis.call('PEXPIRE', key, ARGV[5])
return 1
"""
# KEYS: list. ARGV: newest seq, whether what is there is known to be worthless, what marks an erased conversation,
# milliseconds to live, entries. Answers 1 where they took the place of what was there.
FILL = """
local key, newest, worthless = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1'
local head = redis.pcall('LINDEX', key, -1)
if head == ARGV[3] then return 0 end
if type(head) == 'string' and not worthless then
    local last = tonumber(string.sub(head, 1, 16)) or 0
    if last > newest or last == newest and redis.call('LLEN', key) >= #ARGV - 4 then return 0 end
end
redis.call('DEL', key)
redis.call('RPUSH', key, unpack(ARGV, 5))
redis.call('PEXPIRE', key, ARGV[4])
return 1
"""
# KEYS: lists. ARGV: what marks an erased conversation, milliseconds for which it is remembered. Answers how many lists
# of turns there were.
FORGET = """
local found = 0
for _, key in ipairs(KEYS) do
    if redis.call('EXISTS', key) == 1 and redis.pcall('LINDEX', key, -1) ~= ARGV[1] then found = found + 1 end
    redis.call('DEL', key)
    redis.call('RPUSH', key, ARGV[1])
    redis.call('PEXPIRE', key, ARGV[2])
end
return found
"""
_DIGESTS = {text: sha1(text.encode(), usedforsecurity=False).hexdigest() for text in (APPEND, FILL, FORGET)}


def run(client: redis.Redis, script: str, keys: list[str], *values: Any) -> int:
    """Run a script by its digest; a server that does not know it yet is sent it whole."""
    try:
        answer = client.evalsha(_DIGESTS[script], len(keys), *keys, *values)
    except redis.exceptions.NoScriptError:
        answer = client.eval(script, len(keys), *keys, *values)
    return int(answer)  # type: ignore[arg-type]
