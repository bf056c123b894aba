from futurepred_jax.benchmarks import data
from futurepred_jax.data.spec import ClutterSpec


def test_every_step_has_a_rate_and_those_that_do_more_are_slower(monkeypatch, capsys):
    found = data.rates(ClutterSpec(size=16, frames=5), clips=2, rounds=1)
    assert min(found.values()) > 0
    assert found["who is in it"] > found["with all labels and noise"]
    monkeypatch.setattr(data, "rates", lambda: {"reading": 1234.56})
    data.main()
    assert capsys.readouterr().out.splitlines()[1].split() == ["reading", "1,234.6"]
