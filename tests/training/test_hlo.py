"""A program's text is read as XLA prints it for CPU, GPU and TPU: loops, fusions, bytes."""

import jax
import jax.numpy as jnp
import pytest

from futurepred_jax.training.hlo import executed

PROGRAM = """HloModule jit_step, is_scheduled=true, entry_computation_layout={(f32[8,4]{1,0})->f32[8,4]{1,0}}

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  ROOT %sum = f32[] add(%x, %x)
}

%fused (p: f32[8,4]) -> bf16[8,4] {
  %p = f32[8,4]{1,0} parameter(0)
  ROOT %half = bf16[8,4]{1,0:T(8,128)(2,1)S(1)} convert(%p), metadata={op_name="jit(step)/convert"}
}

%body (state: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %state = (s32[], f32[8,4]{1,0}) parameter(0)
  %part = f32[8,4]{1,0} get-tuple-element(%state), index=1
  %low = bf16[8,4]{1,0:T(8,128)(2,1)S(1)} fusion(%part), kind=kLoop, calls=%fused
  ROOT %next = (s32[], f32[8,4]{1,0}) tuple(%part, %part)
}

%condition (state.1: (s32[], f32[8,4])) -> pred[] {
  %state.1 = (s32[], f32[8,4]{1,0}) parameter(0)
  %bound = s32[]{:T(128)} constant(7)
  %turn = s32[] get-tuple-element(%state.1), index=0
  ROOT %less = pred[] compare(%turn, %bound), direction=LT
}

ENTRY %main (arg: f32[8,4]) -> f32[8,4] {
  %arg = f32[8,4]{1,0} parameter(0), sharding={replicated}
  %zero = s32[] constant(0)
  %start = (s32[], /*index=1*/f32[8,4]{1,0}) tuple(%zero, %arg)
  %loop = (s32[], f32[8,4]{1,0}) while(%start), condition=%condition, body=%bodySTATED
  ROOT %out = f32[8,4]{1,0} get-tuple-element(%loop), index=1
}
"""

STATED = ', backend_config={"known_trip_count":{"n":"5"},"dynamic_variables":[]}'


def lines_of(text):
    return {line.instruction.name: line for line in executed(text)}


@pytest.mark.parametrize(("stated", "turns"), [(STATED, 5), ("", 7)])
def test_a_loop_turns_as_often_as_is_stated_or_as_its_condition_allows(stated, turns):
    lines = lines_of(PROGRAM.replace("STATED", stated))
    assert lines["loop"].times == 1
    assert lines["low"].times == lines["half"].times == turns


def test_fused_instructions_are_told_apart_and_applied_functions_left_out():
    lines = lines_of(PROGRAM.replace("STATED", ""))
    assert lines["half"].fusion == "fused"
    assert lines["low"].fusion == lines["out"].fusion == ""
    assert "sum" not in lines
    assert lines["low"].computation[lines["low"].instruction.operands[0]].opcode == "get-tuple-element"


def test_bytes_are_those_of_all_arrays_and_of_those_in_main_memory():
    lines = lines_of(PROGRAM.replace("STATED", ""))
    assert (lines["start"].instruction.size, lines["start"].instruction.hbm) == (4 + 128, 4 + 128)
    assert (lines["low"].instruction.size, lines["low"].instruction.hbm) == (64, 0)  # S(1): scratchpad


def test_the_dots_of_a_compiled_scan_are_counted_once_a_turn():
    def scan(x, w):
        return jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, length=6)[0]

    square = jax.ShapeDtypeStruct((64, 64), jnp.float32)
    text = jax.jit(scan).lower(square, square).compile().as_text()
    assert sum(line.times for line in executed(str(text)) if line.instruction.opcode == "dot") == 6
