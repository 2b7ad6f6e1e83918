"""All mutations, cheapest level first."""

from tests.mutations.hardening import HARDENING
from tests.mutations.kafka import KAFKA
from tests.mutations.machine import MACHINE
from tests.mutations.mutation import Mutation

MUTATIONS: tuple[Mutation, ...] = tuple(sorted((*MACHINE, *HARDENING, *KAFKA), key=lambda one: one.level))
