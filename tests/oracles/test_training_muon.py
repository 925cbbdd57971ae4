"""Our Muon against torch's own."""

import pytest
import torch

from course_lib.training import Muon


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (32, 8)])
def test_muon_is_torchs(shape):
    """Convention: match_rms_adamw scaling, Nesterov momentum. torch turns in bfloat16 (8 bits): agreement to 2 %."""
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(4, *shape)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a = Muon([ours], lr=0.02, momentum=0.9, weight_decay=0.3)
    b = torch.optim.Muon([theirs], lr=0.02, momentum=0.9, weight_decay=0.3, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        a.step()
        b.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() / moved < 0.02
