"""Reading checkpoints: what fits is read whole, what does not is refused with names and shapes."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from course_lib.by_hand import gpt, load_config, load_params
from course_lib.by_hand.checkpoint import parameter_shapes

SIZES = {"vocab_size": 11, "n_ctx": 9, "n_embd": 12, "n_layer": 2, "n_head": 3}


def write(folder, arrays, config=SIZES):
    (folder / "config.json").write_text(json.dumps(config))
    save_file(arrays, folder / "model.safetensors")
    return folder


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(s).astype("f4") for name, s in parameter_shapes(**SIZES).items()}


def test_load_config_reads_the_five_sizes(tmp_path, arrays):
    assert load_config(write(tmp_path, arrays, SIZES | {"model_type": "gpt2"})) == SIZES
    renamed = {("n_positions" if k == "n_ctx" else k): v for k, v in SIZES.items()}
    assert load_config(write(tmp_path, arrays, renamed)) == SIZES


def test_load_params_nests_by_name(tmp_path, arrays):
    params = load_params(str(write(tmp_path, arrays)))
    assert len(params["h"]) == 2
    np.testing.assert_array_equal(params["h"][1]["mlp"]["c_fc"]["weight"], arrays["h.1.mlp.c_fc.weight"])
    assert gpt([1, 2], params, 3).shape == (2, 11)


def test_blocks_come_in_the_order_of_their_numbers(tmp_path):
    sizes = SIZES | {"n_layer": 12}  # as text, "10" comes before "2"
    arrays = {n: np.zeros(s, "f4") for n, s in parameter_shapes(**sizes).items()}
    for i in range(12):
        arrays[f"h.{i}.ln_1.bias"] += i
    params = load_params(write(tmp_path, arrays, sizes))
    assert [p["ln_1"]["bias"][0] for p in params["h"]] == list(range(12))


def test_prefix_buffers_and_tied_copy_make_no_difference(tmp_path, arrays):
    plain = gpt([1, 2, 3], load_params(write(tmp_path, arrays)), 3)
    longer = {f"transformer.{n}": a for n, a in arrays.items()} | {"lm_head.weight": arrays["wte.weight"].copy()}
    longer |= {f"transformer.h.{i}.attn.bias": np.ones((1, 1, 9, 9), bool) for i in range(2)}
    np.testing.assert_array_equal(gpt([1, 2, 3], load_params(write(tmp_path, longer)), 3), plain)


def test_dtype_on_disk_does_not_matter(tmp_path, arrays):
    half = {n: a.astype(np.float16) for n, a in arrays.items()}
    assert gpt([1], load_params(write(tmp_path, half)), 3).dtype == np.float32
    assert gpt([1], load_params(write(tmp_path, half), np.float64), 3).dtype == np.float64


def test_a_checkpoint_that_does_not_fit_is_refused_by_name_and_shape(tmp_path, arrays):
    del arrays["ln_f.bias"]
    arrays |= {"wte.weight": np.zeros((11, 16), "f4"), "head.weight": np.zeros(3, "f4")}
    with pytest.raises(ValueError, match=r"does not fit its config\.json") as error:
        load_params(write(tmp_path, arrays))
    assert "wte.weight is (11, 16), not (11, 12)" in str(error.value)
    assert "ln_f.bias (12,) is missing" in str(error.value)
    assert "head.weight (3,) is unknown" in str(error.value)


def test_many_misfits_are_cut_short(tmp_path, arrays):
    with pytest.raises(ValueError, match=r"and \d+ more"):
        load_params(write(tmp_path, arrays, SIZES | {"n_embd": 24}))


def test_an_untied_output_is_not_dropped_silently(tmp_path, arrays):
    with pytest.raises(ValueError, match=r"lm_head\.weight .* wte\.weight"):
        load_params(write(tmp_path, arrays | {"lm_head.weight": arrays["wte.weight"] + 1}))


def test_a_config_without_sizes_and_a_missing_folder_are_refused(tmp_path, arrays):
    with pytest.raises(ValueError, match=r"config\.json lacks n_layer, n_head"):
        load_config(write(tmp_path, arrays, {k: SIZES[k] for k in ("vocab_size", "n_ctx", "n_embd")}))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_params(tmp_path / "nowhere")
