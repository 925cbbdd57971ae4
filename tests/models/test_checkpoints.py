"""Checkpoint folders: what opens, what is refused and how, and what a killed writer leaves behind."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from course_lib.models import GPT, GPTConfig, checkpoints

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(SMALL).eval()


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "gpt")
    return tmp_path / "gpt"


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def rewrite(folder, weights):
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# ---- what opens


def test_opening_and_saving_goes_round(model, folder, tmp_path):
    again = GPT.from_pretrained(folder)
    assert again.config == SMALL
    assert same(again.state_dict(), model.state_dict())
    again.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_masks_prefix_and_a_repeated_output_layer_are_understood(model, folder):
    weights = {f"transformer.{name}": weight for name, weight in weights_of(folder).items()}
    for layer in range(3):
        weights[f"transformer.h.{layer}.attn.bias"] = torch.ones(16, 16).tril().bool()[None, None]
        weights[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    rewrite(folder, weights | {"lm_head.weight": weights["transformer.wte.weight"].clone()})
    assert same(GPT.from_pretrained(folder).state_dict(), model.state_dict())


def shard(folder, n_files=3):
    """Cut model.safetensors into files of our own making."""
    weights, weight_map = weights_of(folder), {}
    for i in range(n_files):
        part, name = dict(list(weights.items())[i::n_files]), f"model-0000{i + 1}-of-0000{n_files}.safetensors"
        save_file(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_shards_open(model, folder):
    shard(folder)
    assert same(GPT.from_pretrained(folder).state_dict(), model.state_dict())


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_become_float32_unless_told_otherwise(folder, stored):
    rewrite(folder, {name: weight.to(stored) for name, weight in weights_of(folder).items()})
    assert {p.dtype for p in GPT.from_pretrained(folder).parameters()} == {torch.float32}
    assert {p.dtype for p in GPT.from_pretrained(folder, dtype=None).parameters()} == {stored}
    assert GPT.from_pretrained(folder)(torch.tensor([[1, 2]])).dtype == torch.float32


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_weights_are_mapped_from_the_file(folder):
    opened = GPT.from_pretrained(folder)
    assert str(folder / "model.safetensors") in Path("/proc/self/maps").read_text()
    assert all(p.requires_grad and not p.is_meta for p in opened.parameters())


def test_training_an_opened_model_leaves_its_file_alone(folder):
    before = (folder / "model.safetensors").read_bytes()
    opened = GPT.from_pretrained(folder)
    opened(torch.tensor([[1, 2]])).sum().backward()
    torch.optim.SGD(opened.parameters(), lr=1.0).step()
    assert (folder / "model.safetensors").read_bytes() == before
    opened.save_pretrained(folder)  # over the file that it is mapped from
    assert same(GPT.from_pretrained(folder).state_dict(), opened.state_dict())


def test_opening_draws_nothing_and_loads_no_compiler(folder):
    code = (
        "import sys, torch; from course_lib.models import GPT; torch.manual_seed(0); before = torch.get_rng_state(); "
        f"GPT.from_pretrained({str(folder)!r}); print('torch._dynamo' in sys.modules, "
        "torch.equal(before, torch.get_rng_state()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr  # the compiler takes 70 MB


# ---- what is refused


def test_a_checkpoint_that_does_not_fit_is_refused(folder):
    change_config(folder, n_layer=4, vocab_size=60)
    with pytest.raises(ValueError, match=r"do not fit its config\.json") as error:
        GPT.from_pretrained(folder)
    assert "wte.weight is [61, 24], not [60, 24]" in str(error.value)
    assert "h.3.ln_1.weight [24] is missing" in str(error.value)


def test_missing_and_unknown_tensors_are_named_with_their_shapes(folder):
    weights = weights_of(folder)
    del weights["h.1.mlp.c_fc.bias"]
    rewrite(folder, weights | {"h.1.crossattention.q.weight": torch.zeros(24, 2)})
    with pytest.raises(ValueError, match=r"c_fc\.bias \[96\] is missing; h\.1\.cross.*q\.weight \[24, 2\] is unknown"):
        GPT.from_pretrained(folder)


@pytest.mark.parametrize(("prefix", "inner"), [("_orig_mod.", "compiled._orig_mod"), ("module.", "wrapper.module")])
def test_a_model_that_was_saved_in_a_wrapper_says_so(folder, prefix, inner):
    rewrite(folder, {prefix + name: weight for name, weight in weights_of(folder).items()})
    with pytest.raises(ValueError, match=rf"its names begin with '{prefix}'.*save the model .*`{inner}`"):
        GPT.from_pretrained(folder)


def test_a_pointer_of_git_lfs_says_how_to_fetch_the_file(folder):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 548105171\n"
    (folder / "model.safetensors").write_text(pointer)
    with pytest.raises(ValueError, match="Git LFS's pointer to one: `git lfs pull` fetches it"):
        GPT.from_pretrained(folder)


def test_transposed_matrices_are_refused(folder):
    rewrite(folder, {n: w.T.contiguous() if "mlp" in n and w.ndim == 2 else w for n, w in weights_of(folder).items()})
    with pytest.raises(ValueError, match=r"h\.0\.mlp\.c_fc\.weight is \[96, 24\], not \[24, 96\].*and 1 more"):
        GPT.from_pretrained(folder)


def test_an_output_layer_of_its_own_is_refused(folder):
    weights = weights_of(folder)
    head = weights["wte.weight"].clone()
    head[7] += 1e-3
    rewrite(folder, weights | {"lm_head.weight": head})
    with pytest.raises(ValueError, match="1 of its 61 rows are not those of wte"):
        GPT.from_pretrained(folder)
    rewrite(folder, weights | {"lm_head.weight": head[:60].clone()})
    with pytest.raises(ValueError, match=r"lm_head\.weight \[60, 24\] is unknown"):
        GPT.from_pretrained(folder)


def test_a_tensor_that_comes_twice_is_refused(folder):
    weights = weights_of(folder)
    rewrite(folder, weights | {"transformer.ln_f.bias": torch.ones(24)})
    with pytest.raises(ValueError, match=r"holds ln_f\.bias twice"):
        GPT.from_pretrained(folder)


def test_whole_numbers_are_refused(folder):
    weights = weights_of(folder)
    rewrite(folder, weights | {"ln_f.bias": torch.ones(24, dtype=torch.int8)})
    with pytest.raises(ValueError, match=r"floating-point numbers: ln_f\.bias torch\.int8"):
        GPT.from_pretrained(folder)


@pytest.mark.parametrize("keep", [0, 5, 300, -4, -40_000])
def test_a_file_that_was_cut_off_is_refused(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="cut off"):
        GPT.from_pretrained(folder)


def test_a_file_that_was_cut_off_names_what_it_lacks(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"it lacks wte\.weight \[61, 24\]|it lacks wpe\.weight \[16, 24\]"):
        GPT.from_pretrained(folder)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_in_disguise_is_refused_and_not_run(folder, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb(), protocol))
    with pytest.raises(ValueError, match="pickle, which can run any code"):
        GPT.from_pretrained(folder)
    torch.save({"wte.weight": Bomb()}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="pickle, which can run any code"):
        GPT.from_pretrained(folder)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b'[1, "x"]', b'{"a": 1}', b'{"a": {"dtype": "F32"}}', b"\xff\xfe{}", b"{"])
def test_a_header_that_makes_no_sense_is_refused(folder, content):
    (folder / "model.safetensors").write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(ValueError, match="header cannot be read"):
        GPT.from_pretrained(folder)


def test_offsets_that_overlap_are_refused(folder):
    path = folder / "model.safetensors"
    data, header = path.read_bytes(), checkpoints.read_header(path)
    start = 8 + int.from_bytes(data[:8], "little")
    header["ln_f.bias"]["data_offsets"] = header["ln_f.weight"]["data_offsets"]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[start:])
    with pytest.raises(ValueError, match="cannot be read as a safetensors file"):
        GPT.from_pretrained(folder)


def test_a_folder_that_lacks_something_says_what(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        GPT.from_pretrained(tmp_path / "nowhere")
    shard(folder)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="model-00002-of-00003"):
        GPT.from_pretrained(folder)
    (folder / "config.json").write_text('{"n_embd": 24, "n_head": 4}')
    with pytest.raises(ValueError, match="lacks vocab_size, n_ctx, n_layer"):
        GPT.from_pretrained(folder)
    (folder / "config.json").write_text('{"n_embd": 24')
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        GPT.from_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        GPT.from_pretrained(folder)


def test_an_index_cannot_lead_out_of_its_folder(folder):
    shard(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"wte.weight": "../gpt/x.safetensors"}}')
    with pytest.raises(ValueError, match="names no files of this folder"):
        GPT.from_pretrained(folder)


def test_a_folder_with_nothing_but_pickles_says_how_to_convert(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"has pytorch_model\.bin but no model\.safetensors"):
        GPT.from_pretrained(folder)


@pytest.mark.parametrize(
    "setting",
    [
        {"model_type": "llama"},
        {"activation_function": "gelu"},
        {"layer_norm_epsilon": 1e-6},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"add_cross_attention": True},
        {"n_inner": 48},
    ],
)
def test_settings_of_another_network_are_refused(folder, setting):
    change_config(folder, **setting)
    with pytest.raises(ValueError, match="describes another network than GPT-2") as error:
        GPT.from_pretrained(folder)
    assert str(setting) in str(error.value)


# ---- models of the Hub


def test_a_name_is_downloaded_to_a_folder(model, folder, monkeypatch):
    asked = []

    def snapshot_download(name, allow_patterns, local_files_only):
        asked.append((name, local_files_only, "model.safetensors" in allow_patterns))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    for name, download in (("gpt2", True), ("gpt2-xl", False), ("robot-town/gpt", True)):
        assert same(GPT.from_pretrained(name, download=download).state_dict(), model.state_dict())
    assert asked == [
        ("openai-community/gpt2", False, True),
        ("openai-community/gpt2-xl", True, True),
        ("robot-town/gpt", False, True),
    ]


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"cache on this machine\. .*copy config\.json and model\.safetensors"):
        GPT.from_pretrained("gpt2-medium", download=False)

    def offline(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(FileNotFoundError, match=r"be downloaded \(ConnectionError\).*co/openai-community/gpt2 into"):
        GPT.from_pretrained("gpt2")
    with pytest.raises(FileNotFoundError, match="no model has that name: gpt2, gpt2-medium"):
        GPT.from_pretrained("gpt-4")


# ---- a writer that is killed

WRITER = """
import os, signal, sys
from course_lib.models import GPT, GPTConfig, checkpoints
n_head, folder, moves = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
replace, save_file = os.replace, checkpoints.save_file

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted_replace(*paths):
    global moves
    if moves == 0:
        die()
    moves -= 1
    replace(*paths)

def half_save_file(weights, path, **how):
    save_file(weights, path, **how)
    if moves < 0:
        os.truncate(path, path.stat().st_size // 2)
        die()

os.replace, checkpoints.save_file = counted_replace, half_save_file
model = GPT(GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=n_head))
while True:
    model.ln_f.bias.data += 1
    model.save_pretrained(folder)
    print("saved", flush=True)
"""


def killed_writer(n_head, folder, moves):
    """Run a writer that kills itself after so many moves of a file, or (−1) in the middle of the weights."""
    done = subprocess.run([sys.executable, "-c", WRITER, str(n_head), str(folder), str(moves)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_a_writer_killed_in_the_middle_of_the_file_leaves_the_old_one(model, folder):
    killed_writer(4, folder, moves=-1)
    assert same(GPT.from_pretrained(folder).state_dict(), model.state_dict())
    model.save_pretrained(folder)  # and the next writer clears up
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert (folder / "model.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode


def test_a_writer_killed_at_any_moment_leaves_a_whole_model(folder):
    process = subprocess.Popen([sys.executable, "-c", WRITER, "4", str(folder), "1000000"], stdout=subprocess.PIPE)
    for _ in range(20):
        assert process.stdout.readline() == b"saved\n"
    process.kill()
    process.communicate()
    bias = GPT.from_pretrained(folder).ln_f.bias
    assert bias[0] >= 20
    assert (bias == bias[0]).all()


@pytest.mark.parametrize("moves", [0, 1])
def test_a_writer_killed_between_two_files_never_mixes_models(model, folder, moves):
    """With another n_head every shape stays the same, so old weights would open under the new sizes, and lie."""
    killed_writer(6, folder, moves)
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        GPT.from_pretrained(folder)
    old = same(weights_of(folder), model.state_dict())
    assert old == (moves == 0)


@pytest.mark.parametrize("moves", [0, 1])
def test_a_writer_of_the_same_sizes_leaves_a_whole_model_at_every_moment(model, folder, moves):
    killed_writer(4, folder, moves)
    assert same(GPT.from_pretrained(folder).state_dict(), model.state_dict()) == (moves == 0)


def test_a_failed_save_leaves_the_old_file(model, folder, monkeypatch):
    before = (folder / "model.safetensors").read_bytes()

    def full_disk(weights, path, **_):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before
