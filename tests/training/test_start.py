"""The first weights of models as narrow as ours."""

import torch

from course_lib.models import GPT, GPTConfig
from course_lib.training.start import small_gpt, waves


def test_positions_start_as_waves():
    positions = waves(160, 128)
    assert positions.shape == (160, 128)
    assert torch.allclose(positions.square().sum(-1), torch.tensor(64.0))
    assert torch.allclose(positions[:, 0], torch.arange(160.0).sin(), atol=1e-5)
    near, far = positions[50] @ positions[51], positions[50] @ positions[90]
    assert near > far


def test_a_small_gpt_is_gpts_own_draw_made_larger():
    config = GPTConfig(300, 40, 16, 2, 2)
    torch.manual_seed(5)
    drawn, small = GPT(config), small_gpt(config, 5)
    for (name, old), new in zip(drawn.named_parameters(), small.parameters()):
        if name == "wpe.weight":
            expected = 0.07 * waves(40, 16)
        elif name == "wte.weight":
            expected = 2.5 * old
        else:
            expected = old * (16**-0.5 / 0.02 if old.ndim == 2 else 1)
        assert torch.allclose(new, expected), name
    assert not torch.equal(small.wte.weight, small_gpt(config, 6).wte.weight)
