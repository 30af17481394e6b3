"""Replacement strings mean what they mean in GNU parallel."""

from __future__ import annotations

import pytest

from procession.jobs import templates
from procession.jobs.templates import Job, TemplateRefused


def filled(*words: str, values: tuple[str, ...] = ("a b/c.d.e",), number: int = 7, **options: object) -> list[str]:
    template = templates.parse(words, shell=False, sources=len(values), **options)  # type: ignore[arg-type]
    return template.fill(Job(number, values), 2)


def typed(text: str, *values: str) -> str:
    return templates.parse([text], shell=True, sources=len(values)).text(Job(7, values), 2)


# What GNU parallel 20221122 printed for {.} {/} {//} {/.}
FORMS = {
    "a/b.c": ("a/b", "b.c", "a", "b"),
    "a.b/c": ("a.b/c", "c", "a.b", "c"),
    "a/b.tar.gz": ("a/b.tar", "b.tar.gz", "a", "b.tar"),
    ".bashrc": ("", ".bashrc", ".", ""),
    "a/.x": ("a/", ".x", "a", ""),
    "a/": ("a/", "", ".", ""),
    "/": ("/", "", "/", ""),
    "foo.": ("foo", "foo.", ".", "foo"),
    "a//b": ("a//b", "b", "a", "b"),
    "x": ("x", "x", ".", "x"),
    "./x": ("./x", "x", ".", "x"),
    "a/b/": ("a/b/", "", "a", ""),
    "//x": ("//x", "x", "/", "x"),
    "": ("", "", ".", ""),
    "a b.c": ("a b", "a b.c", ".", "a b"),
}


@pytest.mark.parametrize("value", FORMS)
def test_forms(value: str) -> None:
    assert filled("x", "{}", "{.}", "{/}", "{//}", "{/.}", values=(value,))[1:] == [value, *FORMS[value]]


def test_number_and_slot() -> None:
    assert filled("x", "{#}-{%}", "{}") == ["x", "7-2", "a b/c.d.e"]


def test_without_a_replacement_string_the_values_come_last() -> None:
    assert filled("x", "-v", "{#}") == ["x", "-v", "7", "a b/c.d.e"]
    assert filled("x", values=("1", "2")) == ["x", "1", "2"]
    assert typed("cat", "a b", "c") == "cat 'a b' c"


def test_sources_by_number() -> None:
    assert filled("x", "{2}", "{1.}{2/}", values=("a.b", "c/d")) == ["x", "c/d", "ad"]
    assert filled("x", "{}", "<{/}>", values=("a b", "c/d")) == ["x", "a b", "c/d", "<a b d>"]


@pytest.mark.parametrize("form", ["{3}", "{0}", "{9/.}"])
def test_a_source_that_is_not_there_is_refused(form: str) -> None:
    with pytest.raises(TemplateRefused, match=r"there are 2, \{1\} to \{2\}"):
        filled("x", form, values=("1", "2"))


def test_what_is_none_stays() -> None:
    assert filled("awk", "{print $1}", "{x}", "{1", "}{", "") == [
        "awk",
        "{print $1}",
        "{x}",
        "{1",
        "}{",
        "",
        "a b/c.d.e",
    ]


def test_another_text_for_the_whole() -> None:
    assert filled("x", "@", "{}", "<@>", "{/}", whole="@") == ["x", "a b/c.d.e", "{}", "<a b/c.d.e>", "c.d.e"]


def test_a_shell_sees_each_value_as_one_word() -> None:
    assert typed("cat {} > {/.}.x; echo '{#}'", "it's a.txt") == """cat 'it'"'"'s a.txt' > 'it'"'"'s a'.x; echo '7'"""
    assert typed("cat {}; ls {2}", "$(rm x)", "`y`") == "cat '$(rm x)' '`y`'; ls '`y`'"


@pytest.mark.parametrize("text", ["echo '{}'", 'echo "a {}"', "echo \\{}", "echo \"$(echo '{.}')\"", "(echo '{}')"])
def test_a_value_inside_of_quotes_is_refused(text: str) -> None:
    with pytest.raises(TemplateRefused, match="write it without"):
        typed(text, "x")


@pytest.mark.parametrize(
    "text", ["echo '' {} \"\"", 'echo "$(basename {})"', "(echo \\' {})", "a '\\' {}", 'b "\\"" {}']
)
def test_a_value_outside_of_quotes_is_not(text: str) -> None:
    assert typed(text, "a b") == text.replace("{}", "'a b'")


def test_one_word_that_looks_like_a_text_for_a_shell_is_refused() -> None:
    with pytest.raises(TemplateRefused, match="--shell"):
        filled("cat {} | wc")


def test_the_program_where_it_is_the_same_for_all() -> None:
    assert templates.parse(["a", "{}"], shell=False, sources=1).program == "a"
    assert templates.parse(["{/}"], shell=False, sources=1).program is None
