from course_lib.tokens import Node, Tokenizer, merge_steps, merge_tree

ROB = Tokenizer([(b"o", b"b"), (b"x", b"x"), (b"r", b"ob")], ["<s>"])


def test_merge_steps():
    assert merge_steps(ROB, "rob ob") == [
        [b"r", b"o", b"b", b" ", b"o", b"b"],
        [b"r", b"ob", b" ", b"ob"],
        [b"r", b"ob", b" ", b"ob"],
        [b"rob", b" ", b"ob"],
    ]
    assert merge_steps(ROB, "") == [[]] * 4


def test_the_last_step_is_the_encoding(tokenizer):
    text = "The robots' orders: 机器人 🤖 aaaaa"
    steps = merge_steps(tokenizer, text)
    assert len(steps) == len(tokenizer.merges) + 1
    assert steps[-1] == [tokenizer.token_bytes(i) for i in tokenizer.encode(text)]
    assert all(b"".join(tokens) == text.encode() for tokens in steps)


def test_merge_tree():
    r, o, b = (Node(ord(c), c.encode(), 0, ()) for c in "rob")
    ob = Node(256, b"ob", 1, (o, b))
    assert merge_tree(ROB, "rob") == [Node(258, b"rob", 3, (r, ob))]
    assert merge_tree(ROB, "or") == [o, r]


def test_a_tree_joins_its_parts(tokenizer):
    def check(node):
        assert node.token == tokenizer.token_bytes(node.id)
        if node.parts:
            assert tokenizer.merges[node.step - 1] == tuple(part.token for part in node.parts)
            assert all(part.step < node.step for part in node.parts)
        for part in node.parts:
            check(part)

    trees = merge_tree(tokenizer, "letters of robots")
    assert [tree.id for tree in trees] == tokenizer.encode("letters of robots")
    for tree in trees:
        check(tree)
