"""What Redis does with a session's state in one step: compare, keep, begin the time to live anew, tell, and stream.

Every script takes the state's key, and the domain's stream where what is kept is written behind; they share a slot.
``ARGV[1]`` is a version that counts as absent although it looks sound: that its data is no JSON only the caller sees.
Where a refusal is the answer, the present state comes with it. The data's JSON is never read here, only passed on:
what Lua's numbers would make of it is not what was stored.

The last argument of whatever makes a version says until when that may be, in the server's milliseconds since 1970
(see ``hot.clock``): what a client has given up must not be carried out when a frozen server goes on.

A key that holds something else (wrong type, fields missing or nonsense) counts as absent and is overwritten. Whatever
writes comes after whatever may be refused, and of the writes the first is one that a server without memory refuses:
so nothing is ever half done.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from persistence.hot.connections import HotClient

FIELDS = (
    "version",
    "previous",
    "state",
    "confidence",
    "turn_id",
    "redaction_version",
    "updated_at",
    "data",
    "cleared",
)


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the name by which the server knows it once it has seen it."""

    text: str
    sha: str

    def run(self, client: HotClient, keys: tuple[str, ...], arguments: tuple[str | bytes | int, ...]) -> Any:
        """Run it in one round trip; a second one when the server has forgotten it."""
        try:
            return client.ask("EVALSHA", self.sha, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return client.ask("EVAL", self.text, len(keys), *keys, *arguments)


def _script(*parts: str) -> Script:
    text = "\n".join(parts)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def answer_of(answer: Any) -> list[Any]:
    """Return the answer of a script that changes a state, as a list.

    ``kept`` with version, time, and the confidence and turn that the state had before, where they were kept; or with
    the state as a hash's fields. ``stale`` and ``illegal``, with such fields where there is a state. ``none``. ``late``
    with the time. Times are milliseconds since 1970. Raises ValueError and its like for anything else.
    """
    if type(answer) is bytes:
        version, at, confidence, turn_id = answer.split(b" ")
        return [
            b"kept",
            int(version),
            int(at),
            float(confidence) if confidence else None,
            UUID(turn_id.decode()) if turn_id else None,
        ]
    word, length = answer[0], len(answer)
    if word == b"late" and length == 2:
        return [word, int(answer[1])]
    if (word in (b"stale", b"illegal", b"none") and length == 1) or (
        word in (b"stale", b"illegal", b"kept") and length == 1 + len(FIELDS)
    ):
        return list(answer)
    raise ValueError("no script says that")


# Numbers of 13 digits are texts throughout: Lua would print them as 1.7952849530e+12.
CLOCK = """
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
local at = string.format('%.0f', now)
if now > tonumber(ARGV[#ARGV]) then return {'late', at} end
local function is_whole(text) return text and #text <= 15 and string.find(text, '^%d+$') end
local function is_number(text) return text and string.find(text, '^%d[%d.eE+-]*$') and tonumber(text) end
local function is_id(text) return text and #text == 36 and string.find(text, '^[%x-]+$') end
"""

# A poisoned key has no ``version`` that is a number, or no ``cleared``; more than that is seen by who reads the state.
PRESENT = """
local had = redis.pcall('HMGET', key, 'version', 'cleared', 'state', 'confidence', 'turn_id')
local wrong_type = had.err
local previous = is_whole(had[1]) and had[1] or '0'
local alive = had[2] == '0' and previous ~= '0' and previous ~= ARGV[1]
local version = at
if tonumber(previous) >= now then version = string.format('%.0f', previous + 1) end
local function refused(word)
    if not alive then return {word} end
    return {word, unpack(redis.call('HMGET', key, 'version', 'previous', 'state', 'confidence', 'turn_id',
        'redaction_version', 'updated_at', 'data', 'cleared'))}
end
"""

# Wants: version, previous, at, and of the state: state_json, confidence, turn, redaction, data.
KEEP = """
if wrong_type then redis.call('DEL', key) end
redis.call('HSET', key, 'version', version, 'previous', previous, 'state', state, 'confidence', confidence,
    'turn_id', turn, 'redaction_version', redaction, 'updated_at', at, 'data', data, 'cleared', '0')
redis.call('PEXPIRE', key, ARGV[2])
redis.call('PUBLISH', key, '{"kind":"state","version":' .. version .. ',"previous":' .. previous
    .. ',"state":' .. state_json .. ',"confidence":' .. (confidence == '' and 'null' or confidence)
    .. ',"turn_id":' .. (turn == '' and 'null' or '"' .. turn .. '"')
    .. ',"redaction_version":' .. redaction .. ',"updated_at":' .. at .. ',"data":' .. data .. '}')
"""

CLEARED = """
if wrong_type then redis.call('DEL', key) end
redis.call('HSET', key, 'version', version, 'previous', previous, 'updated_at', at, 'cleared', '1')
redis.call('HDEL', key, 'state', 'confidence', 'turn_id', 'redaction_version', 'data')
redis.call('PEXPIRE', key, ARGV[2])
redis.call('PUBLISH', key, '{"kind":"cleared","version":' .. version .. ',"previous":' .. previous .. '}')
"""

STREAM_STATE = """
if KEYS[2] then
    local channel, session = string.match(key, '^hf:{.-}:(.*):(%x+)$')
    redis.call('XADD', KEYS[2], '*', 'kind', 'state', 'channel', channel, 'session', session, 'version', version,
        'previous', previous, 'state', state, 'confidence', confidence, 'turn_id', turn,
        'redaction_version', redaction, 'updated_at', at, 'data', data, 'cleared', '0',
        'expires_at', string.format('%.0f', now + ARGV[2]))
end
"""

STREAM_CLEARED = """
if KEYS[2] then
    local channel, session = string.match(key, '^hf:{.-}:(.*):(%x+)$')
    redis.call('XADD', KEYS[2], '*', 'kind', 'cleared', 'channel', channel, 'session', session, 'version', version,
        'previous', previous, 'redaction_version', '0', 'updated_at', at, 'cleared', '1',
        'expires_at', string.format('%.0f', now + ARGV[2]))
end
"""

COMPARE = """
if ARGV[3] ~= '' and ARGV[3] ~= (alive and previous or '0') then return refused('stale') end
"""

# ARGV: ignored, milliseconds to live, expected, allowed, may begin,
#       state, the same as JSON, data, redaction version, confidence, turn id
PUT = _script(
    CLOCK,
    PRESENT,
    COMPARE,
    """
if ARGV[4] ~= '*' then
    local may = ARGV[5] == '1'
    if alive then may = had[3] and string.find(ARGV[4], '\\n' .. had[3] .. '\\n', 1, true) end
    if not may then return refused('illegal') end
end
local state, state_json, data, redaction, confidence, turn = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
if alive and confidence == '' and is_number(had[4]) then confidence = had[4] end
if alive and turn == '' and is_id(had[5]) then turn = had[5] end
""",
    STREAM_STATE,
    KEEP,
    # One text, because a list of five costs the server a sixth of all the rest. What the caller gave it knows.
    """return version .. ' ' .. at .. ' ' .. (ARGV[10] == '' and confidence or '')
    .. ' ' .. (ARGV[11] == '' and turn or '')""",
)

# ARGV: ignored, milliseconds to live, initial state, redaction version, confidence, turn id
TOUCH = _script(
    CLOCK,
    PRESENT,
    """
local state, redaction, data = ARGV[3], ARGV[4], '{}'
if alive then
    local more = redis.call('HMGET', key, 'redaction_version', 'data', 'updated_at')
    if had[3] and had[3] ~= '' and is_whole(more[1]) and more[2] and string.sub(more[2], 1, 1) == '{'
        and is_whole(more[3]) and #more[3] < 15 and (had[4] == '' or is_number(had[4]))
        and (had[5] == '' or is_id(had[5])) then
        state, redaction, data = had[3], more[1], more[2]
    end
end
local state_json, confidence, turn = cjson.encode(state), ARGV[5], ARGV[6]
""",
    STREAM_STATE,
    KEEP,
    "return {'kept', version, previous, state, confidence, turn, redaction, at, data, '0'}",
)

# ARGV: ignored, milliseconds to live, expected
CLEAR = _script(
    CLOCK,
    PRESENT,
    COMPARE,
    "if not alive then return {'none'} end",
    STREAM_CLEARED,
    CLEARED,
    "return version .. ' ' .. at .. '  '",
)

# ARGV: -, milliseconds to live, version, previous, cleared, updated at, and of a state that was not cleared:
#       state, the same as JSON, data, redaction version, confidence, turn id
ADOPT = _script(
    """
local key = KEYS[1]
local had = redis.pcall('HMGET', key, 'version', 'cleared')
local wrong_type = had.err
local last = had[1] and #had[1] <= 15 and string.find(had[1], '^%d+$') and had[1] or '0'
if (had[2] == '0' or had[2] == '1') and tonumber(last) >= tonumber(ARGV[3]) then return 0 end
local version, previous, at = ARGV[3], ARGV[4] == '0' and last or ARGV[4], ARGV[6]
if ARGV[5] == '1' then
""",
    CLEARED,
    "return 1 end",
    """
local state, state_json, data, redaction, confidence, turn = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
""",
    KEEP,
    "return 1",
)
