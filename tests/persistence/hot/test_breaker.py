"""A server in trouble is left alone, at the price of one budget, and comes back by itself."""

import threading
from collections import Counter

import pytest
import redis

from persistence.hot import deadline, metrics
from persistence.hot.client import HotUnavailable
from tests.persistence.hot.endpoints import saying, serving
from tests.persistence.hot.support import LONG, eventually, refusal

BUDGET = 0.5


def counted(outcome: str) -> float:
    return metrics.CALLS.labels("test", outcome)._value.get()


def test_of_eight_threads_before_a_frozen_server_one_loses_the_budget(hot_at, private_redis):
    server = private_redis()
    hot = hot_at(server.url, budget=BUDGET, rest=LONG)
    hot.call(lambda client: client.ping(), operation="test")
    server.freeze()
    reasons, budgets = Counter(), []
    first_is_in = threading.Event()

    def ask(client):
        budgets.append(deadline.seconds_left())
        first_is_in.set()
        client.ping()

    def request():
        reasons[refusal(hot, ask)] += 1

    threads = [threading.Thread(target=request) for _ in range(8)]
    threads[0].start()
    assert first_is_in.wait(LONG)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert reasons["timeout"] == 1
    assert reasons["timeout"] + reasons["abstained"] + reasons["skipped"] == 8
    long, *short = sorted(budgets, reverse=True)
    assert BUDGET / 2 < long <= BUDGET
    assert all(seconds <= BUDGET / 5 for seconds in short)
    asked = len(budgets)
    assert [refusal(hot, ask) for _ in range(3)] == ["skipped"] * 3
    assert len(budgets) == asked, "while it is out nobody asks"


def test_who_gives_up_beside_an_older_call_has_not_said_that_the_server_is_out(hot_at, private_redis):
    hot = hot_at(private_redis().url, budget=LONG, rest=LONG)
    first_is_in, go_on = threading.Event(), threading.Event()

    def hold(client):
        first_is_in.set()
        go_on.wait(LONG)
        return client.ping()

    first = threading.Thread(target=hot.call, args=(hold,), kwargs={"operation": "test"})
    first.start()
    assert first_is_in.wait(LONG)
    hot.budget = hot._breaker._budget = 0.1
    assert refusal(hot, lambda client: client.blpop("nothing", timeout=LONG)) == "abstained"
    assert not hot.is_out
    hot.budget = hot._breaker._budget = LONG
    assert hot.call(lambda client: client.ping(), operation="test")
    go_on.set()
    first.join()


def test_who_must_know_is_given_the_whole_time_beside_an_older_call(hot_at, private_redis):
    server = private_redis()
    hot = hot_at(server.url, budget=BUDGET, rest=LONG)
    first_is_in, go_on = threading.Event(), threading.Event()

    def hold(client):
        first_is_in.set()
        go_on.wait(LONG)

    first = threading.Thread(target=hot.call, args=(hold,), kwargs={"operation": "test"})
    first.start()
    assert first_is_in.wait(LONG)
    assert hot.call(lambda client: deadline.seconds_left(), operation="test", whole=True) > BUDGET / 2
    server.freeze()
    with pytest.raises(HotUnavailable) as caught:
        hot.call(lambda client: client.ping(), operation="test", whole=True)
    assert caught.value.reason == "timeout"
    assert hot.is_out
    go_on.set()
    first.join()


def test_it_comes_back_by_itself_and_heals_before_it_is_used(hot_at, private_redis):
    server = private_redis()
    hot = hot_at(server.url)
    seen = []

    def heal():
        seen.append((threading.current_thread().name, hot.is_out))
        hot.call(lambda client: client.set("healed", "yes"), operation="heal")

    hot.on_heal(heal)
    hot.on_heal(heal)
    server.freeze()
    assert refusal(hot) == "timeout"
    assert metrics.OUT._value.get() == 1
    server.resume()
    eventually(lambda: not hot.is_out)
    assert seen[0] == ("hot-redis-probe", True), "healed in the probe's thread, before calls go through"
    assert hot.call(lambda client: client.get("healed"), operation="test") == b"yes"
    eventually(lambda: len(seen) == 2)
    assert seen[1][1] is False, "once more for what was written while it healed"
    assert metrics.OUT._value.get() == 0


def test_what_cannot_be_healed_stays_out(hot_at, private_redis):
    server = private_redis()
    hot = hot_at(server.url)
    attempts = []

    def heal():
        attempts.append(1)
        if len(attempts) < 3:
            raise RuntimeError("not yet")

    hot.on_heal(heal)
    server.stop()
    assert refusal(hot) == "refused"
    server.start()
    eventually(lambda: not hot.is_out)
    assert len(attempts) >= 3


def test_a_server_without_memory_is_out_until_a_write_succeeds(hot_at, private_redis):
    server = private_redis()
    admin = redis.Redis.from_url(server.url)
    hot = hot_at(server.url)
    admin.config_set("maxmemory", 1)
    assert refusal(hot, lambda client: client.set("key", "value")) == "out_of_memory"
    probes = admin.info("stats")["total_commands_processed"]
    eventually(lambda: admin.info("stats")["total_commands_processed"] > probes + 10)
    assert hot.is_out, "it answers a PING, but takes no write"
    admin.config_set("maxmemory", 0)
    eventually(lambda: not hot.is_out)
    admin.close()


def test_a_server_that_became_a_replica_is_out(hot_at, private_redis):
    server = private_redis()
    admin = redis.Redis.from_url(server.url)
    hot = hot_at(server.url)
    admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert refusal(hot, lambda client: client.set("key", "value")) in ("read_only", "error")
    admin.execute_command("REPLICAOF", "NO", "ONE")
    eventually(lambda: not hot.is_out)
    admin.close()


def test_a_wrong_password_is_an_outage(hot_at, private_redis):
    url = private_redis().url
    secret = url.split(":")[2].split("@")[0]
    assert refusal(hot_at(url.replace(secret, "wrong"), rest=LONG)) == "not_allowed"


def test_a_mistake_in_one_command_concerns_nobody_else(hot_at, private_redis):
    hot = hot_at(private_redis().url, rest=LONG)
    hot.call(lambda client: client.set("text", "x"), operation="test")
    assert refusal(hot, lambda client: client.lpush("text", "y")) == "command"
    assert refusal(hot, lambda client: client.evalsha("0" * 40, 0)) == "command"
    assert hot.call(lambda client: client.get("text"), operation="test") == b"x"


def test_an_error_of_the_work_itself_passes_and_frees_the_place(hot_at, private_redis):
    hot = hot_at(private_redis().url, rest=LONG)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            hot.call(lambda client: 1 / 0, operation="test")
    assert hot._breaker._first is None
    assert not hot.is_out


def test_a_late_answer_is_never_taken_for_the_answer_to_the_next_question(hot_at, private_redis):
    hot = hot_at(private_redis().url)
    hot.call(lambda client: client.set("key", "right"), operation="test")
    assert refusal(hot, lambda client: client.execute_command("BLPOP", "nothing", 1)) == "timeout"
    eventually(lambda: not hot.is_out)
    assert hot.call(lambda client: [client.get("key") for _ in range(5)], operation="test") == [b"right"] * 5


def test_a_restarted_server_is_found_again_without_anybody_noticing(hot_at, private_redis):
    server = private_redis()
    hot = hot_at(server.url, rest=LONG)
    hot.call(lambda client: client.ping(), operation="test")
    server.stop()
    server.start()
    assert hot.call(lambda client: client.ping(), operation="test")


def test_a_server_that_says_ok_to_everything_does_not_pass_the_probe(hot_at):
    probed = []

    def serve(accepted, over):
        probed.append(1)
        saying(b"+OK\r\n")(accepted, over)

    def disbelieve(client):
        raise redis.InvalidResponse(f"{client.get('key')} is not what was asked for")

    with serving(serve) as url:
        hot = hot_at(url)
        assert refusal(hot, disbelieve) == "protocol"
        eventually(lambda: len(probed) > 3)
        assert hot.is_out


def test_calls_are_counted_by_what_became_of_them(hot_at, private_redis):
    server = private_redis()
    before = {outcome: counted(outcome) for outcome in ("ok", "refused", "skipped")}
    hot = hot_at(server.url, rest=LONG)
    hot.call(lambda client: client.ping(), operation="test")
    server.stop()
    assert refusal(hot) == "refused"
    assert refusal(hot) == "skipped"
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == {
        "ok": 1,
        "refused": 1,
        "skipped": 1,
    }


def test_a_closed_client_is_not_to_be_had(hot_at, private_redis):
    hot = hot_at(private_redis().url)
    hot.close()
    with pytest.raises(HotUnavailable):
        hot.call(lambda client: client.ping(), operation="test")
