"""Collectives are counted with their bytes: in text as XLA prints it, and in steps compiled for eight devices."""

import jax
import pytest
from regression_job import make_job

from futurepred_jax.training import sharding
from futurepred_jax.training.ahead import bytes_per_device
from futurepred_jax.training.collectives import Traffic, collectives
from futurepred_jax.training.program import lay_out

GPU = """ENTRY %main (a: f32[8,16]) -> f32[64,16] {
  %a = f32[8,16]{1,0} parameter(0)
  %gather = (f32[8,16]{1,0}, f32[64,16]{1,0}) all-gather-start(%a), channel_id=1, replica_groups=GROUPS, dimensions={0}
  ROOT %done = f32[64,16]{1,0} all-gather-done(%gather)
}
"""

TPU = """%all-reduce-scatter.3 (input: f32[64,16]) -> f32[16,16] {
  %input = f32[64,16]{1,0} parameter(0)
  %all-reduce = f32[64,16]{1,0:T(8,128)} all-reduce(%input), replica_groups={{0,1,2,3}}, to_apply=%add
  ROOT %own = f32[16,16]{1,0} dynamic-slice(%all-reduce, %place)
}

ENTRY %main (a: f32[64,16]) -> f32[16,16] {
  %a = f32[64,16]{1,0} parameter(0)
  ROOT %part = f32[16,16]{1,0} fusion(%a), kind=kCustom, calls=%all-reduce-scatter.3
}
"""


@pytest.mark.parametrize(
    ("groups", "ways"),
    [
        ("{{0,1},{2,3},{4,5},{6,7}}", 2),
        ("[2,4]<=[8]", 4),
        ("[4,2]<=[2,4]T(1,0)", 2),
        ("mesh['axis_0'=8,'axis_1'=1] {'axis_0'}", 8),
        ("mesh['axis_0'=2,'axis_1'=4] {'axis_1'}", 4),
        ("mesh['axis_0'=8] {'axis_0':(2)4}", 4),
        ("{}", 8),
    ],
)
def test_groups_are_read_in_each_way_that_they_are_printed(groups, ways):
    size = 8 * 16 * 4 * ways
    expected = {"all-gather": Traffic(count=1, bytes=size, sent=size * (ways - 1) / ways)}
    assert collectives(GPU.replace("GROUPS", groups), devices=8) == expected


def test_an_all_reduce_of_which_each_keeps_its_part_is_a_reduce_scatter():
    size = 64 * 16 * 4
    assert collectives(TPU, devices=4) == {"reduce-scatter": Traffic(count=1, bytes=size, sent=0.75 * size)}


def step_of(mesh_shape, rules):
    """Collectives of the compiled step, and its state."""
    job = make_job(mesh_shape=mesh_shape, sharding_rules=rules)
    layout = lay_out(job, sharding.make_mesh(mesh_shape))
    rows = job.train_source.batch(jax.numpy.arange(job.batch_size).__array__())
    batch = {name: jax.ShapeDtypeStruct(row.shape, row.dtype, sharding=layout.batch) for name, row in rows.items()}
    compiled = layout.step.lower(layout.abstract, batch, layout.key).compile()
    return collectives(str(compiled.as_text()), devices=8), layout.abstract


def test_data_parallel_devices_reduce_as_many_bytes_as_there_are_gradients():
    found, state = step_of({"data": 8}, sharding.DATA_PARALLEL)
    gradients = bytes_per_device(state.params)
    scalars = 4 * (2 + 4)  # loss and error, and the mean of the batch's inputs
    assert set(found) == {"all-reduce"}
    assert gradients <= found["all-reduce"].bytes <= gradients + scalars
    assert found["all-reduce"].sent == pytest.approx(2 * 7 / 8 * found["all-reduce"].bytes)


def test_sharded_parameters_are_gathered():
    rules = ((".*", sharding.LargestAxis(min_size=8)),)
    found, state = step_of({"fsdp": 8}, rules)
    sharded = [leaf for leaf in jax.tree.leaves(state.params) if not leaf.sharding.is_fully_replicated]
    assert sharded
    whole = sum(leaf.size * 4 for leaf in sharded)
    assert found["all-gather"].bytes >= whole
    assert found["all-gather"].sent == pytest.approx(7 / 8 * found["all-gather"].bytes)
