"""The throw-away servers that other tests harm: what they promise those tests."""

import psycopg2
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.config.servicekit import query


def test_a_private_postgres_may_be_killed_and_comes_back_with_what_was_committed(private_postgres):
    server = private_postgres()
    query(server.url, "CREATE TABLE kept AS SELECT 'yes'::text AS word")
    server.kill()
    with pytest.raises(psycopg2.OperationalError):
        query(server.url, "SELECT 1")
    server.start()
    assert query(server.url, "SELECT word FROM kept") == "yes"


def test_a_private_redis_may_be_frozen_and_goes_on_where_it_was(private_redis):
    server = private_redis()
    with Redis.from_url(server.url, socket_timeout=0.2) as client:
        client.set("kept", "yes")
        server.freeze()
        with pytest.raises(RedisError):
            client.get("kept")
        server.resume()
        client.connection_pool.disconnect()
        assert Redis.from_url(server.url, socket_timeout=10).get("kept") == b"yes"


def test_two_private_servers_are_two(private_redis):
    one, other = private_redis(), private_redis()
    assert one.url != other.url
    assert one.pid != other.pid
