"""Grammars against enumeration and a regular expression; text files of every bad kind."""

import itertools
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import pushforward as pf
from pushforward.core.vocabulary import Vocabulary, ended
from pushforward.data.grammar import ENGLISH, Grammar, grammatical, sentences
from pushforward.data.names import find
from pushforward.data.texts import text

SMALL = """
sentence: 3 who does | who does who
who: 2 | a size dog | cats
size: | 5 big
does: sees | 3 likes
"""
ONE = "(the|a|every)( small| happy| red| young)? (cat|dog|child|teacher|bird)"
MANY = "(the|some|two)( small| happy| red| young)? (cats|dogs|children|teachers|birds)"
WHOM = f"({ONE}|{MANY})"
WHERE = "( (near|behind|under) (the house|the garden|the bridge|a tree))?"
LANGUAGE = re.compile(
    f"({ONE} (sleeps|sings|runs|(sees|likes|follows) {WHOM})"
    f"|{MANY} (sleep|sing|run|(see|like|follow) {WHOM})){WHERE} \\."
)


def every(rules, part):
    """All derivations of a part: (probability, words)."""
    if part not in rules:
        return [(1.0, (part,))]
    found = []
    for p, parts in rules[part]:
        for ways in itertools.product(*(every(rules, inner) for inner in parts)):
            words = tuple(w for _, words in ways for w in words)
            found.append((p * math.prod(q for q, _ in ways), words))
    return found


def test_probabilities_are_those_of_all_derivations_summed():
    grammar = Grammar(SMALL)
    language: Counter = Counter()
    for p, words in every(grammar.rules, "sentence"):
        language[" ".join(words)] += p
    assert sum(map(grammar.probability, language)) == pytest.approx(1)
    for sentence, p in language.items():  # "likes" and "likes cats" have several derivations
        assert grammar.probability(sentence) == pytest.approx(p)
    assert max(len(s.split()) for s in language) == grammar.longest == 7
    derivations = [p for p, _ in every(grammar.rules, "sentence")]
    assert grammar.entropy() == pytest.approx(-sum(p * math.log(p) for p in derivations))
    assert not grammar.accepts("sees sees")


def test_samples_follow_the_probabilities():
    grammar, random = Grammar(SMALL), np.random.RandomState(0)
    counts = Counter(grammar.sample(random) for _ in range(4_000))
    common = [s for s in counts if grammar.probability(s) > 0.002]
    rest = 4_000 - sum(counts[s] for s in common)
    chances = [grammar.probability(s) for s in common]
    seen, expected = [*(counts[s] for s in common), rest], [*chances, 1 - sum(chances)]
    assert chisquare(seen, 4_000 * np.array(expected)).pvalue > 1e-3


def test_the_english_grammar_is_a_regular_expression():
    data = sentences(n=300)
    drawn = Vocabulary.recorded(data.origin).decode(data.train.tensors[0])
    words, random = data.origin["words"], np.random.RandomState(0)
    judged = []
    for sentence in drawn:
        assert LANGUAGE.fullmatch(sentence)
        assert grammatical(sentence)
        mutated = sentence.split()
        mutated[random.randint(len(mutated))] = words[random.randint(len(words))]
        judged.append((bool(LANGUAGE.fullmatch(" ".join(mutated))), grammatical(" ".join(mutated))))
    assert all(one == other for one, other in judged)
    assert {one for one, _ in judged} == {True, False}


def test_sentences_are_tokens_that_carry_their_grammar(tmp_path):
    data = pf.data.find("sentences?n=50&seed=3")
    assert data.space == pf.Tokens(11, 40) or data.space.vocabulary < 40
    assert data.origin["spec"] == "sentences?n=50&seed=3"
    again = pf.data.find(data.origin["spec"])
    assert torch.equal(data.train.tensors[0], again.train.tensors[0])
    assert Grammar.recorded(data.origin).rules == Grammar(ENGLISH).rules
    file = tmp_path / "rules.txt"
    file.write_text("sentence: a | b c\n\n")
    own = sentences(30, grammar=str(file))
    assert set(Vocabulary.recorded(own.origin).decode(own.train.tensors[0])) == {"a", "b c"}
    assert Grammar.recorded(own.origin).accepts("b c")
    assert Grammar.recorded(pf.data.find("moons").origin) is None


def test_sentences_of_characters_are_the_same_sentences():
    words, letters = sentences(n=60), sentences(n=60, unit="characters")
    known = [Vocabulary.recorded(data.origin) for data in (words, letters)]
    told = [v.decode(d.train.tensors[0]) for v, d in zip(known, (words, letters))]
    assert [s.split() for s in told[0]] == [s.replace(".", " .").split() for s in told[1]]
    assert letters.space.length == max(len(s) for s in known[1].decode(_all(letters)))


def _all(data):
    return torch.cat([s.tensors[0] for s in (data.train, data.validation, data.test)])


def test_english_is_as_surprising_as_its_entropy():
    data, grammar = sentences(n=1_500), Grammar(ENGLISH)
    drawn = Vocabulary.recorded(data.origin).decode(data.train.tensors[0])
    surprise = -np.log([grammar.probability(s) for s in drawn])
    error = surprise.std() / len(drawn) ** 0.5
    assert abs(surprise.mean() - grammar.entropy()) < 4 * error


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("", "needs rules"),
        ("sentence a b", "a rule is"),
        ("sentence: 0 a | b", "weights above 0"),
        ("a: b\na: c", "each name once"),
        ("a: x b\nb: y | a", "comes back to itself"),
    ],
)
def test_bad_rules(rules, said):
    with pytest.raises(ValueError, match=said):
        Grammar(rules)


def test_vocabulary_there_and_back():
    known = Vocabulary.of(["the cat 's red-hot, isn't it?", "the cat sees <unk> !"])
    assert known.words[:2] == ("cat", "the")
    x = known.encode(["the cat, the cat!", "it"], 8)
    assert known.decode(x) == ["the cat , the cat !", "it"]
    assert torch.equal(known.encode(known.decode(x), 8), x)
    assert known.decode(known.encode(["the zebra"], 3)) == ["the <unk>"]
    letters = Vocabulary.of(["ab ba"], "characters")
    assert letters.decode(letters.encode(["b a"], 5)) == ["b a"]
    assert ended(torch.tensor([[1, 0, 0, 0], [1, 1, 2, 0]])).tolist() == [
        [False, False, True, True],
        [False] * 4,
    ]
    assert letters.space(5) == pf.Tokens(5, 4)


def test_rare_words_are_unknown():
    known = Vocabulary.of(["a a b", "b c"], least=2)
    assert known.words == ("<unk>", "a", "b")
    assert known.decode(known.encode(["a c d"], 3)) == ["a <unk> <unk>"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda v: v.encode(["the cot"], 4), r"'cot' is not among the 2 known words: .*cat"),
        (lambda v: v.encode(["the cat the cat"], 3), "1 .. 3 words, but .* has 4"),
        (lambda v: v.encode([""], 3), "has 0"),
        (lambda v: Vocabulary(("a", "a")), "each of them once"),
        (lambda v: Vocabulary(("a",), "letters"), "unit must be one of words, characters"),
        (lambda v: Vocabulary.recorded({"name": "moons"}), "moons are no sentences"),
        (lambda v: Vocabulary.of(["a"], least=0), "least must be"),
    ],
)
def test_bad_words(call, said):
    with pytest.raises(ValueError, match=said):
        call(Vocabulary(("the", "cat")))


def test_a_file_of_words_or_characters(tmp_path):
    file = tmp_path / "poem.txt"
    lines = [f"line {i} of the poem." for i in range(20)] + ["a much longer line of the poem, so."]
    file.write_text("\ufeff" + "\r\n\n".join(lines), encoding="utf-8")
    data = pf.data.find(f"text:{file}")
    assert data.space.length == 10
    assert (len(data.train), len(data.validation), len(data.test)) == (17, 1, 3)
    known = Vocabulary.recorded(data.origin)
    everything = torch.cat([s.tensors[0] for s in (data.train, data.validation, data.test)])
    assert sorted(known.decode(everything)) == sorted(
        line.replace(".", " .").replace(",", " ,") for line in lines
    )
    short = pf.data.find(f"text:{file}?length=7&least=3")
    assert short.origin["lines left out"] == 1
    assert "<unk>" in short.origin["words"]
    letters = text(file, unit="characters")
    assert letters.space.length == len(lines[-1])
    assert Vocabulary.recorded(letters.origin).decode(letters.train.tensors[0][:1])[0] in lines


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", {}, "is empty"),
        (b" \n\n\t\n", {}, "is empty"),
        (b"\x89PNG\r\n\0\0", {}, "is no text: byte 6 is 0"),
        ("sch\xf6n\n".encode("latin-1") * 9, {}, "not UTF-8 text .byte 3 is 0xf6"),
        (b"one\ntwo\n", {}, "2 examples, which cannot be split"),
        (b"word " * 600 + b"\na\nb\nc", {}, "would have 600 words, but may have 512"),
        (b"a b\nc d\ne f\n", {"length": 1}, "0 examples"),
        (b"a b\nc d\ne f\n", {"length": 0}, "length must be"),
        (b"a\nb\nc", {"unit": "syllables"}, "unit must be one of"),
    ],
)
def test_bad_files(tmp_path, content, options, said):
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        text(file, **options)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        text(tmp_path / "none.txt")
    with pytest.raises(ValueError, match="is a folder"):
        text(tmp_path)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("สวัสดี ชาวโลก", ["สวัสดี", "ชาวโลก"]),
        ("مَرحَبًا بالعالم", ["مَرحَبًا", "بالعالم"]),
        ("e\u0301te\u0301 a\u0308", ["e\u0301te\u0301", "a\u0308"]),
        ("שָׁלוֹם!", ["שָׁלוֹם", "!"]),
        ("안녕하세요 세계", ["안녕하세요", "세계"]),
        ("\U0001f469\u200d\U0001f467 hi", ["\U0001f469\u200d\U0001f467", "hi"]),
        ("the <unk> dog's", ["the", "<unk>", "dog's"]),
    ],
)
def test_words_by_the_rules_of_unicode(sentence: str, words: list[str]) -> None:
    """Marks stay with their letters, and signs of several letters are one."""
    from pushforward.core.vocabulary import split

    assert split(sentence) == words


SCRIPTS = "größer wäre schöner\nनमस्ते दुनिया\nสวัสดีชาวโลก\ne\u0301a\u0308 n\u0303\n今天天气很好\n"


@pytest.mark.parametrize("unit", ["characters", "bytes", "bpe"])
def test_every_letter_comes_back(unit: str, tmp_path: Path) -> None:
    if unit == "bpe":
        pytest.importorskip("tokenizers")
    file = tmp_path / "lines.txt"
    file.write_text(SCRIPTS * 6, encoding="utf-8")
    data = find(f"text:{file}?unit={unit}" + ("&size=300" if unit == "bpe" else ""))
    known = Vocabulary.recorded(data.origin)
    said = {line for part in (data.train, data.test) for line in known.decode(part.tensors[0])}
    assert said <= set(SCRIPTS.splitlines())
    assert len(said) >= 4
    x = known.encode(["größer 今天 n\u0303"] if unit != "characters" else ["größer"], 60)
    assert known.decode(x)[0].startswith("größer")
    assert find(data.origin["spec"]).describe() == data.describe()
    if unit == "bytes":
        assert data.space.vocabulary == 257
        longest = max(SCRIPTS.splitlines(), key=lambda line: len(line.encode()))
        assert data.space.length == len(longest.encode())
    if unit == "bpe":
        assert 257 < data.space.vocabulary <= 301
        assert data.space.length < max(len(line.encode()) for line in SCRIPTS.splitlines())


def test_units_and_sizes_that_are_none(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("a b\n" * 20)
    for options, said in (
        ("unit=letters", "unit must be one of words, characters, bytes, bpe"),
        ("size=300", "size is that of a byte pair encoding"),
        ("unit=bpe&size=3", "size must be a whole number of at least 256"),
    ):
        with pytest.raises(ValueError, match=said):
            find(f"text:{file}?{options}")
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"pip install .pushforward\[text\]"):
        find(f"text:{file}?unit=bpe")
