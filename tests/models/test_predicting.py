"""`predict` and `predict_proba` as users of scikit-learn expect them, compared with the network's own outputs."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, softmax
from test_module_model import Net, rows, saved

import darts_pl
from darts_pl.data import digits_data
from darts_pl.data.image_preprocessing import images_of
from darts_pl.data.tables import breast_cancer_data, csv_table_data, diabetes_data, wine_data
from darts_pl.data.text import trec_data
from darts_pl.errors import ConfigError, DataError
from darts_pl.genotype import KNOWN
from darts_pl.models import save_model
from darts_pl.models.trained import BATCH
from darts_pl.spaces import CellSpace, DenseSpace, TextSpace


def outputs_of(network, x) -> np.ndarray:
    with torch.no_grad():
        return network(x).double().numpy()


def test_probabilities_of_a_table_follow_the_classes(tmp_path):
    data = wine_data(purpose="retrain")
    network, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    model, x = darts_pl.load(path), data.test_rows()[0][:6]
    found = model.predict_proba(rows(data))
    np.testing.assert_allclose(found, softmax(outputs_of(network, x), axis=1), rtol=1e-5)
    assert model.classes_.tolist() == list(data.classes) and found.shape == (6, len(data.classes))
    assert (model.classes_[found.argmax(1)] == model.predict(rows(data))).all()
    records = rows(data).to_dict("records")
    np.testing.assert_array_equal(model.predict_proba(records), found)
    np.testing.assert_allclose(model.predict_proba(rows(data).iloc[2]), found[2:3], rtol=1e-5)
    with pytest.raises(DataError, match="which number belongs to which column"):
        model.predict(rows(data).to_numpy())


def test_a_target_far_from_0_keeps_its_swing(tmp_path):
    """float32 has steps of 64 at a thousand million: standardised values go back to their units in float64."""
    frame = pd.DataFrame({"x": np.linspace(-1, 1, 200), "y": 1e9 + 25 * np.sin(np.linspace(0, 9, 200))})
    frame.to_csv(tmp_path / "meter.csv", index=False)
    data = csv_table_data(str(tmp_path / "meter.csv"), "y", purpose="retrain")
    _, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    _, y = data.test_rows()
    target = data.preprocessing.target
    truth = data.table.frame["y"].to_numpy()[data.rows[1]]
    np.testing.assert_allclose(target.original(y[:, None])[:, 0].numpy(), truth, rtol=0, atol=1e-4)
    found = darts_pl.load(path).predict(frame.iloc[:20])
    assert found.dtype == np.float64 and len(np.unique(found)) == 20


def test_two_classes_with_one_output_have_two_columns(tmp_path):
    data = breast_cancer_data(purpose="retrain")
    network, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    model, x = darts_pl.load(path), data.test_rows()[0][:6]
    second = expit(outputs_of(network, x)[:, 0])
    np.testing.assert_allclose(model.predict_proba(rows(data)), np.stack([1 - second, second], 1), rtol=1e-5)


def test_a_regression_has_numbers_and_no_probabilities(tmp_path):
    data = diabetes_data(purpose="retrain")
    _, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    model = darts_pl.load(path)
    assert model.predict(rows(data)).shape == (6,) and not hasattr(model, "classes_")
    with pytest.raises(ConfigError, match="predicts numbers"):
        model.predict_proba(rows(data))


def test_texts_have_probabilities_by_task(tmp_path, real_data):
    data = trec_data(root=str(real_data), purpose="retrain", limit_train=200)
    network, path = saved(TextSpace(init_channels=8, layers=1), data, tmp_path)
    model, texts = darts_pl.load(path), ["Who wrote Hamlet ?", "How far is the moon ?"]
    with torch.no_grad():
        outputs = network(data.preprocessing.encode(texts))
    for given in (texts, tuple(texts), np.array(texts), pd.Series(texts)):
        found = model.predict_proba(given)
        for task in ("coarse", "fine"):
            np.testing.assert_allclose(found[task], softmax(outputs[task].double().numpy(), axis=1), rtol=1e-5)
            assert list(model.classes_[task]) == list(data.classes[task])
    for wrong, told in ((pd.DataFrame({"text": texts}), "such as a column"), (["Who ?", None], "found None as text 2")):
        with pytest.raises(DataError, match=told):
            model.predict(wrong)


def cell_model(tmp_path):
    data, space = digits_data(purpose="retrain"), CellSpace(init_channels=4, layers=3, num_nodes=4)
    data.prepare()
    torch.manual_seed(0)
    network = space.network(KNOWN["DARTS_V1"], data.input_shape, 10).eval()
    return darts_pl.load(save_model(tmp_path / "m.safetensors", network, space, data=data, details={})), network, data


def test_images_as_arrays_and_tensors(tmp_path):
    model, network, data = cell_model(tmp_path)
    raw = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    logits = outputs_of(network, (torch.from_numpy(raw)[:, None] / 255 - data.mean[0]) / data.std[0])
    for given in (raw, raw[:, None], raw[..., None], torch.from_numpy(raw), raw.astype(float), list(raw)):
        np.testing.assert_allclose(model.predict_proba(given), softmax(logits, axis=1), rtol=1e-4)
        assert model.predict(given).tolist() == [data.classes[i] for i in logits.argmax(1)]
    assert model.predict(raw[:0]).shape == (0,) and model.predict_proba(raw[:0]).shape == (0, 10)
    for wrong, told in (
        (raw[0], r"found an array of \(8, 8\), expected \(images, 1, 8, 8\)"),
        (raw[:, :4], r"found an array of \(5, 4, 8\)"),
        (raw / 255, "from 0 to 1, expected the values of images, 0 to 255"),
        (raw - 300.0, "expected the values of images"),
        ({"a": 1}, "found dict"),
    ):
        with pytest.raises(DataError, match=told):
            model.predict(wrong)


def test_many_images_are_predicted_in_parts_and_in_eval_mode(tmp_path):
    model, network, data = cell_model(tmp_path)
    raw = torch.randint(0, 256, (BATCH + 3, 1, 8, 8))
    expected = outputs_of(network, (raw / 255 - data.mean[0]) / data.std[0])
    model.train()
    np.testing.assert_allclose(model.predict_proba(raw), softmax(expected, axis=1), rtol=1e-4, atol=1e-6)
    assert model.training


def test_images_for_a_network_of_ones_own(tmp_path):
    data = digits_data(purpose="retrain")
    network, path = saved(darts_pl.ModuleSpace(Net), data, tmp_path)
    raw = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    expected = outputs_of(network, (torch.from_numpy(raw)[:, None] / 255 - data.mean[0]) / data.std[0])
    model = darts_pl.load(path, target=Net)
    np.testing.assert_allclose(model.predict_proba(raw), softmax(expected, axis=1), rtol=1e-4)


def test_images_of_both_sizes_are_taken_where_the_training_averaged_them(tmp_path):
    """As they were before, and as they are after: what `model.input_shape` says."""
    data = digits_data(purpose="retrain", shrink=2)
    data.prepare()
    space = CellSpace(init_channels=2, layers=3, num_nodes=4)
    network = space.network(KNOWN["DARTS_V1"], data.input_shape, data.outputs).eval()
    model = darts_pl.load(save_model(tmp_path / "m.safetensors", network, space, data=data, details={}))
    whole, averaged = data.arrays.test_x, data.test_arrays()[0]
    assert (model.input_shape, whole.shape[1:], averaged.shape[1:]) == ((1, 4, 4), (8, 8, 1), (4, 4, 1))
    expected = outputs_of(network, (torch.from_numpy(averaged).permute(0, 3, 1, 2) / 255 - data.mean[0]) / data.std[0])
    for given in (whole, averaged):
        np.testing.assert_allclose(model.predict_proba(given), softmax(expected, axis=1), rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match=r"\(images, 1, 4, 4\) or \(images, 1, 8, 8\) or with the channels last"):
        model.predict(whole[:, :6, :6])
    with pytest.raises(ConfigError, match="forecast: the model was not trained on a series"):
        model.forecast(pd.DataFrame())


def test_channels_may_come_last():
    raw = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    assert torch.equal(images_of(raw, 3, [(4, 5)]), torch.from_numpy(raw.transpose(0, 3, 1, 2).copy()))
    assert torch.equal(images_of(raw, 3), images_of(raw.transpose(0, 3, 1, 2), 3))
