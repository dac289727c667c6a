"""The exported graph: it answers as PyTorch does, or is not written."""

import onnx
import pytest
import torch

from tests.training.makers import make_model, make_split
from training import export
from training.errors import ParityError
from training.export import difference, draw, to_onnx, with_weights


@pytest.fixture(scope="module")
def split():
    """Return rows with missing numbers among them."""
    rows = make_split(50, "regression")
    rows.numbers[::3, 0] = float("nan")
    return rows


@pytest.fixture(scope="module")
def drawn(split):
    """Return the graph of an untrained network: drawing takes seconds."""
    return draw(make_model(split, "regression", seed=1), split.numbers, split.categories)


def test_the_batch_is_dynamic_and_the_names_are_those_of_the_contract(drawn):
    graph = onnx.load_from_string(drawn).graph
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"numbers": ["batch", 2], "categories": ["batch", 1], "predictions": ["batch"]}


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(drawn):
    assert b".py" not in drawn
    assert b"site-packages" not in drawn


def test_a_drawn_graph_takes_the_weights_of_the_trained_network(drawn, split):
    trained = make_model(split, "regression", seed=2)
    assert difference(drawn, trained, split) > export.TOLERANCE
    assert difference(with_weights(drawn, trained), trained, split) <= export.TOLERANCE


def test_a_drawing_that_lost_a_weight_is_replaced_by_a_true_export(drawn, split, caplog):
    caplog.set_level("INFO")
    trained = make_model(split, "regression", seed=2)
    graph = onnx.load_from_string(drawn)
    lost = next(place for place in graph.graph.initializer if place.name.endswith("perceptron.0.weight"))
    for node in graph.graph.node:
        node.input[:] = ["renamed" if name == lost.name else name for name in node.input]
    lost.name = "renamed"
    exported = to_onnx(trained, split, graph.SerializeToString())
    assert "export=again" in caplog.text
    assert difference(exported, trained, split) <= export.TOLERANCE


def test_a_graph_that_answers_otherwise_is_refused(drawn, split, monkeypatch):
    other = make_model(split, "regression", seed=3)
    monkeypatch.setattr(export, "draw", lambda *_: drawn)  # the exporter misunderstood the network
    with pytest.raises(ParityError, match=r"ONNX Runtime and PyTorch differ by .+, 1e-05 is allowed"):
        to_onnx(other, split)


def test_a_graph_that_answers_nan_is_refused(drawn, split, monkeypatch):
    broken = make_model(split, "regression", seed=3)
    with torch.no_grad():
        broken.network.linear.bias.fill_(float("nan"))
    monkeypatch.setattr(export, "draw", lambda *_: drawn)
    with pytest.raises(ParityError):
        to_onnx(broken, split)


def test_a_drawing_process_that_dies_is_no_end(monkeypatch, split):
    drawing = export.Drawing.__new__(export.Drawing)
    context = export.multiprocessing.get_context("spawn")
    drawing._result, outlet = context.Pipe(duplex=False)
    drawing._process = context.Process(target=exit, args=(1,), daemon=True)
    drawing._process.start()
    outlet.close()
    assert drawing.take() is None
    drawing.close()
