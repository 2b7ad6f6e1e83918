"""A call is at home where Java's default partitioner would put its id."""

from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from streams.topology import Topics, home, murmur2


@given(st.binary(max_size=300))
def test_the_hash_is_that_of_the_client(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_aiokafka(key) & 0xFFFFFFFF


@given(st.text(max_size=80), st.integers(1, 512))
def test_the_home_is_a_partition_and_the_one_that_a_java_producer_chooses(
    call_id: str, partitions: int
) -> None:
    chosen = (murmur2_of_aiokafka(call_id.encode()) & 0x7FFFFFFF) % partitions
    assert home(call_id, partitions) == chosen < partitions


def test_a_known_key_has_the_hash_that_kafka_tests_for() -> None:
    # org.apache.kafka.common.utils.UtilsTest
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert murmur2(b"foobar") == -790332482 & 0xFFFFFFFF


def test_public_names_take_the_prefix_and_own_ones_the_app_id() -> None:
    topics = Topics("post", "eu.")
    assert topics.public("call-events") == "eu.call-events"
    assert (topics.internal, topics.changelog) == ("post-internal", "post-calls-changelog")
