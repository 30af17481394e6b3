"""The gallery: in a real browser where one is installed, and as text everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from procession.jobs import gallery
from procession.jobs.errors import PlanRefused
from procession.jobs.ledger import FAILED, FRESH, MADE, TODO, Row

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = (
    "<script>document.title = 'broken'</script>.jpg",
    '"><img src=x onerror="document.title = \'broken\'">.jpg',
    "' onload='document.title = 1.jpg",
    "javascript:document.title=1.jpg",
    "a&lt;b&amp;.jpg",
    "</title></figure><!-- pictures -->.jpg",
    "50% #1 ?x=y;.jpg",
    "\u202eevil\u2028.jpg",
    "\udcff.jpg",
)


def row(place: int, name: str, state: int = MADE, **fields: object) -> Row:
    given = {
        "place": place,
        "source": os.fsencode(name),
        "name": os.fsencode(name),
        "format": "JPEG",
        "size": 0,
        "state": state,
        "width": 200,
        "height": 100,
        "error": None,
        "input": place,
        "stamp": "",
        "since": None,
    }
    return Row(**(given | fields))  # type: ignore[arg-type]


def written(folder: Path, *rows: Row) -> str:
    folder.mkdir(exist_ok=True)
    return Path(gallery.write(str(folder), rows, "run")).read_text(encoding="utf-8")


def test_each_picture_once_the_smallest_shown_the_largest_linked(tmp_path: Path) -> None:
    page = written(
        tmp_path / "out",
        row(1, "a-64.jpg", source=b"in/a.png", input=1),
        row(2, "a-512.jpg", source=b"in/a.png", input=1, width=512, height=256),
        row(3, "b.jpg", source=b"in/b.png", input=2, state=FRESH, width=None, height=None),
    )
    assert page.count("<figure") == page.count('loading="lazy"') == 2
    assert 'href="./a-512.jpg"' in page and 'src="./a-64.jpg"' in page and 'title="in/a.png"' in page


def test_errors_stand_in_their_place(tmp_path: Path) -> None:
    page = written(
        tmp_path / "out",
        row(1, "a.jpg"),
        row(2, "b.jpg", FAILED, error="<b> is damaged"),
        row(3, "c.jpg", TODO),
        row(4, "d.tif", format="TIFF"),
    )
    assert re.findall(r'<figure(?: class="(\w+)")? title="(.)', page) == [
        ("", "a"),
        ("failed", "b"),
        ("missing", "c"),
        ("", "d"),
    ]
    assert "&lt;b&gt; is damaged" in page and "browsers do not show" in page


def test_nothing_from_outside(tmp_path: Path) -> None:
    page = written(tmp_path / "out", row(1, "a.jpg"))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(tmp_path: Path, name: str) -> None:
    page = written(tmp_path / "out", row(1, name))
    body = page[page.index("<figure") : page.index("</main>")]
    assert re.fullmatch(
        r'<figure title="[^"<>]*"><a href="\./[^"<>]*"><img loading="lazy" decoding="async" src="\./[^"<>]*" '
        r'alt="[^"<>]*" width="200" height="100"></a><figcaption>[^<>]*</figcaption></figure>\n',
        body,
    )
    address = re.findall(r'src="\./([^"]*)"', body)[0]
    assert unquote(unescape(address), errors="surrogateescape") == name


def test_a_page_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    gallery.refuse_strange_page(str(tmp_path))
    written(tmp_path, row(1, "a.jpg"))
    gallery.refuse_strange_page(str(tmp_path))
    (tmp_path / "index.html").write_text("<!DOCTYPE html>my page")
    with pytest.raises(PlanRefused, match="was not written by --gallery"):
        gallery.refuse_strange_page(str(tmp_path))


# In a browser. It runs in a process of its own: what it starts ends with it.

LOOK = """
import json, sys
from playwright.sync_api import sync_playwright
page_file, browser = sys.argv[1:]
seen = {"requests": [], "said": []}
with sync_playwright() as play:
    chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
    page = chromium.new_page(viewport={"width": 1000, "height": 700})
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.on("console", lambda message: seen["said"].append(message.text))
    page.on("pageerror", lambda error: seen["said"].append(str(error)))
    page.goto("file://" + page_file)
    page.wait_for_load_state("load")

    def until(what):  # playwright's own waiting evaluates text in the page, which its policy forbids
        for _ in range(500):
            if page.evaluate(what):
                return
            page.wait_for_timeout(20)
        raise TimeoutError(what)

    shown = "Array.from(document.querySelectorAll('figure')).filter(f => f.checkVisibility()).map(f => f.title)"
    seen["title"] = page.title()
    seen["count"] = page.inner_text("#count")
    seen["titles"] = page.evaluate("Array.from(document.querySelectorAll('figure'), f => f.title)")
    until("document.querySelector('img').naturalWidth > 0")
    seen["first"] = page.evaluate("[document.querySelector('img').naturalWidth, document.querySelector('img').width]")
    seen["before"] = len(set(seen["requests"]))
    page.fill("#search", "NEEDLE")
    until("document.getElementById('count').textContent.includes('of')")
    seen["found"] = page.evaluate(shown)
    seen["found_count"] = page.inner_text("#count")
    seen["milliseconds"] = page.evaluate(
        "(() => { const field = document.getElementById('search'), began = performance.now();"
        " field.value = '1'; field.dispatchEvent(new Event('input')); document.body.offsetHeight;"
        " return performance.now() - began; })()"
    )
    page.fill("#search", "")
    until("!document.getElementById('count').textContent.includes('of')")
    seen["failed"] = page.evaluate("Array.from(document.querySelectorAll('.failed p'), p => p.textContent)")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    until("Array.from(document.images).at(-1).naturalWidth > 0")
    seen["policy"] = page.evaluate(
        "(() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        " document.body.append(script); return window.ran === undefined; })()"
    )
    if len(sys.argv) > 3:
        page.screenshot(path=sys.argv[3])
    chromium.close()
print(json.dumps(seen))
"""
needs_browser = pytest.mark.skipif(
    BROWSER is None or find_spec("playwright") is None,
    reason="no browser is installed: apt-get install chromium, pip install 'procession[browser]'",
)


@needs_browser
@pytest.mark.limit(120)
def test_in_a_browser(tmp_path: Path) -> None:
    import json

    Image = pytest.importorskip("PIL.Image")
    out = tmp_path / "out"
    out.mkdir()
    small = tmp_path / "small.jpg"
    Image.new("RGB", (160, 120), "teal").save(small)
    names = [*HOSTILE[:-1], *(f"{number:04}.jpg" for number in range(3000)), "the needle.jpg", "the end.jpg"]
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(small, out / name)
    rows = [row(number, name) for number, name in enumerate(names, 1)]
    rows.insert(0, row(5000, "bad.jpg", FAILED, error="bad.jpg: the image is <i>damaged</i>"))
    page = gallery.write(str(out), rows, "run")
    finished = subprocess.run(
        [sys.executable, "-c", LOOK, page, str(BROWSER)], capture_output=True, text=True, timeout=100
    )
    assert finished.returncode == 0, finished.stderr
    seen = json.loads(finished.stdout)
    assert seen["title"] == "out" and seen["count"] == str(len(rows))
    assert seen["titles"] == ["bad.jpg", *names]
    assert seen["failed"] == ["bad.jpg: the image is <i>damaged</i>"]
    assert seen["first"][0] == 160
    assert all(url.startswith("file://") for url in seen["requests"])
    assert seen["before"] < 300, "only what is near the window is loaded"
    assert seen["found"] == ["the needle.jpg"] and seen["found_count"] == f"1 of {len(rows)}"
    assert seen["milliseconds"] < 2000
    assert seen["policy"] and not [text for text in seen["said"] if "Content Security" not in text], seen["said"]
