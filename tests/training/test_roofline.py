"""The roofline is what the slowest part of a device needs, and traffic is counted where it reaches main memory."""

import pytest

from futurepred_jax.training.roofline import Roofline, hbm_traffic, roofline
from futurepred_jax.training.topology import CHIPS, Topology

MIB = 2**20
PROGRAM = """%fused (p: f32[512,512]) -> f32[512,512] {
  %p = f32[512,512]{1,0} parameter(0)
  ROOT %sine = f32[512,512]{1,0} sine(%p)
}

%body (state: (f32[512,512])) -> (f32[512,512]) {
  %state = (f32[512,512]{1,0}) parameter(0)
  %old = f32[512,512]{1,0} get-tuple-element(%state), index=0
  %new = f32[512,512]{1,0} fusion(%old), kind=kLoop, calls=%fused
  ROOT %again = (f32[512,512]{1,0}) tuple(%new)
}

ENTRY %main (a: f32[512,512], row: f32[1,512]) -> f32[512,512] {
  %a = f32[512,512]{1,0} parameter(0)
  %row = f32[1,512]{1,0} parameter(1)
  %place = s32[] constant(3)
  %start = (f32[512,512]{1,0}) tuple(%a)
  %loop = (f32[512,512]{1,0}) while(%start), body=%body, backend_config={"known_trip_count":{"n":"4"}}
  %last = f32[512,512]{1,0} get-tuple-element(%loop), index=0
  %near = f32[512,512]{1,0:T(8,128)S(1)} copy(%last)
  ROOT %loop_dynamic_update_slice_fusion = f32[512,512]{1,0} fusion(%last, %row, %place), kind=kLoop, calls=%fused
}
"""


def test_traffic_is_what_is_read_and_written_in_main_memory_by_each_turn():
    turns = 4 * 2 * MIB  # a fusion reads its operand and writes its result, nothing within
    copied = MIB  # into scratchpad: read only
    updated = 2 * (512 * 4 + 4)  # in place: the row and its index, not the array
    assert hbm_traffic(PROGRAM) == turns + copied + updated


def test_the_slowest_part_bounds_a_program():
    best = roofline(
        flops=197e12, hbm=2 * 819_000_000_000, sent=100e9, topology=Topology("v5e", CHIPS["v5e"], [None] * 4)
    )
    assert (best.compute, best.memory, best.network) == pytest.approx((1.0, 2.0, 0.5))
    assert (best.seconds, best.bound, best.mfu) == pytest.approx((2.0, "memory", 0.5))
    assert Roofline(compute=3.0, memory=2.0, network=1.0).mfu == 1.0


@pytest.mark.parametrize(("devices", "rate"), [(8, 450e9), (16, 50e9)])
def test_gpus_of_several_nodes_are_as_slow_as_the_network_between_them(devices, rate):
    assert Topology("h100", CHIPS["h100"], [None] * devices).link == rate
