"""SSML read defensively (bots.core.ssml)."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core import ssml
from bots.core.ssml import Pause

pytestmark = pytest.mark.pure

BOMB = '<!DOCTYPE speak [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><speak>&b;&b; hello</speak>'
HOSTILE = [
    "<speak>not closed",
    "<speak>wrong <b>nesting</speak></b>",
    "<speak>&unknown; entity</speak>",
    "<speak>" + BOMB + "</speak>",
    BOMB,
    "<!DOCTYPE speak PUBLIC 'x' 'http://example.org/x.dtd'><speak>hello</speak>",
    "<speak>" + "<p>" * 60 + "deep" + "</p>" * 60 + "</speak>",
    "<speak>" + "long " * 30_000 + "</speak>",
    "<speak>\ud800 surrogate</speak>",
    "<speak>\x00 nul</speak>",
    "<speak",
    "<speak a=1>attribute</speak>",
    "<speak>" + "<!--" * 16_000,
]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("plain  text\n here", "plain text here"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("<speak>Hello <emphasis>you</emphasis>!</speak>", "Hello you!"),
        ("<speak>one<break/>two</speak>", "one two"),
        ("<speak><p>one</p><p>two</p></speak>", "one two"),
        ("<speak>a &amp; b</speak>", "a & b"),
        ("<speak><sub alias='World Wide Web'>WWW</sub></speak>", "World Wide Web"),
        ("<speak><sub>WWW</sub></speak>", "WWW"),
        ("<speak><say-as interpret-as='digits'>123</say-as></speak>", "1 2 3"),
        ("<speak><say-as interpret-as='date'>1 May</say-as></speak>", "1 May"),
        ("<speak><metadata>secret</metadata>hi</speak>", "hi"),
        ("<speak xmlns='http://www.w3.org/2001/10/synthesis'>ns</speak>", "ns"),
        ("<speak xmlns:m='urn:m'><m:express-as m:x='1'>hi</m:express-as></speak>", "hi"),
        ("<?xml version='1.0'?>\n<speak>declared</speak>", "declared"),
        ("<speak><!-- no -->yes</speak>", "yes"),
        ("<speaker>no SSML</speaker>", "<speaker>no SSML</speaker>"),
        ("<speak>a &lt;b&gt; &amp; c <oops</speak>", "a <b> & c"),
        ("<speak>one <!-- no --> two <!-- three <p>four", "one two"),
    ],
)
def test_text_is_what_is_spoken(text: str, spoken: str) -> None:
    assert ssml.to_text(text) == spoken


@pytest.mark.parametrize("text", HOSTILE)
def test_unreadable_markup_is_spoken_without_its_tags(text: str) -> None:
    spoken = ssml.to_text(text)
    assert "<" not in spoken
    assert len(spoken) <= ssml.MAX_CHARACTERS
    assert ssml.reduce(text, {"p"}) == spoken
    assert ssml.canonical(text) == spoken


def test_entities_of_a_document_type_are_never_expanded() -> None:
    assert "lol lol" not in ssml.to_text(f"<speak>{BOMB}</speak>")
    assert "lollol" not in ssml.to_text("<?xml version='1.0'?><speak>&b;</speak>")


@pytest.mark.parametrize(
    ("attributes", "ms"),
    [
        ('time="300ms"', 300), ('time="1.5s"', 1500), ('time="+2s"', 2000), ('time="90s"', 10_000),
        ('time="soon"', 400), ('time="s"', 400), ('strength="strong"', 700),
        ('strength="weird"', 400), ("", 400),
    ],
)  # fmt: skip
def test_a_break_is_a_pause(attributes: str, ms: int) -> None:
    assert ssml.segments(f"<speak>a<break {attributes}/>b</speak>") == ("a", Pause(ms), "b")


def test_pauses_beside_each_other_become_the_longest() -> None:
    marked = "<speak><p>a</p><break time='300ms'/>b</speak>"
    assert ssml.segments(marked) == ("a", Pause(400), "b")


def test_text_in_several_elements_is_one_segment() -> None:
    assert ssml.segments("<speak>a <b>b</b> c<s>d</s></speak>") == ("a b cd", Pause(200))


def test_reducing_keeps_what_is_understood_and_the_text_of_the_rest() -> None:
    marked = (
        '<speak>Hi <voice name="x">there<break time="1s"/></voice>'
        '<sub alias="A &amp; B">AB</sub><meta/><desc>no</desc></speak>'
    )
    assert ssml.reduce(marked, {"break"}) == (
        '<speak>Hi there<break time="1s"/> A &amp; B </speak>'
    )


def test_reducing_to_no_elements_gives_plain_text() -> None:
    assert ssml.reduce("<speak>a &amp; b</speak>", frozenset()) == "a & b"


def test_reducing_leaves_plain_text_alone() -> None:
    assert ssml.reduce("a <  b", {"break"}) == "a <  b"


def test_one_canonical_form_for_the_same_markup() -> None:
    one = "<speak version='1.0' xml:lang='en-US'>a\n  b<break  strength='weak' time='1s'/></speak>"
    other = (
        '<speak xml:lang="en-US" version="1.0">a b<!-- c -->'
        '<break time="1s" strength="weak"></break></speak>'
    )
    assert ssml.canonical(one) == ssml.canonical(other)
    assert ssml.canonical(one) != ssml.canonical(one.replace("1s", "2s"))
    assert ssml.canonical("plain  text") == "plain text"


@given(st.text(max_size=300))
def test_no_text_makes_any_function_raise(text: str) -> None:
    for candidate in (text, f"<speak>{text}</speak>", f"<speak {text}"):
        ssml.to_text(candidate)
        ssml.canonical(candidate)
        ssml.segments(candidate)
        ssml.reduce(candidate, {"speak", "p"})


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=100))
def test_escaped_text_is_spoken_as_it_was(text: str) -> None:
    marked = f"<speak>{escape(text)}</speak>"
    assert ssml.to_text(marked) == " ".join(text.split())


@given(st.recursive(
    st.text("ab <&", max_size=6).map(escape),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>",
        st.sampled_from(["p", "s", "emphasis", "prosody"]), st.lists(inner, max_size=3)),
    max_leaves=12,
))  # fmt: skip
def test_reducing_and_canonical_form_never_change_what_is_said(inner: str) -> None:
    marked = f"<speak>{inner}</speak>"
    assert ssml.to_text(ssml.canonical(marked)) == ssml.to_text(marked)
    once = ssml.reduce(marked, {"p", "s"})
    assert ssml.reduce(once, {"p", "s"}) == once
    assert ssml.to_text(once) == ssml.to_text(marked)


def test_sentences_are_cut_where_one_would_breathe() -> None:
    assert ssml.sentences('Hello. "How are you?" Fine; thanks') == (
        "Hello.", '"How are you?', "Fine;", "thanks",
    )  # fmt: skip
    assert ssml.sentences("   ") == ()


def test_a_long_sentence_is_cut_at_commas_and_then_at_words() -> None:
    pieces = ssml.sentences("one two three, four five six, seven", longest=16)
    assert pieces == ("one two three,", "four five six,", "seven")
    assert ssml.sentences("aaaa bbbb cccc", longest=8) == ("aaaa", "bbbb", "cccc")


@given(st.text("ab ,.!", max_size=300), st.integers(4, 60))
def test_cutting_sentences_loses_no_word(text: str, longest: int) -> None:
    pieces = ssml.sentences(text, longest=longest)
    assert "".join(" ".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= longest for piece in pieces)


def test_a_word_of_kilobytes_is_cut_anywhere() -> None:
    assert ssml.sentences("a" * 20 + " b", longest=8) == ("a" * 8, "a" * 8, "aaaa b")


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_that_cannot_be_read_is_told_from_what_can(text: str) -> None:
    assert not ssml.is_readable(text)
    assert ssml.is_readable("<speak>Hello <break time='1s'/></speak>")
    assert not ssml.is_readable("Hello")
