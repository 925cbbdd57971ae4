# %% sheet 08_gpt2 "Exercises: GPT-2, module by module"
# These exercises belong to [GPT-2, module by module](../08_gpt2.ipynb). You count a GPT, say how its first weights are drawn,
# cut the fused projection apart, and carry a whole checkpoint into modules of another kind. At the end the trained model of
# the book speaks through them.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 08_gpt2.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $B$ texts of $T$ positions, $C$ channels, $H$ heads with $D = C/H$ channels each, $L$ blocks, a vocabulary of $V$ tokens.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.grading import check
from course_lib.models import GPT, GPTConfig

check.sheet("08_gpt2")

# %% exercise count "How many numbers?" points=1 minutes=8 difficulty=1
# Count the parameters of a GPT from its sizes: the vocabulary `V`, the positions `n_ctx`, the channels `C` and the blocks `L`.
# With `tied=True`, as in GPT-2, the output layer is the embedding once more, and owns nothing. With `tied=False` it is a matrix
# of its own, of the same size, without a bias.
#
# Every matrix inside the blocks has a bias, and every LayerNorm a gain and a shift. Do not forget the one at the end.

# %% hint
# Write one line for each module: the two embeddings, then what a block owns, then what comes after the blocks.

# %% hint
# A block has matrices of $3C^2$, $C^2$, $4C^2$ and $4C^2$ numbers. Their biases have as many numbers as the matrices have outputs:
# $3C$, $C$, $4C$ and $C$. Two LayerNorms have $4C$ together.

# %% answer
def count(V, n_ctx, C, L, tied=True):
    """The number of parameters of a GPT, a whole number."""
    ### BEGIN SOLUTION
    embeddings = V * C + n_ctx * C
    block = 12 * C**2 + 9 * C + 4 * C
    output = 0 if tied else V * C
    return embeddings + L * block + 2 * C + output
    ### END SOLUTION

# %% check
check("parameters of a tiny GPT", lambda: count(11, 8, 4, 2))

# %% check
check("parameters of GPT-2 small", lambda: f"{count(50257, 1024, 768, 12):,}")

# %% hidden
check("parameters of a random GPT", lambda: count(*(int(n) for n in check.rng(1).integers(2, 12, size=4))))

# %% hidden
check("parameters with an output of its own", lambda: count(
    int(check.rng(2).integers(20, 50)), int(check.rng(3).integers(4, 20)), 2 * int(check.rng(4).integers(1, 8)), 3, tied=False))

# %% mutant output-twice "The output layer is counted in any case: where it is tied, it is the embedding, and owns nothing."
def count(V, n_ctx, C, L, tied=True):
    return 2 * V * C + n_ctx * C + L * (12 * C**2 + 13 * C) + 2 * C

# %% mutant no-biases "The biases are missing: each matrix of a block has one, with a number for each output."
def count(V, n_ctx, C, L, tied=True):
    return (V + n_ctx) * C + L * (12 * C**2 + 4 * C) + 2 * C + (0 if tied else V * C)

# %% mutant no-last-norm "The LayerNorm after the last block is missing."
def count(V, n_ctx, C, L, tied=True):
    return (V + n_ctx) * C + L * (12 * C**2 + 13 * C) + (0 if tied else V * C)

# %% mutant no-positions "The table of positions is missing: in GPT-2 positions are learned, a row of C numbers for each."
def count(V, n_ctx, C, L, tied=True):
    return V * C + L * (12 * C**2 + 13 * C) + 2 * C + (0 if tied else V * C)

# %% mutant one-matrix-for-attention "The output projection of attention is missing: beside the 3C² of queries, keys and values it has C²."
def count(V, n_ctx, C, L, tied=True):
    return (V + n_ctx) * C + L * (11 * C**2 + 12 * C) + 2 * C + (0 if tied else V * C)

# %% alternative ask-pytorch "Build it, without numbers, and let PyTorch count."
def count(V, n_ctx, C, L, tied=True):
    with torch.device("meta"):
        n = sum(p.numel() for p in GPT(GPTConfig(V, n_ctx, C, L, 1)).parameters())
        return n if tied else n + nn.Linear(C, V, bias=False).weight.numel()

# %% exercise split_qkv "Out of one product, three" points=2 minutes=12 difficulty=2
# `c_attn` gives queries, keys and values in one go: `qkv` is $[B, T, 3C]$. Its last axis holds first the queries of all heads, then
# the keys of all heads, then the values; and each of these three holds head 0, head 1, and so on.
#
# Return queries, keys and values, three tensors of the shape $[B, H, T, D]$.

# %% hint
# Cut in three first. Then each part, $[B, T, C]$, is cut into heads as in [Masks and heads](../04_heads.ipynb), only that
# there is a $B$ in front.

# %% hint
# `unflatten(-1, (a, b, c))` cuts the last axis in three, `permute` puts the axes in another order. In which order do the numbers lie?

# %% answer
def split_qkv(qkv, n_head):
    """Cut the output of c_attn [B, T, 3C] into q, k and v, each [B, n_head, T, D]."""
    ### BEGIN SOLUTION
    parts = qkv.unflatten(-1, (3, n_head, -1))
    q, k, v = parts.permute(2, 0, 3, 1, 4)
    return q, k, v
    ### END SOLUTION

# %% check
counted = torch.arange(24.0).reshape(1, 2, 12)
check("two positions, two heads", lambda: list(split_qkv(counted, 2)))

# %% hidden
check("three heads in a batch", lambda: list(split_qkv(torch.from_numpy(check.rng(5).normal(size=(2, 4, 18))), 3)))

# %% hidden
check("as many heads as positions", lambda: list(split_qkv(torch.from_numpy(check.rng(6).normal(size=(2, 4, 24))), 4)))

# %% mutant keys-first "Keys come before queries: the queries are the first third."
def split_qkv(qkv, n_head):
    k, q, v = qkv.unflatten(-1, (3, n_head, -1)).permute(2, 0, 3, 1, 4)
    return q, k, v

# %% mutant heads-first "It cuts into heads before it cuts in three: some other models store it like that, GPT-2 does not."
def split_qkv(qkv, n_head):
    q, k, v = qkv.unflatten(-1, (n_head, 3, -1)).permute(3, 0, 2, 1, 4)
    return q, k, v

# %% mutant reshape "It goes straight to [B, H, T, D]: the shape is right, but each head got a piece of the text, not of the channels."
def split_qkv(qkv, n_head):
    b, t, _ = qkv.shape
    return [part.reshape(b, n_head, t, -1) for part in qkv.chunk(3, dim=-1)]

# %% mutant no-turn "Heads and positions were not exchanged: attention would run over the heads of one position."
def split_qkv(qkv, n_head):
    return [part.unflatten(-1, (n_head, -1)) for part in qkv.chunk(3, dim=-1)]

# %% mutant combed "Neighbouring channels go to different heads: each head should get D channels in a row."
def split_qkv(qkv, n_head):
    q, k, v = qkv.unflatten(-1, (3, -1, n_head)).permute(2, 0, 4, 1, 3)
    return q, k, v

# %% alternative slices "Slice by slice."
def split_qkv(qkv, n_head):
    C = qkv.shape[-1] // 3
    D = C // n_head
    return [
        torch.stack([qkv[..., part * C + h * D : part * C + (h + 1) * D] for h in range(n_head)], dim=1)
        for part in range(3)
    ]

# %% exercise spreads "Before the first step" points=2 minutes=12 difficulty=2
# A fresh GPT draws its matrices from normal distributions with mean 0. Most have the standard deviation 0.02. Those that write
# into the residual stream are called `c_proj`; there are two in each block, and they get
#
# $$\frac{0.02}{\sqrt{2L}} .$$
#
# Vectors, the biases and LayerNorm's gains, are not drawn. `shapes` is a dict from the name of every parameter to its shape. Return a
# dict from the name of every *drawn* parameter to its standard deviation.

# %% hint
# A matrix has a shape of two numbers. The two embeddings are matrices, too.

# %% hint
# `h.0.attn.c_proj.weight` and `h.0.mlp.c_proj.weight` end alike. So does `h.0.attn.c_proj.bias`, but not with `weight`.

# %% answer
def spreads(shapes, n_layer):
    """Standard deviations of the parameters that are drawn, a dict from name to number."""
    ### BEGIN SOLUTION
    small = 0.02 / math.sqrt(2 * n_layer)
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    return {name: small if name.endswith("c_proj.weight") else 0.02 for name in matrices}
    ### END SOLUTION

# %% check
def shapes_of(n_layer, C):
    return {name: tuple(p.shape) for name, p in GPT(GPTConfig(11, 8, C, n_layer, 2)).named_parameters()}

check("spreads in one block", lambda: spreads(shapes_of(1, 4), 1))

# %% hidden
def some_shapes(n_layer):
    return {name: tuple(p.shape) for name, p in GPT(GPTConfig(9, 5, 4, n_layer, 1)).named_parameters()}

n_blocks = int(check.rng(7).integers(3, 12))
check("spreads in several blocks", lambda: spreads(some_shapes(n_blocks), n_blocks))

# %% mutant one-for-each-block "It counts one residual layer in a block. There are two: attention and the MLP."
def spreads(shapes, n_layer):
    return {
        n: 0.02 / math.sqrt(n_layer) if n.endswith("c_proj.weight") else 0.02 for n, s in shapes.items() if len(s) == 2
    }

# %% mutant no-root "It divides by 2L, not by its root: variances add up, not standard deviations."
def spreads(shapes, n_layer):
    return {n: 0.02 / (2 * n_layer) if n.endswith("c_proj.weight") else 0.02 for n, s in shapes.items() if len(s) == 2}

# %% mutant attention-only "Only attention's projection is made smaller. The MLP writes into the stream as well."
def spreads(shapes, n_layer):
    small = 0.02 / math.sqrt(2 * n_layer)
    return {n: small if n.endswith("attn.c_proj.weight") else 0.02 for n, s in shapes.items() if len(s) == 2}

# %% mutant all-smaller "All matrices are made smaller: only those that write into the stream need it."
def spreads(shapes, n_layer):
    return {n: 0.02 / math.sqrt(2 * n_layer) for n, s in shapes.items() if len(s) == 2}

# %% mutant vectors-too "Vectors are drawn as well: a gain near 0 would silence its LayerNorm. Gains begin at 1, biases at 0."
def spreads(shapes, n_layer):
    return {n: 0.02 / math.sqrt(2 * n_layer) if n.endswith("c_proj.weight") else 0.02 for n in shapes}

# %% alternative loop "Name by name."
def spreads(shapes, n_layer):
    found = {}
    for name in shapes:
        *_, module, kind = name.split(".")
        if kind == "weight" and not module.startswith("ln"):
            found[name] = 0.02 * (2 * n_layer) ** -0.5 if module == "c_proj" else 0.02
    return found

# %% exercise unfuse "Carry a checkpoint over" points=4 minutes=25 difficulty=3
# Many libraries build attention from three modules of the type `nn.Linear`. Their matrices are stored as (out, in), GPT-2's as
# (in, out). Carry a checkpoint over: `weights` is a dict from GPT-2's names to tensors. Return a new dict in which
#
# - each `….c_attn.weight` $[C, 3C]$ is replaced by three: `….query.weight`, `….key.weight` and `….value.weight`, each $[C, C]$ and stored
#   as (out, in),
# - each `….c_attn.bias` $[3C]$ is replaced by `….query.bias`, `….key.bias` and `….value.bias`, each $[C]$,
# - the other matrices of the blocks, `c_proj` and `c_fc`, keep their names, and are stored as (out, in),
# - everything else stays as it is. That holds for the embeddings: tables have no inputs and outputs.

# %% hint
# If you turn `c_attn.weight` first, it is $[3C, C]$: a row for each output. Then the same cut serves for the matrix and for its bias.

# %% hint
# `tensor.t()` turns a matrix, and leaves a vector as it is. `tensor.chunk(3)` cuts along the first axis. And
# `name.replace("c_attn", "query")` makes the new name.

# %% answer
def unfuse(weights):
    """GPT-2's weights for nn.Linear: (out, in), with query, key and value apart. A new dict from name to tensor."""
    ### BEGIN SOLUTION
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.t().chunk(3)):
                moved[name.replace("c_attn", part)] = piece
        elif "c_proj" in name or "c_fc" in name:
            moved[name] = tensor.t()
        else:
            moved[name] = tensor
    return moved
    ### END SOLUTION

# %% check
def numbered(C):
    table = torch.arange(3.0 * C * C).reshape(C, 3 * C)
    return {"wte.weight": torch.zeros(5, C), "h.0.attn.c_attn.weight": table, "h.0.attn.c_attn.bias": table[0]}

check("embedding and attention, two channels", lambda: unfuse(numbered(2)))

# %% check
def names_and_shapes(weights):
    return {name: list(tensor.shape) for name, tensor in weights.items()}

check("names and shapes of a block", lambda: names_and_shapes(unfuse(GPT(GPTConfig(7, 5, 6, 1, 2)).state_dict())))

# %% hidden
def random_weights(seed, V, n_ctx, C, L):
    dice = check.rng(seed)
    shapes = GPT(GPTConfig(V, n_ctx, C, L, 1)).state_dict()
    return {name: torch.from_numpy(dice.normal(size=tuple(t.shape))) for name, t in shapes.items()}

check("all weights of a random GPT", lambda: unfuse(random_weights(8, 7, 5, 6, 2)))

# %% hidden
def one_input_through_three(weights, C):
    n = torch.from_numpy(check.rng(10).normal(size=(3, C)))
    w = unfuse(weights)
    return [F.linear(n, w[f"h.1.attn.{part}.weight"], w[f"h.1.attn.{part}.bias"]) for part in ("query", "key", "value")]

check("queries, keys and values through nn.Linear", lambda: one_input_through_three(random_weights(9, 5, 4, 8, 2), 8))

# %% mutant turns-tables "The embeddings were turned as well: they are tables with a row for each token, and no linear layers."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.t().chunk(3)):
                moved[name.replace("c_attn", part)] = piece
        else:
            moved[name] = tensor.t()
    return moved

# %% mutant not-turned "Nothing was turned. For a square matrix no shape tells, and every product comes out wrong."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3, dim=-1)):
                moved[name.replace("c_attn", part)] = piece
        else:
            moved[name] = tensor
    return moved

# %% mutant attention-square "Queries, keys and values are cut, but not turned: their matrices are square, so no shape tells."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3, dim=-1)):
                moved[name.replace("c_attn", part)] = piece
        else:
            moved[name] = tensor.t() if ".c_" in name else tensor
    return moved

# %% mutant keys-first "Key and query are exchanged: what a word looks for becomes what it is found by."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("key", "query", "value"), tensor.t().chunk(3)):
                moved[name.replace("c_attn", part)] = piece
        else:
            moved[name] = tensor.t() if ".c_" in name else tensor
    return moved

# %% mutant still-fused "The fused matrix is still in there, beside its three parts: a strict loader refuses names that it does not know."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.t().chunk(3)):
                moved[name.replace("c_attn", part)] = piece
        moved[name] = tensor.t() if ".c_" in name else tensor
    return moved

# %% mutant mlp-forgotten "The MLP's matrices were not turned: all four kinds of matrices in a block are stored as (in, out)."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        if "c_attn" in name:
            for part, piece in zip(("query", "key", "value"), tensor.t().chunk(3)):
                moved[name.replace("c_attn", part)] = piece
        else:
            moved[name] = tensor.t() if "attn.c_proj" in name else tensor
    return moved

# %% alternative columns "Cut the columns, then turn; and through a table of rules."
def unfuse(weights):
    moved = {}
    for name, tensor in weights.items():
        turn = tensor.ndim == 2 and name.startswith("h.")
        C = tensor.shape[-1] // 3
        columns = {"query": slice(0, C), "key": slice(C, 2 * C), "value": slice(2 * C, None)}
        pieces = columns if name.split(".")[-2] == "c_attn" else {"c_attn": slice(None)}
        for new, here in pieces.items():
            piece = tensor[..., here]
            moved[name.replace("c_attn", new)] = piece.permute(1, 0) if turn else piece
    return moved

# %% show
from course_lib import data

tokenizer = data.town_tokenizer()
begin = "<|endoftext|>Anna asks Bip to take the ball not to the park but to the tower."  # your own beginning here


def story(n_tokens=60):
    """The trained model, out of the parts of another library: F.linear takes what nn.Linear would own."""
    model = data.town_gpt()
    w, n_layer, n_head = unfuse(model.state_dict()), model.config.n_layer, model.config.n_head

    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])

    ids = tokenizer.encode(begin, allowed_special="all")
    end = ids[0]
    for _ in range(n_tokens):
        x = w["wte.weight"][ids] + w["wpe.weight"][: len(ids)]
        for block in (f"h.{i}" for i in range(n_layer)):
            n = norm(x, f"{block}.ln_1")
            parts = [linear(n, f"{block}.attn.{part}") for part in ("query", "key", "value")]
            q, k, v = (part.unflatten(-1, (n_head, -1)).transpose(0, 1) for part in parts)
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + linear(heads.transpose(0, 1).flatten(1), f"{block}.attn.c_proj")
            wide = F.gelu(linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc"), approximate="tanh")
            x = x + linear(wide, f"{block}.mlp.c_proj")
        ids.append(int((norm(x[-1], "ln_f") @ w["wte.weight"].T).argmax()))
        if ids[-1] == end:
            break
    return tokenizer.decode(ids)


check.show(story)
