"""A GPT that copies, built and not trained: it shows what an induction head is, and that our scores find one."""

import torch

from course_lib.models import GPT, GPTConfig

SHARP = 100.0  # so large a score that a head looks at one place alone


@torch.no_grad()
def copying_gpt(vocab_size: int, n_ctx: int) -> GPT:
    """Set every weight of two layers with one head each, so that a token is followed by what followed it before.

    The stream has three fields: this token, this place, and the token before. Head (0, 0) fills in the third. Head
    (1, 0) looks where the third field holds its own token, and copies the first field from there. The MLPs add 0.
    """
    n_embd = 2 * vocab_size + n_ctx
    token, place, before = slice(vocab_size), slice(vocab_size, vocab_size + n_ctx), slice(vocab_size + n_ctx, n_embd)
    model = GPT(GPTConfig(vocab_size, n_ctx, n_embd, n_layer=2, n_head=1)).eval()
    for p in model.parameters():
        if p.ndim == 2:
            p.zero_()
    model.wte.weight[:, token] = torch.eye(vocab_size)
    model.wpe.weight[:, place] = torch.eye(n_ctx)

    q, k, v = model.h[0].attn.c_attn.weight.chunk(3, dim=1)  # [C, 3C] -> three views, [C, C]
    q[place, place] = SHARP * torch.eye(n_ctx)  # I stand here
    k[place, place] = torch.eye(n_ctx).roll(1, dims=1)  # I stand before you
    v[token, before] = torch.eye(vocab_size)

    q, k, v = model.h[1].attn.c_attn.weight.chunk(3, dim=1)
    q[token, token] = SHARP * torch.eye(vocab_size)  # this is what I am
    k[before, token] = torch.eye(vocab_size)  # this is what stood before me
    v[token, token] = 10 * torch.eye(vocab_size)  # louder than the token that is there already

    for block in model.h:
        block.attn.c_proj.weight.copy_(torch.eye(n_embd))
    return model
