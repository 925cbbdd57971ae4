"""Sizes: counted by formula, held to the real modules on the meta device and to the published numbers."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch

from course_lib.models import (
    DTYPES,
    GPT,
    GPT1_SIZE,
    GPT2_SIZES,
    GPT3_ROWS,
    GPTConfig,
    count_parameters,
    parameter_table,
    weight_bytes,
)

EXACT = {"gpt2": 124_439_808, "gpt2-medium": 354_823_168, "gpt2-large": 774_030_080, "gpt2-xl": 1_557_611_200}


@pytest.mark.parametrize("name", EXACT)
def test_gpt2_to_the_last_parameter(name):
    config = GPT2_SIZES[name]
    with torch.device("meta"):
        model = GPT(config)
    by_module = Counter()
    for parameter, weight in model.named_parameters():
        parts = parameter.split(".")
        by_module[".".join(parts[2:-1] if parts[0] == "h" else parts[:1])] += weight.numel()
    assert parameter_table(config) == dict(by_module)
    assert count_parameters(config) == EXACT[name]
    assert config.n_embd // config.n_head == 64


def test_gpt1_has_no_final_norm():
    assert count_parameters(GPT1_SIZE, final_norm=False) == 116_534_784
    assert count_parameters(GPT1_SIZE) - count_parameters(GPT1_SIZE, final_norm=False) == 2 * 768


def test_gpt3_to_the_last_parameter():
    assert count_parameters(GPT3_ROWS[-1]) == 174_604_259_328


def test_two_rows_of_gpt3_contradict_themselves():
    assert [row.name for row in GPT3_ROWS if row.contradicts_itself] == ["XL", "13B"]
    for row in GPT3_ROWS:
        sizes = {name: getattr(row, name) for name in GPTConfig.__dataclass_fields__}
        if row.contradicts_itself:
            with pytest.raises(ValueError, match="cannot be cut"):
                GPTConfig(**sizes)
        else:
            assert count_parameters(GPTConfig(**sizes)) == count_parameters(row)


def test_all_rows_of_gpt3_have_about_the_size_they_claim():
    for row in GPT3_ROWS:
        assert math.log(count_parameters(row) / row.claimed) == pytest.approx(0, abs=0.02), row.name


def test_heads_change_no_count_and_every_other_size_does():
    small = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)
    assert count_parameters(replace(small, n_head=8)) == count_parameters(small)
    assert count_parameters(replace(small, vocab_size=62)) == count_parameters(small) + 24
    assert count_parameters(replace(small, n_ctx=18)) == count_parameters(small) + 48
    assert count_parameters(replace(small, n_layer=4)) == count_parameters(small) + 12 * 24**2 + 13 * 24


def test_bytes_are_torchs():
    for name, size in DTYPES.items():
        assert getattr(torch, {"float8": "float8_e4m3fn"}.get(name, name)).itemsize == size
    assert weight_bytes(GPT2_SIZES["gpt2"])["float32"] == 497_759_232
    assert weight_bytes(GPT1_SIZE, final_norm=False)["float16"] == 2 * 116_534_784
