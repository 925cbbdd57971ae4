"""How the weights lie in memory while text is written.

To write one token, a GPT multiplies one vector with each of its matrices. Every weight is read once and used once, so
the time is that of reading the weights, and how fast they can be read depends on their order in memory.
"""

import torch

from course_lib.models import GPT

HALF = (torch.float16, torch.bfloat16)


def lay_out(model: GPT) -> GPT:
    """Put each matrix into the order in which a processor reads it fastest for one token; return the same model.

    Not one number changes, nor does a shape: only which neighbours a weight has in memory. PyTorch multiplies one
    vector fastest with [in, out] in float32 and with [out, in] in half precision (benchmarks/generation.py measures).
    GPT-2's files hold the blocks as [in, out], but the embedding, to which the output is tied, as [V, C]: [out, in].
    """
    for name, weight in model.named_parameters():
        if name == "wte.weight" or name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            out_first = weight.dtype in HALF
            turned = out_first != (name == "wte.weight")  # the order that is not that of the files
            weight.data = weight.data.T.contiguous().T if turned else weight.data.contiguous()
    return model
