"""Step 1 against transformers: the loss, the answers' mask, and the published mistake with the padding's id.

Conventions: transformers shifts inside the model, so labels stand where the ids do; −100 has no loss. Its collator for
language modelling gives −100 to every id that equals the padding's. Its chat templates mark what lies between
{% generation %} and {% endgeneration %}.
"""

import pytest
import torch
import transformers
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import decoders, models, pre_tokenizers

from course_lib import data
from course_lib.alignment import Chat, mask_by_padding_id, response_loss
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT
from course_lib.town import demonstration

TOWN = data.town_tokenizer()
CHAT = Chat(TOWN, TOWN.vocab_size)
SHOWN = [demonstration(i) for i in range(12)]
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}" + ENDOFTEXT + "{{ m.content }}<answer>"
    "{% else %}{% generation %} {{ m.content }}" + ENDOFTEXT + "{% endgeneration %}{% endif %}{% endfor %}"
)


def batch():
    return CHAT.batch([CHAT.prompt(d.prompt) for d in SHOWN], [CHAT.answer(d.answer) for d in SHOWN])


@pytest.fixture(scope="module")
def their_tokenizer():
    """The town's merges in transformers, with the end token for padding, as the custom is."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    order = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    name = {b: chr(b) for b in order}
    name |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in order)}
    assert set(name.values()) == set(letters)

    def spell(text):
        return "".join(name[b] for b in text)

    vocabulary = {spell(TOWN.token_bytes(i)): i for i in range(256 + len(TOWN.merges))}
    fast = FastTokenizer(models.BPE(vocabulary, [(spell(a), spell(b)) for a, b in TOWN.merges]))
    fast.pre_tokenizer, fast.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=fast, eos_token=ENDOFTEXT, pad_token=ENDOFTEXT)
    theirs.add_special_tokens({"additional_special_tokens": ["<answer>"]})
    assert theirs.convert_tokens_to_ids([ENDOFTEXT, "<answer>"]) == [CHAT.end_id, CHAT.answer_id]
    theirs.chat_template = TEMPLATE
    return theirs


def test_the_loss_is_that_of_transformers_with_prompts_and_padding_masked():
    config = GPTConfig(CHAT.answer_id + 1, 96, 16, 2, 2)
    torch.manual_seed(0)
    ours = GPT(config).double()
    sizes = {"vocab_size": config.vocab_size, "n_positions": 96, "n_embd": 16, "n_layer": 2, "n_head": 2}
    dry = {"attn_pdrop": 0, "embd_pdrop": 0, "resid_pdrop": 0}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **dry)).double()
    theirs.transformer.load_state_dict(ours.state_dict())
    rows = batch()
    expected = theirs(rows.ids, labels=rows.ids.masked_fill(~rows.answer, -100)).loss.item()
    assert response_loss(ours, rows).item() == pytest.approx(expected, abs=2e-6)  # theirs is taken in float32


def test_the_template_and_its_mask_are_those_of_transformers(their_tokenizer):
    """The same ids, and the same tokens are the answer's, the end token included."""
    rows = batch()
    chats = [[{"role": "user", "content": d.prompt}, {"role": "assistant", "content": d.answer}] for d in SHOWN]
    found = their_tokenizer.apply_chat_template(
        chats, return_dict=True, return_assistant_tokens_mask=True, return_tensors="pt", padding=True
    )
    assert torch.equal(found["input_ids"], rows.ids)
    assert torch.equal(torch.as_tensor(found["assistant_masks"]).bool(), rows.answer)


def test_the_collator_of_transformers_makes_the_published_mistake(their_tokenizer):
    """With padding = end token, DataCollatorForLanguageModeling masks every end token; so does mask_by_padding_id."""
    rows = batch()
    collate = transformers.DataCollatorForLanguageModeling(their_tokenizer, mlm=False)
    chats = [ids[: last + 1].tolist() for ids, last in zip(rows.ids, rows.last)]
    found = collate([{"input_ids": ids} for ids in chats])
    assert torch.equal(found["input_ids"], rows.ids)
    everything = torch.arange(rows.ids.shape[1]) <= rows.last[:, None]
    assert torch.equal(found["labels"] != -100, mask_by_padding_id(rows.ids, everything, CHAT.end_id))
    ends = rows.ids.gather(1, rows.last[:, None]) == CHAT.end_id
    assert ends.any()
    assert (found["labels"].gather(1, rows.last[:, None])[ends] == -100).all()
